//! Independent normal entries of one standard deviation.

use nalgebra::DMatrix;
use rand::Rng;

use crate::network::{Architecture, Parameters};
use crate::rng::gaussian_matrix;

/// W_l with independent entries N(0, std²), the same std in every layer; biases 0, as theory has them: std is the scale of the weights.
pub fn gaussian(architecture: &Architecture, std: f64, rng: &mut impl Rng) -> Parameters {
    Parameters::from_shapes(architecture, |rows, columns| weight(rows, columns, std, rng))
}

pub(super) fn weight(rows: usize, columns: usize, std: f64, rng: &mut impl Rng) -> DMatrix<f64> {
    gaussian_matrix(rows, columns, rng) * std
}
