//! The accuracy required of a step.

use nalgebra::DVector;

use crate::linalg::{sum_along, vectorised};

/// A step is accepted if its error norm, the root mean square over i of error_i/(atol + rtol·max(|θ_i|, |θ_i'|)) with θ and θ' the
/// states before and after it, is at most 1 (Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, II.4).
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// Relative tolerance, dimensionless, at least 0.
    pub rtol: f64,
    /// Absolute tolerance, in units of θ, above 0: a component that is 0 has no relative error.
    pub atol: f64,
}

impl Tolerance {
    /// The error norm of a step from `before` to `after` whose error in component i is `error` of the i-th entries of `vectors`.
    #[inline]
    pub(super) fn error_norm<const N: usize>(
        &self,
        before: &DVector<f64>,
        after: &DVector<f64>,
        vectors: [&DVector<f64>; N],
        error: impl Fn([f64; N]) -> f64,
    ) -> f64 {
        let sum = squares(self, before.as_slice(), after.as_slice(), vectors.map(DVector::as_slice), error);
        (sum / before.len() as f64).sqrt()
    }

    /// The sum of squares that the error norm is the root mean of.
    #[inline(always)]
    pub(super) fn squares<const N: usize>(
        &self,
        before: &[f64],
        after: &[f64],
        vectors: [&[f64]; N],
        error: impl Fn([f64; N]) -> f64,
    ) -> f64 {
        sum_along(
            before,
            after,
            vectors,
            #[inline(always)]
            |before, after, vectors| {
                let scaled = error(vectors) / (self.atol + self.rtol * before.abs().max(after.abs()));
                scaled * scaled
            },
        )
    }
}

vectorised! {
    fn squares[const N: usize]<F: Fn([f64; N]) -> f64>(
        tolerance: &Tolerance,
        before: &[f64],
        after: &[f64],
        vectors: [&[f64]; N],
        error: F,
    ) -> f64 {
        tolerance.squares(before, after, vectors, error)
    }
}
