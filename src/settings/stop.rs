//! `stop`: where a process ends before its horizon.

use serde::{Deserialize, Serialize};

use super::{Findings, Loss};

/// A process ends as soon as one of those that are given holds of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// ℒ is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// ‖∇J‖ is this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    /// The accuracy of a classifier is this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
}

impl Stop {
    /// `loss`: that of the scenario.
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
