//! The sharpness of one optimizer in the metric of its own step, D^{1/2}∇²J D^{1/2}: where it exceeds the bound of its rule, an adaptive
//! optimizer is at its edge of stability.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::observe::{Curvature, Measure};
use crate::optim::{Optimizer, Rule};

use super::sharpness::Sharpness;
use super::{Plan, Problem};

/// The preconditioned sharpness of one optimizer.
pub(super) struct Preconditioned<'a> {
    sharpness: Sharpness<'a>,
    /// λ where decay is no part of the gradient, otherwise 0.
    decay: f64,
    /// The roots of D.
    roots: DVector<f64>,
    /// Whether the last look has found anything: before the first step there is no D.
    known: bool,
}

impl<'a> Preconditioned<'a> {
    /// `None` where the scenario does not ask for it, or the rule is not adaptive.
    pub(super) fn of(settings: &Optimizer, plan: &Plan, problem: &'a Problem) -> Option<Self> {
        let bound = settings.preconditioned_bound()?;
        plan.measure.contains(&Measure::PreconditionedSharpness).then(|| Self {
            sharpness: Sharpness::preconditioned(problem, bound),
            decay: if settings.decays_apart() { plan.weight_decay.single() } else { 0.0 },
            roots: DVector::zeros(problem.start.values().len()),
            known: false,
        })
    }

    /// Measures at θ, which `rule` reached at time `t` after `step` steps. `lr` is the rate of its next step.
    pub(super) fn look(&mut self, rule: &dyn Rule, theta: &DVector<f64>, step: u64, t: f64, lr: f64) {
        self.known = rule.preconditioner(self.roots.as_mut_slice());
        if self.known {
            self.roots.apply(|factor| *factor = factor.sqrt());
            self.sharpness.look(theta, step, t, lr, Some((&self.roots, self.decay)));
        }
    }

    /// The last measurement.
    pub(super) fn observed(&self) -> Option<Curvature> {
        self.known.then(|| self.sharpness.observed())
    }

    /// Gradients spent on it.
    pub(super) fn gradients(&self) -> u64 {
        self.sharpness.gradients()
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.known)?;
        self.sharpness.archive(archive)
    }

    pub(super) fn into_sharpness(self) -> Sharpness<'a> {
        self.sharpness
    }
}
