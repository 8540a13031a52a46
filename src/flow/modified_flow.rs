//! The flow that descent at a finite step follows to second order: θ̇ = −∇J − c·∇²J∇J, the gradient flow of J + (c/2)‖∇J‖².
//!
//! With η the learning rate, β the momentum and τ the dampening, on the clock t_k = kη(1 − τ)/(1 − β):
//!
//! - gradient descent: c = η/2 (Barrett & Dherin, *Implicit gradient regularization*, ICLR 2021);
//! - heavy ball: c = η(1 − τ)(1 + β)/(2(1 − β)²) (Kovachki & Stuart, *Continuous time analysis of momentum methods*, JMLR 22, 2021; with
//!   dampening ours: from its second step on it is heavy ball at the rate η(1 − τ));
//! - Nesterov's: c = η(1 − β + 2β²)/(2(1 − β)²).
//!
//! Momentum starts at rest, and the time that it takes to reach its speed stays as a shift of the start, θ(0) = θ_0 + s·∇J(θ_0), with
//! s = η(β − τ)/(1 − β)² for heavy ball, whose first velocity is not dampened, and s = ηβ²/(1 − β)² for Nesterov's: what Σ_j v_j lacks under
//! a constant gradient. The iterates reach this flow in some 1/(1 − β) steps and then keep to it within O(η²); from θ(0) = θ_0 they would
//! keep to it within O(η) only. The shifts are ours.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::objective::Objective;
use crate::ode::VectorField;
use crate::scenario;

use super::formula::number;

/// −∇J − c·∇²J∇J of one objective. Autonomous; its Jacobian −∇²J − c(∇²J∇²J + D³J[∇J, ·]) is symmetric.
pub struct ModifiedFlow<'a> {
    objective: &'a dyn Objective,
    curvature: f64,
    shift: f64,
    scratch: RefCell<[DVector<f64>; 2]>,
}

impl<'a> ModifiedFlow<'a> {
    /// That of gradient descent at the rate `lr` = η > 0.
    pub fn of_gradient_descent(objective: &'a dyn Objective, lr: f64) -> Self {
        Self::new(objective, 0.5 * lr, 0.0)
    }

    /// That of [`Sgd`](crate::optim::Sgd) at a constant rate. Of minibatches it is the flow of the mean to leading order: their noise adds
    /// terms of order η to its drift.
    pub fn of_momentum(objective: &'a dyn Objective, settings: &scenario::Sgd) -> Self {
        let &scenario::Sgd { lr, momentum: beta, dampening, nesterov, .. } = settings;
        let scale = lr / (1.0 - beta).powi(2);
        if nesterov {
            Self::new(objective, 0.5 * scale * (1.0 - beta + 2.0 * beta * beta), scale * beta * beta)
        } else {
            Self::new(objective, 0.5 * scale * (1.0 - dampening) * (1.0 + beta), scale * (beta - dampening))
        }
    }

    /// The flow of c = `curvature` from a start moved by `shift` = s.
    pub fn new(objective: &'a dyn Objective, curvature: f64, shift: f64) -> Self {
        let zeros = DVector::zeros(objective.architecture().parameter_count());
        Self { objective, curvature, shift, scratch: RefCell::new([zeros.clone(), zeros]) }
    }

    /// θ(0) = θ_0 + s·∇J(θ_0): one gradient.
    pub fn start(&self, theta: &DVector<f64>) -> DVector<f64> {
        let mut start = theta.clone();
        if self.shift != 0.0 {
            let [gradient, _] = &mut *self.scratch.borrow_mut();
            self.objective.gradient(theta, gradient);
            start.axpy(self.shift, gradient, 1.0);
        }
        start
    }

    /// The equation with its numbers: `θ̇ = −∇J − 0.005·∇²J∇J`.
    pub fn formula(&self) -> String {
        let equation = format!("θ̇ = −∇J − {}·∇²J∇J", number(self.curvature));
        match self.shift {
            0.0 => equation,
            s if s < 0.0 => format!("{equation}, θ(0) = θ_0 − {}·∇J(θ_0)", number(-s)),
            s => format!("{equation}, θ(0) = θ_0 + {}·∇J(θ_0)", number(s)),
        }
    }
}

impl VectorField for ModifiedFlow<'_> {
    fn dim(&self) -> usize {
        self.objective.architecture().parameter_count()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let [gradient, _] = &mut *self.scratch.borrow_mut();
        self.objective.gradient(theta, gradient);
        self.objective.hessian_vector(theta, gradient, dtheta);
        dtheta.axpy(-1.0, gradient, -self.curvature);
    }

    /// Without c·D³J[∇J, v] where the objective has no third derivatives. What is left out vanishes where the gradient does; it steers
    /// methods and decides no state that they accept.
    fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let [gradient, hv] = &mut *self.scratch.borrow_mut();
        match self.objective.third() {
            Some(objective) => {
                objective.gradient(theta, gradient);
                objective.third_derivative(theta, gradient, v, jv);
            }
            None => jv.fill(0.0),
        }
        self.objective.hessian_vector(theta, v, hv);
        jv.axpy(-1.0, hv, -self.curvature);
        self.objective.hessian_vector(theta, hv, gradient);
        jv.axpy(-self.curvature, gradient, 1.0);
    }

    /// λ + cλ², by which θ decays where there is no loss.
    fn decay(&self) -> f64 {
        let decay = self.objective.weight_decay();
        decay + self.curvature * decay * decay
    }

    fn evaluation_cost(&self) -> u64 {
        1 + 2
    }

    fn product_cost(&self) -> u64 {
        if self.objective.third().is_some() { 1 + 6 + 2 + 2 } else { 2 + 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::testing::{check_jacobian, one_weight, problem};

    #[test]
    fn its_jacobian_is_its_derivative() {
        let (objective, theta) = problem(0.2);
        check_jacobian(&ModifiedFlow::new(&objective, 0.3, 0.0), 0.0, &theta, 1e-8);
    }

    /// It is a gradient: of J + (c/2)‖∇J‖².
    #[test]
    fn it_descends_the_regularised_objective() {
        let (objective, theta) = problem(0.2);
        let field = ModifiedFlow::new(&objective, 0.3, 0.0);
        let regularised = |theta: &DVector<f64>| {
            let mut gradient = theta.clone();
            objective.gradient(theta, &mut gradient);
            objective.value(theta) + 0.15 * gradient.norm_squared()
        };
        let mut rate = theta.clone();
        field.eval(0.0, &theta, &mut rate);
        let direction = DVector::from_fn(theta.len(), |i, _| ((i + 1) as f64).sin()).normalize();
        let at = |k: f64| regularised(&(&theta + &direction * (k * 1e-3)));
        let slope = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / 12e-3;
        assert!((rate.dot(&direction) + slope).abs() < 1e-9 * rate.norm(), "{} {slope}", rate.dot(&direction));
    }

    /// Of x ↦ x²·a/2 the flow is ẋ = −(a + ca²)x; so it is where all of a is decay, which it declares.
    #[test]
    fn of_a_quadratic_it_is_linear() {
        let rate = |decay: f64| {
            let objective = one_weight(1.0, decay);
            let mut rate = DVector::zeros(1);
            ModifiedFlow::new(&objective, 0.5, 0.0).eval(0.0, &DVector::from_element(1, 2.0), &mut rate);
            rate[0]
        };
        assert!((rate(0.25) + 2.0 * (1.25 + 0.5 * 1.25 * 1.25)).abs() < 1e-15);
        let no_loss = one_weight(0.0, 0.25);
        assert_eq!(ModifiedFlow::new(&no_loss, 0.5, 0.0).decay(), 0.25 + 0.5 * 0.25 * 0.25);
    }

    #[test]
    fn its_formula_has_its_numbers() {
        let (objective, _) = problem(0.2);
        assert_eq!(ModifiedFlow::of_gradient_descent(&objective, 0.01).formula(), "θ̇ = −∇J − 0.005·∇²J∇J");
        let sgd = |momentum, dampening, nesterov| {
            let (name, steps, schedule, batch) = (None, None, scenario::Schedule::Constant, None);
            let lr = 0.01;
            let settings =
                scenario::Sgd { name, lr, steps, schedule, batch, replacement: false, momentum, dampening, nesterov };
            ModifiedFlow::of_momentum(&objective, &settings).formula()
        };
        assert_eq!(sgd(0.0, 0.0, false), "θ̇ = −∇J − 0.005·∇²J∇J");
        assert_eq!(sgd(0.9, 0.0, false), "θ̇ = −∇J − 0.95·∇²J∇J, θ(0) = θ_0 + 0.9·∇J(θ_0)");
        assert_eq!(sgd(0.9, 0.0, true), "θ̇ = −∇J − 0.86·∇²J∇J, θ(0) = θ_0 + 0.81·∇J(θ_0)");
        assert_eq!(sgd(0.5, 0.6, false), "θ̇ = −∇J − 0.012·∇²J∇J, θ(0) = θ_0 − 0.004·∇J(θ_0)");
    }
}
