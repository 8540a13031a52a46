//! What accuracy is asked of a step.

use nalgebra::DVector;

/// A step is accepted if its error norm, the root mean square over i of error_i/(atol + rtol·max(|θ_i|, |θ_i'|)) with θ and θ' the
/// states before and after it, is at most 1 (Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, II.4).
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// Relative tolerance, dimensionless.
    pub rtol: f64,
    /// Absolute tolerance, in units of θ.
    pub atol: f64,
}

impl Tolerance {
    /// The error norm of a step from `before` to `after` whose error in component i is estimated as `error(i)`.
    #[inline]
    pub(super) fn error_norm(&self, before: &DVector<f64>, after: &DVector<f64>, error: impl Fn(usize) -> f64) -> f64 {
        let (before, after) = (before.as_slice(), after.as_slice());
        let term = |i: usize| {
            let scaled = error(i) / (self.atol + self.rtol * before[i].abs().max(after[i].abs()));
            scaled * scaled
        };
        // Four sums at once: additions in one chain would wait for each other.
        let mut sums = [0.0; 4];
        let whole = before.len() / 4 * 4;
        for i in (0..whole).step_by(4) {
            for (k, sum) in sums.iter_mut().enumerate() {
                *sum += term(i + k);
            }
        }
        let rest: f64 = (whole..before.len()).map(term).sum();
        ((sums.iter().sum::<f64>() + rest) / before.len() as f64).sqrt()
    }
}
