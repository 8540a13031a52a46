//! The limit of Adam and RMSProp as η → 0 at fixed averages: θ̇ = −g/(|g| + ε), entry by entry, with g = ∇J; where decay is decoupled
//! θ̇ = −g/(|g| + ε) − λθ with g = ∇ℒ.
//!
//! The averages then forget at once: m̂ = g, v̂ = g². Adam comes near this limit only once η ≪ 1 − β₂ (its memory is much shorter than the
//! time over which g changes) and η ≪ ε (a step resolves the width ε over which g/(|g| + ε) changes its sign). At ε = 0 the limit is that
//! of sign descent, which has no solution in the ordinary sense: where an entry of g reaches 0 it stays there by switching infinitely
//! often.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::objective::Objective;
use crate::ode::{JacobianProducts, VectorField};

use super::Decay;
use super::formula::number;

/// The field −g/(|g| + ε) of an objective. Autonomous.
pub struct NormalisedFlow<'a> {
    objective: &'a dyn Objective,
    eps: f64,
    decay: Decay,
    gradient: RefCell<DVector<f64>>,
}

impl<'a> NormalisedFlow<'a> {
    /// With ε = `eps` > 0.
    pub fn new(objective: &'a dyn Objective, eps: f64, decay: Decay) -> Self {
        let gradient = RefCell::new(DVector::zeros(objective.dim()));
        Self { objective, eps, decay, gradient }
    }

    /// The equation with its numbers: `θ̇ = −g/(|g| + 1e-8), g = ∇J`.
    pub fn formula(&self) -> String {
        let (decay, of) = self.decay.formula(self.objective);
        format!("θ̇ = −g/(|g| + {}){decay}, g = {of}", number(self.eps))
    }
}

impl VectorField for NormalisedFlow<'_> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.decay.gradient(self.objective, theta, dtheta);
        dtheta.apply(|g| *g = -*g / (g.abs() + self.eps));
        dtheta.axpy(-self.decay.rate(self.objective), theta, 1.0);
    }

    /// Decoupled decay; coupled decay is not linear here.
    fn decay(&self) -> f64 {
        self.decay.rate(self.objective)
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for NormalisedFlow<'_> {
    fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let gradient = &mut *self.gradient.borrow_mut();
        self.decay.gradient(self.objective, theta, gradient);
        self.decay.hessian_vector(self.objective, theta, v, jv);
        for (jv, g) in jv.iter_mut().zip(&*gradient) {
            *jv *= -self.eps / (g.abs() + self.eps).powi(2);
        }
        jv.axpy(-self.decay.rate(self.objective), v, 1.0);
    }

    fn product_cost(&self) -> u64 {
        1 + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::testing::check_jacobian;
    use crate::optim::testing::problem;

    #[test]
    fn its_jacobian_is_its_derivative() {
        let (objective, theta) = problem(0.2);
        for decay in [Decay::Coupled, Decay::Decoupled] {
            check_jacobian(&NormalisedFlow::new(&objective, 0.3, decay), 0.0, &theta, 1e-8);
        }
    }

    /// Where ε outweighs the gradient it is the gradient flow in time t/ε; where ε vanishes no entry moves faster than 1.
    #[test]
    fn it_lies_between_gradient_flow_and_sign_descent() {
        let (objective, theta) = problem(0.2);
        let mut gradient = theta.clone();
        objective.gradient(&theta, &mut gradient);
        let rate = |eps: f64| {
            let mut rate = theta.clone();
            NormalisedFlow::new(&objective, eps, Decay::Coupled).eval(0.0, &theta, &mut rate);
            rate
        };
        assert!((rate(1e10) * 1e10 + &gradient).norm() < 1e-8 * gradient.norm());
        assert!((rate(1e-30) + gradient.map(f64::signum)).amax() < 1e-15);
    }
}
