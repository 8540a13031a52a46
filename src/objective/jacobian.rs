//! Jacobians of a network over its samples: their mean and the deviations from it.

use nalgebra::{DMatrix, DMatrixView};

use crate::linalg::{FAINT, Scaled};

/// J_l(x_i) = ∂f/∂h_{l−1} ∈ ℝ^{d_L × d_{l−1}} of one layer over all n samples, held so that every power of their Gram matrices can go
/// through a singular value decomposition: eigenvalues of a Gram matrix that is zero to rounding would carry ε^α into its powers α < 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Jacobian {
    /// J̄ = (1/n) Σ_i J_l(x_i), d_L × d_{l−1}.
    pub mean: DMatrix<f64>,
    /// C with CᵀC = (1/n) Σ_i (J_l(x_i) − J̄)ᵀ(J_l(x_i) − J̄), d_{l−1} columns; no rows where J_l does not depend on x. Formed without
    /// subtracting J̄ᵀJ̄ from anything: small deviations keep their digits.
    pub centred: DMatrix<f64>,
    /// Both are in units of 2^exponent: those of layers of very small or large weights would underflow or overflow.
    pub exponent: i32,
    /// Whether underflow took digits, so that the entries mean nothing.
    pub lost: bool,
}

impl Jacobian {
    /// The Jacobian of a layer of which the output is a linear function: J_l is the same at every sample.
    pub fn constant(mean: DMatrix<f64>) -> Self {
        let centred = DMatrix::zeros(0, mean.ncols());
        let Scaled { matrix: mean, exponent } = Scaled::new(mean);
        Self { mean, centred, exponent, lost: false }
    }

    /// A Jacobian that varies over the samples. It is lost if `bound` ≥ ‖J_l(x_i)‖_F, or the result, is so small that products on the way may
    /// have underflowed.
    pub(super) fn varying(mean: DMatrix<f64>, centred: DMatrix<f64>, bound: f64) -> Self {
        let largest = mean.amax().max(centred.amax());
        Self { mean, centred, exponent: 0, lost: bound < FAINT || (largest > 0.0 && largest < FAINT) }
    }

    /// Whether it is this matrix at every sample.
    pub fn is_constant(&self, matrix: DMatrixView<f64>) -> bool {
        let Scaled { matrix, exponent } = Scaled::new(matrix.into_owned());
        self.centred.nrows() == 0 && self.exponent == exponent && self.mean == matrix
    }

    /// R = [J̄; C], for which RᵀR = (1/n) Σ_i J_l(x_i)ᵀJ_l(x_i), uncentred: J_l itself where it is constant. In the same units.
    pub fn factor(&self) -> DMatrix<f64> {
        let (above, below) = (self.mean.nrows(), self.centred.nrows());
        let mut factor = DMatrix::zeros(above + below, self.mean.ncols());
        factor.rows_mut(0, above).copy_from(&self.mean);
        factor.rows_mut(above, below).copy_from(&self.centred);
        factor
    }
}
