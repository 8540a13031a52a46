//! RMSProp with coupled weight decay, as `torch.optim.RMSprop` (Hinton 2012; `centered`: Graves 2013). Entry by entry, with
//! g = ∇ℒ(θ) + λθ:
//!
//! - v ← αv + (1 − α)g², from 0; with `centered` also a ← αa + (1 − α)g, and v − a² in place of v below;
//! - θ ← θ − η·g/(√v + ε), or with momentum β: b ← βb + g/(√v + ε), θ ← θ − ηb.
//!
//! Step k stands at t = kη, with momentum at kη/(1 − β).
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html>

use nalgebra::DVector;

use crate::settings;

use super::{Optimizer, lerp};

/// Descent along g over the root of a moving average of g².
pub struct RmsProp {
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
    weight_decay: f64,
    square: DVector<f64>,
    mean: DVector<f64>,
    velocity: DVector<f64>,
}

impl RmsProp {
    /// With the settings' averages and decay λ ≥ 0, for θ of length `dim`.
    pub fn new(settings: &settings::Rmsprop, weight_decay: f64, dim: usize) -> Self {
        let &settings::Rmsprop { alpha, eps, momentum, centered, .. } = settings;
        let zeros = DVector::zeros(dim);
        Self { alpha, eps, momentum, centered, weight_decay, square: zeros.clone(), mean: zeros.clone(), velocity: zeros }
    }
}

impl Optimizer for RmsProp {
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>) {
        let (alpha, beta) = (self.alpha, self.momentum);
        for i in 0..theta.len() {
            let g = gradient[i] + self.weight_decay * theta[i];
            self.square[i] = alpha * self.square[i] + (1.0 - alpha) * g * g;
            let mut variance = self.square[i];
            if self.centered {
                self.mean[i] = lerp(self.mean[i], g, 1.0 - alpha);
                variance -= self.mean[i] * self.mean[i];
                // Below 0 by rounding only, where torch's root is NaN.
                if variance < 0.0 {
                    variance = 0.0;
                }
            }
            let direction = g / (variance.sqrt() + self.eps);
            self.velocity[i] = beta * self.velocity[i] + direction;
            theta[i] -= lr * self.velocity[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::testing::settings;

    /// Under a constant gradient v tends to g², so a step to η, and with momentum to η/(1 − β); a centred v tends to 0.
    #[test]
    fn under_a_constant_gradient_a_step_tends_to_lr_over_one_less_momentum() {
        let moved = |text: &str| {
            let settings::Optimizer::Rmsprop(settings) = settings(text) else { panic!("{text}") };
            let mut rule = RmsProp::new(&settings, 0.0, 1);
            let (gradient, mut theta) = (DVector::from_element(1, 3.0), DVector::zeros(1));
            for _ in 0..2000 {
                theta.fill(0.0);
                rule.step(0.01, &gradient, &mut theta);
            }
            -theta[0]
        };
        assert!((moved("rmsprop: {lr: 1}") / 0.01 - 1.0).abs() < 1e-8);
        assert!((moved("rmsprop: {lr: 1, momentum: 0.75}") / 0.04 - 1.0).abs() < 1e-8);
        let centred = moved("rmsprop: {lr: 1, centered: true, eps: 0.5}");
        assert!((centred / 0.06 - 1.0).abs() < 1e-2, "{centred}");
    }
}
