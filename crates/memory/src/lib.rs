//! Asks the operating system for large pages where memory is read from end to end.
//!
//! A step of a language model reads all of its weights, and blocks of the KV cache from all over the pool. In pages of 4 KiB
//! the processor spends a good part of that looking up where they lie, and each page that is written for the first time costs
//! a call into the kernel; pages of 2 MiB are looked up, and come, 512 times less often. All of this is advice: where it is
//! not taken, or there is no Linux, the same results come later.

mod mappings;
mod ranges;
mod resident;

pub use mappings::Mappings;

use std::ops::Range;

/// Bytes of a large page. Where they are larger, the advice is of no use, and does no harm.
const LARGE_PAGE: usize = 2 << 20;

/// Asks for large pages under memory that is still to be written. O(1).
pub fn prefer_large_pages<T>(memory: &mut [T]) {
    let Range { start, end } = memory.as_mut_ptr_range();
    if let Some(pages) = whole_pages(start as usize..end as usize) {
        advise(&pages, Advice::Large);
    }
}

/// Has the system find memory for this part now, instead of where it is first written; what it holds stays. Whether it did.
/// O(bytes).
pub fn populate<T>(memory: &mut [T]) -> bool {
    let Range { start, end } = memory.as_mut_ptr_range();
    // Advice is about whole pages, and the pages at both ends may be shared with others, who do not mind.
    let pages = start as usize - start as usize % PAGE..end as usize;
    memory.is_empty() || advise(&pages, Advice::Now)
}

/// The large pages that lie in this range as a whole; none if there are none.
fn whole_pages(range: Range<usize>) -> Option<Range<usize>> {
    let start = range.start.checked_next_multiple_of(LARGE_PAGE)?;
    let end = range.end - range.end % LARGE_PAGE;
    (start < end).then_some(start..end)
}

/// Each large page of a range of whole ones.
fn large_pages(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    range.step_by(LARGE_PAGE).map(|start| start..start + LARGE_PAGE)
}

/// Bytes of a page on most machines; where it is more, `populate` may find that it asks for parts of pages, and does nothing.
const PAGE: usize = 4 << 10;

#[derive(Clone, Copy)]
enum Advice {
    /// Pages that come from now on are large.
    Large,
    /// Pages that are there become large ones.
    Together,
    /// All pages come now.
    Now,
}

/// Gives the advice; whether it was taken.
#[cfg(target_os = "linux")]
fn advise(pages: &Range<usize>, advice: Advice) -> bool {
    let advice = match advice {
        Advice::Large => libc::MADV_HUGEPAGE,
        Advice::Together => libc::MADV_COLLAPSE,
        Advice::Now => libc::MADV_POPULATE_WRITE,
    };
    #[expect(unsafe_code, reason = "the standard library has no words for this")]
    // SAFETY: no advice of these changes what the memory holds or who may touch it, whoever it belongs to; of addresses at which
    // there is nothing, or that are gone by now, the kernel says so.
    unsafe {
        libc::madvise(pages.start as *mut libc::c_void, pages.len(), advice) == 0
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &Range<usize>, _: Advice) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_count() {
        let large = LARGE_PAGE;
        assert_eq!(whole_pages(large..3 * large), Some(large..3 * large));
        assert_eq!(whole_pages(large + 1..4 * large - 1), Some(2 * large..3 * large));
        assert_eq!(whole_pages(large + 1..3 * large - 1), None);
        assert_eq!(whole_pages(5..7), None);
        assert_eq!(whole_pages(0..0), None);
        assert_eq!(whole_pages(usize::MAX - 5..usize::MAX), None);
    }

    #[test]
    fn memory_that_was_found_holds_what_it_held() {
        let mut memory = vec![7_u8; 3 * LARGE_PAGE];
        prefer_large_pages(&mut memory);
        let (written, rest) = memory.split_at_mut(12_345);
        written.fill(8);
        assert_eq!(populate(rest), cfg!(target_os = "linux"));
        assert!(memory[..12_345].iter().all(|&byte| byte == 8) && memory[12_345..].iter().all(|&byte| byte == 7));
        assert!(populate::<u64>(&mut []));
    }
}
