//! The Hessian along kinks: of motions that do not lead off them.

use nalgebra::{DMatrix, DVector};

use super::{Kinks, Place, Velocity};
use crate::objective::mlp::MlpObjective;

/// The span of ∇z of what slides.
pub(in crate::objective::mlp) struct Normals {
    held: Vec<(Place, f64)>,
    theta: DVector<f64>,
}

impl Normals {
    /// v ← v less its component in the span.
    pub(in crate::objective::mlp) fn project(&self, objective: &MlpObjective, v: &mut DVector<f64>) {
        let velocity = Velocity::new(objective, self.theta.as_slice(), self.held.clone());
        let inside = |(place, slope): &(Place, f64)| *slope > objective.left(*place) && *slope < 1.0;
        let free: Vec<usize> = (0..self.held.len()).filter(|&j| inside(&velocity.held[j])).collect();
        let (gram, dots) = (velocity.gram(), velocity.dots(v.as_slice()));
        let small =
            DMatrix::from_fn(free.len(), free.len(), |i, j| gram[(free[i], free[j])] * if i == j { 1.0 + 1e-12 } else { 1.0 });
        let Some(cholesky) = small.cholesky() else { return };
        let solved = cholesky.solve(&DVector::from_fn(free.len(), |i, _| dots[free[i]]));
        let mut c = DVector::zeros(self.held.len());
        free.iter().zip(solved.iter()).for_each(|(&j, value)| c[j] = -value);
        velocity.add(&c, v.as_mut_slice());
    }
}

impl MlpObjective {
    /// The directions off the kinks at θ; `None` where nothing is held.
    pub(in crate::objective::mlp) fn normals(&self, kinks: &Kinks, theta: &DVector<f64>) -> Option<Normals> {
        (!kinks.held.is_empty()).then(|| Normals { held: kinks.held.clone(), theta: theta.clone() })
    }
}
