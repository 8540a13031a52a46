//! Gradient descent with coupled weight decay, as `torch.optim.SGD(lr, weight_decay)` on full batches:
//! θ_{k+1} = θ_k − η(∇ℒ(θ_k) + λθ_k), at time t = kη.

use nalgebra::DVector;

use crate::objective::Objective;

use super::Optimizer;

/// Gradient descent of learning rate η.
pub struct Gd {
    lr: f64,
    gradient: DVector<f64>,
}

impl Gd {
    /// With learning rate `lr` > 0 for θ of length `dim`.
    pub fn new(lr: f64, dim: usize) -> Self {
        Self { lr, gradient: DVector::zeros(dim) }
    }
}

impl Optimizer for Gd {
    fn time_per_step(&self) -> f64 {
        self.lr
    }

    fn step(&mut self, objective: &dyn Objective, theta: &mut DVector<f64>) {
        objective.gradient(theta, &mut self.gradient);
        theta.axpy(-self.lr, &self.gradient, 1.0);
    }
}
