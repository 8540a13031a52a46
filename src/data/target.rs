//! Target functions. A linear map of low rank: f*(x) = Ax, A ∈ ℝ^{outputs × dim}.

use nalgebra::{DMatrix, DVector};
use rand::Rng;

use crate::rng::{gaussian_matrix, orthonormal_columns};
use crate::scenario::LowRank;

/// A of the given rank.
///
/// With singular values given, A = U·diag(s)·Vᵀ with uniform orthonormal U, V. Without, A = G_o G_i / √(rank·dim) with standard
/// normal factors, so that each output has variance 1 on average over A for standard normal inputs, and the singular values
/// are distinct.
pub(super) fn low_rank(map: &LowRank, dim: usize, rng: &mut impl Rng) -> DMatrix<f64> {
    match &map.singular_values {
        None => {
            let (out, inner) = (gaussian_matrix(map.outputs, map.rank, rng), gaussian_matrix(dim, map.rank, rng));
            out * inner.transpose() / ((map.rank * dim) as f64).sqrt()
        }
        Some(values) => {
            let (u, v) = (orthonormal_columns(map.outputs, map.rank, rng), orthonormal_columns(dim, map.rank, rng));
            u * DMatrix::from_diagonal(&DVector::from_column_slice(values)) * v.transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::singular_values;
    use crate::rng::{Purpose, stream};
    use crate::scenario::Link;

    fn map(rank: usize, outputs: usize, singular_values: Option<Vec<f64>>) -> LowRank {
        LowRank { rank, outputs, link: Link::Identity, singular_values }
    }

    #[test]
    fn it_has_its_rank_and_unit_variance() {
        let mean_square: f64 = (0..400)
            .map(|seed| {
                let a = low_rank(&map(3, 8, None), 12, &mut stream(seed, Purpose::Target));
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
        let a = low_rank(&map(2, 2, Some(vec![3.0, 0.5])), 6, &mut stream(1, Purpose::Target));
        let s = singular_values(a.as_view()).unwrap();
        assert!((s[0] - 3.0).abs() < 1e-14 && (s[1] - 0.5).abs() < 1e-14);
    }
}
