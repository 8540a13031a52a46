//! Gradient descent with coupled weight decay, as `torch.optim.SGD(lr, weight_decay)` on all samples:
//! θ_{k+1} = θ_k − η(∇ℒ(θ_k) + λθ_k), at time t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>

use crate::archive::{Archive, ArchiveError};

use super::modified_flow::ModifiedFlow;
use super::sde::NoEquation;
use super::settings::{Followed, Ground, Settings, optimizer_settings};
use super::third_order_flow::ThirdOrderFlow;
use super::{CentralFlow, Layout, Rule, SgdEquation, WeakOrder};

optimizer_settings! {
    /// θ ← θ − lr · g.
    pub struct Gd {}
}

impl Settings for Gd {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        Box::new(Descent { weight_decay: layout.weight_decay })
    }

    fn descends(&self) -> bool {
        true
    }

    fn forgets(&self) -> bool {
        true
    }

    /// x⁺ = (1 − ηh)x shrinks while ηh < 2.
    fn stability_bound(&self) -> Option<f64> {
        Some(2.0)
    }

    fn modified_flow<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(Ok(ModifiedFlow::of_gradient_descent(ground.objective, self.lr).into_followed(ground.start)))
    }

    fn third_order_flow<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(ThirdOrderFlow::of_gradient_descent(ground, self.lr))
    }

    fn central_flow<'a>(&self, ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        Some(CentralFlow::of_gradient_descent(ground, self.lr))
    }

    fn equation(&self, _: &Ground, _: WeakOrder) -> Option<Result<SgdEquation, NoEquation>> {
        Some(Err(NoEquation::NoNoise))
    }
}

/// Steps along the gradient.
struct Descent {
    weight_decay: f64,
}

impl Rule for Descent {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        for (x, g) in theta.iter_mut().zip(gradient) {
            *x -= lr * (g + self.weight_decay * *x);
        }
    }

    /// It has no state.
    fn archive(&mut self, _: &mut Archive) -> Result<(), ArchiveError> {
        Ok(())
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
        /// The discrete balance law: D⁺ = (1 − ηλ)²D + η²(G_{l+1}ᵀG_{l+1} − G_l G_lᵀ), G = ∇ℒ without decay.
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
            let mut rule = Gd::new(lr).rule(&Layout::new(&net, decay));
            rule.step(lr, gradient.values().as_slice(), after.values_mut().as_mut_slice());
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
