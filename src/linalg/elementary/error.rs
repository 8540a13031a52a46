//! The error function and the normal distribution.
//!
//! erf a = a + a·Q(a²) for a ≤ 1 and 1 − e^{−a²}·w·R(w), w = 1/(a + 3), beyond: Q and R, of degrees 11 and 18, interpolate in the
//! Chebyshev points, to 8e-18 and 4e-17 (`tests/references/elementary.py`; ours, after Shepherd & Laframboise, Math. Comp. 36, 1981, who
//! expand e^{a²}·erfc a in a rational function of a). Both are always formed. [`normal`] has polynomials of its own, see there.

use super::exponential::exp_parts;
use super::polynomial;

/// R.
const TAIL: [f64; 19] = [
    0.5641895835689975,
    1.6925687460669485,
    4.795611913336668,
    12.69423820322238,
    30.890517471902022,
    67.24521437228636,
    125.4014307683592,
    158.1018674538408,
    273.1200806569521,
    -2576.434809987161,
    16920.135730424303,
    -132146.68031952908,
    706397.323142266,
    -2959231.805120629,
    9496381.088094093,
    -21331333.734322447,
    31049565.55210425,
    -26347352.483890515,
    9951816.784988852,
];
/// Q.
const CORE: [f64; 12] = [
    0.12837916709551256,
    -0.37612638903183543,
    0.11283791670945006,
    -0.02686617064323777,
    0.0052239776071164225,
    -0.0008548325975389692,
    0.00012055294904839707,
    -1.492473690741966e-05,
    1.6447424703317362e-06,
    -1.6208483801871705e-07,
    1.3720064546777686e-08,
    -7.795898827002142e-10,
];

/// |x| or `top`, whichever is less, and NaN for NaN.
#[inline(always)]
fn size(x: f64, top: f64) -> f64 {
    let size = x.abs();
    if size > top { top } else { size }
}

/// e^{−c·a²} in two parts, c a power of two: with what the rounding of a² left, for it would be one of e^{−a²} times a².
#[inline(always)]
fn gaussian(a: f64, c: f64) -> (f64, f64) {
    let square = a * a;
    exp_parts(-c * square, -c * a.mul_add(a, -square))
}

/// erf a for 0 ≤ a ≤ 1.
#[inline(always)]
fn core(a: f64) -> f64 {
    a.mul_add(polynomial(&CORE, a * a), a)
}

/// erfc a for 1 ≤ a ≤ 28, given e^{−a²}.
#[inline(always)]
fn tail(a: f64, gaussian: f64) -> f64 {
    let w = 1.0 / (a + 3.0);
    gaussian * (w * polynomial(&TAIL, w))
}

/// erf x = 2/√π ∫₀ˣ e^{−s²} ds and its derivative 2/√π·e^{−x²}.
#[inline(always)]
pub fn erf_and_density(x: f64) -> (f64, f64) {
    let a = size(x, 27.5);
    let gaussian = gaussian(a, 1.0).0;
    // `a > 1` sends a NaN to `core`, which keeps it.
    let value = if a > 1.0 { 1.0 - tail(a, gaussian) } else { core(a) };
    (value.copysign(x), std::f64::consts::FRAC_2_SQRT_PI * gaussian)
}

/// erf x.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    erf_and_density(x).0
}

/// P of [`normal`], of degree 20, to 6e-18.
const MILLS: [f64; 21] = [
    0.0126329717249501,
    -0.049296251662751235,
    -0.0011691996630122732,
    0.014087967497118737,
    -0.010281575034661409,
    0.00424083806739506,
    -0.0009470922058448672,
    -5.949636132453179e-06,
    6.853180244278519e-05,
    -1.094350013654404e-05,
    -4.393823663962407e-06,
    1.334308392284158e-06,
    3.551422347947638e-07,
    -1.3776429755493637e-07,
    -3.946822030772284e-08,
    1.332461238237242e-08,
    5.323761815660059e-09,
    -1.096262118740522e-09,
    -6.890843441519917e-10,
    5.6142164565369976e-11,
    5.764650570247937e-11,
];
/// Q of [`normal`], of degree 8, to 2e-19.
const HALF: [f64; 9] = [
    -0.06649038006690544,
    0.00997355701003576,
    -0.001187328215477748,
    0.0001154346875666874,
    -9.444655806191761e-06,
    6.659670151805875e-07,
    -4.121958496949956e-08,
    2.260940828525208e-09,
    -1.008306896432971e-10,
];
/// 1/√(2π), and what its rounding left.
const PEAK: f64 = 0.398_942_280_401_432_7;
const PEAK_LOW: f64 = -2.492_327_202_277_73e-17;

/// The standard normal distribution at a point.
pub struct Normal {
    /// Φ(x) = ½ erfc(−x/√2), right in its own digits in the lower tail too.
    pub probability: f64,
    /// φ(x) = e^{−x²/2}/√(2π).
    pub density: f64,
}

/// Φ(x) and φ(x).
///
/// For a = |x| > ¾, Φ(−a) = e^{−a²/2}·(7/16 + P(t))/(a + 13/16), t = 1.2421875 − 10.625/(a + 4) between −1 and 1: e^{a²/2}Φ(−a)(a + 13/16)
/// varies by a twelfth about 7/16 only, so that the rounding of P counts little. For a ≤ ¾, Φ(−a) = ½ − a/√(2π) − a³Q(a²). Either is formed
/// in two parts: rounded step by step it would be several units off where Φ is small.
#[inline(always)]
pub fn normal(x: f64) -> Normal {
    let size = size(x, 38.8);
    let (peak, peak_rest) = gaussian(size, 0.5);

    let level = 0.4375;
    let bend = polynomial(&MILLS, 1.2421875 - 10.625 / (size + 4.0));
    let numerator = level + bend;
    let numerator_rest = bend - (numerator - level);
    let denominator = size + 0.8125;
    let back = denominator - size;
    let denominator_rest = (size - (denominator - back)) + (0.8125 - back);
    let quotient = numerator / denominator;
    // What the division left, exactly; 1/denominator to a twelfth is enough for it.
    let left = quotient.mul_add(-denominator, numerator) + quotient.mul_add(-denominator_rest, numerator_rest);
    let quotient_rest = left * (quotient * (1.0 / level));
    let tail = peak * quotient;
    let tail_rest = peak.mul_add(quotient, -tail) + peak.mul_add(quotient_rest, peak_rest * quotient);

    let (straight, square) = (size * PEAK, size * size);
    let bent = size.mul_add(PEAK, -straight) + size * square.mul_add(polynomial(&HALF, square), PEAK_LOW);
    let core = 0.5 - straight;
    let core_rest = ((0.5 - core) - straight) - bent;

    // `size > 0.75` sends a NaN to the core, which keeps it.
    let (lower, rest) = if size > 0.75 { (tail, tail_rest) } else { (core, core_rest) };
    let upper = 1.0 - lower;
    let probability = if x < 0.0 { lower + rest } else { upper + (((1.0 - upper) - lower) - rest) };
    Normal { probability, density: PEAK * peak }
}
