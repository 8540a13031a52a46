//! e^x, tanh, the logistic function and log(1 + e^x).
//!
//! x = k·ln 2 + r with |r| ≤ ½ ln 2 and ln 2 in two parts, the first so short that k times it is exact (Cody & Waite 1980); e^r by its
//! Taylor series, cut where it falls below 2^{−57}. Quotients of a sum of two parts are formed from the larger and corrected for the
//! smaller.

use super::{BLOCK, NumberBlock, polynomial, short};

/// ln 2 rounded to 33 bits, and the rest of it, as in fdlibm's e_exp.c.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// 1/3!, …, 1/13!.
const INVERSE_FACTORIALS: [f64; 11] = [
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
];

/// The nearest integer, ties to even, for |x| < 2^51: adding 1.5·2^52 leaves no bits for a fraction.
#[inline(always)]
fn round(x: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (x + SHIFT) - SHIFT
}

/// 2^k for an integer −1023 ≤ k ≤ 1024; 0 and infinite at the ends.
#[inline(always)]
fn power_of_two(k: f64) -> f64 {
    // k + 1023 stands in the lowest bits of this sum, and goes where the exponent is.
    const BIAS: f64 = 4_503_599_627_370_496.0 + 1023.0;
    f64::from_bits((k + BIAS).to_bits() << 52)
}

/// k and r of x + dx = k·ln 2 + r; |dx| far below 1.
#[inline(always)]
fn reduced(x: f64, dx: f64) -> (f64, f64) {
    let k = round(x * std::f64::consts::LOG2_E);
    (k, (x - k * LN_2_HIGH) - (k * LN_2_LOW - dx))
}

/// e^r − 1 in two parts.
#[inline(always)]
fn grown(r: f64) -> (f64, f64) {
    let tail = (r * r) * (0.5 + r * polynomial(&INVERSE_FACTORIALS, r));
    let high = r + tail;
    (high, (r - high) + tail)
}

/// e^{x+dx} in two parts; −745 and below it is 0 or subnormal, from 709.8 on infinite.
#[inline(always)]
pub(super) fn exp_parts(x: f64, dx: f64) -> (f64, f64) {
    // Beyond these nothing changes, and k stays where halves of it are exponents. Comparisons, since `clamp` would drop a NaN.
    let x = if x < -760.0 { -760.0 } else { x };
    let x = if x > 720.0 { 720.0 } else { x };
    let (k, r) = reduced(x, dx);
    let (high, low) = grown(r);
    let sum = 1.0 + high;
    let rest = ((1.0 - sum) + high) + low;
    // In two steps: 2^k itself may be subnormal or infinite where e^x is not.
    let half = round(0.5 * k);
    let (first, second) = (power_of_two(half), power_of_two(k - half));
    (sum * first * second, rest * first * second)
}

/// e^x.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    exp_parts(x, 0.0).0
}

/// tanh x = E/(E + 2), E = e^{2|x|} − 1, with the sign of x.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let (k, r) = doubled(x);
    let (high, low) = grown(r);
    quotient(x, k, high, low)
}

/// z ← tanh z, to the same bits. Every stage is done for the whole block before the next: the operations of one number wait for each other, those
/// of different numbers do not.
#[inline(always)]
pub fn tanh_of_block(z: &mut NumberBlock) {
    let ([mut k, mut r], [mut high, mut low]) = ([[0.0; BLOCK]; 2], [[0.0; BLOCK]; 2]);
    for i in 0..BLOCK {
        (k[i], r[i]) = doubled(z[i]);
    }
    for i in 0..BLOCK {
        (high[i], low[i]) = grown(r[i]);
    }
    for i in 0..BLOCK {
        z[i] = quotient(z[i], k[i], high[i], low[i]);
    }
}

/// k and r of 2|x| = k·ln 2 + r.
#[inline(always)]
fn doubled(x: f64) -> (f64, f64) {
    let size = x.abs();
    // From 19.1 on tanh is 1 to rounding.
    let size = if size > 22.0 { 22.0 } else { size };
    reduced(2.0 * size, 0.0)
}

/// E/(E + 2) with the sign of x, E + 1 = 2^k·e^r and e^r − 1 = high + low.
#[inline(always)]
fn quotient(x: f64, k: f64, high: f64, low: f64) -> f64 {
    let scale = power_of_two(k);
    // E = numerator + rest. For k = 0 the first term is 0, for k ≥ 1 it is the larger.
    let (whole, part) = (scale - 1.0, scale * high);
    let numerator = whole + part;
    let rest = ((whole - numerator) + part) + scale * low;
    let denominator = numerator + 2.0;
    let back = denominator - numerator;
    let lost = (numerator - (denominator - back)) + (2.0 - back) + rest;
    let quotient = numerator / denominator;
    // 1/(E + 2) = (1 − tanh)/2.
    let value = quotient + (rest - quotient * lost) * (0.5 * (1.0 - quotient));
    value.copysign(x)
}

/// s(−|x|) = e^{−|x|}/(1 + e^{−|x|}) ≤ ½, s the logistic function.
#[inline(always)]
fn lower_sigmoid(x: f64) -> f64 {
    let (numerator, rest) = exp_parts(-x.abs(), 0.0);
    let denominator = 1.0 + numerator;
    let lost = ((1.0 - denominator) + numerator) + rest;
    let quotient = numerator / denominator;
    // What the division left, by products that are exact.
    let (first, whole) = (short(quotient), short(denominator));
    let left = (numerator - first * whole) - first * (denominator - whole) - (quotient - first) * denominator;
    // 1/(1 + e) = 1 − quotient.
    quotient + (left + (rest - quotient * lost)) * (1.0 - quotient)
}

/// s(x) = 1/(1 + e^{−x}) and s(x)·s(−x), its derivative, both right in their own digits however large |x|.
#[inline(always)]
pub fn sigmoid(x: f64) -> (f64, f64) {
    let lower = lower_sigmoid(x);
    let upper = 1.0 - lower;
    (if x < 0.0 { lower } else { upper }, lower * upper)
}

/// log(1 + t) for 0 ≤ t ≤ 1: fdlibm's e_log.c, of 1 + t or its half, whichever is within √½ … √2.
#[inline(always)]
fn log_of_one_plus(t: f64) -> f64 {
    const LG: [f64; 7] = [
        0.6666666666666735,
        0.3999999999940942,
        0.2857142874366239,
        0.22222198432149784,
        0.1818357216161805,
        0.15313837699209373,
        0.14798198605116586,
    ];
    let halved = t > std::f64::consts::SQRT_2 - 1.0;
    let f = if halved { 0.5 * (t - 1.0) } else { t };
    let (high, low) = if halved { (LN_2_HIGH, LN_2_LOW) } else { (0.0, 0.0) };
    let s = f / (2.0 + f);
    let z = s * s;
    let half_square = 0.5 * f * f;
    high - ((half_square - (s * (half_square + z * polynomial(&LG, z)) + low)) - f)
}

/// log(1 + e^x) = max(x, 0) + log(1 + e^{−|x|}), without the threshold of 20 beyond which PyTorch returns x.
#[inline(always)]
pub fn softplus(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + log_of_one_plus(exp(-x.abs()))
}
