//! The first step: Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, 2nd ed. 1993, II.4.

use nalgebra::DVector;

use super::Tolerance;
use super::method::combine;
use super::rhs::{Base, NotFinite, Rhs};

/// A step whose error norm is about 0.01 for an estimate ∝ h^`power`, judged by the size of F and by its change over one small Euler
/// step. Takes one evaluation.
pub(super) fn initial_step(rhs: &Rhs<'_>, base: &Base<'_>, tolerance: &Tolerance, power: f64) -> Result<f64, NotFinite> {
    let theta = base.theta;
    let size = |v: &DVector<f64>| {
        tolerance.error_norm(
            theta,
            theta,
            [v],
            #[inline(always)]
            |[v]| v,
        )
    };
    let (d0, d1) = (size(theta), size(base.dtheta));
    let h0 = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * d0 / d1 };
    let (mut euler, mut ahead) = (theta.clone(), theta.clone());
    combine(&mut euler, theta, h0, [1.0], [base.dtheta]);
    rhs.eval(base.t + h0, &euler, &mut ahead)?;
    ahead -= base.dtheta;
    let steepest = d1.max(size(&ahead) / h0);
    let h1 = if steepest <= 1e-15 { (1e-3 * h0).max(1e-6) } else { (0.01 / steepest).powf(1.0 / power) };
    Ok(h1.min(100.0 * h0))
}
