//! How a subtask sleeps until somebody has something for it.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// A wake-up that is not lost when it comes before the sleep.
#[derive(Default)]
pub(crate) struct Parker {
    state: Mutex<State>,
    signal: Condvar,
}

#[derive(Default)]
struct State {
    woken: bool,
    /// Only a sleeper is signalled: every signal is a call into the kernel.
    asleep: bool,
}

impl Parker {
    /// Wakes the sleeper, or makes its next sleep return at once.
    pub(crate) fn wake(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.woken = true;
        let asleep = state.asleep;
        drop(state);
        if asleep {
            self.signal.notify_one();
        }
    }

    /// Sleeps until woken, or for `limit`.
    pub(crate) fn sleep(&self, limit: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asleep = true;
        let waited = self.signal.wait_timeout_while(state, limit, |state| !state.woken);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *state = State::default();
    }
}
