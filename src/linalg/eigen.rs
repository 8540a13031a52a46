//! Eigenvectors of symmetric matrices, faer's.

use faer::Side;
use nalgebra::{DMatrix, DMatrixView};

use super::product::{leave_avx, view};

/// V with M = V·diag(v)·Vᵀ, VᵀV = I, the eigenvalues v ascending, of a symmetric M ∈ ℝ^{n × n} of which the lower half is read.
///
/// `None` where an entry is NaN or infinite, or where faer's iteration gives up.
pub fn symmetric_eigenvectors(m: DMatrixView<f64>) -> Option<DMatrix<f64>> {
    if !m.iter().all(|x| x.is_finite()) {
        return None;
    }
    let eigen = view(&m).self_adjoint_eigen(Side::Lower);
    leave_avx();
    let eigen = eigen.ok()?;
    Some(DMatrix::from_fn(m.nrows(), m.ncols(), |i, j| eigen.U()[(i, j)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_orthonormal_and_diagonalise_low_rank_gram_matrices(n in 1usize..24, rank in 1usize..24, seed in 0u64..10_000) {
            let m = gaussian_matrix(n, rank.min(n), &mut stream(seed, Purpose::Init));
            let gram = &m * m.transpose();
            let v = symmetric_eigenvectors(gram.as_view()).unwrap();
            prop_assert!((v.transpose() * &v - DMatrix::identity(n, n)).norm() < 1e-13);
            let mut diagonal = v.transpose() * &gram * &v;
            prop_assert!((0..n - 1).all(|i| diagonal[(i, i)] <= diagonal[(i + 1, i + 1)] + 1e-13 * gram.norm()));
            diagonal.fill_diagonal(0.0);
            prop_assert!(diagonal.norm() < 1e-13 * gram.norm());
        }
    }

    #[test]
    fn nan_has_none() {
        assert_eq!(symmetric_eigenvectors(DMatrix::from_element(3, 3, f64::NAN).as_view()), None);
        assert_eq!(symmetric_eigenvectors(DMatrix::from_element(1, 1, f64::INFINITY).as_view()), None);
    }
}
