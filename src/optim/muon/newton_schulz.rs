//! N ↦ O = φ^k(N/max(‖N‖_F, ε)) of one matrix, k Newton–Schulz steps φ(X) = aX + (b·XXᵀ + c·(XXᵀ)²)X.
//!
//! A step acts on the singular values alone: σ ↦ aσ + bσ³ + cσ⁵. With (2, −3/2, ½) they converge to 1, and O to the polar factor UVᵀ of
//! N = UΣVᵀ. Muon's own coefficients bring them within some 0.3 of 1, in fewer steps.

use nalgebra::DMatrix;

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};

use super::Muon;

/// The steps for matrices of one shape.
pub(super) struct NewtonSchulz {
    /// (a, b, c).
    coefficients: [f64; 3],
    /// k.
    steps: usize,
    eps: f64,
    /// Whether there are more rows than columns, so that XᵀX is the smaller product.
    tall: bool,
    /// XXᵀ, or XᵀX of a tall matrix; b·XXᵀ + c·(XXᵀ)²; and the next X.
    gram: DMatrix<f64>,
    polynomial: DMatrix<f64>,
    next: DMatrix<f64>,
}

impl NewtonSchulz {
    pub(super) fn new(settings: &Muon, rows: usize, columns: usize) -> Self {
        let &Muon { ns_coefficients: coefficients, ns_steps: steps, eps, .. } = settings;
        let [gram, polynomial] = [(); 2].map(|()| DMatrix::zeros(rows.min(columns), rows.min(columns)));
        Self { coefficients, steps, eps, tall: rows > columns, gram, polynomial, next: DMatrix::zeros(rows, columns) }
    }

    /// `matrix` ← O. Does not allocate.
    pub(super) fn orthogonalize(&mut self, matrix: &mut DMatrix<f64>) {
        // `max` would turn NaN into ε and hide a divergence.
        let norm = matrix.norm();
        *matrix /= if norm < self.eps { self.eps } else { norm };
        for _ in 0..self.steps {
            self.step(matrix);
        }
    }

    /// X ← φ(X); a tall matrix is stepped as X(b·XᵀX + c·(XᵀX)²), which is the same.
    fn step(&mut self, matrix: &mut DMatrix<f64>) {
        let [a, b, c] = self.coefficients;
        let Self { gram, polynomial, next, tall, .. } = self;
        if *tall {
            gemm_tn(Write::Replace, matrix.as_view(), matrix.as_view(), gram.as_view_mut());
        } else {
            gemm_nt(Write::Replace, matrix.as_view(), matrix.as_view(), gram.as_view_mut());
        }
        gemm_nn(Write::Replace, gram.as_view(), gram.as_view(), polynomial.as_view_mut());
        polynomial.zip_apply(&*gram, |square, gram| *square = b * gram + c * *square);
        if *tall {
            gemm_nn(Write::Replace, matrix.as_view(), polynomial.as_view(), next.as_view_mut());
        } else {
            gemm_nn(Write::Replace, polynomial.as_view(), matrix.as_view(), next.as_view_mut());
        }
        matrix.zip_apply(&*next, |x, next| *x = a * *x + next);
    }
}
