//! The stability polynomial R(z) = w(z)·P_m(z), m = s − 4, of Abdulle, "Fourth order Chebyshev methods with recurrence relation",
//! SIAM J. Sci. Comput. 23 (2002), 3.
//!
//! w is a quartic with two pairs of complex zeros near the origin; P_m is the polynomial of degree m of the family orthogonal under the
//! weight w(z)²/√((z + ℓ)(−δ − z)) on [−ℓ, −δ], which makes the ripples of w·P_m almost equal there. The zeros are those for which R(z) =
//! e^z + O(z⁵), found by Newton's method. Nothing here is taken from published tables: the constants below are fits to our own solutions
//! with a largest ripple of 0.95; they start Newton's method or choose ℓ, and tests check the results.

use nalgebra::{Matrix4, Vector4};

use super::orthogonal::{Term, recurrence, run};

/// The fewest stages: P_1.
pub(super) const FEWEST: usize = 5;

/// δ: R(−δ) = e^{−δ} ≈ 0.95, and the ripples follow from there.
const RIGHT_END: f64 = 0.05;

/// ℓ, the length of the real stability interval [−ℓ, 0] for s stages: 0.35·s² except for the smallest s.
pub(super) fn length(stages: usize) -> f64 {
    let square = (stages * stages) as f64;
    0.35086 * square - 2.8415 + (3.06 - 38.7 / square) / square
}

/// (Re, Im, Re, Im) of a zero of each pair: cubics in 1/s², right to 2e-4.
fn approximate_zeros(stages: usize) -> Vector4<f64> {
    let u = 1.0 / (stages * stages) as f64;
    let cubic = |c: [f64; 4]| c[0] + u * (c[1] + u * (c[2] + u * c[3]));
    Vector4::new(
        cubic([-0.30674, 6.2285, -131.98, 732.4]),
        cubic([3.58416, -20.182, 50.9, -32.34]),
        cubic([-2.50081, 12.5296, -15.489, 204.12]),
        cubic([1.31778, -4.7466, -16.65, -224.86]),
    )
}

/// R for one number of stages.
#[derive(Debug)]
pub(super) struct StabilityPolynomial {
    /// (Re, Im, Re, Im) of a zero of each pair of w.
    zeros: Vector4<f64>,
    /// The recurrence of P_0, …, P_m, normalised to 1 at 0.
    pub terms: Vec<Term>,
}

impl StabilityPolynomial {
    /// Solves for the zeros of w.
    pub(super) fn new(stages: usize) -> Self {
        let start = approximate_zeros(stages);
        let base = defects(&Self::with_zeros(stages, start));
        // The start is so close that one Jacobian, by differences, serves all iterations: each gains three digits.
        let mut jacobian = Matrix4::zeros();
        for (i, mut column) in jacobian.column_iter_mut().enumerate() {
            let mut moved = start;
            moved[i] += 1e-7;
            column.copy_from(&((defects(&Self::with_zeros(stages, moved)) - base) / 1e-7));
        }
        let lu = jacobian.lu();
        let (mut zeros, mut defect) = (start, base);
        for _ in 0..20 {
            let correction = lu.solve(&defect).expect("the four conditions are independent");
            zeros -= correction;
            if correction.amax() < 1e-12 {
                break;
            }
            defect = defects(&Self::with_zeros(stages, zeros));
        }
        Self::with_zeros(stages, zeros)
    }

    /// The polynomial with these zeros of w, whatever its order.
    fn with_zeros(stages: usize, zeros: Vector4<f64>) -> Self {
        let degree = stages - 4;
        let width = length(stages) - RIGHT_END;
        // Gauss–Chebyshev quadrature, exact for the integrands, of degree 2m + 8 at most.
        let count = degree + 5;
        let (mut nodes, mut weights) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for i in 0..count {
            let half_angle = (2 * i + 1) as f64 * std::f64::consts::PI / (4 * count) as f64;
            let z = -RIGHT_END - width * half_angle.sin().powi(2);
            nodes.push(z);
            weights.push(quartic(&zeros, z).powi(2));
        }
        Self { zeros, terms: recurrence(degree, &nodes, &weights) }
    }

    /// R(z).
    #[cfg(test)]
    pub(super) fn at(&self, z: f64) -> f64 {
        quartic(&self.zeros, z) * run(&self.terms, [1.0], |p| [z * p[0]])[0]
    }
}

/// w(z), with w(0) = 1.
fn quartic(zeros: &Vector4<f64>, z: f64) -> f64 {
    let pair = |re: f64, im: f64| ((z - re).powi(2) + im * im) / (re * re + im * im);
    pair(zeros[0], zeros[1]) * pair(zeros[2], zeros[3])
}

/// R^{(k)}(0) − 1 for k = 1, …, 4.
fn defects(polynomial: &StabilityPolynomial) -> Vector4<f64> {
    // P's first five Taylor coefficients by the same recurrence: multiplication by z shifts them.
    let mut taylor = run(&polynomial.terms, [1.0, 0.0, 0.0, 0.0, 0.0], |p| [0.0, p[0], p[1], p[2], p[3]]);
    for pair in polynomial.zeros.as_slice().chunks(2) {
        let square = pair[0] * pair[0] + pair[1] * pair[1];
        let factor = [1.0, -2.0 * pair[0] / square, 1.0 / square];
        taylor = std::array::from_fn(|k| (0..=k.min(2)).map(|i| factor[i] * taylor[k - i]).sum());
    }
    Vector4::new(taylor[1] - 1.0, 2.0 * taylor[2] - 1.0, 6.0 * taylor[3] - 1.0, 24.0 * taylor[4] - 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::MOST_STAGES;
    use super::*;

    #[test]
    fn its_taylor_series_is_the_exponentials_to_order_4() {
        for stages in FEWEST..=MOST_STAGES {
            let defect = defects(&StabilityPolynomial::new(stages)).amax();
            assert!(defect < 1e-12, "s = {stages}: {defect:e}");
        }
    }

    /// On a grid that is denser at both ends, as the ripples are. From 0 to its first local minimum |R| falls from 1.
    #[test]
    fn it_is_stable_on_the_whole_stated_interval_and_damps_all_but_slow_modes() {
        for stages in FEWEST..=MOST_STAGES {
            let polynomial = StabilityPolynomial::new(stages);
            let count = 30 * stages;
            let values: Vec<f64> = (0..=count)
                .map(|i| {
                    let half_angle = i as f64 * std::f64::consts::FRAC_PI_2 / count as f64;
                    polynomial.at(-length(stages) * half_angle.sin().powi(2)).abs()
                })
                .collect();
            let first_dip = values.windows(2).position(|pair| pair[1] > pair[0]).expect("it oscillates");
            assert!(values[..first_dip].iter().all(|&r| r <= 1.0 + 1e-12), "s = {stages}");
            let ripple = values[first_dip..].iter().fold(0.0_f64, |most, &r| most.max(r));
            // The interval is as long as it can be, and no longer.
            assert!((0.94..=0.95).contains(&ripple), "s = {stages}: {ripple}");
        }
    }

    #[test]
    fn the_interval_is_as_long_as_the_theory_promises() {
        // Abdulle 2002: ℓ ≈ 0.35·s².
        for (stages, least) in [(5, 0.239), (12, 0.331), (30, 0.347), (100, 0.350), (MOST_STAGES, 0.3507)] {
            let quotient = length(stages) / (stages * stages) as f64;
            assert!(quotient > least && quotient < 0.3535, "s = {stages}: {quotient}");
        }
    }
}
