//! Independent entries −1 or 1 with probability ½ each: uniform on the 2^d corners of the cube. Covariance I, kurtosis 1.

use nalgebra::DMatrix;
use rand::{Rng, RngExt};

pub(super) fn draw(samples: usize, dim: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    DMatrix::from_fn(samples, dim, |_, _| if rng.random::<bool>() { 1.0 } else { -1.0 })
}
