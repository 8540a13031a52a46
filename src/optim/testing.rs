//! A small problem to descend on.

use nalgebra::DVector;

use crate::data::{Dataset, Moments};
use crate::network::Architecture;
use crate::objective::{LinearObjective, Objective};
use crate::rng::{Purpose, gaussian_matrix, stream};
use crate::settings;

use super::Optimizer;

pub(super) struct Problem {
    objective: LinearObjective,
    pub start: DVector<f64>,
}

impl Problem {
    /// A network of widths 5, 4, 3 under decay λ.
    pub fn new(decay: f64) -> Self {
        let rng = &mut stream(0, Purpose::Inputs);
        let net = Architecture::new(&[5, 4, 3]);
        let data = Dataset { x: gaussian_matrix(20, 5, rng), y: gaussian_matrix(20, 3, rng) };
        let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.5;
        Self { objective: LinearObjective::new(net, Moments::new(&data).unwrap(), decay), start }
    }

    pub fn decay(&self) -> f64 {
        self.objective.weight_decay().single()
    }

    /// ∇J(θ).
    pub fn gradient(&self, theta: &DVector<f64>) -> DVector<f64> {
        let mut gradient = theta.clone();
        self.objective.gradient(theta, &mut gradient);
        gradient
    }

    /// θ after `steps` steps, the k-th at rate `lr(k)`.
    pub fn descend(&self, rule: &mut dyn Optimizer, lr: impl Fn(u64) -> f64, steps: u64) -> DVector<f64> {
        let (mut theta, mut gradient) = (self.start.clone(), self.start.clone());
        for k in 0..steps {
            self.objective.loss_gradient(&theta, &mut gradient);
            rule.step(lr(k), &gradient, &mut theta);
        }
        theta
    }
}

/// The settings that a scenario would have from `text`, `gd: {lr: 0.1}`.
pub(super) fn settings(text: &str) -> settings::Optimizer {
    // Through JSON, which has no tags of its own for an enum.
    let tree: serde_json::Value = serde_yaml::from_str(&format!("{{{text}}}")).unwrap();
    let mut settings: settings::Optimizer = serde_json::from_value(tree).unwrap();
    settings.fill_defaults();
    settings
}
