//! Whether mapped memory has memory behind it.

use std::ops::Range;

use crate::LARGE_PAGE;

/// Whether at least half of this large page is there. Making large pages of the others would cost memory for what nobody has
/// touched, such as most of a thread's stack.
pub(crate) fn mostly_there(page: &Range<usize>) -> bool {
    let pages = pages_there(page);
    // The lowest bit says it; the others are not defined.
    let there = pages.iter().filter(|&&state| state & 1 == 1).count();
    there > 0 && 2 * there >= pages.len()
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
