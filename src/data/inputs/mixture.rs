//! z = s·δu + (I − (1 − √(1 − δ²))uuᵀ)g with s = ±1, probability ½ each, g ~ N(0, I) and u = (1, …, 1)/√d: two Gaussians with means ±δu and
//! covariance I − δ²uuᵀ. E[zzᵀ] = δ²uuᵀ + I − δ²uuᵀ = I: only higher moments tell the mixture from one Gaussian. Perpendicular to u it is one.
//!
//! u is at the same angle to every axis, so that all targets along axes are alike.

use nalgebra::DMatrix;
use rand::{Rng, RngExt};

use crate::rng::gaussian_matrix;

/// `separation` = δ ∈ [0, 1].
pub(super) fn draw(samples: usize, dim: usize, separation: f64, rng: &mut impl Rng) -> DMatrix<f64> {
    let mut z = gaussian_matrix(samples, dim, rng);
    let entry = 1.0 / (dim as f64).sqrt();
    let narrowed = (1.0 - separation * separation).sqrt();
    for mut row in z.row_iter_mut() {
        let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
        let along = row.sum() * entry;
        row.add_scalar_mut((sign * separation + (narrowed - 1.0) * along) * entry);
    }
    z
}
