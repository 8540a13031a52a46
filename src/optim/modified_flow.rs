//! The flow that descent at a finite step follows to second order: θ̇ = −∇J − c·∇²J∇J, the gradient flow of J + (c/2)‖∇J‖², with one more
//! term for minibatches.
//!
//! With η the learning rate, β the momentum and τ the dampening, on the clock t_k = kη(1 − τ)/(1 − β):
//!
//! - gradient descent: c = η/2 (Barrett & Dherin, *Implicit gradient regularization*, ICLR 2021);
//! - heavy ball: c = η(1 − τ)(1 + β)/(2(1 − β)²) (Kovachki & Stuart, *Continuous time analysis of momentum methods*, JMLR 22, 2021; with
//!   dampening ours: from its second step on it is heavy ball at the rate η(1 − τ));
//! - Nesterov's: c = η(1 − β + 2β²)/(2(1 − β)²).
//!
//! Momentum starts at rest, and the time that it takes to build up leaves a shift of the start, θ(0) = θ_0 + s·∇J(θ_0), with s = η(β −
//! τ)/(1 − β)² for heavy ball, whose first velocity is not dampened, and s = ηβ²/(1 − β)² for Nesterov's momentum: what Σ_j v_j lacks under
//! a constant gradient. The iterates reach this flow in some 1/(1 − β) steps and then follow it within O(η²); from θ(0) = θ_0 they would do
//! so only within O(η). The shifts are ours.
//! Minibatches without replacement, m batches of B = n/m samples an epoch in random order: the mean over orders follows, at whole epochs,
//! θ̇ = −∇J − c·∇²J∇J − (w/2)·∇V, V = (1/n) Σ_i ‖∇ℓ_i − ∇ℒ‖² the scatter of the samples' gradients, ½∇V = (1/n) Σ_i ∇²ℓ_i∇ℓ_i − ∇²ℒ∇ℒ. Without
//! momentum w = (η/2)(m − 1)/(n − 1): Smith, Dherin, Barrett & De, *On the origin of implicit regularization in stochastic gradient descent*,
//! ICLR 2021, whose (η/4m) Σ_k ‖∇ℒ_k − ∇ℒ‖² has this expectation over random batches (decay drops out of the differences). With momentum
//! ours: the noise ξ of a batch has moved the iterate i steps later by −η(1 − τ)a_i·ξ, a_i = (1 − β^i)/(1 − β) (Nesterov's (1 − β^{i+1})/(1
//! − β)); another batch k of the same epoch has E[(∇²ℒ_k − ∇²ℒ)ξ] = −½∇V/(n − 1), one of another epoch 0. So w = η(1 − τ)/(n − 1)·(1/m)
//! Σ_{i<m} (m − i)a_i.
//! This rests on Σ_k ξ_k = 0 over an epoch. A shorter last batch, whose samples weigh more, and batches with replacement leave the iterates
//! with a covariance of order η, with which their mean drifts: it follows no flow of θ alone to this order.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::linalg::difference_step;
use crate::objective::{Objective, SampleProducts};
use crate::ode::{JacobianProducts, VectorField};

use super::formula::number;
use super::{Follows, Sgd};

/// The cost of ½∇V in gradients: one, a product with the Hessian, and three for the sum over samples.
const SCATTER_COST: u64 = 1 + 2 + 3;

/// The field −∇J − c·∇²J∇J − (w/2)·∇V of an objective. Autonomous; without the last term its Jacobian −∇²J − c(∇²J∇²J + D³J[∇J, ·]) is
/// symmetric.
pub struct ModifiedFlow<'a> {
    objective: &'a dyn Objective,
    curvature: f64,
    shift: f64,
    scatter: Option<Scatter>,
    scratch: RefCell<[DVector<f64>; 2]>,
}

/// The term −(w/2)·∇V.
struct Scatter {
    products: SampleProducts,
    weight: f64,
}

impl<'a> ModifiedFlow<'a> {
    /// The flow of gradient descent at the rate `lr` = η > 0.
    pub fn of_gradient_descent(objective: &'a dyn Objective, lr: f64) -> Self {
        Self::new(objective, 0.5 * lr, 0.0)
    }

    /// The flow of [`Sgd`] on all samples, at a constant rate.
    pub fn of_momentum(objective: &'a dyn Objective, settings: &Sgd) -> Self {
        let &Sgd { lr, momentum: beta, dampening, nesterov, .. } = settings;
        let scale = lr / (1.0 - beta).powi(2);
        if nesterov {
            Self::new(objective, 0.5 * scale * (1.0 - beta + 2.0 * beta * beta), scale * beta * beta)
        } else {
            Self::new(objective, 0.5 * scale * (1.0 - dampening) * (1.0 + beta), scale * (beta - dampening))
        }
    }

    /// The flow of the mean of [`Sgd`] over random orders of the samples, at a constant rate and with `batches` batches of equal size an
    /// epoch, each sample once. `products`: of all n samples of the objective.
    ///
    /// # Panics
    /// If `batches` does not divide n.
    pub fn of_epochs(objective: &'a dyn Objective, settings: &Sgd, products: SampleProducts, batches: usize) -> Self {
        let samples = products.count();
        assert!(
            batches > 0 && samples.is_multiple_of(batches),
            "{samples} samples cannot be divided into {batches} batches of equal size"
        );
        let &Sgd { lr, momentum: beta, dampening, nesterov, .. } = settings;
        let mut flow = Self::of_momentum(objective, settings);
        if batches > 1 {
            let reach = |i: usize| (1.0 - beta.powf((i + usize::from(nesterov)) as f64)) / (1.0 - beta);
            let mean = (1..batches).map(|i| (batches - i) as f64 * reach(i)).sum::<f64>() / batches as f64;
            let weight = lr * (1.0 - dampening) * mean / (samples - 1) as f64;
            flow.scatter = Some(Scatter { products, weight });
        }
        flow
    }

    /// The flow of c = `curvature` from a start moved by `shift` = s.
    pub fn new(objective: &'a dyn Objective, curvature: f64, shift: f64) -> Self {
        let zeros = DVector::zeros(objective.dim());
        Self { objective, curvature, shift, scatter: None, scratch: RefCell::new([zeros.clone(), zeros]) }
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

    /// This flow from θ_0 = `theta`.
    pub(super) fn into_followed(self, theta: &DVector<f64>) -> Follows<'a> {
        let (state, formula, gradients) = (self.start(theta), self.formula(), u64::from(self.shift != 0.0));
        Follows::new(self, formula, state).after(gradients)
    }

    /// ½∇V at θ.
    fn half_gradient_of_scatter(&self, products: &SampleProducts, theta: &DVector<f64>) -> DVector<f64> {
        let [mut gradient, mut product, mut of_samples] = std::array::from_fn(|_| DVector::zeros(theta.len()));
        self.objective.loss_gradient(theta, &mut gradient);
        self.objective.loss_hessian_vector(theta, &gradient, &mut product);
        products.hessian_gradients(theta, &mut of_samples);
        of_samples - product
    }

    /// The equation with its numbers: `θ̇ = −∇J − 0.005·∇²J∇J`, and the term of minibatches where there is one.
    pub fn formula(&self) -> String {
        let mut equation = format!("θ̇ = −∇J − {}·∇²J∇J", number(self.curvature));
        if let Some(Scatter { weight, .. }) = &self.scatter {
            equation += &format!(" − {}·∇V, V = (1/n) Σ_i ‖∇ℓ_i − ∇ℒ‖²", number(0.5 * weight));
        }
        match self.shift {
            0.0 => equation,
            s if s < 0.0 => format!("{equation}, θ(0) = θ_0 − {}·∇J(θ_0)", number(-s)),
            s => format!("{equation}, θ(0) = θ_0 + {}·∇J(θ_0)", number(s)),
        }
    }
}

impl VectorField for ModifiedFlow<'_> {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let [gradient, _] = &mut *self.scratch.borrow_mut();
        self.objective.gradient(theta, gradient);
        self.objective.hessian_vector(theta, gradient, dtheta);
        dtheta.axpy(-1.0, gradient, -self.curvature);
        if let Some(Scatter { products, weight }) = &self.scatter {
            dtheta.axpy(-weight, &self.half_gradient_of_scatter(products, theta), 1.0);
        }
    }

    /// λ + cλ², by which θ decays where there is no loss.
    fn decay(&self) -> f64 {
        let decay = self.objective.weight_decay().single();
        decay + self.curvature * decay * decay
    }

    fn evaluation_cost(&self) -> u64 {
        1 + 2 + if self.scatter.is_some() { SCATTER_COST } else { 0 }
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for ModifiedFlow<'_> {
    /// Without c·D³J[∇J, v] if the objective has no third derivatives: that term vanishes with the gradient, and the Jacobian steers
    /// methods without deciding which states they accept. The derivative of ½∇V is a central difference, good to some ten digits.
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
        let h = difference_step(theta, v);
        if let (Some(Scatter { products, weight }), true) = (&self.scatter, h.is_finite()) {
            let moved = |h: f64| self.half_gradient_of_scatter(products, &(theta + v * h));
            jv.axpy(-weight / (2.0 * h), &(moved(h) - moved(-h)), 1.0);
        }
    }

    fn product_cost(&self) -> u64 {
        let own = if self.objective.third().is_some() { 1 + 6 + 2 + 2 } else { 2 + 2 };
        own + if self.scatter.is_some() { 2 * SCATTER_COST } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::objective::Samples;
    use crate::ode::testing::check_jacobian;
    use crate::optim::testing::{one_weight, problem};

    #[test]
    fn its_jacobian_is_its_derivative() {
        let (objective, theta) = problem(0.2);
        check_jacobian(&ModifiedFlow::new(&objective, 0.3, 0.0), 0.0, &theta, 1e-8);
    }

    /// With the scatter of the samples' gradients, whose derivative is a difference; and its numbers in the formula.
    #[test]
    fn of_minibatches_its_jacobian_is_its_derivative_too() {
        let (objective, theta) = problem(0.2);
        let rng = &mut crate::rng::stream(0, crate::rng::Purpose::Inputs);
        let mut draw = |columns| crate::rng::gaussian_matrix(12, columns, rng);
        let samples = Samples::new(&Dataset { x: draw(4), y: draw(2) });
        let products = objective.batches().unwrap().sample_products(&samples).unwrap();
        let settings = Sgd { batch: Some(3), ..Sgd::new(0.12) };
        let field = ModifiedFlow::of_epochs(&objective, &settings, products, 4);
        check_jacobian(&field, 0.0, &theta, 1e-7);
        // w/2 = (η/4)(m − 1)/(n − 1).
        assert_eq!(field.formula(), "θ̇ = −∇J − 0.06·∇²J∇J − 0.00818182·∇V, V = (1/n) Σ_i ‖∇ℓ_i − ∇ℒ‖²");
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
            let settings = Sgd { momentum, dampening, nesterov, ..Sgd::new(0.01) };
            ModifiedFlow::of_momentum(&objective, &settings).formula()
        };
        assert_eq!(sgd(0.0, 0.0, false), "θ̇ = −∇J − 0.005·∇²J∇J");
        assert_eq!(sgd(0.9, 0.0, false), "θ̇ = −∇J − 0.95·∇²J∇J, θ(0) = θ_0 + 0.9·∇J(θ_0)");
        assert_eq!(sgd(0.9, 0.0, true), "θ̇ = −∇J − 0.86·∇²J∇J, θ(0) = θ_0 + 0.81·∇J(θ_0)");
        assert_eq!(sgd(0.5, 0.6, false), "θ̇ = −∇J − 0.012·∇²J∇J, θ(0) = θ_0 − 0.004·∇J(θ_0)");
    }
}
