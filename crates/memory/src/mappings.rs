//! The memory that a process has of its own, and what of it is new.

use std::ops::Range;

use crate::{
    Advice, advise,
    ranges::{joined, outside},
    resident::mostly_there,
    whole_pages,
};

/// Parts below this are left alone: what a runtime keeps weights in is larger, and most of what the rest of a process asks
/// for in the meantime is smaller.
const PART_MIN: usize = 8 << 20;

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
        let parts = outside(&Mappings::now().0, &self.0).into_iter().filter(|part| part.len() >= PART_MIN);
        let taken = |pages: &Range<usize>| advise(pages, Advice::Large) && advise(pages, Advice::Together);
        let touched = parts.filter_map(whole_pages).flat_map(|pages| mostly_there(&pages));
        touched.filter(taken).map(|pages| pages.len()).sum()
    }
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
    #[expect(clippy::disallowed_methods, reason = "the kernel tells of its settings in a file")]
    fn what_is_mapped_later_gets_large_pages_and_keeps_its_contents() {
        let before = Mappings::now();
        let numbers: Vec<u64> = (0..(32 << 20) / 8).collect();
        let mut untouched = vec![0_u8; 256 << 20];
        untouched[100 << 20..120 << 20].fill(1);
        let enlarged = before.enlarge_pages_since();
        // Whether the kernel has large pages at all is for whoever set it up to say.
        let off = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
        if off.is_ok_and(|text| !text.contains("[never]")) {
            // All but the ends of 32 and 20 MiB, and what other tests have at the moment.
            assert!((44 << 20..128 << 20).contains(&enlarged), "{enlarged} bytes");
        }
        assert_eq!(untouched.iter().map(|&byte| u32::from(byte)).sum::<u32>(), 20 << 20);
        assert!(numbers.iter().enumerate().all(|(at, &number)| number == at as u64));
    }
}
