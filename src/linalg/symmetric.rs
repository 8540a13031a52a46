//! Products that are symmetric, formed by their lower triangles: half the work, and symmetric to the bit.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{DMatrix, DMatrixView};

use super::product::{leave_avx, view};
use super::turned::turned;

/// MᵀM, n × n for an m × n matrix.
pub fn gram_matrix(m: DMatrixView<f64>) -> DMatrix<f64> {
    by_lower_triangle(view(&m).transpose(), view(&m))
}

/// MMᵀ, m × m for an m × n matrix.
pub fn row_gram_matrix(m: DMatrixView<f64>) -> DMatrix<f64> {
    by_lower_triangle(view(&m), view(&m).transpose())
}

/// AB, n × n, where that is symmetric: only its lower triangle is computed.
///
/// # Panics
/// If the shapes do not agree.
pub(super) fn symmetric_product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    by_lower_triangle(view(&a.as_view()), view(&b.as_view()))
}

/// V·diag(λ)·Vᵀ, n × n for an n × r matrix and r numbers.
///
/// # Panics
/// If there are not r numbers.
pub(super) fn with_eigenvalues(v: &DMatrix<f64>, eigenvalues: &[f64]) -> DMatrix<f64> {
    assert_eq!(v.ncols(), eigenvalues.len(), "an eigenvalue for each vector");
    let mut weighted = v.clone();
    for (mut column, eigenvalue) in weighted.column_iter_mut().zip(eigenvalues) {
        column *= *eigenvalue;
    }
    by_lower_triangle(view(&weighted.as_view()), view(&v.as_view()).transpose())
}

fn by_lower_triangle(a: MatRef<f64>, b: MatRef<f64>) -> DMatrix<f64> {
    let n = a.nrows();
    let mut product = DMatrix::zeros(n, n);
    // SAFETY: the pointer, shape and strides are those of `product`, borrowed mutably for as long as `target` lives.
    let target = unsafe { MatMut::from_raw_parts_mut(product.as_mut_ptr(), n, n, 1, n as isize) };
    let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
    turned(n, b, |b| matmul(target, lower, Accum::Replace, a, whole, b, whole, 1.0, Par::Seq));
    leave_avx();
    product.fill_upper_triangle_with_lower_triangle();
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_products_and_symmetric(m in 0usize..40, n in 0usize..40, seed in 0u64..1000) {
            let rng = &mut stream(seed, Purpose::Init);
            let a = gaussian_matrix(m, n, rng);
            let close = |x: &DMatrix<f64>, y: DMatrix<f64>| *x == x.transpose() && (x - &y).norm() <= 1e-14 * (1.0 + y.norm());
            let gram = gram_matrix(a.as_view());
            prop_assert!(close(&gram, a.transpose() * &a));
            prop_assert!(close(&row_gram_matrix(a.as_view()), &a * a.transpose()));
            prop_assert!(close(&symmetric_product(&gram, &(&gram * &gram)), &gram * &gram * &gram));
            let eigenvalues: Vec<f64> = (0..n).map(|i| i as f64 - 2.0).collect();
            let diagonal = DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(&eigenvalues));
            prop_assert!(close(&with_eigenvalues(&a, &eigenvalues), &a * diagonal * a.transpose()));
        }
    }
}
