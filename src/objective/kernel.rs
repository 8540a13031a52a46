//! The neural tangent kernel of a network on the samples it is trained on (Jacot, Gabriel & Hongler, *Neural Tangent Kernel*, NeurIPS 2018):
//! K = (1/n) J Jᵀ, J = ∂f/∂θ ∈ ℝ^{n·d_L × P} the Jacobian of all outputs at all samples.
//!
//! The factor 1/n is that of ℒ: the eigenvalues of K other than 0 are those of the Gauss–Newton matrix (1/n) JᵀJ, which is ∇²ℒ of the squared
//! loss where it is fitted, and under θ̇ = −∇ℒ the outputs obey ḟ = −n·K·∂ℒ/∂f, of the squared loss ḟ = −K(f − y).

use nalgebra::{DMatrix, DVector};

/// The kernel, in an orthonormal basis of some space that contains its range: eigenvalues, norms, angles to the labels and
/// differences of two kernels are those of K.
pub trait TangentKernel {
    /// K at θ: symmetric, positive semidefinite, always of the same size.
    fn kernel(&self, theta: &DVector<f64>) -> DMatrix<f64>;

    /// The labels y ∈ ℝ^{n·d_L} over √n, in that basis.
    fn labels(&self) -> Labels;
}

/// The labels that a kernel is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    /// Their component in the space that contains the range of the kernel.
    pub within: DVector<f64>,
    /// ‖y‖²/n of the labels, the rest included.
    pub norm_squared: f64,
}

#[cfg(test)]
mod tests;
