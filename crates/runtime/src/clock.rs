//! Processing time, handed in.

use std::time::Instant;

use headrace_core::time::Micros;

/// A clock that never goes back; µs since some moment of its own.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Micros;
}

/// The machine's monotonic clock.
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes from")]
    pub fn start() -> Self {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes from")]
    fn now(&self) -> Micros {
        Instant::now().duration_since(self.0).as_micros() as Micros
    }
}
