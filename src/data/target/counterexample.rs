//! f*(x) = Σ_{i ≤ k} [x_i]_+ (Tansley et al. 2025, example 1): fitted by W_1 = I under one ReLU layer, while the AGOP is dense, so that no power
//! of it is proportional to W_1ᵀW_1.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::data::inputs::Law;
use crate::settings::Findings;

use super::TargetFunction;

/// f*(x) = Σ_{i ≤ k} max(0, x_i): a ReLU network with W_1 = I fits it, and its AGOP is dense (Tansley et al. 2025, example 1, with k = 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Counterexample {
    /// How many entries of the input are summed.
    pub k: usize,
}

impl Counterexample {
    pub(super) fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        found.at_most(&format!("{at}.k"), self.k, dim.max(1), "inputs.dim");
    }
}

impl TargetFunction for Counterexample {
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        DMatrix::from_fn(x.nrows(), 1, |i, _| x.row(i).iter().take(self.k).map(|x| x.max(0.0)).sum())
    }

    fn jacobian(&self, x: &[f64]) -> DMatrix<f64> {
        DMatrix::from_fn(1, x.len(), |_, i| f64::from(i < self.k && x[i] > 0.0))
    }

    /// A_{f*} = ¼(I + 11ᵀ) on the first k axes where the signs of entries are independent and even: E[1{x_i > 0}·1{x_j > 0}] is ¼, and ½ for
    /// i = j.
    fn agop_factor(&self, law: &Law) -> Option<DMatrix<f64>> {
        let (k, d) = (self.k, law.dim());
        let entry = |i: usize, j: usize| if j < k && (i == j || i == k) { 0.5 } else { 0.0 };
        law.has_independent_signs().then(|| DMatrix::from_fn(k + 1, d, entry))
    }
}
