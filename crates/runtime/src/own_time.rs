//! The time in which rows could have arrived, by which partitions become idle.

use headrace_core::time::Micros;

/// A busy subtask tells its operators the time this often; µs.
const TELL_EVERY: Micros = 10_000;
/// So much of the time between two tellings counts at most while there are rows; µs. The rest is a machine that slept or
/// a process that was stopped, and rows that wait behind it are not missing.
const STEP_MAX: Micros = 1_000_000;

/// The time of one subtask.
#[derive(Default)]
pub(crate) struct OwnTime {
    own: Micros,
    /// The injected clock's time when this was last brought up to date.
    seen: Micros,
    /// What does not count if there are rows now.
    doubtful: Micros,
}

impl OwnTime {
    /// The time now; only differences mean anything.
    pub(crate) fn now(&self) -> Micros {
        self.own
    }

    /// Notes that the time since the last look does not count.
    pub(crate) fn skip(&mut self, now: Micros) {
        self.seen = now;
    }

    /// Notes that there are rows.
    pub(crate) fn rows(&mut self) {
        self.doubtful = 0;
    }

    /// Notes that there are no rows, so that all the time that has gone by counts.
    pub(crate) fn no_rows(&mut self, now: Micros) {
        self.own += self.doubtful + now - self.seen;
        (self.seen, self.doubtful) = (now, 0);
    }

    /// Brings the time up to date, if it is long enough ago to tell the operators of it.
    pub(crate) fn is_due(&mut self, now: Micros) -> bool {
        let step = now - self.seen;
        if step < TELL_EVERY {
            return false;
        }
        self.own += step.min(STEP_MAX);
        self.doubtful += step - step.min(STEP_MAX);
        self.seen = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stop_counts_only_if_no_rows_wait_behind_it() {
        let hour = 3_600 * STEP_MAX;
        for (rows, expected) in [(true, STEP_MAX), (false, hour)] {
            let mut time = OwnTime::default();
            assert!(time.is_due(hour));
            if rows {
                time.rows();
            }
            time.no_rows(hour);
            assert_eq!(time.now(), expected);
        }
    }

    #[test]
    fn time_without_room_does_not_count() {
        let mut time = OwnTime::default();
        time.no_rows(5);
        time.skip(1_000);
        assert!(!time.is_due(1_000 + TELL_EVERY - 1));
        time.no_rows(1_010);
        assert_eq!(time.now(), 15);
    }
}
