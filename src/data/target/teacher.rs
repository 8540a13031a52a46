//! A random network, f*(x) = W_L σ(W_{L−1} ⋯ σ(W_1 x)): no biases, a linear output, independent entries of W_l ~ N(0, 1/d_{l−1}), so that what
//! enters σ in the first layer has variance 1 on average over W_1 for inputs of covariance I. J* = W_L D_{L−1} W_{L−1} ⋯ D_1 W_1 with D_l =
//! diag(σ′) at the sample.

use nalgebra::{DMatrix, DVector};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::inputs::Law;
use crate::network::{Activation, Architecture, MAX_PARAMETERS, Parameters};
use crate::rng::gaussian_matrix;
use crate::settings::{Findings, MAX_WIDTH, path};

use super::TargetFunction;
use super::entrywise::scaled;

/// f*(x) = W_L σ(W_{L−1} ⋯ σ(W_1 x)) without biases, the entries of W_l independent and N(0, 1/d_{l−1}).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// The input dimension, the hidden widths, and the number of outputs.
    pub widths: Vec<usize>,
    /// The activation of all hidden layers.
    pub activation: Activation,
}

impl Teacher {
    pub(super) fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        for (index, &width) in self.widths.iter().enumerate() {
            found.between(&path::item(at, index), width, 1, MAX_WIDTH);
        }
        match self.widths.as_slice() {
            [first, _, ..] => found.require(*first == dim, &path::item(at, 0), &format!("the inputs' dim, {dim}"), first),
            short => found.add(at, format!("must list d_in, …, d_out: at least 2 widths, got {}", short.len())),
        }
        let layer = |pair: &[usize]| (pair[0] as u64).saturating_mul(pair[1] as u64);
        let parameters = self.widths.windows(2).map(layer).fold(0, u64::saturating_add);
        if parameters > MAX_PARAMETERS {
            found.add(at, format!("must make at most {MAX_PARAMETERS} parameters (4 GB), got {parameters}"));
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Drawn(Parameters);

impl Drawn {
    pub(super) fn new(settings: &Teacher, rng: &mut impl Rng) -> Self {
        let depth = settings.widths.len() - 1;
        let mut activations = vec![settings.activation; depth];
        activations[depth - 1] = Activation::Identity;
        let net = Architecture::with_layers(&settings.widths, &activations, &vec![false; depth]);
        Self(Parameters::from_shapes(&net, |rows, columns| gaussian_matrix(rows, columns, rng) / (columns as f64).sqrt()))
    }
}

impl TargetFunction for Drawn {
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
