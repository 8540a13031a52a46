//! Heavy ball and Nesterov's momentum with coupled weight decay, as `torch.optim.SGD`. With g = ∇ℒ(θ) + λθ, on all samples or a batch:
//!
//! - v ← g at the first step, v ← βv + (1 − τ)g after it; dampening τ;
//! - θ ← θ − ηv, or with `nesterov` θ ← θ − η(g + βv); without momentum θ ← θ − ηg.
//!
//! While g hardly changes v tends to (1 − τ)g/(1 − β), so that step k stands at t = kη(1 − τ)/(1 − β).
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>

use nalgebra::DVector;

use crate::settings;

use super::Optimizer;

/// Descent with momentum.
pub struct Sgd {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
    velocity: DVector<f64>,
    /// Whether a step was taken, so that there is a velocity.
    moves: bool,
}

impl Sgd {
    /// With the momentum that `settings` ask for and decay λ ≥ 0, for θ of length `dim`.
    pub fn new(settings: &settings::Sgd, weight_decay: f64, dim: usize) -> Self {
        let &settings::Sgd { momentum, dampening, nesterov, .. } = settings;
        let velocity = DVector::zeros(if momentum == 0.0 { 0 } else { dim });
        Self { momentum, dampening, nesterov, weight_decay, velocity, moves: false }
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>) {
        let (beta, decay) = (self.momentum, self.weight_decay);
        if beta == 0.0 {
            for (x, g) in theta.iter_mut().zip(gradient) {
                *x -= lr * (g + decay * *x);
            }
            return;
        }
        // The first velocity is the whole gradient, dampened or not.
        let (kept, taken) = if self.moves { (beta, 1.0 - self.dampening) } else { (0.0, 1.0) };
        for ((x, g), v) in theta.iter_mut().zip(gradient).zip(&mut self.velocity) {
            let g = g + decay * *x;
            *v = kept * *v + taken * g;
            *x -= lr * if self.nesterov { g + beta * *v } else { *v };
        }
        self.moves = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Gd;
    use crate::optim::testing::{Problem, settings};

    fn sgd(text: &str, problem: &Problem) -> Sgd {
        let settings::Optimizer::Sgd(settings) = settings(text) else { panic!("{text}") };
        Sgd::new(&settings, problem.decay(), problem.start.len())
    }

    #[test]
    fn without_momentum_it_is_gradient_descent_bit_for_bit() {
        let problem = Problem::new(0.1);
        let plain = problem.descend(&mut Gd::new(problem.decay()), |_| 0.02, 50);
        assert_eq!(problem.descend(&mut sgd("sgd: {lr: 0.02}", &problem), |_| 0.02, 50), plain);
    }

    /// Heavy ball in its other form, θ_{k+1} = θ_k − ηg_k + β(θ_k − θ_{k−1}).
    #[test]
    fn momentum_repeats_a_share_of_the_last_step() {
        let problem = Problem::new(0.1);
        let (lr, beta) = (0.01, 0.9);
        let (mut before, mut now) = (problem.start.clone(), problem.start.clone());
        for _ in 0..50 {
            let next = &now - problem.gradient(&now) * lr + (&now - &before) * beta;
            (before, now) = (now, next);
        }
        let end = problem.descend(&mut sgd("sgd: {lr: 1, momentum: 0.9}", &problem), |_| lr, 50);
        assert!((end - &now).norm() <= 1e-13 * now.norm());
    }
}
