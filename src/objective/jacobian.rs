//! Jacobians of a network over its samples, as a mean and what is around it.

use nalgebra::DMatrix;

/// J_l(x_i) = ∂f/∂h_{l−1} ∈ ℝ^{d_L × d_{l−1}} of one layer over all n samples, held so that every power of their Gram matrices can go
/// through a singular value decomposition: eigenvalues of a Gram matrix that is zero to rounding would carry ε^α into its powers α < 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Jacobian {
    /// J̄ = (1/n) Σ_i J_l(x_i), d_L × d_{l−1}.
    pub mean: DMatrix<f64>,
    /// C with CᵀC = (1/n) Σ_i (J_l(x_i) − J̄)ᵀ(J_l(x_i) − J̄), d_{l−1} columns; no rows where J_l does not depend on x. Formed without
    /// subtracting J̄ᵀJ̄ from anything: small deviations keep their digits.
    pub centred: DMatrix<f64>,
}

impl Jacobian {
    /// That of a layer from which the output is linear: J_l is the same at every sample.
    pub fn constant(mean: DMatrix<f64>) -> Self {
        let centred = DMatrix::zeros(0, mean.ncols());
        Self { mean, centred }
    }

    /// R = [J̄; C], for which RᵀR = (1/n) Σ_i J_l(x_i)ᵀJ_l(x_i), uncentred: J_l itself where it is constant.
    pub fn factor(&self) -> DMatrix<f64> {
        let (above, below) = (self.mean.nrows(), self.centred.nrows());
        let mut factor = DMatrix::zeros(above + below, self.mean.ncols());
        factor.rows_mut(0, above).copy_from(&self.mean);
        factor.rows_mut(above, below).copy_from(&self.centred);
        factor
    }
}
