//! The arithmetic of windows and slices.
//!
//! Window `k` is `[k·slide, k·slide + size)`, shifted by the offset. The starts and ends of all windows cut time into
//! *slices*: one per slide when the slide divides the size, else two. A row belongs to one slice, and a window is a run
//! of whole slices; the idea is that of Li et al., "No Pane, No Gain" (2005), with the cut of Krishnamurthy et al.,
//! "On-the-Fly Sharing for Streamed Aggregation" (2006).

use headrace_core::time::Micros;

// Beyond the event times that `watermark()` lets through, and below what window arithmetic can overflow at.
const TIME_LIMIT: Micros = 1 << 62;

/// How a window specification cuts time; all methods are O(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slices {
    size: Micros,
    slide: Micros,
    offset: Micros,
    // What is left of the size after whole slides.
    tail: Micros,
    // Slices per slide: 1 or 2.
    per_slide: i64,
    // Slices per window.
    per_window: i64,
    // Whole slides per window.
    whole: i64,
}

/// Where a time lies; it is in no window when the first comes after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) slice: i64,
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Slices {
    /// Windows of `size` every `slide`, shifted by `offset`; size and slide are positive.
    pub(crate) fn new(size: Micros, slide: Micros, offset: Micros) -> Self {
        let per_slide = if size % slide == 0 { 1 } else { 2 };
        let per_window = per_slide * (size / slide) + (per_slide - 1);
        let whole = size / slide;
        Slices { size, slide, offset: offset.rem_euclid(slide), tail: size % slide, per_slide, per_window, whole }
    }

    /// Slices per window.
    pub(crate) fn per_window(&self) -> i64 {
        self.per_window
    }

    /// The slice of a time, and its first and last window, with one division.
    #[inline]
    pub(crate) fn locate(&self, time: Micros) -> Located {
        let time = time - self.offset;
        let slide = time.div_euclid(self.slide);
        // How many windows reach this far back: one more while the time lies before where the oldest of them ends.
        let tail = self.per_slide == 2 && time - slide * self.slide >= self.tail;
        let reach = if self.per_slide == 2 && !tail { self.whole + 1 } else { self.whole };
        Located { slice: slide * self.per_slide + i64::from(tail), first: slide - reach + 1, last: slide }
    }

    /// The first window that holds a slice.
    pub(crate) fn first_window_of_slice(&self, slice: i64) -> i64 {
        (slice - self.per_window).div_euclid(self.per_slide) + 1
    }

    /// The slices of a window: from the first, up to but not including the second.
    pub(crate) fn slices_of(&self, window: i64) -> (i64, i64) {
        (window * self.per_slide, window * self.per_slide + self.per_window)
    }

    /// Where a window starts.
    pub(crate) fn start(&self, window: i64) -> Micros {
        window * self.slide + self.offset
    }

    /// Where a window ends.
    pub(crate) fn end(&self, window: i64) -> Micros {
        self.start(window) + self.size
    }

    /// The first window that ends after `time`.
    pub(crate) fn first_ending_after(&self, time: Micros) -> i64 {
        // Event times lie well within the limits, so nothing is lost by keeping the infinities from overflowing.
        let time = time.clamp(-TIME_LIMIT, TIME_LIMIT) - self.offset - self.size;
        time.div_euclid(self.slide) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_windows_agree_with_their_definitions() {
        for (size, slide, offset) in
            [(6, 2, 0), (6, 6, 1), (5, 2, 0), (7, 3, 2), (1, 5, 3), (5, 7, 0), (10, 4, -3), (3, 1, 0), (61, 60, 7)]
        {
            let slices = Slices::new(size, slide, offset);
            for time in -200..200 {
                let inside = |window: &i64| (slices.start(*window)..slices.end(*window)).contains(&time);
                let windows: Vec<i64> = (-300..300).filter(inside).collect();
                let Located { slice, first, last } = slices.locate(time);
                assert_eq!(windows, (first..=last).collect::<Vec<_>>(), "{slices:?} at {time}");
                let holding = |window: &i64| {
                    let (from, to) = slices.slices_of(*window);
                    (from..to).contains(&slice)
                };
                assert_eq!(windows, (-300..300).filter(holding).collect::<Vec<_>>(), "{slices:?} slice {slice}");
                if let Some(first) = windows.first() {
                    assert_eq!(*first, slices.first_window_of_slice(slice));
                }
                let next = slices.first_ending_after(time);
                assert!(slices.end(next) > time && slices.end(next - 1) <= time);
            }
        }
    }
}
