//! Independent entries, uniform on [−√3, √3): density 1/(2√3), variance 1, kurtosis 9/5.

use nalgebra::DMatrix;
use rand::{Rng, RngExt};

pub(super) fn draw(samples: usize, dim: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    let bound = 3f64.sqrt();
    DMatrix::from_fn(samples, dim, |_, _| bound * (2.0 * rng.random::<f64>() - 1.0))
}
