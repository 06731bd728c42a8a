//! A plan at work: the compiler that turns it into subtasks, and the subtasks themselves.
//!
//! A *subtask* is a chain of operators behind one head: a source, a gate that merges the channels of earlier subtasks,
//! or a queue of calls to the host. It is a step function ([`Subtask::step`]) that never blocks; [`Job`] runs each one
//! on a thread of its own, [`Driver`] runs them all in turn on the caller's. Subtasks are joined by bounded channels; a
//! full channel stops its sender, and that is the whole of backpressure.

mod build;
mod channel;
mod clock;
mod compile;
mod driver;
mod event;
mod exchange;
mod gate;
mod head;
mod host;
mod job;
mod link;
mod metrics;
mod own_time;
mod park;
mod restore;
mod state_file;
mod subtask;
mod watchdog;
mod writer;

pub use clock::{Clock, SystemClock};
pub use compile::{CompiledPlan, compile};
pub use driver::Driver;
pub use event::Event;
pub use host::{Call, CallKind, Failure, Host, Reply};
pub use job::{Job, JobSpec};
pub use subtask::{Step, Subtask};
