//! A byte string that is short most of the time.

use std::cmp::Ordering;

use crate::murmur3::partial_word;

/// Bytes stored inline up to [`SmallBytes::INLINE`], on the heap beyond; 24 bytes. Ordered and
/// compared as plain byte strings.
#[derive(Clone, Debug)]
pub(crate) enum SmallBytes {
    /// Bytes behind the length are zero.
    Inline {
        length: u8,
        bytes: [u8; SmallBytes::INLINE],
    },
    Heap(Box<[u8]>),
}

/// A byte string to look for, with its first eight bytes as a number that orders like them.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a> {
    pub(crate) value: &'a [u8],
    prefix: u64,
}

impl<'a> Probe<'a> {
    #[inline]
    pub(crate) fn new(value: &'a [u8]) -> Self {
        let (head, _) = value.split_at(value.len().min(8));
        Self { value, prefix: partial_word(head).swap_bytes() }
    }
}

impl SmallBytes {
    /// The longest value that needs no heap allocation: what fits beside tag and length.
    pub(crate) const INLINE: usize = 22;

    #[inline]
    pub(crate) fn new(value: &[u8]) -> Self {
        if value.len() > Self::INLINE {
            return Self::Heap(value.into());
        }
        let mut bytes = [0; Self::INLINE];
        // Copies of fixed size, overlapping in the middle, spare the call that a copy of
        // unknown length would be.
        let _ = copy_ends::<16>(&mut bytes, value)
            || copy_ends::<8>(&mut bytes, value)
            || copy_ends::<4>(&mut bytes, value)
            || copy_ends::<2>(&mut bytes, value)
            || copy_ends::<1>(&mut bytes, value);
        Self::Inline { length: value.len() as u8, bytes }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            // The length never exceeds the array; `min` tells the compiler so.
            Self::Inline { length, bytes } => &bytes[..usize::from(*length).min(Self::INLINE)],
            Self::Heap(bytes) => bytes,
        }
    }

    /// Compares with a byte string; without touching more than a number when the first eight
    /// bytes differ.
    #[inline]
    pub(crate) fn compare(&self, probe: Probe<'_>) -> Ordering {
        let head = match self {
            Self::Inline { bytes, .. } => bytes.first_chunk(),
            Self::Heap(bytes) => bytes.first_chunk(),
        };
        let prefix = head.map_or(0, |head| u64::from_be_bytes(*head));
        let order = prefix.cmp(&probe.prefix);
        order.then_with(|| self.as_slice().cmp(probe.value))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Inline { .. } => 0,
            Self::Heap(bytes) => bytes.len(),
        }
    }
}

/// Copies the first and the last `N` bytes of `value`, which is all of it up to 2 · N; `false` when
/// it is shorter than `N`.
#[inline]
fn copy_ends<const N: usize>(bytes: &mut [u8; SmallBytes::INLINE], value: &[u8]) -> bool {
    let (Some(first), Some(last)) = (value.first_chunk::<N>(), value.last_chunk::<N>()) else {
        return false;
    };
    if let Some(place) = bytes.first_chunk_mut() {
        *place = *first;
    }
    if let Some(place) = bytes.get_mut(value.len() - N..value.len()) {
        place.copy_from_slice(last);
    }
    true
}

impl PartialEq for SmallBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SmallBytes {}

impl PartialOrd for SmallBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SmallBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings() -> impl Strategy<Value = Vec<u8>> {
        // Few different bytes, so that common prefixes and trailing zeros are common.
        prop::collection::vec(prop_oneof![4 => 0u8..2, 1 => any::<u8>()], 0..40)
    }

    proptest! {
        #[test]
        fn orders_like_slices(left in strings(), right in strings()) {
            let (small_left, small_right) = (SmallBytes::new(&left), SmallBytes::new(&right));
            prop_assert_eq!(small_left.as_slice(), left.as_slice());
            prop_assert_eq!(small_left.cmp(&small_right), left.cmp(&right));
            prop_assert_eq!(small_left.compare(Probe::new(&right)), left.cmp(&right));
            prop_assert_eq!(small_left.heap_bytes() > 0, left.len() > SmallBytes::INLINE);
        }
    }

    #[test]
    fn is_24_bytes() {
        assert_eq!(size_of::<SmallBytes>(), 24);
    }
}
