//! The Hessian along kinks: for motions that stay on them.

use nalgebra::{DMatrix, DVector};

use super::{Kinks, Velocity};
use crate::linalg::Cholesky;
use crate::objective::mlp::MlpObjective;

/// What is added to the diagonal of the Gram matrix, relatively: ∇z of what slides may depend on each other.
const JITTER: f64 = 1e-12;

/// The span of ∇z of what slides at one θ.
pub(in crate::objective::mlp) struct Normals<'a> {
    velocity: Velocity<'a>,
    /// Which of the held ones slide.
    free: Vec<usize>,
    /// The factor of their Gram matrix ⟨∇z_j, ∇z_k⟩.
    cholesky: Cholesky,
}

impl Normals<'_> {
    /// v ← v less its component in the span.
    pub(in crate::objective::mlp) fn project(&self, v: &mut DVector<f64>) {
        let dots = self.velocity.dots(v.as_slice());
        let solved = self.cholesky.solve(DVector::from_fn(self.free.len(), |i, _| dots[self.free[i]]));
        let mut c = DVector::zeros(dots.len());
        self.free.iter().zip(solved.iter()).for_each(|(&j, value)| c[j] = -value);
        self.velocity.add(&c, v.as_mut_slice());
    }
}

impl MlpObjective {
    /// The directions off the kinks at θ; `None` where nothing slides.
    pub(in crate::objective::mlp) fn normals<'a>(&'a self, kinks: &Kinks, theta: &'a DVector<f64>) -> Option<Normals<'a>> {
        let slides = |&j: &usize| {
            let (place, slope) = kinks.held[j];
            slope > self.left(place) && slope < 1.0
        };
        let free: Vec<usize> = (0..kinks.held.len()).filter(slides).collect();
        if free.is_empty() {
            return None;
        }
        let velocity = Velocity::new(self, theta.as_slice(), kinks.held.clone());
        let gram = velocity.gram();
        let entry = |i: usize, j: usize| gram[(free[i], free[j])] * if i == j { 1.0 + JITTER } else { 1.0 };
        let cholesky = Cholesky::of(&DMatrix::from_fn(free.len(), free.len(), entry))?;
        Some(Normals { velocity, free, cholesky })
    }
}
