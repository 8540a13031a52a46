//! Eigendecompositions of symmetric matrices, faer's.

use faer::Side;
use nalgebra::{DMatrix, DMatrixView, DVector};

use super::product::{leave_avx, view};

/// M = U·diag(θ)·Uᵀ with orthogonal U.
#[derive(Debug, Clone)]
pub struct Eigen {
    /// θ_1 ≤ … ≤ θ_n.
    pub values: DVector<f64>,
    /// U: eigenvectors in columns, in the order of the values.
    pub vectors: DMatrix<f64>,
}

impl Eigen {
    /// The decomposition of the symmetric matrix whose lower triangle is `m`'s; `None` if an entry is no finite number or faer's
    /// iteration gives up.
    ///
    /// # Panics
    /// If `m` is not square.
    pub fn symmetric(m: DMatrixView<f64>) -> Option<Self> {
        if !m.iter().all(|x| x.is_finite()) {
            return None;
        }
        let eigen = view(&m).self_adjoint_eigen(Side::Lower);
        leave_avx();
        let eigen = eigen.ok()?;
        let values = DVector::from_iterator(m.nrows(), eigen.S().column_vector().iter().copied());
        let u = eigen.U();
        Some(Self { values, vectors: DMatrix::from_fn(m.nrows(), m.nrows(), |i, j| u[(i, j)]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    #[test]
    fn it_reproduces_the_matrix_from_its_lower_triangle_even_if_of_low_rank() {
        let rng = &mut stream(3, Purpose::Inputs);
        for (n, rank) in [(1, 1), (2, 2), (17, 3), (40, 40)] {
            let factor = gaussian_matrix(n, rank, rng);
            let full = &factor * factor.transpose();
            let eigen = Eigen::symmetric(full.lower_triangle().as_view()).unwrap();
            let back = &eigen.vectors * DMatrix::from_diagonal(&eigen.values) * eigen.vectors.transpose();
            assert!((back - &full).norm() <= 1e-13 * full.norm());
            assert!((eigen.vectors.transpose() * &eigen.vectors - DMatrix::identity(n, n)).norm() < 1e-12);
            assert!(eigen.values.as_slice().is_sorted());
        }
        assert!(Eigen::symmetric(DMatrix::from_element(2, 2, f64::NAN).as_view()).is_none());
    }
}
