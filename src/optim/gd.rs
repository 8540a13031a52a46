//! Gradient descent with coupled weight decay, as `torch.optim.SGD(lr, weight_decay)` on all samples:
//! θ_{k+1} = θ_k − η(∇ℒ(θ_k) + λθ_k), at time t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>

use nalgebra::DVector;

use super::Optimizer;

/// Gradient descent.
pub struct Gd {
    weight_decay: f64,
}

impl Gd {
    /// With decay λ ≥ 0.
    pub fn new(weight_decay: f64) -> Self {
        Self { weight_decay }
    }
}

impl Optimizer for Gd {
    fn step(&mut self, lr: f64, gradient: &DVector<f64>, theta: &mut DVector<f64>) {
        for (x, g) in theta.iter_mut().zip(gradient) {
            *x -= lr * (g + self.weight_decay * *x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::network::{Architecture, Parameters};
    use crate::objective::{LinearObjective, Objective};
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    proptest! {
        /// The discrete ledger of the balance: D⁺ = (1 − ηλ)²D + η²(G_{l+1}ᵀG_{l+1} − G_l G_lᵀ), G = ∇ℒ without decay.
        #[test]
        fn a_step_changes_the_imbalance_by_the_ledger(
            widths in prop::collection::vec(1usize..6, 3..6), lr in 1e-3f64..0.3, decay in 0.0f64..0.5, seed in 0u64..1000,
        ) {
            let rng = &mut stream(seed, Purpose::Inputs);
            let net = Architecture::new(&widths);
            let data = Dataset { x: gaussian_matrix(9, net.input_dim(), rng), y: gaussian_matrix(9, net.output_dim(), rng) };
            let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), decay);
            let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.5;
            let before = Parameters::from_values(&net, theta);
            let mut gradient = before.clone();
            objective.loss_gradient(before.values(), gradient.values_mut());
            let mut after = before.clone();
            Gd::new(decay).step(lr, gradient.values(), after.values_mut());
            let expected: Vec<_> = before
                .imbalances()
                .into_iter()
                .zip(gradient.imbalances())
                .map(|(d, g)| d * (1.0 - lr * decay).powi(2) + g * (lr * lr))
                .collect();
            for (now, expected) in after.imbalances().iter().zip(&expected) {
                let size = before.values().norm_squared() + lr * lr * gradient.values().norm_squared();
                prop_assert!((now - expected).norm() <= 1e-14 * size);
            }
        }
    }
}
