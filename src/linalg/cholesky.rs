//! Symmetric positive definite systems, by faer.

use faer::linalg::solvers::{Llt, Solve};
use faer::{MatMut, Side};
use nalgebra::{DMatrix, DVector};

use super::product::{leave_avx, view};

/// M = LLᵀ.
pub(crate) struct Cholesky(Llt<f64>);

impl Cholesky {
    /// The factor of the symmetric matrix whose lower triangle is that of `m`; `None` if it is not positive definite to rounding.
    ///
    /// # Panics
    /// If `m` is not square.
    pub(crate) fn of(m: &DMatrix<f64>) -> Option<Self> {
        let factor = Llt::new(view(&m.as_view()), Side::Lower);
        leave_avx();
        factor.ok().map(Self)
    }

    /// M⁻¹y.
    ///
    /// # Panics
    /// If y is not of the length of M's columns.
    pub(crate) fn solve(&self, mut y: DVector<f64>) -> DVector<f64> {
        let rows = y.len();
        self.0.solve_in_place(MatMut::from_column_major_slice_mut(y.as_mut_slice(), rows, 1));
        leave_avx();
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    #[test]
    fn it_solves_and_refuses_what_is_not_definite() {
        let rng = &mut stream(5, Purpose::Inputs);
        for n in [0, 1, 2, 17, 130] {
            let factor = gaussian_matrix(n, n + 3, rng);
            let full = &factor * factor.transpose();
            let x = gaussian_matrix(n, 1, rng).column(0).into_owned();
            let solved = Cholesky::of(&full.lower_triangle()).unwrap().solve(&full * &x);
            assert!((solved - &x).norm() <= 1e-8 * x.norm());
        }
        assert!(Cholesky::of(&DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0])).is_none());
        assert!(Cholesky::of(&DMatrix::zeros(2, 2)).is_none());
        assert!(Cholesky::of(&DMatrix::from_element(1, 1, f64::NAN)).is_none());
    }
}
