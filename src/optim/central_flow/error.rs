//! How a central flow may end before its time.

/// Why a central flow ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CentralFlowError {
    /// The state or a product with the Hessian is no longer finite.
    #[error("its state or a product with the Hessian is no longer finite: lower the learning rate")]
    Overflow,
    /// Too many eigenvalues are at the edge.
    #[error(
        "{found} eigenvalues of the Hessian are at the edge of stability, more than the {most} that it follows: lower the learning rate"
    )]
    Crowded {
        /// Eigenvalues at the edge.
        found: usize,
        /// The most that it follows.
        most: usize,
    },
    /// The same in the metric of an adaptive rule, whose steps grow relative to the gradient as it vanishes.
    #[error(
        "{found} eigenvalues of the preconditioned Hessian are at the edge of stability, more than the {most} that it follows: near a \
         minimum the steps of such a rule reach the edge in every entry, so end earlier, or raise eps"
    )]
    PreconditionedCrowded {
        /// Eigenvalues at the edge.
        found: usize,
        /// The most that it follows.
        most: usize,
    },
}
