//! The dense half of the distinct counter: HyperLogLog's registers and their estimator.

use super::ValueHash;
use crate::SketchError;
use crate::codec::Reader;

/// Number of registers, 2¹².
pub(super) const REGISTERS: usize = 1 << 12;
/// The largest value of a register: the hash's second half has at most 62 zeros that count.
const MAX_REGISTER: usize = 63;

/// 4,096 HyperLogLog registers of one byte each, as in DataSketches' HLL_8.
///
/// Sources: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog" (2007) for the registers; Ertl, "New
/// cardinality estimation algorithms for HyperLogLog sketches" (2017), section 4, for the estimator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Registers([u8; REGISTERS]);

impl Registers {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self([0; REGISTERS]))
    }

    #[inline]
    pub(super) fn update(&mut self, hash: ValueHash) {
        let register = &mut self.0[hash.0 as usize % REGISTERS];
        *register = hash.register().max(*register);
    }

    pub(super) fn extend(&mut self, hashes: &[ValueHash]) {
        hashes.iter().for_each(|&hash| self.update(hash));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (register, &theirs) in self.0.iter_mut().zip(&other.0) {
            *register = theirs.max(*register);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.iter().copied()
    }

    /// The estimated number of distinct values, unrounded.
    ///
    /// Ertl's improved raw estimator is unbiased from the first value on, so it needs neither the
    /// empirical bias tables nor the switch to linear counting of older estimators; and it uses only
    /// operations that IEEE 754 rounds exactly, so every platform computes the same bits.
    pub(super) fn estimate(&self) -> f64 {
        /// α∞ = 1 / (2 ln 2).
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        let count = REGISTERS as f64;
        let histogram = self.histogram().map(f64::from);
        let [zeros, between @ .., saturated] = histogram;
        let mut sum = count * tau(1.0 - saturated / count);
        for registers in between.iter().rev() {
            sum = 0.5 * (sum + registers);
        }
        ALPHA * count * count / (sum + count * sigma(zeros / count))
    }

    /// How many registers have each value.
    fn histogram(&self) -> [u32; MAX_REGISTER + 1] {
        // Neighbours often share a value; four tables keep their increments independent.
        let mut tables = [[0u32; MAX_REGISTER + 1]; 4];
        let (groups, _) = self.0.as_chunks::<4>();
        for group in groups {
            for (table, &register) in tables.iter_mut().zip(group) {
                table[usize::from(register) & MAX_REGISTER] += 1;
            }
        }
        let [first, second, third, fourth] = tables;
        std::array::from_fn(|value| first[value] + second[value] + third[value] + fourth[value])
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Box<Self>, SketchError> {
        let mut registers = [0; REGISTERS];
        let mut largest = 0;
        reader.sparse(REGISTERS, |position, register| {
            if let Some(slot) = registers.get_mut(position) {
                *slot = register as u8;
            }
            largest = register.max(largest);
        })?;
        if (1..=MAX_REGISTER as u64).contains(&largest) {
            Ok(Box::new(Self(registers)))
        } else {
            Err(reader.damaged("no register is set, or one is above 63"))
        }
    }
}

/// σ(x) = x + Σ x^(2^k) · 2^(k−1), the share of the registers still at zero.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut factor, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * factor;
        factor += factor;
        if sum == before {
            return sum;
        }
    }
}

/// τ(x) = (1 − x − Σ (1 − x^(2^−k))² · 2^−k) / 3, the share of the registers at their maximum.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut factor, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        factor *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * factor;
        if sum == before {
            return sum / 3.0;
        }
    }
}
