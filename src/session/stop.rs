//! `stop`: ends a process once its loss, its ‖∇J‖ or its accuracy has reached a threshold.
//!
//! A flow is checked as [`Goal`](super::goal::Goal) says. An optimizer is checked after every step; one with minibatches, whose own
//! gradients say little about all samples, once per epoch.
//!
//! Neither depends on the record times, except that methods without dense output cut their steps there. Each check of a loss, a gradient or
//! an accuracy counts as one gradient of monitoring; a full gradient that the next step takes anyway costs nothing.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::linalg::norm;
use crate::loss::Loss;
use crate::network::LayerRates;
use crate::objective::Objective;
use crate::ode::Termination;
use crate::settings::Findings;

use super::Plan;

/// A process ends as soon as one of the given conditions holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Stop once the loss is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Stop once the norm of the gradient of the objective is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    /// Stop once the accuracy of a classifier is this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

impl Stop {
    /// `loss` is the loss of the scenario.
    pub(crate) fn validate(&self, loss: Loss, found: &mut Findings) {
        let &Self { loss: least, grad_norm, accuracy } = self;
        if [least, grad_norm, accuracy].iter().all(Option::is_none) {
            found.add("stop", "must name what stops a process: loss, grad_norm or accuracy");
        }
        for (path, value) in [("stop.loss", least), ("stop.grad_norm", grad_norm)] {
            if let Some(value) = value {
                found.positive(path, value);
            }
        }
        let Some(accuracy) = accuracy else { return };
        found.require(0.0 < accuracy && accuracy <= 1.0, "stop.accuracy", "greater than 0 and at most 1", accuracy);
        if loss == Loss::Mse {
            let remedy = "set loss to cross_entropy or logistic, or stop at a loss or a grad_norm";
            found.add("stop.accuracy", format!("needs a classifier, and loss mse has none: {remedy}"));
        }
    }
}

/// What may reach its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Quantity {
    Loss,
    GradNorm,
    Accuracy,
}

/// Their names.
pub(super) const QUANTITIES: [&str; 3] = ["loss", "grad_norm", "accuracy"];

/// A quantity that has reached its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Reached {
    quantity: Quantity,
    value: f64,
    threshold: f64,
    at_least: bool,
}

impl Reached {
    /// The end of a process at time `t`.
    pub(super) fn at(self, t: f64) -> Termination {
        let Self { value, threshold, at_least, .. } = self;
        let quantity = QUANTITIES[self.quantity as usize];
        Termination::Reached { t, quantity, value, threshold, at_least }
    }
}

/// The stopping conditions of one process.
pub(super) struct Criterion {
    stop: Stop,
    /// The rates of the layers, where the variable that is checked is θ.
    rates: LayerRates,
    gradient: DVector<f64>,
    gradients: u64,
}

impl Criterion {
    /// The conditions that the scenario sets, if any.
    pub(super) fn of(plan: &Plan, rates: LayerRates, dim: usize) -> Option<Self> {
        let stop = plan.stop.clone()?;
        Some(Self { stop, rates, gradient: DVector::zeros(dim), gradients: 0 })
    }

    /// Whether ‖∇J‖ is asked for.
    pub(super) fn asks_for_gradients(&self) -> bool {
        self.stop.grad_norm.is_some()
    }

    /// The threshold reached at θ, if any; `gradient` is ∇ℒ(θ), where it is known.
    pub(super) fn look(
        &mut self,
        objective: &dyn Objective,
        theta: &DVector<f64>,
        gradient: Option<&DVector<f64>>,
    ) -> Option<Reached> {
        let Stop { loss, grad_norm, accuracy } = self.stop;
        let reached = |quantity, value: f64, threshold: f64, at_least| {
            let holds = if at_least { value >= threshold } else { value <= threshold };
            holds.then_some(Reached { quantity, value, threshold, at_least })
        };
        let at_most = |quantity, value, threshold| reached(quantity, value, threshold, false);
        let by_loss = loss.and_then(|threshold| {
            self.gradients += 1;
            at_most(Quantity::Loss, objective.loss(theta), threshold)
        });
        let by_gradient = || {
            let threshold = grad_norm?;
            match gradient {
                Some(gradient) => self.gradient.copy_from(gradient),
                None => {
                    self.gradients += 1;
                    objective.loss_gradient(theta, &mut self.gradient);
                }
            }
            // As in the column `grad_norm`.
            objective.add_decay(1.0, theta, &mut self.gradient);
            if let Some(layers) = objective.layers() {
                self.rates.multiply_root(layers.architecture(), &mut self.gradient);
            }
            at_most(Quantity::GradNorm, norm(&self.gradient), threshold)
        };
        by_loss.or_else(by_gradient).or_else(|| {
            let threshold = accuracy?;
            self.gradients += 1;
            reached(Quantity::Accuracy, objective.accuracy(theta), threshold, true)
        })
    }

    /// Gradients spent on checks.
    pub(super) fn gradients(&self) -> u64 {
        self.gradients
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.gradients)
    }
}
