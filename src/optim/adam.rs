//! Adam with coupled weight decay, as `torch.optim.Adam` (Kingma & Ba 2015; `amsgrad`: Reddi, Kale & Kumar 2018). At step k = 1, 2, …,
//! entry by entry, with g = ∇ℒ(θ) + λθ:
//!
//! - m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², from m = v = 0;
//! - θ ← θ − η/(1 − β₁ᵏ) · m / (√v/√(1 − β₂ᵏ) + ε); with `amsgrad` the largest v so far in place of v.
//!
//! Step k stands at t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html>

use nalgebra::DVector;

use crate::settings;

use super::{Optimizer, lerp};

/// Descent along bias-corrected moving averages of g over that of g².
pub struct Adam {
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    steps: u64,
    mean: DVector<f64>,
    square: DVector<f64>,
    /// The largest of `square` so far, with `amsgrad`.
    largest: Option<DVector<f64>>,
}

impl Adam {
    /// With the settings' averages and decay λ ≥ 0, for θ of length `dim`.
    pub fn new(settings: &settings::Adam, weight_decay: f64, dim: usize) -> Self {
        let &settings::Adam { betas, eps, amsgrad, .. } = settings;
        let zeros = DVector::zeros(dim);
        let largest = amsgrad.then(|| zeros.clone());
        Self { betas, eps, weight_decay, steps: 0, mean: zeros.clone(), square: zeros, largest }
    }
}

impl Optimizer for Adam {
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>) {
        self.steps += 1;
        let [beta1, beta2] = self.betas;
        // A count of steps is far below 2^53.
        let power = |beta: f64| beta.powf(self.steps as f64);
        let (rate, root) = (lr / (1.0 - power(beta1)), (1.0 - power(beta2)).sqrt());
        for i in 0..theta.len() {
            let g = gradient[i] + self.weight_decay * theta[i];
            self.mean[i] = lerp(self.mean[i], g, 1.0 - beta1);
            self.square[i] = beta2 * self.square[i] + (1.0 - beta2) * g * g;
            let square = match &mut self.largest {
                Some(largest) => {
                    // `max` would drop NaN, and with it a divergence.
                    if self.square[i] > largest[i] || self.square[i].is_nan() {
                        largest[i] = self.square[i];
                    }
                    largest[i]
                }
                None => self.square[i],
            };
            theta[i] -= rate * (self.mean[i] / (square.sqrt() / root + self.eps));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Gd;
    use crate::optim::testing::{Problem, settings};

    fn adam(text: &str, problem: &Problem) -> Adam {
        let settings::Optimizer::Adam(settings) = settings(text) else { panic!("{text}") };
        Adam::new(&settings, problem.decay(), problem.start.len())
    }

    /// Where ε outweighs √v̂, a step is −(η/ε)·m̂.
    #[test]
    fn with_a_large_eps_and_no_memory_it_is_gradient_descent_at_lr_over_eps() {
        let problem = Problem::new(0.1);
        let plain = problem.descend(&mut Gd::new(problem.decay()), |_| 0.02, 50);
        let end = problem.descend(&mut adam("adam: {lr: 1, betas: [0.0, 0.9], eps: 1.0e+10}", &problem), |_| 0.02e10, 50);
        assert!((&end - &plain).norm() <= 1e-9 * plain.norm(), "{:e}", (end - &plain).norm());
    }

    /// m̂ = g and v̂ = g² after one step, whatever the averages: every entry moves by η.
    #[test]
    fn the_first_step_is_a_sign_step() {
        let problem = Problem::new(0.1);
        let moved = problem.descend(&mut adam("adam: {lr: 1, eps: 1.0e-30}", &problem), |_| 0.02, 1) - &problem.start;
        let expected = problem.gradient(&problem.start).map(|g| -0.02 * g.signum());
        assert!((moved - expected).amax() < 1e-15);
    }

    #[test]
    fn amsgrad_never_forgets_a_large_gradient() {
        let zeros = DVector::zeros(1);
        let settings::Optimizer::Adam(with) = settings("adam: {lr: 1, amsgrad: true, betas: [0.0, 0.5]}") else { panic!() };
        let mut rule = Adam::new(&with, 0.0, 1);
        let mut theta = zeros.clone();
        rule.step(1.0, &DVector::from_element(1, 100.0), &mut theta);
        for _ in 0..200 {
            rule.step(0.0, &DVector::from_element(1, 1.0), &mut theta);
        }
        theta.fill(0.0);
        rule.step(1.0, &DVector::from_element(1, 1.0), &mut theta);
        // v = 0.5·100² at its largest.
        assert!((theta[0] * 5000f64.sqrt() + 1.0).abs() < 1e-9, "{}", theta[0]);
    }
}
