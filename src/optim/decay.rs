//! Coupled and decoupled weight decay of rules that scale their gradient.

use nalgebra::DVector;

use crate::objective::Objective;

use super::formula::number;

/// Where λ enters a rule that scales its gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decay {
    /// As a part of the gradient: g = ∇J = ∇ℒ + λθ.
    Coupled,
    /// Beside the gradient: g = ∇ℒ, and −λθ in the field.
    Decoupled,
}

impl Decay {
    /// out ← g(θ).
    pub(super) fn gradient(self, objective: &dyn Objective, theta: &DVector<f64>, out: &mut DVector<f64>) {
        match self {
            Self::Coupled => objective.gradient(theta, out),
            Self::Decoupled => objective.loss_gradient(theta, out),
        }
    }

    /// out ← (∂g/∂θ)(θ)·v.
    pub(super) fn hessian_vector(
        self,
        objective: &dyn Objective,
        theta: &DVector<f64>,
        v: &DVector<f64>,
        out: &mut DVector<f64>,
    ) {
        match self {
            Self::Coupled => objective.hessian_vector(theta, v, out),
            Self::Decoupled => objective.loss_hessian_vector(theta, v, out),
        }
    }

    /// The λ of −λθ in the field.
    pub(super) fn rate(self, objective: &dyn Objective) -> f64 {
        match self {
            Self::Coupled => 0.0,
            Self::Decoupled => objective.weight_decay().single(),
        }
    }

    /// The decay term of an equation, `` − 0.01·θ`` or nothing, and what g is.
    pub(super) fn formula(self, objective: &dyn Objective) -> (String, &'static str) {
        let rate = self.rate(objective);
        let term = if rate > 0.0 { format!(" − {}·θ", number(rate)) } else { String::new() };
        (term, if self == Self::Coupled { "∇J" } else { "∇ℒ" })
    }
}
