//! f*(x) = g(Ax) entry by entry with A ∈ ℝ^{outputs × dim} of low rank. The link `gaussian` is e^{−z_j²} of each entry; with one output that is
//! e^{−‖z‖²}.

use nalgebra::{DMatrix, DVector};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::rng::{gaussian_matrix, orthonormal_columns};
use crate::settings::{Findings, MAX_WIDTH};

use super::entrywise::Entrywise;
use super::{Link, one_per_rank};

/// f*(x) = link(A x), A of shape (outputs, dim).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LowRankTarget {
    /// The rank of A.
    pub rank: usize,
    /// d_out, the number of outputs.
    pub outputs: usize,
    /// The function that is applied to each entry of Ax.
    #[serde(default)]
    pub link: Link,
    /// The singular values of A, one for each rank. Without them A is a product of two Gaussian matrices, G_o G_i/√(rank·dim).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singular_values: Option<Vec<f64>>,
}

impl LowRankTarget {
    pub(super) fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        found.between(&format!("{at}.outputs"), self.outputs, 1, MAX_WIDTH);
        found.at_most(&format!("{at}.rank"), self.rank, dim.min(self.outputs).max(1), "the smaller of inputs.dim and outputs");
        self.link.validate(&format!("{at}.link"), found);
        one_per_rank(&format!("{at}.singular_values"), self.singular_values.as_deref(), self.rank, found);
    }
}

pub(super) fn target(settings: &LowRankTarget, dim: usize, rng: &mut impl Rng) -> Entrywise {
    Entrywise { map: map(settings, dim, rng), link: settings.link }
}

/// A of the given rank.
///
/// With singular values given, A = U·diag(s)·Vᵀ with uniform orthonormal U, V. Without, A = G_o G_i / √(rank·dim) with standard
/// normal factors, so that each entry of Ax has variance 1 on average over A for inputs of covariance I, and the singular values
/// are distinct.
fn map(settings: &LowRankTarget, dim: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    let &LowRankTarget { rank, outputs, .. } = settings;
    match &settings.singular_values {
        None => {
            let (out, inner) = (gaussian_matrix(outputs, rank, rng), gaussian_matrix(dim, rank, rng));
            out * inner.transpose() / ((rank * dim) as f64).sqrt()
        }
        Some(values) => {
            let (u, v) = (orthonormal_columns(outputs, rank, rng), orthonormal_columns(dim, rank, rng));
            u * DMatrix::from_diagonal(&DVector::from_column_slice(values)) * v.transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Link;
    use crate::linalg::singular_values;
    use crate::rng::{Purpose, stream};

    fn low_rank(rank: usize, outputs: usize, singular_values: Option<Vec<f64>>) -> LowRankTarget {
        LowRankTarget { rank, outputs, link: Link::Identity, singular_values }
    }

    #[test]
    fn it_has_its_rank_and_unit_variance() {
        let mean_square: f64 = (0..400)
            .map(|seed| {
                let a = map(&low_rank(3, 8, None), 12, &mut stream(seed, Purpose::Target));
                let s = singular_values(a.as_view()).unwrap();
                assert!(s[2] > 1e-3 && s[3] < 1e-14);
                a.norm_squared() / 8.0
            })
            .sum::<f64>()
            / 400.0;
        assert!((mean_square - 1.0).abs() < 0.1, "{mean_square}");
    }

    #[test]
    fn it_has_the_singular_values_asked_for() {
        let a = map(&low_rank(2, 2, Some(vec![3.0, 0.5])), 6, &mut stream(1, Purpose::Target));
        let s = singular_values(a.as_view()).unwrap();
        assert!((s[0] - 3.0).abs() < 1e-14 && (s[1] - 0.5).abs() < 1e-14);
    }
}
