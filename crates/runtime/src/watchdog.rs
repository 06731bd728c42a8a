//! User code that never returns: it cannot be interrupted, and keeps the host from telling, so the terminal is told.
//!
//! A function has a time limit of its own, see `Calls`. A sink's callback and an iterable may take as long as they like,
//! but not without letting anything else happen in their thread; whether it lives is found out by asking.

use headrace_core::{Code, Error, time::Micros};

use crate::{host::Host, subtask::Subtask};

/// After this long without any sign of life the terminal is told where the host was last seen; µs.
const SILENCE: Micros = 5_000_000;
/// How often a sign of life is asked for; µs.
const PING_EVERY: Micros = 500_000;

/// Since when, and since which sign of life, a subtask that waits for the host has not heard of it.
#[derive(Default)]
pub(crate) struct Watchdog {
    since: Micros,
    asked: Micros,
    signs: u64,
    told: bool,
}

impl Watchdog {
    /// Looks whether the host lives; called whenever the subtask has nothing to do.
    pub(crate) fn listen(&mut self, host: &Host, subtask: &Subtask, now: Micros) {
        let signs = host.signs_of_life();
        if signs != self.signs || self.since == 0 {
            *self = Watchdog { since: now, asked: now, signs, told: false };
        }
        if self.told || now - self.asked < PING_EVERY {
            return;
        }
        let calls = subtask.unlimited_calls();
        if calls.is_empty() {
            *self = Watchdog::default();
            return;
        }
        self.asked = now;
        host.ping();
        if now - self.since >= SILENCE && host.may_be_in(&calls) {
            self.told = true;
            let text = format!("the JavaScript thread has shown no sign of life for {} s", SILENCE / 1_000_000);
            let error = Error::new(Code::UserFunctionTimeout, text).hint("It was last called here.");
            tell_of_endless_loop(&subtask.at_head(error));
        }
    }
}

/// Tells the terminal, the only one who can still be told.
pub(crate) fn tell_of_endless_loop(error: &Error) {
    eprintln!("{error} The JavaScript thread does not respond: the function seems to be in an endless loop.");
}
