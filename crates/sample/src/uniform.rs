//! The random numbers: a function of where they are used, without any state.

/// The number in [0, 1) with which the token at `position` of an answer is drawn: a multiple of 2^−53. Where a token is drawn again,
/// `attempt` says how often that was before.
pub fn uniform(seed: u64, choice: u32, position: u32, attempt: u32) -> f64 {
    uniform_bits(seed, choice, position, attempt) as f64 / (1u64 << 53) as f64
}

/// [`uniform`] times 2^53.
pub(crate) fn uniform_bits(seed: u64, choice: u32, position: u32, attempt: u32) -> u64 {
    let [high, low, ..] = philox([position, choice, attempt, 0], [seed as u32, (seed >> 32) as u32]);
    (u64::from(high) << 32 | u64::from(low)) >> 11
}

/// Philox4x32-10, a block of random bits for a counter under a key (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as
/// easy as 1, 2, 3", 2011).
fn philox([mut a, mut b, mut c, mut d]: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let (left, right) = (0xd251_1f53 * u64::from(a), 0xcd9e_8d57 * u64::from(c));
        (a, b, c, d) = ((right >> 32) as u32 ^ b ^ key[0], right as u32, (left >> 32) as u32 ^ d ^ key[1], left as u32);
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_has_the_published_values() {
        // kat_vectors of the authors' library, Random123.
        let zeros = philox([0; 4], [0; 2]);
        assert_eq!(zeros, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = philox([u32::MAX; 4], [u32::MAX; 2]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }
}
