//! RKC, the damped Runge–Kutta–Chebyshev method of order 2: van der Houwen & Sommeijer, Z. Angew. Math. Mech. 60 (1980); Sommeijer,
//! Shampine & Verwer, "RKC: an explicit solver for parabolic PDEs", J. Comput. Appl. Math. 88 (1998).
//!
//! With s stages it is stable on [−0.653(s² − 1), 0]: the length grows with the square of the work. Its stages are
//!
//! Y_j = (1 − μ_j − ν_j)Y_0 + μ_jY_{j−1} + ν_jY_{j−2} + μ̃_jhF_{j−1} + γ̃_jhF_0, j = 2, …, s,
//!
//! with Chebyshev polynomials T_j at w_0 = 1 + ε/s², ε = 2/13: w_1 = T'_s/T''_s, b_j = T''_j/T'_j² (b_0 = b_1 = b_2), μ_j = 2b_jw_0/b_{j−1},
//! ν_j = −b_j/b_{j−2}, μ̃_j = 2b_jw_1/b_{j−1}, γ̃_j = −(1 − b_{j−1}T_{j−1})μ̃_j, c_j = w_1T''_j/T'_j.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};

use super::method::{Method, Taken, combine, fit, weigh};
use super::rhs::{Base, NotFinite, Rhs, measured};
use super::{Tolerance, VectorField};

/// The damping ε: the stability polynomial stays below 1 − ε/3 inside the interval.
const DAMPING: f64 = 2.0 / 13.0;
/// Two stages would be stable only to hρ = 1.96, with no margin for a ρ that has grown since it was estimated.
const FEWEST_STAGES: usize = 3;
/// The most stages: they allow steps of 163,000/ρ, and their rounding errors add up to s²ε = 6e-11.
const MOST_STAGES: usize = 500;

/// The coefficients of one stage j ≥ 2.
struct Stage {
    /// c_{j−1}: the time of the field that it uses.
    c: f64,
    /// 1 − μ − ν, μ, ν, μ̃, γ̃.
    weights: [f64; 5],
}

/// The method `rkc`.
pub(super) struct Rkc {
    /// A fixed s, instead of one that follows from the step.
    forced: Option<usize>,
    /// μ̃_1 and the stages 2, …, s of the last step.
    first: f64,
    stages: Vec<Stage>,
    /// T_j, T'_j and T''_j at w_0, while coefficients are formed.
    chebyshev: Vec<[f64; 3]>,
    /// The j, and the c_j, of the stage nearest to the middle of the step.
    middle: (usize, f64),
    /// Y_{j−1}, Y_{j−2}, and the stage nearest to the middle.
    y: [DVector<f64>; 3],
    dy: DVector<f64>,
}

impl Rkc {
    pub(super) fn new() -> Self {
        Self {
            forced: None,
            first: 0.0,
            stages: Vec::new(),
            chebyshev: Vec::new(),
            middle: (1, 0.5),
            y: std::array::from_fn(|_| DVector::zeros(0)),
            dy: DVector::zeros(0),
        }
    }

    /// With `stages` ≥ 2 in every step.
    #[cfg(test)]
    pub(super) fn with_stages(stages: usize) -> Self {
        Self { forced: Some(stages), ..Self::new() }
    }

    /// The fewest stages that are stable for hρ, a little on the safe side: 1/0.65 = 1.54.
    fn stages_for(h_rho: f64) -> usize {
        // The driver keeps hρ within the bound; the cast of a larger one saturates.
        (1 + (1.54 * h_rho + 1.0).sqrt() as usize).clamp(FEWEST_STAGES, MOST_STAGES)
    }

    /// Forms the coefficients for s stages unless they are there already.
    fn prepare(&mut self, s: usize) {
        if self.stages.len() + 1 == s {
            return;
        }
        let w0 = 1.0 + DAMPING / (s * s) as f64;
        // T_j, T'_j and T''_j by their recurrences.
        let t = &mut self.chebyshev;
        t.clear();
        t.extend([[1.0, 0.0, 0.0], [w0, 1.0, 0.0]]);
        for j in 2..=s {
            let ([a, da, dda], [b, db, ddb]) = (t[j - 2], t[j - 1]);
            t.push([2.0 * w0 * b - a, 2.0 * (w0 * db + b) - da, 2.0 * (w0 * ddb + 2.0 * db) - dda]);
        }
        let t = &self.chebyshev;
        let w1 = t[s][1] / t[s][2];
        let b = |j: usize| {
            let [_, d, dd] = t[j.max(2)];
            dd / (d * d)
        };
        let c = |j: usize| match j {
            1 => b(1) * w1,
            _ => w1 * t[j][2] / t[j][1],
        };
        self.first = b(1) * w1;
        let apart = |j: usize| (c(j) - 0.5).abs();
        let middle = (2..s).fold(1, |nearest, j| if apart(j) < apart(nearest) { j } else { nearest });
        self.middle = (middle, c(middle));
        self.stages.clear();
        self.stages.extend((2..=s).map(|j| {
            let (mu, nu, mu_tilde) = (2.0 * b(j) * w0 / b(j - 1), -b(j) / b(j - 2), 2.0 * b(j) * w1 / b(j - 1));
            let gamma_tilde = -(1.0 - b(j - 1) * t[j - 1][0]) * mu_tilde;
            Stage { c: c(j - 1), weights: [1.0 - mu - nu, mu, nu, mu_tilde, gamma_tilde] }
        }));
    }
}

impl Method for Rkc {
    fn name(&self) -> &'static str {
        "rkc"
    }

    fn error_power(&self) -> f64 {
        3.0
    }

    fn longest_step(&self, rho: f64) -> f64 {
        ((MOST_STAGES - 1).pow(2) - 1) as f64 / (1.54 * rho)
    }

    fn step(
        &mut self,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        rho: f64,
        tolerance: &Tolerance,
        next: &mut DVector<f64>,
        dnext: &mut DVector<f64>,
    ) -> Result<f64, NotFinite> {
        let dim = base.theta.len();
        fit(&mut self.y, dim);
        fit(std::array::from_mut(&mut self.dy), dim);
        self.prepare(self.forced.unwrap_or_else(|| Self::stages_for(h * rho)));
        let Base { t, theta, dtheta } = *base;
        let [last, before, middle] = &mut self.y;
        combine(last, theta, h, [self.first], [dtheta]);
        for (j, stage) in (2..).zip(&self.stages) {
            rhs.eval_unchecked(t + stage.c * h, last, &mut self.dy);
            let [one, mu, nu, mu_tilde, gamma_tilde] = stage.weights;
            let y_before = if j == 2 { theta } else { &*before };
            weigh(next, [one, mu, nu, h * mu_tilde, h * gamma_tilde], [theta, last, y_before, &self.dy, dtheta]);
            std::mem::swap(before, last);
            std::mem::swap(last, next);
            // What the next stage would write over.
            if j == self.middle.0 + 2 {
                std::mem::swap(middle, next);
            }
        }
        if self.stages.len() == self.middle.0 {
            std::mem::swap(middle, before);
        }
        std::mem::swap(next, last);
        rhs.eval_unchecked(t + h, next, dnext);
        // (4/5)(θ − θ') + (2/5)h(F + F'): the O(h³) term of the local error.
        let error = tolerance.error_norm(
            theta,
            next,
            [theta, next, dtheta, dnext],
            #[inline(always)]
            |[y0, y1, f0, f1]| 0.8 * (y0 - y1) + 0.4 * h * (f0 + f1),
        );
        measured(error)
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        let mut stages = self.stages.len() + 1;
        archive.item(&mut stages)?;
        // One stage stands for no step so far.
        if stages > 1 {
            self.prepare(stages.min(MOST_STAGES));
        }
        archive.item(&mut self.y[2])
    }

    fn dense_degree(&self) -> Option<usize> {
        Some(3)
    }

    /// The cubic through the states at 0, c and 1 with the third derivative of the error estimate.
    fn interpolate(&mut self, _: &Rhs<'_>, taken: &Taken<'_>, sigma: f64, out: &mut DVector<f64>) -> Result<(), NotFinite> {
        let &Taken { base: Base { theta, dtheta, .. }, h, next, dnext } = taken;
        let c = self.middle.1;
        // Lagrange's (σ − c)(σ − 1), σ(σ − 1) and σ(σ − c), and Newton's σ(σ − c)(σ − 1)/6 of 15 times the estimate.
        let bend = 2.5 * sigma * (sigma - c) * (sigma - 1.0);
        let weights = [
            (sigma - c) * (sigma - 1.0) / c + 0.8 * bend,
            sigma * (sigma - 1.0) / (c * (c - 1.0)),
            sigma * (sigma - c) / (1.0 - c) - 0.8 * bend,
            0.4 * h * bend,
            0.4 * h * bend,
        ];
        weigh(out, weights, [theta, &self.y[2], next, dtheta, dnext]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::{JacobianProducts, VectorField};

    /// θ̇ = zθ on a step of length 1: one step is R(z).
    struct Scalar(f64);

    impl VectorField for Scalar {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            dtheta[0] = self.0 * theta[0];
        }

        fn jacobian(&self) -> Option<&dyn JacobianProducts> {
            Some(self)
        }
    }

    impl JacobianProducts for Scalar {
        fn jacobian_vector(&self, _: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
            jv[0] = self.0 * v[0];
        }
    }

    fn growth(stages: usize, z: f64) -> f64 {
        let field = Scalar(z);
        let rhs = Rhs::new(&field);
        let (theta, dtheta) = (DVector::from_element(1, 1.0), DVector::from_element(1, z));
        let base = Base { t: 0.0, theta: &theta, dtheta: &dtheta };
        let (mut next, mut dnext) = (theta.clone(), theta.clone());
        let tolerance = Tolerance { rtol: 1.0, atol: 1.0 };
        Rkc::with_stages(stages).step(&rhs, &base, 1.0, 0.0, &tolerance, &mut next, &mut dnext).unwrap();
        next[0]
    }

    /// R(z) = 1 − b_sT_s(w_0) + b_sT_s(w_0 + w_1z), which starts as e^z does to second order.
    #[test]
    fn the_stability_polynomial_is_of_order_2() {
        for stages in [2, 3, 7, 50] {
            let z = 1e-2;
            let error = |z: f64| growth(stages, z) - z.exp();
            let order = (error(2.0 * z) / error(z)).abs().log2();
            assert!((order - 3.0).abs() < 0.1, "{stages}: {order}");
        }
    }

    #[test]
    fn it_is_stable_and_damped_on_its_real_interval() {
        for stages in [3usize, 4, 5, 8, 13, 30, 100, 400] {
            // The longest hρ that this number of stages is used for.
            let length = (((stages - 1).pow(2) as f64) - 1.0) / 1.54;
            assert!(Rkc::stages_for(0.999 * length) <= stages);
            let length = 0.653 * ((stages * stages) as f64 - 1.0);
            for i in 0..=4000 {
                let z = -length * i as f64 / 4000.0;
                let r = growth(stages, z).abs();
                // Rounding grows with s² (Verwer, Hundsdorfer & Sommeijer, Numer. Math. 57, 1990).
                assert!(r <= 1.0 + (stages * stages) as f64 * f64::EPSILON, "{stages} at {z}: {r}");
                assert!(r <= 1.0 - DAMPING / 3.0 + 1e-2 || z > -2.5, "{stages} at {z}: {r}");
            }
        }
    }

    #[test]
    fn the_number_of_stages_grows_with_the_root_of_the_stiffness() {
        assert_eq!(Rkc::stages_for(0.0), FEWEST_STAGES);
        assert!(Rkc::stages_for(1e4) < 126 && Rkc::stages_for(1e4) > 120);
        // The longest step that the driver allows is stable with the most stages.
        let rkc = Rkc::new();
        assert!(Rkc::stages_for(rkc.longest_step(3.0) * 3.0) <= MOST_STAGES);
    }
}
