//! Powers of two and logarithms with the same bits on every platform: only operations of `f64` that IEEE 754 rounds correctly
//! (addition, multiplication, both fused, division), in an order that is written down. The functions of the standard library are
//! those of the platform, which differ in their last bits. Both stay within 2 units in the last place. Processors that cannot fuse
//! take long for it, and have the same bits.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2};

/// ln 2 in two parts: the first has 21 zero bits at its end, so that its product with a small whole number is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// The exponent of the least normal float.
const LEAST: f64 = -1022.0;

/// A float of this size has a unit of 1 in its last place, so that adding it rounds to a whole number. With 1023 more, the last
/// bits are the exponent of 2^(that number) as a float has it.
const ROUND: f64 = (3u64 << 51) as f64 + 1023.0;

/// (ln 2)^n / n! from n = 0 on.
const TAYLOR: [f64; 14] = {
    let mut terms = [1.0; 14];
    let mut n = 1;
    while n < 14 {
        terms[n] = terms[n - 1] * LN_2 / n as f64;
        n += 1;
    }
    terms
};

/// 2^x for x from −∞ to 0; 2^−1022 for all that is less than −1022. Without branches, so that compilers compute several at a time:
/// x = k + r with |r| ≤ ½, and 2^r by the first terms of its series, which are added as a tree (Estrin's scheme).
#[inline(always)]
pub fn exp2(x: f64) -> f64 {
    let inside = x.max(LEAST);
    let rounded = inside + ROUND;
    let r = inside - (rounded - ROUND);
    let mut part = TAYLOR[13];
    let mut term = 13;
    while term > 0 {
        term -= 1;
        part = part.mul_add(r, TAYLOR[term]);
    }
    part * f64::from_bits(rounded.to_bits() << 52)
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
