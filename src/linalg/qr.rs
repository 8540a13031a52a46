//! Triangular factors, faer's.

use nalgebra::{DMatrix, DMatrixView};

use super::product::{leave_avx, view};

/// R of M = QR, QᵀQ = I, for an m × n matrix: min(m, n) × n, upper trapezoidal, RᵀR = MᵀM. NaN in M makes NaN in R.
pub fn triangular_factor(m: DMatrixView<f64>) -> DMatrix<f64> {
    let qr = view(&m).qr();
    leave_avx();
    let r = qr.thin_R();
    DMatrix::from_fn(r.nrows(), r.ncols(), |i, j| if i <= j { r[(i, j)] } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_factor_has_the_gram_matrix(m in 1usize..40, n in 1usize..12, seed in 0u64..1000) {
            let a = gaussian_matrix(m, n, &mut stream(seed, Purpose::Init));
            let r = triangular_factor(a.as_view());
            prop_assert_eq!(r.shape(), (m.min(n), n));
            prop_assert!((r.transpose() * &r - a.transpose() * &a).norm() <= 1e-14 * (1.0 + a.norm_squared()));
            prop_assert!((0..r.nrows()).all(|i| (0..i).all(|j| r[(i, j)] == 0.0)));
        }
    }

    #[test]
    fn nan_goes_through() {
        assert!(triangular_factor(DMatrix::from_element(5, 3, f64::NAN).as_view()).iter().any(|x| x.is_nan()));
    }
}
