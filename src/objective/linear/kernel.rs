//! The tangent kernel of a linear network, from moments: at a cost free of n.
//!
//! With A_l = W_L⋯W_{l+1} and B_l = W_{l−1}⋯W_1, K_{(k,i),(k′,j)} = (1/n) Σ_l (A_lA_lᵀ)_{kk′} ⟨B_lx_i, B_lx_j⟩. With X/√n = QΣ_x^{1/2}, Q with
//! orthonormal columns on the range of Σ_x, it is (I ⊗ Q) K̃ (I ⊗ Q)ᵀ of K̃ = Σ_l A_lA_lᵀ ⊗ Σ_x^{1/2}B_lᵀB_lΣ_x^{1/2} ∈ ℝ^{d_Ld_0 × d_Ld_0}. The
//! labels' part in the range, YᵀQ/√n, is P*Σ_x^{1/2}, and ‖Y‖²/n = 2ℒ at P = 0.

use nalgebra::{DMatrix, DVector};

use super::LinearObjective;
use crate::linalg::on_threads;
use crate::objective::{Labels, TangentKernel};

impl TangentKernel for LinearObjective {
    fn kernel(&self, theta: &DVector<f64>) -> DMatrix<f64> {
        on_threads(self.threads, || self.kernel_by_moments(theta.as_slice()))
    }

    fn labels(&self) -> Labels {
        let (outputs, inputs) = (self.chain.net.output_dim(), self.chain.net.input_dim());
        // Output k outermost, as in the kernel.
        let part = (&self.moments.optimum * &self.moments.root_x).transpose();
        let norm_squared = 2.0 * self.moments.loss(&DMatrix::zeros(outputs, inputs));
        Labels { within: DVector::from_column_slice(part.as_slice()), norm_squared }
    }
}

impl LinearObjective {
    fn kernel_by_moments(&self, theta: &[f64]) -> DMatrix<f64> {
        let net = &self.chain.net;
        let depth = net.depth();
        // A_lA_lᵀ at index L − l.
        let mut above = DMatrix::identity(net.output_dim(), net.output_dim());
        let mut outer = Vec::with_capacity(depth);
        for l in (1..=depth).rev() {
            outer.push(&above * above.transpose());
            above *= net.weight(theta, l);
        }
        let mut below = self.moments.root_x.clone();
        let size = net.output_dim() * net.input_dim();
        let mut kernel = DMatrix::zeros(size, size);
        for (l, outer) in (1..=depth).zip(outer.iter().rev()) {
            let inner = below.transpose() * &below;
            let side = net.input_dim();
            for column in 0..outer.ncols() {
                for row in 0..outer.nrows() {
                    let factor = outer[(row, column)];
                    kernel.view_mut((row * side, column * side), (side, side)).zip_apply(&inner, |sum, x| *sum += factor * x);
                }
            }
            below = net.weight(theta, l) * below;
        }
        kernel
    }
}
