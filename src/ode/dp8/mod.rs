//! Dormand & Prince's method of order 8 with error estimates of orders 5 and 3, twelve stages, and dense output of order 7: Prince & Dormand,
//! "High order embedded Runge–Kutta formulae", J. Comput. Appl. Math. 7 (1981); Hairer, Nørsett & Wanner, *Solving Ordinary Differential
//! Equations I*, 2nd ed. 1993, II.5 and II.6, whose coefficients these are.
//!
//! k_i = F(t + c_i h, θ + h Σ_j a_ij k_j); k_13 = F(t + h, θ(t + h)) is the first of the next step. The dense output needs three stages more,
//! k_14, k_15 and k_16, which are formed when a state inside the step is first asked for. The norm of the estimate is
//! e_5²/√(e_5² + 0.01·e_3²), ∝ h⁸.

mod tableau;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};

use super::method::{Method, Taken, combine, fit, slope_between};
use super::rhs::{Base, NotFinite, Rhs, measured};
use super::{Tolerance, VectorField, undisturbed};
use tableau::{A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A14, A15, A16, B, C, C_DENSE, E3, E5, interpolant};

/// Steps are capped at 5/ρ, for the reason that those of `tsit5` are capped at 3/ρ: the real stability interval is [−6.39, 0], and up to
/// here the dense output damps what the method damps.
const STABLE: f64 = 5.0;

/// The method `dp8`.
pub(super) struct Dp8 {
    /// k_2, …, k_12. After the error estimate, k_14, k_15 and k_16 take the places of k_2, k_3 and k_4.
    k: [DVector<f64>; 11],
    /// The present stage, in the end the twelfth, which is at the time of the step's end; and one for the dense output.
    stages: [DVector<f64>; 2],
    /// Whether k_14, k_15 and k_16 of the last step have been formed.
    extended: bool,
}

impl Dp8 {
    pub(super) fn new() -> Self {
        Self {
            k: std::array::from_fn(|_| DVector::zeros(0)),
            stages: std::array::from_fn(|_| DVector::zeros(0)),
            extended: false,
        }
    }

    /// Forms k_14, k_15 and k_16: three evaluations.
    fn extend(&mut self, rhs: &Rhs<'_>, taken: &Taken<'_>) -> Result<(), NotFinite> {
        let &Taken { base: Base { t, theta, dtheta: k1 }, h, dnext: k13, .. } = taken;
        let [k14, k15, k16, _, k6, k7, k8, k9, k10, k11, k12] = &mut self.k;
        let stage = &mut self.stages[1];
        combine(stage, theta, h, A14, [k1, k7, k8, k9, k10, k11, k12, k13]);
        rhs.eval(t + C_DENSE[0] * h, stage, k14)?;
        combine(stage, theta, h, A15, [k1, k6, k7, k8, k11, k12, k13, k14]);
        rhs.eval(t + C_DENSE[1] * h, stage, k15)?;
        combine(stage, theta, h, A16, [k1, k6, k7, k8, k9, k13, k14, k15]);
        rhs.eval(t + C_DENSE[2] * h, stage, k16)?;
        self.extended = true;
        Ok(())
    }
}

impl Method for Dp8 {
    fn name(&self) -> &'static str {
        "dp8"
    }

    fn error_power(&self) -> f64 {
        8.0
    }

    fn longest_step(&self, rho: f64) -> f64 {
        STABLE / rho
    }

    fn step(
        &mut self,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        _rho: f64,
        tolerance: &Tolerance,
        next: &mut DVector<f64>,
        dnext: &mut DVector<f64>,
    ) -> Result<f64, NotFinite> {
        fit(&mut self.k, base.theta.len());
        fit(&mut self.stages, base.theta.len());
        self.extended = false;
        let Base { t, theta, dtheta: k1 } = *base;
        let ([stage, _], [k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12]) = (&mut self.stages, &mut self.k);
        combine(stage, theta, h, A2, [k1]);
        rhs.eval_unchecked(t + C[0] * h, stage, k2);
        combine(stage, theta, h, A3, [k1, k2]);
        rhs.eval_unchecked(t + C[1] * h, stage, k3);
        combine(stage, theta, h, A4, [k1, k3]);
        rhs.eval_unchecked(t + C[2] * h, stage, k4);
        combine(stage, theta, h, A5, [k1, k3, k4]);
        rhs.eval_unchecked(t + C[3] * h, stage, k5);
        combine(stage, theta, h, A6, [k1, k4, k5]);
        rhs.eval_unchecked(t + C[4] * h, stage, k6);
        combine(stage, theta, h, A7, [k1, k4, k5, k6]);
        rhs.eval_unchecked(t + C[5] * h, stage, k7);
        combine(stage, theta, h, A8, [k1, k4, k5, k6, k7]);
        rhs.eval_unchecked(t + C[6] * h, stage, k8);
        combine(stage, theta, h, A9, [k1, k4, k5, k6, k7, k8]);
        rhs.eval_unchecked(t + C[7] * h, stage, k9);
        combine(stage, theta, h, A10, [k1, k4, k5, k6, k7, k8, k9]);
        rhs.eval_unchecked(t + C[8] * h, stage, k10);
        combine(stage, theta, h, A11, [k1, k4, k5, k6, k7, k8, k9, k10]);
        rhs.eval_unchecked(t + C[9] * h, stage, k11);
        combine(stage, theta, h, A12, [k1, k4, k5, k6, k7, k8, k9, k10, k11]);
        rhs.eval_unchecked(t + C[10] * h, stage, k12);
        let weighed = [k1, k6, k7, k8, k9, k10, k11, k12];
        combine(next, theta, h, B, weighed);
        // Checked: it is no part of the error norm.
        rhs.eval(t + h, next, dnext)?;
        let norm = |weights: [f64; 8]| {
            let weights = weights.map(|weight| h * weight);
            tolerance.error_norm(
                theta,
                next,
                weighed,
                #[inline(always)]
                |k| {
                    let mut sum = weights[0] * k[0];
                    for j in 1..8 {
                        sum = weights[j].mul_add(k[j], sum);
                    }
                    sum
                },
            )
        };
        let (fifth, third) = (norm(E5), norm(E3));
        // Both are 0 for a field that vanishes.
        measured(if fifth == 0.0 { 0.0 } else { fifth * (fifth / fifth.hypot(0.1 * third)) })
    }

    fn feels(&self) -> bool {
        true
    }

    /// Compares with the twelfth stage, as the stiffness test in the code of Hairer & Wanner does.
    fn felt(&self, _: &Base<'_>, next: &DVector<f64>, dnext: &DVector<f64>) -> f64 {
        slope_between([next, dnext], [&self.stages[0], &self.k[10]])
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.k)?;
        // The dense output may be asked for before the next step.
        let dim = self.k[0].len();
        fit(&mut self.stages, dim);
        archive.item(&mut self.extended)
    }

    fn dense_degree(&self) -> Option<usize> {
        Some(7)
    }

    fn interpolate(&mut self, rhs: &Rhs<'_>, taken: &Taken<'_>, sigma: f64, out: &mut DVector<f64>) -> Result<(), NotFinite> {
        if !self.extended {
            // Which states are asked for must not change the steps.
            undisturbed(rhs.switching(), || self.extend(rhs, taken))?;
        }
        let &Taken { base: Base { theta, dtheta: k1, .. }, h, dnext: k13, .. } = taken;
        let [k14, k15, k16, _, k6, k7, k8, k9, k10, k11, k12] = &self.k;
        combine(out, theta, h, interpolant(sigma), [k1, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15, k16]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::testing::Scalar;

    /// Twelve evaluations a step; three more for the first state inside it and none for the next ones.
    #[test]
    fn stages_for_the_dense_output_are_formed_when_it_is_asked_for() {
        let field = Scalar { rate: |t, theta| t - theta, slope: |_, _| -1.0 };
        let (rhs, mut method) = (Rhs::new(&field), Dp8::new());
        let (theta, dtheta) = (DVector::from_element(1, 1.0), DVector::from_element(1, -1.0));
        let (mut next, mut dnext, mut out) = (theta.clone(), theta.clone(), theta.clone());
        let exact = |t: f64| t - 1.0 + 2.0 * (-t).exp();
        for h in [0.2, 0.3] {
            let before = rhs.evaluations();
            let base = Base { t: 0.0, theta: &theta, dtheta: &dtheta };
            let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9 };
            assert!(method.step(&rhs, &base, h, 0.0, &tolerance, &mut next, &mut dnext).unwrap() < 1.0);
            let taken = Taken { base, h, next: &next, dnext: &dnext };
            assert_eq!(rhs.evaluations() - before, 12);
            for sigma in [0.3, 0.9] {
                method.interpolate(&rhs, &taken, sigma, &mut out).unwrap();
                assert!((out[0] - exact(sigma * h)).abs() < 1e-9, "{h} {sigma}: {:e}", out[0] - exact(sigma * h));
                assert_eq!(rhs.evaluations() - before, 15);
            }
        }
    }
}
