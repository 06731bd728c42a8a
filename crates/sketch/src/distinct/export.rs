//! The distinct counter in Apache DataSketches' HLL format.

use super::registers::{REGISTERS, Registers};
use super::{Content, Distinct, ValueHash};

const SERIAL_VERSION: u8 = 1;
const FAMILY_HLL: u8 = 7;
const LG_K: u8 = REGISTERS.ilog2() as u8;
const FLAG_EMPTY: u8 = 4;
const FLAG_COMPACT: u8 = 8;
/// Tells the reader to estimate from the registers, not from a history of updates.
const FLAG_OUT_OF_ORDER: u8 = 16;
/// HLL_8 in bits 2 and 3 of the mode byte; bits 0 and 1 say list, set or HLL.
const TARGET_HLL_8: u8 = 2 << 2;
const MODE_LIST: u8 = TARGET_HLL_8;
const MODE_SET: u8 = TARGET_HLL_8 | 1;
const MODE_HLL: u8 = TARGET_HLL_8 | 2;
/// A full list of 2³ coupons becomes a set, in every DataSketches implementation.
const LG_LIST: u8 = 3;

impl Distinct {
    /// The counter as an Apache DataSketches HLL sketch (lgK = 12, HLL_8), readable by its C++, Java,
    /// Go and Rust implementations.
    ///
    /// Exact counters become coupon lists and sets, dense ones the very same registers. Estimates
    /// differ a little, because DataSketches uses another estimator over the same registers.
    pub fn to_datasketches(&self) -> Vec<u8> {
        match &self.0 {
            Content::Exact(hashes) => coupons(hashes.as_slice()),
            Content::Dense(registers) => dense(registers),
        }
    }
}

fn coupons(hashes: &[ValueHash]) -> Vec<u8> {
    let mut coupons: Vec<u32> = hashes.iter().map(|hash| hash.coupon()).collect();
    coupons.sort_unstable();
    coupons.dedup();
    let count = coupons.len();
    let mut out = if count < 1 << LG_LIST {
        let flags = FLAG_COMPACT | if count == 0 { FLAG_EMPTY } else { 0 };
        header(2, LG_LIST, flags, count as u8, MODE_LIST)
    } else {
        // The smallest table of at least 2⁵ slots that stays at most three quarters full.
        let lg_set = (count * 4).div_ceil(3).next_power_of_two().ilog2().max(5);
        let mut out = header(3, lg_set as u8, FLAG_COMPACT, 0, MODE_SET);
        out.extend_from_slice(&(count as u32).to_le_bytes());
        out
    };
    coupons.iter().for_each(|coupon| out.extend_from_slice(&coupon.to_le_bytes()));
    out
}

fn dense(registers: &Registers) -> Vec<u8> {
    // The format keeps the harmonic sum in two parts, so that neither loses its small terms.
    let (mut low, mut high, mut zeros) = (0.0, 0.0, 0u32);
    for register in registers.iter() {
        let term = 1.0 / (1u64 << register) as f64;
        if register < 32 {
            low += term;
        } else {
            high += term;
        }
        zeros += u32::from(register == 0);
    }
    let mut out = header(10, 0, FLAG_OUT_OF_ORDER, 0, MODE_HLL);
    let history: f64 = 0.0;
    let exceptions: u32 = 0;
    for sum in [history, low, high] {
        out.extend_from_slice(&sum.to_le_bytes());
    }
    for count in [zeros, exceptions] {
        out.extend_from_slice(&count.to_le_bytes());
    }
    out.extend(registers.iter());
    out
}

fn header(preamble_ints: u8, lg_table: u8, flags: u8, state: u8, mode: u8) -> Vec<u8> {
    vec![preamble_ints, SERIAL_VERSION, FAMILY_HLL, LG_K, lg_table, flags, state, mode]
}
