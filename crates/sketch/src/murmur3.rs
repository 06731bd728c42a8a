//! MurmurHash3 in its x64 128-bit form: a published, stable function, so that sketches from
//! different machines, versions and languages agree on every value.
//!
//! Source: Austin Appleby, `MurmurHash3_x64_128` (public domain). It is not keyed with a secret:
//! whoever chooses the values can choose collisions.

/// The seed with which all Apache DataSketches implementations hash updates.
pub(crate) const DATASKETCHES_SEED: u64 = 9001;

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// Hashes `bytes` to its two 64-bit halves. O(length).
#[inline]
pub(crate) fn hash128(bytes: &[u8], seed: u64) -> (u64, u64) {
    let (mut h1, mut h2) = (seed, seed);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let (low, high) = block.split_at(8);
        h1 ^= mix_low(partial_word(low));
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix_high(partial_word(high));
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    // Mixing a zero word gives zero, so absent tail bytes need no case of their own.
    let (low, high) = tail.split_at(tail.len().min(8));
    h1 ^= mix_low(partial_word(low));
    h2 ^= mix_high(partial_word(high));
    let length = bytes.len() as u64;
    finish(h1 ^ length, h2 ^ length)
}

#[inline]
fn mix_low(word: u64) -> u64 {
    word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

#[inline]
fn mix_high(word: u64) -> u64 {
    word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

#[inline]
fn finish(mut h1: u64, mut h2: u64) -> (u64, u64) {
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = avalanche(h1);
    h2 = avalanche(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2)
}

#[inline]
fn avalanche(mut word: u64) -> u64 {
    word = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    word = (word ^ (word >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

/// Up to eight bytes as a little-endian number, missing bytes zero. Two overlapping fixed-width
/// loads are several times cheaper than a copy of unknown length.
#[inline]
pub(crate) fn partial_word(bytes: &[u8]) -> u64 {
    if let (Some(word), 8) = (bytes.first_chunk(), bytes.len()) {
        return u64::from_le_bytes(*word);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last)) << ((bytes.len() - 4) * 8);
        return u64::from(u32::from_le_bytes(*first)) | last;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let last = u64::from(u16::from_le_bytes(*last)) << ((bytes.len() - 2) * 8);
        return u64::from(u16::from_le_bytes(*first)) | last;
    }
    bytes.first().map_or(0, |&byte| u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_vectors() {
        let fox = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(hash128(b"", 0), (0, 0));
        assert_eq!(hash128(fox, 0), (0xe34b_bc7b_bc07_1b6c, 0x7a43_3ca9_c49a_9347));
    }

    proptest! {
        #[test]
        fn partial_words_are_zero_padded(bytes in prop::collection::vec(any::<u8>(), 0..=8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(&bytes);
            prop_assert_eq!(partial_word(&bytes), u64::from_le_bytes(padded));
        }
    }
}
