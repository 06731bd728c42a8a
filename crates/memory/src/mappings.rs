//! The memory that a process has of its own, and what of it is new.

use std::ops::Range;

use crate::{
    Advice, advise, large_pages,
    ranges::{joined, outside},
    resident::mostly_there,
    whole_pages,
};

/// Parts below this are left alone: what a runtime keeps weights in is larger, and most of what the rest of a process asks
/// for in the meantime is smaller.
const PART_MIN: usize = 8 << 20;

/// So often a page may be refused. A page can be in use at the wrong moment; but a kernel that has no large pages left looks for
/// one each time, and is not asked for every page of the weights.
const REFUSED_MAX: usize = 16;

/// What the process had mapped at one moment: memory that can be written, is shared with nobody and stands for no file.
#[derive(Debug)]
pub struct Mappings(Vec<Range<usize>>);

impl Mappings {
    /// As they are now; none where the system does not tell. O(mappings).
    #[expect(clippy::disallowed_methods, reason = "the kernel tells of mappings in a file")]
    pub fn now() -> Mappings {
        Mappings(std::fs::read_to_string("/proc/self/maps").map_or_else(|_| Vec::new(), |text| own(&text)))
    }

    /// Puts large pages under the large parts that have been mapped since, as far as they have been touched, with what is in them.
    /// Returns the bytes for which that was done. O(their bytes), which are copied.
    pub fn enlarge_pages_since(&self) -> usize {
        enlarge_pages(outside(&Mappings::now().0, &self.0).into_iter().filter(|part| part.len() >= PART_MIN))
    }
}

/// It goes by single pages: other threads may have given memory back meanwhile, and of a range with a hole in it the kernel tells
/// nothing, and changes less than was asked for.
fn enlarge_pages(parts: impl Iterator<Item = Range<usize>>) -> usize {
    let (mut enlarged, mut refused) = (0, 0);
    for page in parts.filter_map(whole_pages).flat_map(large_pages).filter(mostly_there) {
        if advise(&page, Advice::Large) && advise(&page, Advice::Together) {
            enlarged += page.len();
        } else if refused < REFUSED_MAX {
            refused += 1;
        } else {
            break;
        }
    }
    enlarged
}

/// The mappings in the kernel's list that are meant here, in order; those that touch each other as one.
fn own(maps: &str) -> Vec<Range<usize>> {
    joined(maps.lines().filter_map(own_mapping))
}

/// A line has: addresses, rights, offset, device, inode, and a name if there is one.
fn own_mapping(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
    let private = words.next()? == "rw-p";
    let name = words.nth(3);
    (private && name.is_none_or(|name| name == "[heap]")).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_memory_of_its_own_counts() {
        let maps = "\
00400000-0074d000 r--p 00000000 fe:00 10035217 /usr/bin/node
01000000-02000000 rw-p 00000000 00:00 0 [heap]
02000000-02800000 rw-p 00000000 00:00 0
02800000-02801000 ---p 00000000 00:00 0
02801000-02802000 rw-s 00000000 00:05 77 /memfd:shared (deleted)
02802000-02803000 rw-p 00000000 00:00 0 [stack]
02803000-02804000 rw-p 00000000 00:00 0
nonsense
";
        assert_eq!(own(maps), [0x0100_0000..0x0280_0000, 0x0280_3000..0x0280_4000]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_mapped_later_gets_large_pages_and_keeps_its_contents() {
        let before = Mappings::now();
        let numbers: Vec<u64> = (0..(32 << 20) / 8).collect();
        let mut untouched = vec![0_u8; 256 << 20];
        untouched[100 << 20..120 << 20].fill(1);
        let misses = misses();
        let enlarged = before.enlarge_pages_since();
        // All but the ends of 32 and 20 MiB, and what other tests have at the moment.
        assert!(enlarged < 128 << 20, "{enlarged} bytes");
        assert!(enlarged >= 44 << 20 || !has_large_pages(misses), "{enlarged} bytes");
        assert_eq!(untouched.iter().map(|&byte| u32::from(byte)).sum::<u32>(), 20 << 20);
        assert!(numbers.iter().enumerate().all(|(at, &number)| number == at as u64));
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "the standard library gives no part of an allocation back")]
    fn a_part_that_another_thread_gives_back_meanwhile_does_not_matter() {
        const LEN: usize = 48 << 20;
        const HOLE: Range<usize> = 20 << 20..23 << 20;
        // SAFETY: the memory is new, is written within its length, and is not used again once it is given back.
        let enlarged = unsafe {
            let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let start = libc::mmap(std::ptr::null_mut(), LEN, access, kind, -1, 0);
            assert!(start != libc::MAP_FAILED);
            start.write_bytes(1, LEN);
            libc::munmap(start.byte_add(HOLE.start), HOLE.len());
            let misses = misses();
            let enlarged = enlarge_pages(std::iter::once(start as usize..start as usize + LEN));
            libc::munmap(start, LEN);
            has_large_pages(misses).then_some(enlarged)
        };
        // All but the ends and what the hole touches.
        assert!(enlarged.is_none_or(|bytes| (40 << 20..LEN - HOLE.len()).contains(&bytes)), "{enlarged:?} bytes");
    }

    /// Whether the kernel has large pages and found one each time since it had found none so often: the rest is for whoever set it up.
    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "the kernel tells of its settings in a file")]
    fn has_large_pages(misses_before: Option<u64>) -> bool {
        let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
        setting.is_ok_and(|text| !text.contains("[never]")) && misses() == misses_before
    }

    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "the kernel tells of what it did in a file")]
    fn misses() -> Option<u64> {
        let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
        counters.lines().find_map(|line| line.strip_prefix("thp_collapse_alloc_failed ")?.parse().ok())
    }
}
