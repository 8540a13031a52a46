//! The limit of Adam as η → 0 with averages that remember for fixed times 1/c_i, β_i = 1 − c_iη: entry by entry, with g = ∇J
//! (`adamw`: ∇ℒ),
//!
//! ṁ = c₁(g − m), v̇ = c₂(g² − v) from m = v = 0, m̂ = m/(1 − e^{−c₁t}), v̂ = v/(1 − e^{−c₂t}), θ̇ = −m̂/(√v̂ + ε), and −λθ for `adamw`.
//!
//! ε stands outside the root, as in PyTorch's rule. With c_i = (1 − β_i)/η this is the flow that a run at β_i and η follows within O(η) (da
//! Silva & Gazeau, *A general system of differential equations to model first-order adaptive algorithms*, JMLR 21, 2020; Barakat & Bianchi,
//! *Convergence and dynamical behavior of the Adam algorithm*, SIAM J. Optim. 31, 2021).
//!
//! The state is (θ, m̂, u) with u = √(v̂ + δ²) ([`RunningSquare`]): m̂̇ = κ₁(t)(g − m̂) and v̂̇ = κ₂(t)(g² − v̂) with κ_i = c_i/(1 − e^{−c_it}).
//! These rates are infinite at t = 0, where m̂ = g and v̂ = g²; so the state begins at a small t_0 > 0 with what Taylor's expansion gives there.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::objective::Objective;
use crate::ode::{JacobianProducts, VectorField};

use super::Adam;
use crate::optim::Decay;
use crate::optim::formula::number;
use crate::optim::running_square::RunningSquare;

/// t_0/η: what the expansion at t_0 leaves out is smaller than a step by this factor.
const BEGIN: f64 = 1e-6;

/// The field of (θ, m̂, u) ∈ ℝ^{3P}, defined for t > 0.
pub struct AdamLimit<'a> {
    objective: &'a dyn Objective,
    lr: f64,
    /// c₁ and c₂.
    rates: [f64; 2],
    eps: f64,
    decay: Decay,
    square: RunningSquare,
    scratch: RefCell<[DVector<f64>; 4]>,
}

impl<'a> AdamLimit<'a> {
    /// Gradients that [`start`](Self::start) takes.
    pub const START_GRADIENTS: u64 = 1 + 2;

    /// The limit of [`Adam`](crate::optim::Adam) or, with decoupled decay, [`AdamW`](crate::optim::AdamW) at a constant rate; not of
    /// `amsgrad`, whose largest v has no rate.
    pub fn new(objective: &'a dyn Objective, settings: &Adam, decay: Decay) -> Self {
        let &Adam { lr, betas, eps, .. } = settings;
        let zeros = DVector::zeros(objective.dim());
        let scratch = RefCell::new(std::array::from_fn(|_| zeros.clone()));
        let rates = betas.map(|beta| (1.0 - beta) / lr);
        Self { objective, lr, rates, eps, decay, square: RunningSquare::new(eps), scratch }
    }

    /// t_0 and the state there from θ(0) = `theta`: to first order θ_0 + t_0θ̇_0 and m̂ = g_0 + ½t_0ġ_0, and v̂ as the mean of (g_0 + sġ_0)²
    /// over 0 ≤ s ≤ t_0, with ġ_0 = ∇²J θ̇_0.
    pub fn start(&self, theta: &DVector<f64>) -> (f64, DVector<f64>) {
        let (t, n) = (BEGIN * self.lr, theta.len());
        let [gradient, rate, change, _] = &mut *self.scratch.borrow_mut();
        self.decay.gradient(self.objective, theta, gradient);
        rate.copy_from(gradient);
        rate.apply(|g| *g = -*g / (g.abs() + self.eps));
        rate.axpy(-self.decay.rate(self.objective), theta, 1.0);
        self.decay.hessian_vector(self.objective, theta, rate, change);
        let mut state = DVector::zeros(3 * n);
        for i in 0..n {
            let (g, by) = (gradient[i], t * change[i]);
            state[i] = theta[i] + t * rate[i];
            state[n + i] = g + 0.5 * by;
            state[2 * n + i] = self.square.state(g * g + g * by + by * by / 3.0);
        }
        (t, state)
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        let (decay, of) = self.decay.formula(self.objective);
        let [c1, c2] = self.rates.map(number);
        format!(
            "θ̇ = −m̂/(√v̂ + {}){decay}, ṁ = {c1}·(g − m), v̇ = {c2}·(g² − v), m̂ = m/(1 − e^(−{c1}·t)), v̂ = v/(1 − e^(−{c2}·t)), g = {of}",
            number(self.eps)
        )
    }

    /// κ₁(t) and κ₂(t).
    fn kappas(&self, t: f64) -> [f64; 2] {
        self.rates.map(|c| -c / (-c * t).exp_m1())
    }
}

impl VectorField for AdamLimit<'_> {
    fn dim(&self) -> usize {
        3 * self.objective.dim()
    }

    fn eval(&self, t: f64, state: &DVector<f64>, dstate: &mut DVector<f64>) {
        let [theta, gradient, ..] = &mut *self.scratch.borrow_mut();
        let n = theta.len();
        theta.copy_from(&state.rows(0, n));
        self.decay.gradient(self.objective, theta, gradient);
        let ([k1, k2], decay) = (self.kappas(t), self.decay.rate(self.objective));
        for i in 0..n {
            let (g, m, u) = (gradient[i], state[n + i], state[2 * n + i]);
            dstate[i] = -m / (self.square.root(u) + self.eps) - decay * theta[i];
            dstate[n + i] = k1 * (g - m);
            dstate[2 * n + i] = self.square.rate(k2, g, u);
        }
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for AdamLimit<'_> {
    fn jacobian_vector(&self, t: f64, state: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let [theta, gradient, along, change] = &mut *self.scratch.borrow_mut();
        let n = theta.len();
        theta.copy_from(&state.rows(0, n));
        along.copy_from(&v.rows(0, n));
        self.decay.gradient(self.objective, theta, gradient);
        self.decay.hessian_vector(self.objective, theta, along, change);
        let ([k1, k2], decay) = (self.kappas(t), self.decay.rate(self.objective));
        for i in 0..n {
            let (m, u) = (state[n + i], state[2 * n + i]);
            let over = self.square.root(u) + self.eps;
            let [by_g, by_u] = self.square.rate_slopes(k2, gradient[i], u);
            jv[i] = -v[n + i] / over + m / over / over * self.square.root_slope(u) * v[2 * n + i] - decay * v[i];
            jv[n + i] = k1 * (change[i] - v[n + i]);
            jv[2 * n + i] = by_g * change[i] + by_u * v[2 * n + i];
        }
    }

    fn product_cost(&self) -> u64 {
        1 + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ode::testing::check_jacobian;
    use crate::ode::{Limits, Tolerance, dop853};
    use crate::optim::testing::{one_weight, problem};

    fn settings(lr: f64, betas: [f64; 2], eps: f64) -> Adam {
        Adam { betas, eps, ..Adam::new(lr) }
    }

    #[test]
    fn its_jacobian_is_its_derivative() {
        let (objective, theta) = problem(0.2);
        for decay in [Decay::Coupled, Decay::Decoupled] {
            let field = AdamLimit::new(&objective, &settings(0.1, [0.9, 0.95], 0.3), decay);
            let (_, state) = field.start(&theta);
            // v̂ as if the gradient had been larger: u must not touch its floor while it is varied.
            let n = theta.len();
            let state = DVector::from_fn(3 * n, |i, _| if i < 2 * n { state[i] } else { state[i] + 0.5 });
            check_jacobian(&field, 0.7, &state, 1e-8);
        }
    }

    /// Without a gradient m̂ and v̂ stay 0, and decoupled decay alone shrinks θ.
    #[test]
    fn without_a_gradient_theta_decays_by_itself() {
        let objective = one_weight(0.0, 0.25);
        let field = AdamLimit::new(&objective, &settings(0.01, [0.9, 0.999], 1e-8), Decay::Decoupled);
        let (t, mut state) = field.start(&DVector::from_element(1, 2.0));
        let mut method = dop853(&field, Tolerance { rtol: 1e-12, atol: 1e-14 }, Limits::default()).unwrap();
        assert_eq!(method.advance(t, 3.0, &mut state).unwrap().stop, None);
        assert!((state[0] / (2.0 * (-0.75f64).exp()) - 1.0).abs() < 1e-10, "{}", state[0]);
    }

    /// The averages that the state holds are those of the definition: ∫c·e^{−c(t − s)}g(s)ds over 1 − e^{−ct}, by Simpson's rule along θ(t).
    #[test]
    fn its_averages_are_those_of_the_gradients_on_the_way() {
        let objective = one_weight(1.0, 0.0);
        let field = AdamLimit::new(&objective, &settings(0.1, [0.9, 0.8], 0.5), Decay::Coupled);
        let (mut t, mut state) = field.start(&DVector::from_element(1, 2.0));
        let mut method = dop853(&field, Tolerance { rtol: 1e-12, atol: 1e-14 }, Limits::default()).unwrap();
        let (end, panels) = (2.0, 2000);
        let mut gradients = vec![2.0];
        for k in 1..=panels {
            let next = end * k as f64 / panels as f64;
            assert_eq!(method.advance(t, next, &mut state).unwrap().stop, None);
            t = next;
            gradients.push(state[0]);
        }
        let average = |c: f64, power: i32| {
            let term = |k: usize| {
                let s = end * k as f64 / panels as f64;
                c * (-c * (end - s)).exp() * gradients[k].powi(power)
            };
            let weight = |k: usize| {
                if k == 0 || k == panels {
                    1.0
                } else if k % 2 == 1 {
                    4.0
                } else {
                    2.0
                }
            };
            let sum: f64 = (0..=panels).map(|k| weight(k) * term(k)).sum();
            sum * end / panels as f64 / 3.0 / -(-c * end).exp_m1()
        };
        assert!((state[1] / average(1.0, 1) - 1.0).abs() < 1e-8, "{} {}", state[1], average(1.0, 1));
        let root = field.square.root(state[2]);
        assert!((root / average(2.0, 2).sqrt() - 1.0).abs() < 1e-8, "{root}");
    }

    #[test]
    fn its_formula_has_its_numbers() {
        let (objective, _) = problem(0.2);
        let formula = |decay| AdamLimit::new(&objective, &settings(1e-3, [0.9, 0.999], 1e-8), decay).formula();
        let averages = "ṁ = 100·(g − m), v̇ = 1·(g² − v), m̂ = m/(1 − e^(−100·t)), v̂ = v/(1 − e^(−1·t))";
        assert_eq!(formula(Decay::Coupled), format!("θ̇ = −m̂/(√v̂ + 1e-8), {averages}, g = ∇J"));
        assert_eq!(formula(Decay::Decoupled), format!("θ̇ = −m̂/(√v̂ + 1e-8) − 0.2·θ, {averages}, g = ∇ℒ"));
    }
}
