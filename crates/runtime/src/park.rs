//! How a subtask sleeps until somebody has something for it.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// A wake-up that is not lost when it comes before the sleep.
#[derive(Default)]
pub(crate) struct Parker {
    woken: Mutex<bool>,
    signal: Condvar,
}

impl Parker {
    /// Wakes the sleeper, or makes its next sleep return at once.
    pub(crate) fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.signal.notify_one();
    }

    /// Sleeps until woken, or for `limit`.
    pub(crate) fn sleep(&self, limit: Duration) {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut woken, _) =
            self.signal.wait_timeout_while(woken, limit, |woken| !*woken).unwrap_or_else(PoisonError::into_inner);
        *woken = false;
    }
}
