//! The error function and the normal distribution.
//!
//! erf a = a + a·Q(a²) for a ≤ 1 and 1 − e^{−a²}·w·R(w), w = 1/(a + 3), beyond: Q and R, of degrees 11 and 18, interpolate in the
//! Chebyshev points, to 8e-18 and 4e-17 (`tests/references/elementary.py`; ours, after Shepherd & Laframboise, Math. Comp. 36, 1981, who
//! expand e^{a²}·erfc a in a rational function of a). Both are always formed.

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

/// e^{−c·a²}, c a power of two: a² is split, for its rounding would be one of e^{−a²} times a².
#[inline(always)]
fn gaussian(a: f64, c: f64) -> f64 {
    // 26 bits, whose square is exact.
    let short = f64::from_bits(a.to_bits() & 0xffff_ffff_f800_0000);
    exp_parts(-c * (short * short), -c * ((a - short) * (a + short))).0
}

/// erf a for 0 ≤ a ≤ 1.
#[inline(always)]
fn core(a: f64) -> f64 {
    a + a * polynomial(&CORE, a * a)
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
    let gaussian = gaussian(a, 1.0);
    // `a > 1` sends a NaN to `core`, which keeps it.
    let value = if a > 1.0 { 1.0 - tail(a, gaussian) } else { core(a) };
    (value.copysign(x), std::f64::consts::FRAC_2_SQRT_PI * gaussian)
}

/// erf x.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    erf_and_density(x).0
}

/// The standard normal distribution at a point.
pub struct Normal {
    /// Φ(x) = ½ erfc(−x/√2), right in its own digits in the lower tail too.
    pub probability: f64,
    /// φ(x) = e^{−x²/2}/√(2π).
    pub density: f64,
}

/// Φ(x) and φ(x).
#[inline(always)]
pub fn normal(x: f64) -> Normal {
    let size = size(x, 38.8);
    let (a, gaussian) = (size * std::f64::consts::FRAC_1_SQRT_2, gaussian(size, 0.5));
    let half = 0.5 * if a > 1.0 { tail(a, gaussian) } else { 1.0 - core(a) };
    let probability = if x < 0.0 { half } else { 1.0 - half };
    // 1/√(2π).
    Normal { probability, density: 0.398_942_280_401_432_7 * gaussian }
}
