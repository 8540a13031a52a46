//! What tests of the rules and of the flows that they follow share.

use nalgebra::{DMatrix, DVector};

use crate::data::{Dataset, Moments};
use crate::network::Architecture;
use crate::objective::{LinearObjective, Objective};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::Layout;
use super::settings::Settings;

/// A small problem to descend on.
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

    /// ∇J(θ).
    pub fn gradient(&self, theta: &DVector<f64>) -> DVector<f64> {
        let mut gradient = theta.clone();
        self.objective.gradient(theta, &mut gradient);
        gradient
    }

    /// θ after `steps` steps of the rule, the k-th at rate `lr(k)`.
    pub fn descend(&self, settings: &dyn Settings, lr: impl Fn(u64) -> f64, steps: u64) -> DVector<f64> {
        let mut rule = settings
            .rule(&Layout::new(self.objective.layers().unwrap().architecture(), self.objective.weight_decay().single()));
        let (mut theta, mut gradient) = (self.start.clone(), self.start.clone());
        for k in 0..steps {
            self.objective.loss_gradient(&theta, &mut gradient);
            rule.step(lr(k), gradient.as_slice(), theta.as_mut_slice());
        }
        theta
    }
}

/// A network of widths 4, 5, 3, 2 under decay λ, and weights of moderate size.
pub(super) fn problem(decay: f64) -> (LinearObjective, DVector<f64>) {
    let rng = &mut stream(0, Purpose::Inputs);
    let net = Architecture::new(&[4, 5, 3, 2]);
    let data = Dataset { x: gaussian_matrix(12, 4, rng), y: gaussian_matrix(12, 2, rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.5;
    (LinearObjective::new(net, Moments::new(&data).unwrap(), decay), theta)
}

/// J(w) = (variance + λ)·w²/2 of one weight.
pub(super) fn one_weight(variance: f64, decay: f64) -> LinearObjective {
    let data = Dataset { x: DMatrix::from_element(1, 1, variance.sqrt()), y: DMatrix::zeros(1, 1) };
    LinearObjective::new(Architecture::new(&[1, 1]), Moments::new(&data).unwrap(), decay)
}
