//! L ≥ 3 layers without decay: t = τ(u) − τ(u_0), τ(u) = u^{2−L}/((2−L)σ)·₂F₁(1, (2−L)/L; 2/L; x·u^L/σ).
//!
//! With z = x·u^L/σ and b = (2−L)/L, τ = (σ/x)^b/(Lσ)·G(z), G(z) = ∫z^{b−1}/(1 − z)dz = (z^b/b)·₂F₁(1, b; 1 + b; z). As ₂F₁(1, b; 1 + b; z) =
//! Σ b/(b + k)·z^k, G is summed in powers of z; nearer to z = 1 in powers of 1 − z, and above it in powers of 1/z. Only
//! differences of G matter. The mode moves towards z = 1 from either side and never arrives.

use super::Mode;

/// Up to here G is summed in powers of z, and from there to the next bound in powers of 1 − z.
const BELOW: f64 = 0.5;
const ABOVE: f64 = 1.5;

impl Mode {
    /// The time from u = `from` to u = `to`, negative if the mode passes them in the other order; both > 0 and on one side of
    /// u* = (σ/x)^{1/L}. For L ≥ 3 and λ = 0; NaN for any other mode or states.
    pub fn time(&self, from: f64, to: f64) -> f64 {
        if !(self.is_deep() && from > 0.0 && to > 0.0) {
            return f64::NAN;
        }
        let depth = f64::from(self.depth);
        let b = (2.0 - depth) / depth;
        let z = |u: f64| self.variance * u.powi(self.depth as i32) / self.sigma;
        (self.sigma / self.variance).powf(b) / (depth * self.sigma) * integral(b, z(from), z(to))
    }

    /// u at time t ≥ 0 from u(0) = `from` > 0, to rounding. For L ≥ 3 and λ = 0; NaN for any other mode, state or time.
    pub fn after(&self, from: f64, t: f64) -> f64 {
        if !(self.is_deep() && from > 0.0 && from.is_finite() && t >= 0.0) {
            return f64::NAN;
        }
        let rest = (self.sigma / self.variance).powf(1.0 / f64::from(self.depth));
        // The time grows from 0 at `from` without bound towards u*.
        let (mut near, mut far) = (from, rest);
        loop {
            let middle = 0.5 * (near + far);
            if middle == near || middle == far {
                return near;
            }
            if self.time(from, middle) <= t {
                near = middle;
            } else {
                far = middle;
            }
        }
    }

    /// Whether these formulas hold for this mode.
    fn is_deep(&self) -> bool {
        self.depth >= 3 && self.sigma > 0.0 && self.variance > 0.0 && self.weight_decay == 0.0
    }
}

/// ∫z^{b−1}/(1 − z)dz from z_0 to z_1, on one side of 1, for −1 < b < 0: in pieces, on each of which one series converges.
fn integral(b: f64, z0: f64, z1: f64) -> f64 {
    let piece = |low: f64, high: f64, antiderivative: fn(f64, f64) -> f64| {
        let (from, to) = (z0.clamp(low, high), z1.clamp(low, high));
        if from == to { 0.0 } else { antiderivative(b, to) - antiderivative(b, from) }
    };
    piece(0.0, BELOW, small) + piece(BELOW, ABOVE, near_one) + piece(ABOVE, f64::INFINITY, large)
}

/// Σ z^{b+k}/(b + k), z ≤ ½.
fn small(b: f64, z: f64) -> f64 {
    series(z.powf(b), |k| z * (b + k - 1.0) / (b + k), 1.0 / b)
}

/// −ln|y| − Σ_{n≥1} (1 − b)_n/n!·yⁿ/n with y = 1 − z, |y| ≤ ½.
fn near_one(b: f64, z: f64) -> f64 {
    let y = 1.0 - z;
    let first = (1.0 - b) * y;
    let sum = series(1.0, |k| (k + 1.0 - b) / (k + 1.0) * y * k / (k + 1.0), first);
    -y.abs().ln() - sum
}

/// −Σ_{k≥1} z^{b−k}/(b − k), z ≥ 3/2.
fn large(b: f64, z: f64) -> f64 {
    -series(z.powf(b - 1.0), |k| (b - k) / (b - k - 1.0) / z, 1.0 / (b - 1.0))
}

/// factor·Σ_k a_k with a_0 = `first` and a_k = ratio(k)·a_{k−1}, until a term no longer counts.
fn series(factor: f64, ratio: impl Fn(f64) -> f64, first: f64) -> f64 {
    let (mut sum, mut term, mut k) = (first, first, 0.0);
    while term.abs() > 0.1 * f64::EPSILON * sum.abs() && k < 1000.0 {
        k += 1.0;
        term *= ratio(k);
        sum += term;
    }
    factor * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// None of them hangs.
    #[test]
    fn what_has_no_solution_is_not_a_number() {
        let mode = Mode { depth: 3, sigma: 1.0, variance: 1.0, weight_decay: 0.0 };
        let nan = f64::NAN;
        for (from, t) in [(nan, 1.0), (0.0, 1.0), (-1.0, 1.0), (f64::INFINITY, 1.0), (0.5, nan), (0.5, -1.0)] {
            assert!(mode.after(from, t).is_nan(), "{from} {t}");
        }
        for (from, to) in [(nan, 0.5), (0.5, nan), (0.0, 0.5), (0.5, -1.0)] {
            assert!(mode.time(from, to).is_nan(), "{from} {to}");
        }
        for other in [
            Mode { depth: 2, ..mode },
            Mode { sigma: 0.0, ..mode },
            Mode { variance: nan, ..mode },
            Mode { weight_decay: 0.1, ..mode },
        ] {
            assert!(other.after(0.5, 1.0).is_nan() && other.time(0.5, 0.6).is_nan(), "{other:?}");
        }
    }

    fn modes() -> impl Iterator<Item = Mode> {
        (3..8).flat_map(|depth| {
            [(1.0, 1.0), (2.0, 0.5), (0.3, 3.0)].map(|(sigma, variance)| Mode { depth, sigma, variance, weight_decay: 0.0 })
        })
    }

    /// The states at z = x·u^L/σ: below and above rest, at the borders of the pieces and across.
    fn at(mode: &Mode, z: f64) -> f64 {
        (z * mode.sigma / mode.variance).powf(1.0 / f64::from(mode.depth))
    }

    /// Simpson's rule on dt = du/u̇ in the variable ln u.
    fn by_quadrature(mode: &Mode, from: f64, to: f64) -> f64 {
        let n = 20_000;
        let h = (to / from).ln() / f64::from(n);
        let integrand = |i: i32| {
            let u = from * (h * f64::from(i)).exp();
            u / mode.velocity(u)
        };
        let inner: f64 = (1..n).map(|i| integrand(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        h / 3.0 * (integrand(0) + inner + integrand(n))
    }

    #[test]
    fn the_time_is_the_integral_of_du_over_its_velocity() {
        for mode in modes() {
            for (z0, z1) in [(0.01, 0.4), (0.2, 0.9), (0.5, 0.99), (0.9, 0.1), (3.0, 1.1), (1.4, 1.01), (50.0, 2.0), (1.6, 1.5)]
            {
                let (from, to) = (at(&mode, z0), at(&mode, z1));
                let (time, expected) = (mode.time(from, to), by_quadrature(&mode, from, to));
                assert!((time / expected - 1.0).abs() < 1e-11, "{mode:?} {z0} to {z1}: {time} {expected}");
            }
        }
    }

    /// The formula at the head, with ₂F₁ by its definition.
    #[test]
    fn below_rest_it_is_the_hypergeometric_function() {
        for mode in modes() {
            let l = f64::from(mode.depth);
            let tau = |u: f64| {
                let z = mode.variance * u.powf(l) / mode.sigma;
                let (mut sum, mut term) = (1.0, 1.0);
                for k in 0..400 {
                    let k = f64::from(k);
                    // (1)_k·((2−L)/L)_k/((2/L)_k·k!)·z^k.
                    term *= (1.0 + k) * ((2.0 - l) / l + k) / ((2.0 / l + k) * (k + 1.0)) * z;
                    sum += term;
                }
                u.powf(2.0 - l) / ((2.0 - l) * mode.sigma) * sum
            };
            let (from, to) = (at(&mode, 0.05), at(&mode, 0.9));
            assert!((mode.time(from, to) / (tau(to) - tau(from)) - 1.0).abs() < 1e-12, "{mode:?}");
        }
    }

    #[test]
    fn the_state_after_a_time_is_the_one_that_takes_it() {
        for mode in modes() {
            let rest = at(&mode, 1.0);
            // Near rest the distance shrinks by e in this time.
            let relaxation = 1.0 / (f64::from(mode.depth) * mode.variance * rest.powi(2 * mode.depth as i32 - 2));
            for (z, times) in [(1e-3, 0.0), (0.01, 1.0), (0.2, 3.0), (0.9, 10.0), (4.0, 0.3), (1.2, 8.0)] {
                let (from, t) = (at(&mode, z), times * relaxation);
                let to = mode.after(from, t);
                // There one bit of u is much time.
                let bit = f64::EPSILON * to / mode.velocity(to).abs();
                assert!((mode.time(from, to) - t).abs() < 1e-13 * t + 16.0 * bit, "{mode:?} {z} {t}: {to}");
            }
            assert!((mode.after(0.5 * rest, 1e9) / rest - 1.0).abs() < 1e-14);
        }
    }
}
