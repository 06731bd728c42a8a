//! What the tests of all three sketches share: reproducible numbers, and abuse of decoders.

use crate::SketchError;

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives its own reproducible sequence.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A rank from 1 to about `limit`, rank r with a frequency of about 1 / r.
    pub(crate) fn zipf(&mut self, limit: usize) -> u64 {
        (limit as f64).powf(self.unit()) as u64
    }
}

/// Merges `parts` into one, in an order and a tree shape chosen at random.
pub(crate) fn merge_randomly<S>(mut parts: Vec<S>, random: &mut SplitMix, merge: fn(&mut S, &S)) -> S {
    while parts.len() > 1 {
        let part = parts.swap_remove(random.below(parts.len()));
        let into = random.below(parts.len());
        merge(&mut parts[into], &part);
    }
    parts.pop().expect("at least one part")
}

/// Decodes random bytes and damaged copies of `valid`; whatever decodes is handed to `exercise`,
/// together with the number of bytes it was made from.
pub(crate) fn abuse_decoder<S>(
    valid: &[u8],
    seed: u64,
    decode: fn(&[u8]) -> Result<S, SketchError>,
    exercise: impl Fn(S, usize),
) {
    let mut random = SplitMix(seed);
    for _ in 0..20 {
        let mut bytes = valid.to_vec();
        match random.below(5) {
            0 => bytes.truncate(random.below(bytes.len() + 1)),
            1 => bytes.insert(random.below(bytes.len() + 1), random.next() as u8),
            2 => {
                let start = random.below(bytes.len());
                bytes[start..].fill(random.next() as u8);
            }
            3 => {
                bytes.truncate(2);
                bytes.extend((0..random.below(300)).map(|_| random.next() as u8));
            }
            _ => {}
        }
        for _ in 0..random.below(4) {
            if !bytes.is_empty() {
                // Much of the damage goes to the front, where lengths and tags are.
                let reach = 1 << random.below(14);
                let at = random.below(bytes.len().min(reach));
                bytes[at] ^= 1 << random.below(8);
            }
        }
        match decode(&bytes) {
            Ok(sketch) => exercise(sketch, bytes.len()),
            Err(error) => assert!(error.code().starts_with("HR_SKETCH_"), "{error}"),
        }
    }
}
