//! Exponential and logarithm with the same bits on every platform: only additions, multiplications and divisions of `f64`,
//! which IEEE 754 rounds correctly, in an order that is written down. (The functions of the standard library are those of the
//! platform, which differ in their last bits.) Both stay within 2 units in the last place.

use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E};

/// ln 2 in two parts: the first has 21 zero bits at its end, so that its product with a small whole number is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// Results below the least normal float are 0.
const LEAST: f64 = -708.0;

/// A float of this size has a unit of 1 in its last place, so that adding it rounds to a whole number. With 1023 more, the last
/// bits are the exponent of 2^(that number) as a float has it.
const ROUND: f64 = (3u64 << 51) as f64 + 1023.0;

/// 1/n! from n = 13 down to n = 2.
const TAYLOR: [f64; 12] = {
    let mut terms = [0.0; 12];
    let (mut factorial, mut n) = (1.0, 2);
    while n <= 13 {
        factorial *= n as f64;
        terms[13 - n] = 1.0 / factorial;
        n += 1;
    }
    terms
};

/// e^x for x from −∞ to 0; 0 below −708, where results would lose bits. Without branches, so that compilers compute several at
/// a time: x = k ln 2 + r with |r| ≤ ln 2 / 2, and e^r by 14 terms of its series.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let inside = x.max(LEAST);
    let rounded = inside * LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (inside - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut sum = TAYLOR[0];
    let mut term = 1;
    while term < TAYLOR.len() {
        sum = sum * r + TAYLOR[term];
        term += 1;
    }
    let power = f64::from_bits(rounded.to_bits() << 52);
    let result = (1.0 + (r + r * r * sum)) * power;
    if x < LEAST { 0.0 } else { result }
}

/// ln x for positive, normal x: x = 2^k m with m from √½ to √2, and ln m = 2 artanh((m − 1) / (m + 1)) by 12 terms of its series.
pub fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let root = FRAC_1_SQRT_2.to_bits();
    // Shifted so that √½ becomes 1: then the exponent is k, and the mantissa says how far above √½ m is.
    let shifted = x.to_bits() + (1.0f64.to_bits() - root);
    let k = (shifted >> 52) as i64 - 1023;
    let m = f64::from_bits((shifted & MANTISSA) + root);
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 1.0 / 23.0;
    let mut odd = 21.0;
    while odd >= 3.0 {
        sum = sum * square + 1.0 / odd;
        odd -= 2.0;
    }
    let k = k as f64;
    // The greatest part comes last, and is exact.
    k * LN_2_HIGH + (2.0 * s + (2.0 * s * square * sum + k * LN_2_LOW))
}
