//! Up to which η·h a rule is stable on the quadratic (h/2)x²: beyond it iterates grow from step to step, where the flow decays, and no
//! flow describes them. Each follows from the recursion of the rule being a contraction (the Jury conditions |tr| < 1 + det, det < 1).
//!
//! | rule | recursion on (h/2)x², a = ηh | stable while |
//! | --- | --- | --- |
//! | gradient descent | x⁺ = (1 − a)x | a < 2 |
//! | heavy ball, dampening τ | x⁺ = (1 + β − (1 − τ)a)x − βx⁻ | a < 2(1 + β)/(1 − τ) |
//! | Nesterov | v⁺ = βv + hx, x⁺ = x − η(hx + βv⁺): tr = 1 + β − (1 + β)a, det = β(1 − a) | a < 2(1 + β)/(1 + 2β) |
//!
//! β = 0 makes all three the first. On a loss that is not quadratic h is the largest eigenvalue of its Hessian, the sharpness, and
//! training past the bound need not diverge: gradient descent hovers there (Cohen et al., *Gradient Descent on Neural Networks Typically
//! Occurs at the Edge of Stability*, ICLR 2021).
//!
//! Adaptive rules obey such a bound in their own metric, which moves with them (38/η of the preconditioned Hessian for Adam at β₁ = 0.9;
//! Cohen et al. 2022, arXiv 2207.14484): of the Hessian itself they have none.

use crate::settings::{Optimizer, Sgd};

/// The least η·h at which the rule is no longer stable; `None` of an adaptive rule, and of steps along a sign.
pub fn stability_bound(settings: &Optimizer) -> Option<f64> {
    match settings {
        Optimizer::Gd(_) => Some(2.0),
        &Optimizer::Sgd(Sgd { momentum, dampening, nesterov, .. }) => {
            Some(2.0 * (1.0 + momentum) / if nesterov { 1.0 + 2.0 * momentum } else { 1.0 - dampening })
        }
        Optimizer::Adam(_) | Optimizer::Adamw(_) | Optimizer::Rmsprop(_) | Optimizer::Sign(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::optimizer;
    use crate::optim::testing::settings;
    use nalgebra::DVector;

    /// |x| after many steps on (h/2)x² from 1, at `share` of the bound; half of h is decay where it is coupled.
    fn end(text: &str, share: f64) -> f64 {
        let settings = settings(text);
        let (lr, half) = (0.1, share * stability_bound(&settings).unwrap() / 0.1 / 2.0);
        let mut rule = optimizer(&settings, half, 1);
        let mut x = DVector::from_element(1, 1.0);
        for _ in 0..2000 {
            let gradient = &x * half;
            rule.step(lr, &gradient, &mut x);
        }
        x[0].abs()
    }

    #[test]
    fn every_rule_decays_just_below_its_bound_and_grows_just_above() {
        for text in [
            "gd: {lr: 0.1}",
            "sgd: {lr: 0.1}",
            "sgd: {lr: 0.1, momentum: 0.9}",
            "sgd: {lr: 0.1, momentum: 0.3}",
            "sgd: {lr: 0.1, momentum: 0.8, dampening: 0.4}",
            "sgd: {lr: 0.1, momentum: 0.5, dampening: 0.9}",
            "sgd: {lr: 0.1, momentum: 0.9, nesterov: true}",
            "sgd: {lr: 0.1, momentum: 0.2, nesterov: true}",
        ] {
            let (below, above) = (end(text, 0.98), end(text, 1.02));
            assert!(below < 1e-3 && above > 1e3, "{text}: {below:e} {above:e}");
        }
    }

    #[test]
    fn adaptive_rules_have_none() {
        for text in ["adam: {lr: 0.1}", "adamw: {lr: 0.1}", "rmsprop: {lr: 0.1}", "sign: {lr: 0.1}"] {
            assert_eq!(stability_bound(&settings(text)), None);
        }
    }
}
