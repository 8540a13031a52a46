//! The flow that gradient descent follows to third order: θ̇ = −∇J − (η/2)∇²J∇J − η²(⅓∇²J∇²J∇J + 1/12·D³J[∇J, ∇J]), η the learning rate.
//!
//! Backward error analysis of the explicit Euler method (Hairer, Lubich & Wanner, *Geometric Numerical Integration*, IX.1) on −∇J. Unlike the
//! flow to second order it is no gradient flow: −(η²/6)∇(∇Jᵀ∇²J∇J) would have 1/6 in place of 1/12, and is not followed to third order.
//!
//! D³J is exact where the objective has it, as all of ours do that are smooth. Otherwise it is the central difference of a product with the Hessian, good to some ten digits
//! of a term of η² times the size of the gradient. It does not exist if an activation has a kink.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::network::Architecture;
use crate::objective::Objective;
use crate::ode::{JacobianProducts, VectorField};

use super::Follows;
use super::formula::number;
use super::settings::{Followed, Ground};

/// The field of gradient descent to third order in its rate. Autonomous.
pub struct ThirdOrderFlow<'a> {
    objective: &'a dyn Objective,
    lr: f64,
    /// The weights of ∇²J∇²J∇J and of D³J[∇J, ∇J].
    weights: [f64; 2],
    scratch: RefCell<[DVector<f64>; 3]>,
}

impl<'a> ThirdOrderFlow<'a> {
    /// The flow of gradient descent at the rate `lr` = η > 0.
    pub fn new(objective: &'a dyn Objective, lr: f64) -> Self {
        Self::with_weights(objective, lr, [1.0 / 3.0, 1.0 / 12.0])
    }

    /// The flow of gradient descent at the rate `lr` from θ_0, or why there is none.
    pub(super) fn of_gradient_descent(ground: &Ground<'a>, lr: f64) -> Followed<'a> {
        let kink = |net: &Architecture| (1..=net.depth()).find(|&l| net.activation(l).kink().is_some());
        if let Some(l) = ground.objective.layers().and_then(|layers| kink(layers.architecture())) {
            let reason = format!("it needs third derivatives, and the activation of layer {l} has a kink");
            return Err(format!("distance_to_third_order_flow is null: {reason}"));
        }
        let flow = Self::new(ground.objective, lr);
        let formula = flow.formula();
        Ok(Follows::new(flow, formula, ground.start.clone()))
    }

    /// The same with other weights than ⅓ and 1/12 in the term of η²: a control that no process follows.
    pub fn with_weights(objective: &'a dyn Objective, lr: f64, weights: [f64; 2]) -> Self {
        let zeros = DVector::zeros(objective.dim());
        Self { objective, lr, weights, scratch: RefCell::new(std::array::from_fn(|_| zeros.clone())) }
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        let square = self.lr * self.lr;
        format!(
            "θ̇ = −∇J − {}·∇²J∇J − {}·∇²J∇²J∇J − {}·D³J[∇J, ∇J]",
            number(0.5 * self.lr),
            number(square * self.weights[0]),
            number(square * self.weights[1]),
        )
    }
}

impl VectorField for ThirdOrderFlow<'_> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let [gradient, hg, hhg] = &mut *self.scratch.borrow_mut();
        let square = self.lr * self.lr;
        self.objective.gradient(theta, gradient);
        self.objective.hessian_vector(theta, gradient, hg);
        self.objective.hessian_vector(theta, hg, hhg);
        self.objective.third_along(theta, gradient, gradient, dtheta);
        dtheta.axpy(-square * self.weights[0], hhg, -square * self.weights[1]);
        dtheta.axpy(-0.5 * self.lr, hg, 1.0);
        *dtheta -= &*gradient;
    }

    /// λ + ηλ²/2 + η²λ³/3, by which θ decays where there is no loss: −ln(1 − ηλ)/η to this order.
    fn decay(&self) -> f64 {
        let decay = self.objective.weight_decay().single();
        let step = self.lr * decay;
        decay * (1.0 + step * (0.5 + step * self.weights[0]))
    }

    fn evaluation_cost(&self) -> u64 {
        1 + 2 + 2 + 6
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for ThirdOrderFlow<'_> {
    /// Exact for −∇J − (η/2)∇²J∇J; for −⅓η²∇²J∇²J∇J without the derivatives of ∇²J. What is left out, of order η²‖∇J‖, holds third and
    /// fourth derivatives and vanishes with the gradient: the Jacobian steers methods without deciding which states they accept.
    fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let [gradient, hv, hhv] = &mut *self.scratch.borrow_mut();
        self.objective.gradient(theta, gradient);
        self.objective.third_along(theta, gradient, v, jv);
        self.objective.hessian_vector(theta, v, hv);
        self.objective.hessian_vector(theta, hv, hhv);
        let hhhv = gradient;
        self.objective.hessian_vector(theta, hhv, hhhv);
        jv.axpy(-1.0, hv, -0.5 * self.lr);
        jv.axpy(-0.5 * self.lr, hhv, 1.0);
        jv.axpy(-self.lr * self.lr * self.weights[0], hhhv, 1.0);
    }

    fn product_cost(&self) -> u64 {
        1 + 6 + 2 + 2 + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::testing::check_jacobian;
    use crate::optim::testing::{one_weight, problem};

    /// Up to terms of order η²‖∇J‖.
    #[test]
    fn its_jacobian_is_its_derivative_to_its_leading_orders() {
        let (objective, theta) = problem(0.2);
        for lr in [1e-4, 1e-5] {
            check_jacobian(&ThirdOrderFlow::new(&objective, lr), 0.0, &theta, 1e-8 + 100.0 * lr * lr);
        }
    }

    /// Gradient descent on x²·a/2 takes x to (1 − ηa)x, as ẋ = ln(1 − ηa)/η·x does.
    #[test]
    fn of_a_quadratic_it_has_the_first_three_terms_of_the_logarithm() {
        let missing = |lr: f64| {
            let objective = one_weight(0.75, 0.25);
            let mut rate = DVector::zeros(1);
            ThirdOrderFlow::new(&objective, lr).eval(0.0, &DVector::from_element(1, 1.0), &mut rate);
            rate[0] - (-lr).ln_1p() / lr
        };
        // The fourth term, η³/4.
        assert!((missing(1e-2) / (1e-6 / 4.0) - 1.0).abs() < 0.02, "{}", missing(1e-2));
        let no_loss = one_weight(0.0, 0.25);
        let field = ThirdOrderFlow::new(&no_loss, 0.1);
        assert!((field.decay() + (-0.025f64).ln_1p() / 0.1).abs() < 0.025f64.powi(3));
    }
}
