//! Adam with decoupled weight decay, as `torch.optim.AdamW` (Loshchilov & Hutter 2019): with g = ∇ℒ(θ) of the θ before,
//!
//! - θ ← (1 − ηλ)θ, then a step of [`Adam`] along g without decay.
//!
//! λ is the scenario's: PyTorch's own default, 0.01, plays no part. Step k stands at t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html>

use nalgebra::DVector;

use crate::settings;

use super::{Adam, Optimizer};

/// Adam beside which θ decays by itself.
pub struct AdamW {
    adam: Adam,
    weight_decay: f64,
}

impl AdamW {
    /// With the settings' averages and decay λ ≥ 0, for θ of length `dim`.
    pub fn new(settings: &settings::Adam, weight_decay: f64, dim: usize) -> Self {
        Self { adam: Adam::new(settings, 0.0, dim), weight_decay }
    }
}

impl Optimizer for AdamW {
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>) {
        *theta *= 1.0 - lr * self.weight_decay;
        self.adam.step(lr, gradient, theta);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::testing::settings;

    /// Where there is no gradient, coupled decay is scaled like one and decoupled decay is θ ← (1 − ηλ)θ.
    #[test]
    fn without_a_gradient_theta_decays_geometrically() {
        let settings::Optimizer::Adamw(settings) = settings("adamw: {lr: 1}") else { panic!() };
        let (mut decoupled, mut coupled) = (AdamW::new(&settings, 0.5, 1), Adam::new(&settings, 0.5, 1));
        let [mut a, mut b] = [DVector::from_element(1, 1.0), DVector::from_element(1, 1.0)];
        for _ in 0..10 {
            decoupled.step(0.01, &DVector::zeros(1), &mut a);
            coupled.step(0.01, &DVector::zeros(1), &mut b);
        }
        assert!((a[0] - 0.995f64.powi(10)).abs() < 1e-15);
        // The control: about 0.01 a step, whatever λ.
        assert!((b[0] - 0.9).abs() < 1e-3, "{}", b[0]);
    }
}
