//! The limit of RMSProp as η → 0 with an average that remembers for a fixed time 1/c: entry by entry, with g = ∇J,
//!
//! v̇ = c(g² − v), θ̇ = −g/(√v + ε); `centered`: ṁ = c(g − m), and v̇ = c((g − m)² − v), so that v is the average of g² minus m².
//!
//! With momentum β a step takes the time h = η/(1 − β), and c = (1 − α)/h. There is no bias correction: from v = 0 the first steps are
//! long, θ̇ ≈ −sign(g)/√(ct). Here the sum over steps differs from the integral: Σ_{k≤K} k^{−1/2} ≈ 2√K + ζ(½), ∫_0^K x^{−1/2}dx = 2√K, so
//! that from v(0) = 0 the two would stay 1.46·√(h/c) apart, which is of order √η. The flow starts as if ζ(½)²/4 = 0.533 steps had been
//! taken, v(0) = 0.533(1 − α)g(0)²: it then covers 2√(K + 0.533) + ζ(½), and the distance is of order η. If ε is small, this takes rates at
//! which no entry of g changes its sign in the first steps: they cover about √(h/c), and entries that start within that of 0 miss by as
//! much. The start is ours.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::objective::Objective;
use crate::ode::{JacobianProducts, VectorField};

use super::Rmsprop;
use crate::optim::Decay;
use crate::optim::formula::number;
use crate::optim::running_square::RunningSquare;

/// ζ(½)²/4, ζ(½) = −1.4603545088095868: the number of steps by which the flow is ahead.
const AHEAD: f64 = 1.460_354_508_809_586_8 * 1.460_354_508_809_586_8 / 4.0;

/// The field of (θ, u), or (θ, u, m) if centered, with u = √(v + δ²), δ = ε/1024. Autonomous.
pub struct RmspropLimit<'a> {
    objective: &'a dyn Objective,
    alpha: f64,
    /// c.
    rate: f64,
    eps: f64,
    centered: bool,
    square: RunningSquare,
    scratch: RefCell<[DVector<f64>; 4]>,
}

impl<'a> RmspropLimit<'a> {
    /// The limit of [`Rmsprop`] at a constant rate.
    pub fn new(objective: &'a dyn Objective, settings: &Rmsprop) -> Self {
        let &Rmsprop { lr, alpha, eps, momentum, centered, .. } = settings;
        let zeros = DVector::zeros(objective.dim());
        let scratch = RefCell::new(std::array::from_fn(|_| zeros.clone()));
        let rate = (1.0 - alpha) * (1.0 - momentum) / lr;
        Self { objective, alpha, rate, eps, centered, square: RunningSquare::new(eps), scratch }
    }

    /// The state at t = 0 from θ(0) = `theta`.
    pub fn start(&self, theta: &DVector<f64>) -> DVector<f64> {
        let [gradient, ..] = &mut *self.scratch.borrow_mut();
        let (n, share) = (theta.len(), AHEAD * (1.0 - self.alpha));
        Decay::Coupled.gradient(self.objective, theta, gradient);
        let mut state = DVector::zeros(self.dim());
        state.rows_mut(0, n).copy_from(theta);
        for (i, g) in gradient.iter().enumerate() {
            state[n + i] = self.square.state(share * g * g);
            if self.centered {
                state[2 * n + i] = share * g;
            }
        }
        state
    }

    /// The equation with its numbers.
    pub fn formula(&self) -> String {
        let (c, share) = (number(self.rate), number(AHEAD * (1.0 - self.alpha)));
        let averages = if self.centered {
            format!("v̇ = {c}·((g − m)² − v), ṁ = {c}·(g − m), v(0) = {share}·g(0)², m(0) = {share}·g(0)")
        } else {
            format!("v̇ = {c}·(g² − v), v(0) = {share}·g(0)²")
        };
        format!("θ̇ = −g/(√v + {}), {averages}, g = ∇J", number(self.eps))
    }
}

impl VectorField for RmspropLimit<'_> {
    fn dim(&self) -> usize {
        (2 + usize::from(self.centered)) * self.objective.dim()
    }

    fn eval(&self, _: f64, state: &DVector<f64>, dstate: &mut DVector<f64>) {
        let [theta, gradient, ..] = &mut *self.scratch.borrow_mut();
        let n = theta.len();
        theta.copy_from(&state.rows(0, n));
        Decay::Coupled.gradient(self.objective, theta, gradient);
        for i in 0..n {
            let (g, u) = (gradient[i], state[n + i]);
            let spread = if self.centered { g - state[2 * n + i] } else { g };
            dstate[i] = -g / (self.square.root(u) + self.eps);
            dstate[n + i] = self.square.rate(self.rate, spread, u);
            if self.centered {
                dstate[2 * n + i] = self.rate * spread;
            }
        }
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for RmspropLimit<'_> {
    fn jacobian_vector(&self, _: f64, state: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let [theta, gradient, along, change] = &mut *self.scratch.borrow_mut();
        let n = theta.len();
        theta.copy_from(&state.rows(0, n));
        along.copy_from(&v.rows(0, n));
        Decay::Coupled.gradient(self.objective, theta, gradient);
        Decay::Coupled.hessian_vector(self.objective, theta, along, change);
        for i in 0..n {
            let (g, u) = (gradient[i], state[n + i]);
            let (spread, dspread) =
                if self.centered { (g - state[2 * n + i], change[i] - v[2 * n + i]) } else { (g, change[i]) };
            let over = self.square.root(u) + self.eps;
            let [by_q, by_u] = self.square.rate_slopes(self.rate, spread, u);
            jv[i] = -change[i] / over + g / over / over * self.square.root_slope(u) * v[n + i];
            jv[n + i] = by_q * dspread + by_u * v[n + i];
            if self.centered {
                jv[2 * n + i] = self.rate * dspread;
            }
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
    use crate::optim::testing::problem;

    fn settings(momentum: f64, centered: bool) -> Rmsprop {
        Rmsprop { eps: 0.3, momentum, centered, ..Rmsprop::new(1e-3) }
    }

    #[test]
    fn its_jacobian_is_its_derivative() {
        let (objective, theta) = problem(0.2);
        for centered in [false, true] {
            let field = RmspropLimit::new(&objective, &settings(0.0, centered));
            let (n, state) = (theta.len(), field.start(&theta));
            let state = DVector::from_fn(state.len(), |i, _| if (n..2 * n).contains(&i) { state[i] + 0.5 } else { state[i] });
            check_jacobian(&field, 0.0, &state, 1e-8);
        }
    }

    /// K steps of η/√(1 − αᵏ) under a constant gradient, where K is far from 1 and from the memory 1/(1 − α).
    #[test]
    fn its_start_makes_up_for_the_first_steps() {
        let (steps, memory) = (10_000, 1e9);
        let walked: f64 = (1..=steps).map(|k| (memory / f64::from(k)).sqrt()).sum();
        let flown = |ahead: f64| 2.0 * memory.sqrt() * ((f64::from(steps) + ahead).sqrt() - ahead.sqrt());
        let off = |ahead: f64| (flown(ahead) - walked).abs() / memory.sqrt();
        assert!(off(AHEAD) < 0.02 && off(0.0) > 1.4, "{} {}", off(AHEAD), off(0.0));
    }

    #[test]
    fn its_formula_has_its_numbers() {
        let (objective, _) = problem(0.2);
        let formula = |momentum, centered| RmspropLimit::new(&objective, &settings(momentum, centered)).formula();
        assert_eq!(formula(0.0, false), "θ̇ = −g/(√v + 0.3), v̇ = 10·(g² − v), v(0) = 0.00533159·g(0)², g = ∇J");
        assert_eq!(
            formula(0.9, true),
            "θ̇ = −g/(√v + 0.3), v̇ = 1·((g − m)² − v), ṁ = 1·(g − m), v(0) = 0.00533159·g(0)², m(0) = 0.00533159·g(0), g = ∇J"
        );
    }
}
