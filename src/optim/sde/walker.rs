//! One path of the equation at a time, by the same method as many side by side: for whoever needs no more of a path than its end.

use std::sync::Arc;

use nalgebra::DVector;
use rand_chacha::ChaCha8Rng;

use crate::objective::{Objective, Samples};
use crate::optim::Ground;
use crate::rng::fill_gaussian;

use super::scheme::Scheme;
use super::{NoEquation, SgdEquation};

/// Goes along paths of one equation.
pub(crate) struct SdeWalker {
    scheme: Scheme,
    equation: SgdEquation,
    /// X before the step of the method.
    before: DVector<f64>,
}

/// One step of the method, just taken.
pub(crate) struct Kick<'a> {
    /// The parts of the optimizer's step that were over before it, from 0 to less than 1, and in its middle, where its noise is taken.
    pub share: f64,
    pub middle: f64,
    /// X before it.
    pub before: &'a DVector<f64>,
    /// The weights w of its noise Σ_i w_i ∇ℓ_i of batches; none without batches. They are independent of `before`, and of mean 0.
    pub weights: &'a [f64],
}

impl SdeWalker {
    /// `None` if the equation has noise of batches or labels and the objective gives no weighted gradients of `samples`.
    pub(super) fn new(objective: &dyn Objective, samples: Option<&Arc<Samples>>, equation: SgdEquation) -> Option<Self> {
        let before = DVector::zeros(objective.dim());
        Some(Self { scheme: Scheme::new(objective, samples, &equation)?, equation, before })
    }

    /// Of `equation` on this ground, with an objective of its own, or why there is none.
    pub(crate) fn on(ground: &Ground, equation: SgdEquation) -> Result<Self, NoEquation> {
        equation.check(ground.objective)?;
        Self::new(ground.objective, ground.samples, equation).ok_or(NoEquation::NoWeights)
    }

    /// X = `theta` goes on by one step of the optimizer. `kicked` is told of each step of the method.
    pub(crate) fn step(&mut self, theta: &mut DVector<f64>, rng: &mut ChaCha8Rng, mut kicked: impl FnMut(Kick)) {
        let Self { scheme, equation: SgdEquation { rate, substeps, .. }, before } = self;
        let parts = f64::from(*substeps);
        for part in 0..*substeps {
            before.copy_from(theta);
            fill_gaussian(scheme.normals(), rng);
            scheme.step(*rate / parts, theta);
            let [share, middle] = [0.0, 0.5].map(|more| (f64::from(part) + more) / parts);
            kicked(Kick { share, middle, before, weights: scheme.weights() });
        }
    }

    /// J.
    pub(crate) fn value(&self, theta: &DVector<f64>) -> f64 {
        self.scheme.value(theta)
    }
}
