//! Stream operators: pure step functions over batches, one file an operator.
//!
//! An [`Operator`] is handed one message at a time and puts what follows from it into an [`Output`]. It owns its
//! state and hands out references to it at a barrier ([`Operator::freeze`]). It knows neither clock nor thread; the
//! runtime hands it both.

mod aggregate;
mod disorder;
mod far_ahead;
mod filter;
mod operator;
mod select;
mod snapshot;
mod watermark;
mod window;

pub use aggregate::result_field;
pub use far_ahead::FarAhead;
pub use filter::Filter;
pub use operator::{Barrier, BarrierKind, Counters, Message, Observed, Operator, Output};
pub use select::Select;
pub use snapshot::{Frozen, FrozenPart, STATE_VERSION, Scope};
pub use watermark::{Watermark, WatermarkSpec};
pub use window::{LATENESS_COLUMN, WINDOW_END, WINDOW_START, Window, WindowSpec};
