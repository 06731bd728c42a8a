//! Which parts of mapped memory have memory behind them.

use std::ops::Range;

use crate::{LARGE_PAGE, ranges::joined};

/// The large pages in this range of whole large pages of which at least half is there, neighbours as one. Making large pages of the
/// others would cost memory for what nobody has touched, such as most of a thread's stack. O(pages).
pub(crate) fn mostly_there(range: &Range<usize>) -> Vec<Range<usize>> {
    let pages = pages_there(range);
    let small = pages.len() / (range.len() / LARGE_PAGE).max(1);
    // The lowest bit says it; the others are not defined.
    let there = |page: &[u8]| 2 * page.iter().filter(|&&state| state & 1 == 1).count() >= page.len();
    let starts = (range.start..).step_by(LARGE_PAGE);
    let found = starts.zip(pages.chunks(small.max(1))).filter(|(_, page)| there(page));
    joined(found.map(|(start, _)| start..start + LARGE_PAGE))
}

/// The state of each page of the system's own size; nothing if the system does not say, or if its pages are large themselves.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no words for this")]
fn pages_there(range: &Range<usize>) -> Vec<u8> {
    // SAFETY: it asks for a number.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Some(size) = usize::try_from(size).ok().filter(|&size| size > 0 && LARGE_PAGE.is_multiple_of(size)) else {
        return Vec::new();
    };
    let mut states = vec![0; range.len() / size];
    // SAFETY: a byte is written for each page of the range, and there is room for them; what is in the pages is not looked at, and
    // where nothing is mapped the kernel says so.
    let told = unsafe { libc::mincore(range.start as *mut libc::c_void, range.len(), states.as_mut_ptr()) };
    if told == 0 { states } else { Vec::new() }
}

#[cfg(not(target_os = "linux"))]
fn pages_there(_: &Range<usize>) -> Vec<u8> {
    Vec::new()
}
