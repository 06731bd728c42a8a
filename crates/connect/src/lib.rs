//! Sources and sinks: where rows come from and where they go.
//!
//! A [`Source`] is polled for batches under an injected clock and can say, and be told, where it stands. A [`Sink`]
//! takes batches and, at a barrier, hands over what it has [`Prepared`]; that is committed once the checkpoint is
//! durable. Both are driven by `runtime`; what talks to the JavaScript host lives there too.

mod changelog;
mod sink;
mod source;

pub use changelog::{OP_COLUMN, changelog_schema, with_kinds};
pub use sink::{Blackhole, ParquetSink, Prepared, Sink, SinkPlace};
pub use source::{
    Generator, ParquetSource, Polled, Position, PushSource, SortedSource, Source, Stage, TableSource, Throttle,
};
