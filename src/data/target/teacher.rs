//! A random network, f*(x) = W_L σ(W_{L−1} ⋯ σ(W_1 x)): no biases, a linear output, independent entries of W_l ~ N(0, 1/d_{l−1}), so that what
//! enters σ in the first layer has variance 1 on average over W_1 for inputs of covariance I. J* = W_L D_{L−1} W_{L−1} ⋯ D_1 W_1 with D_l =
//! diag(σ′) at the sample.

use std::borrow::Cow;

use nalgebra::{DMatrix, DVector};
use rand::Rng;

use crate::data::inputs::Law;
use crate::rng::gaussian_matrix;
use crate::scenario::{self, Activation};

use super::entrywise::scaled;
use super::{TargetFunction, activation};

#[derive(Debug, Clone)]
pub(super) struct Teacher {
    /// W_1, …, W_L.
    weights: Vec<DMatrix<f64>>,
    activation: Activation,
}

impl Teacher {
    pub(super) fn new(settings: &scenario::Teacher, rng: &mut impl Rng) -> Self {
        let layer = |pair: &[usize]| gaussian_matrix(pair[1], pair[0], rng) / (pair[0] as f64).sqrt();
        Self { weights: settings.widths.windows(2).map(layer).collect(), activation: settings.activation }
    }
}

impl TargetFunction for Teacher {
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let mut h = Cow::Borrowed(x);
        for (l, weight) in self.weights.iter().enumerate() {
            let z = &*h * weight.transpose();
            let hidden = l + 1 < self.weights.len();
            h = Cow::Owned(if hidden { z.map(|z| activation::value(self.activation, z)) } else { z });
        }
        h.into_owned()
    }

    fn jacobian(&self, x: &[f64]) -> DMatrix<f64> {
        let mut h = DVector::from_column_slice(x);
        let mut jacobian = DMatrix::identity(x.len(), x.len());
        for (l, weight) in self.weights.iter().enumerate() {
            let z = weight * &h;
            jacobian = weight * jacobian;
            if l + 1 < self.weights.len() {
                jacobian = scaled(&jacobian, |j| activation::slope(self.activation, z[j]));
                h = z.map(|z| activation::value(self.activation, z));
            }
        }
        jacobian
    }

    /// Closed where the network is linear.
    fn agop_factor(&self, _law: &Law) -> Option<DMatrix<f64>> {
        let linear = self.activation == Activation::Identity || self.weights.len() == 1;
        linear.then(|| self.jacobian(&vec![0.0; self.weights[0].ncols()]))
    }
}
