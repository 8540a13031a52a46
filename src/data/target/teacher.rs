//! A random network, f*(x) = W_L σ(W_{L−1} ⋯ σ(W_1 x)): no biases, a linear output, independent entries of W_l ~ N(0, 1/d_{l−1}), so that what
//! enters σ in the first layer has variance 1 on average over W_1 for inputs of covariance I. J* = W_L D_{L−1} W_{L−1} ⋯ D_1 W_1 with D_l =
//! diag(σ′) at the sample.

use nalgebra::{DMatrix, DVector};
use rand::Rng;

use crate::data::inputs::Law;
use crate::network::{Activation, Architecture, Parameters};
use crate::rng::gaussian_matrix;
use crate::settings;

use super::TargetFunction;
use super::entrywise::scaled;

#[derive(Debug, Clone)]
pub(super) struct Teacher(Parameters);

impl Teacher {
    pub(super) fn new(settings: &settings::Teacher, rng: &mut impl Rng) -> Self {
        let depth = settings.widths.len() - 1;
        let mut activations = vec![settings.activation; depth];
        activations[depth - 1] = Activation::Identity;
        let net = Architecture::with_layers(&settings.widths, &activations, &vec![false; depth]);
        Self(Parameters::from_shapes(&net, |rows, columns| gaussian_matrix(rows, columns, rng) / (columns as f64).sqrt()))
    }
}

impl TargetFunction for Teacher {
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        self.0.outputs(x)
    }

    fn jacobian(&self, x: &[f64]) -> DMatrix<f64> {
        let net = self.0.architecture();
        let mut h = DVector::from_column_slice(x);
        let mut jacobian = DMatrix::identity(x.len(), x.len());
        for l in 1..=net.depth() {
            h = self.0.weight(l) * h;
            let mut slopes = h.clone();
            net.activation(l).value_and_slope(h.as_mut_slice(), slopes.as_mut_slice());
            jacobian = scaled(&(self.0.weight(l) * jacobian), |j| slopes[j]);
        }
        jacobian
    }

    /// Closed where the network is linear.
    fn agop_factor(&self, _law: &Law) -> Option<DMatrix<f64>> {
        let net = self.0.architecture();
        net.is_linear().then(|| self.jacobian(&vec![0.0; net.input_dim()]))
    }
}
