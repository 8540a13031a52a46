//! f*(x) = x_1 ⋯ x_k: the parity of the signs on the corners of the cube ±1, and its multilinear extension elsewhere, whose gradient is the
//! discrete one there: ∂f*/∂x_i = Π_{j ≠ i} x_j. (The product of signs has none.)

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::data::inputs::Law;
use crate::settings::Findings;

use super::TargetFunction;

/// f*(x) = x_1 ⋯ x_k: on the corners of the cube ±1 the parity of the signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Parity {
    /// How many entries of the input are multiplied.
    pub k: usize,
}

impl Parity {
    pub(super) fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        found.at_most(&format!("{at}.k"), self.k, dim.max(1), "inputs.dim");
    }
}

impl TargetFunction for Parity {
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(x.nrows(), 1, |i, _| x.row(i).iter().take(self.k).product())
    }

    fn jacobian(&self, x: &[f64]) -> DMatrix<f64> {
        let others = |i: usize| (0..self.k).filter(|&j| j != i).map(|j| x[j]).product();
        DMatrix::from_fn(1, x.len(), |_, i| if i < self.k { others(i) } else { 0.0 })
    }

    /// A_{f*} = I on the first k axes, for independent entries of mean 0 and variance 1: E[∂_i ∂_j] holds E\[x_i\]E\[x_j\] for i ≠ j, and E[∂_i²]
    /// is a product of variances.
    fn agop_factor(&self, law: &Law) -> Option<DMatrix<f64>> {
        law.has_independent_entries().then(|| DMatrix::identity(self.k, law.dim()))
    }
}
