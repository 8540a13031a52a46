//! e^x, tanh, the logistic function and log(1 + e^x).
//!
//! x = k·ln 2 + r with |r| ≤ ½ ln 2 and ln 2 in two parts, the first so short that k times it is exact (Cody & Waite 1980); e^r by its
//! Taylor series, cut where it falls below 2^{−57}. Quotients of a sum of two parts are formed from the larger and corrected for the
//! smaller.

use super::polynomial;

/// ln 2 rounded to 33 bits, and the rest of it, as in fdlibm's e_exp.c.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);

/// 1/2!, …, 1/13!.
const INVERSE_FACTORIALS: [f64; 12] = [
    0.5,
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

/// 1.5·2^52: a sum of it and |x| < 2^51 has no bits for a fraction.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// The nearest integer, ties to even, for |x| < 2^51.
#[inline(always)]
fn round(x: f64) -> f64 {
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
    (k, k.mul_add(-LN_2_LOW, k.mul_add(-LN_2_HIGH, x)) + dx)
}

/// e^r − 1 in two parts.
#[inline(always)]
fn grown(r: f64) -> (f64, f64) {
    let tail = (r * r) * polynomial(&INVERSE_FACTORIALS, r);
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
    // k + 1023 in the lowest bits of the sum, as in `round` and `power_of_two` at once.
    const BIASED: f64 = SHIFT + 1023.0;
    let size = x.abs();
    // From 19.1 on tanh is 1 to rounding.
    let size = if size > 22.0 { 22.0 } else { size };
    let shifted = size.mul_add(2.0 * std::f64::consts::LOG2_E, BIASED);
    let (k, scale) = (shifted - BIASED, f64::from_bits(shifted.to_bits() << 52));
    // k is at most 64, and where it is not 0 tanh x depends little on x: ln 2 need not have two parts.
    let r = k.mul_add(-std::f64::consts::LN_2, size + size);
    let grown = (r * r).mul_add(polynomial(&INVERSE_FACTORIALS, r), r);
    // For k = 0 this is e^r − 1 itself.
    let excess = scale.mul_add(grown, scale - 1.0);
    (excess / (excess + 2.0)).copysign(x)
}

/// s(−|x|) = e^{−|x|}/(1 + e^{−|x|}) ≤ ½, s the logistic function.
#[inline(always)]
fn lower_sigmoid(x: f64) -> f64 {
    let (numerator, rest) = exp_parts(-x.abs(), 0.0);
    let denominator = 1.0 + numerator;
    let lost = ((1.0 - denominator) + numerator) + rest;
    let quotient = numerator / denominator;
    // What the division left, exactly.
    let left = quotient.mul_add(-denominator, numerator);
    // 1/(1 + e) = 1 − quotient.
    (left + quotient.mul_add(-lost, rest)).mul_add(1.0 - quotient, quotient)
}

/// s(x) = 1/(1 + e^{−x}) and s(−x) = 1 − s(x), both right in their own digits however large |x|.
#[inline(always)]
pub fn sides(x: f64) -> (f64, f64) {
    let lower = lower_sigmoid(x);
    let upper = 1.0 - lower;
    if x < 0.0 { (lower, upper) } else { (upper, lower) }
}

/// s(x) and s(x)·s(−x), its derivative, likewise.
#[inline(always)]
pub fn sigmoid(x: f64) -> (f64, f64) {
    let (here, other) = sides(x);
    (here, here * other)
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
