//! The driver's view of a method: one step with an error estimate.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{sum_over, vectorised};

use super::rhs::{Base, NotFinite, Rhs};
use super::{Tolerance, VectorField};

/// A step that was taken: from `base` over `h` to `next`, where the field is `dnext`.
pub(super) struct Taken<'a> {
    pub base: Base<'a>,
    pub h: f64,
    pub next: &'a DVector<f64>,
    pub dnext: &'a DVector<f64>,
}

/// A one-step method with an error estimate. It owns its stages, and allocates only in its first step.
pub(super) trait Method {
    /// The name in a scenario.
    fn name(&self) -> &'static str;

    /// k where the estimated error of a step is ∝ h^k.
    fn error_power(&self) -> f64;

    /// The gain of the step-size controller (`controller.rs`) after a step of length h with hρ = `reach`: 1, or less if the error of a step
    /// shows in the next ones as well.
    fn gain(&self, _reach: f64) -> f64 {
        1.0
    }

    /// The longest step that is stable where the Jacobian's spectral radius is at most `rho`; infinite for 0.
    fn longest_step(&self, rho: f64) -> f64;

    /// next ← θ(t + h), dnext ← F(t + h, next). Returns the norm of the error estimate (accepted if at most 1), or that a stage was
    /// not finite.
    #[allow(clippy::too_many_arguments)]
    fn step(
        &mut self,
        rhs: &Rhs<'_>,
        base: &Base<'_>,
        h: f64,
        rho: f64,
        tolerance: &Tolerance,
        next: &mut DVector<f64>,
        dnext: &mut DVector<f64>,
    ) -> Result<f64, NotFinite>;

    /// Whether its steps feel the spectral radius ρ, that is yield a lower bound of it.
    fn feels(&self) -> bool {
        false
    }

    /// ‖F(a) − F(b)‖/‖a − b‖ with a = `next` the end of the last step, F(a) = `dnext`, and b a stage at the same time: a lower bound of ρ;
    /// 0 if a = b or the method does not feel ρ.
    fn felt(&self, _base: &Base<'_>, _next: &DVector<f64>, _dnext: &DVector<f64>) -> f64 {
        0.0
    }

    /// Announces that the next step begins where the last neither began nor ended, though perhaps at the same time.
    fn restart(&mut self) {}

    /// Takes or replaces what the next step and the dense output of the last one need; stages that every step forms anew are not among it.
    fn archive(&mut self, field: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError>;

    /// The degree of its dense output, a polynomial in σ; `None` if it has none, so that steps must end at the times of interest.
    fn dense_degree(&self) -> Option<usize> {
        None
    }

    /// Dense output: out ← θ(t + σh) inside the last step that was tried, which was `taken`, 0 < σ < 1, to the order of the method. May
    /// evaluate the field at its first call in a step. Called only if the method [has dense output](Self::dense_degree).
    fn interpolate(
        &mut self,
        _rhs: &Rhs<'_>,
        _taken: &Taken<'_>,
        _sigma: f64,
        _out: &mut DVector<f64>,
    ) -> Result<(), NotFinite> {
        unreachable!("steps of a method without dense output end where they are asked for")
    }
}

/// out ← θ + h Σ_j a_j k_j, in one pass over memory.
#[inline]
pub(super) fn combine<const N: usize>(
    out: &mut DVector<f64>,
    theta: &DVector<f64>,
    h: f64,
    a: [f64; N],
    k: [&DVector<f64>; N],
) {
    add(out.as_mut_slice(), theta.as_slice(), a.map(|a| h * a), k.map(DVector::as_slice));
}

/// out ← Σ_j w_j v_j, in one pass over memory.
pub(super) fn weigh<const N: usize>(out: &mut DVector<f64>, weights: [f64; N], vectors: [&DVector<f64>; N]) {
    weighted_sum(out.as_mut_slice(), weights, vectors.map(DVector::as_slice));
}

vectorised! {
    fn weighted_sum[const N: usize](out: &mut [f64], weights: [f64; N], v: [&[f64]; N]) {
        let n = out.len();
        let v = v.map(#[inline(always)] |v| &v[..n]);
        for i in 0..n {
            let mut sum = weights[0] * v[0][i];
            for j in 1..N {
                sum = weights[j].mul_add(v[j][i], sum);
            }
            out[i] = sum;
        }
    }

    fn add[const N: usize](out: &mut [f64], theta: &[f64], weights: [f64; N], k: [&[f64]; N]) {
        let n = out.len();
        let (theta, k) = (&theta[..n], k.map(#[inline(always)] |k| &k[..n]));
        for i in 0..n {
            let mut sum = weights[0] * k[0][i];
            for j in 1..N {
                sum = weights[j].mul_add(k[j][i], sum);
            }
            out[i] = theta[i] + sum;
        }
    }

    /// ‖a − b‖².
    fn distance_squared(a: &[f64], b: &[f64]) -> f64 {
        sum_over(a, b, #[inline(always)] |a, b| (a - b) * (a - b))
    }
}

/// ‖F(a) − F(b)‖/‖a − b‖ of [a, F(a)] and [b, F(b)], 0 where a = b.
pub(super) fn slope_between([a, da]: [&DVector<f64>; 2], [b, db]: [&DVector<f64>; 2]) -> f64 {
    let moved = distance_squared(a.as_slice(), b.as_slice());
    if moved > 0.0 { (distance_squared(da.as_slice(), db.as_slice()) / moved).sqrt() } else { 0.0 }
}

/// Replaces `vectors` by zeros of length `dim` unless they have that length.
pub(super) fn fit<const N: usize>(vectors: &mut [DVector<f64>; N], dim: usize) {
    if vectors.iter().any(|v| v.len() != dim) {
        *vectors = std::array::from_fn(|_| DVector::zeros(dim));
    }
}
