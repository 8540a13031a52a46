//! A vector field as the methods see it: its evaluations are counted, and checked for values that are not finite.

use std::cell::{Cell, RefCell};

use nalgebra::DVector;
use ode_solvers::System;

use crate::linalg::{Factors, LowRankSum, difference, one_sided_difference, sum_over, vectorised};

use super::{JacobianProducts, LowRank, Switching, Termination, VectorField};

/// A stage is infinite or NaN, or so large (1e154) that its square is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotFinite;

/// What a step begins with: the state at t and the field there.
pub(super) struct Base<'a> {
    pub t: f64,
    pub theta: &'a DVector<f64>,
    pub dtheta: &'a DVector<f64>,
}

/// A field that counts its evaluations. `ode_solvers` takes its system by value: it is given a reference to this.
pub(super) struct Rhs<'a> {
    field: &'a dyn VectorField,
    evaluations: Cell<u64>,
    gradients: Cell<u64>,
    /// For differences in place of products with the Jacobian.
    scratch: RefCell<[DVector<f64>; 2]>,
}

impl<'a> Rhs<'a> {
    pub(super) fn new(field: &'a dyn VectorField) -> Self {
        let scratch = RefCell::new(std::array::from_fn(|_| DVector::zeros(0)));
        Self { field, evaluations: Cell::new(0), gradients: Cell::new(0), scratch }
    }

    /// Evaluations so far, without products with the Jacobian. Counted here: the counts of `ode_solvers` leave out rejected first steps.
    pub(super) fn evaluations(&self) -> u64 {
        self.evaluations.get()
    }

    /// The cost of all that was asked of the field, as the field states it.
    pub(super) fn gradients(&self) -> u64 {
        let beside = self.field.switching().map_or(0, Switching::spent);
        self.gradients.set(self.gradients.get() + beside);
        self.gradients.get()
    }

    /// The surfaces of the field, where it has some.
    pub(super) fn switching(&self) -> Option<&'a dyn Switching> {
        self.field.switching()
    }

    /// The λ that the field declares.
    pub(super) fn decay(&self) -> f64 {
        self.field.decay()
    }

    /// dθ ← F(t, θ), counted.
    pub(super) fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) -> Result<(), NotFinite> {
        self.eval_unchecked(t, theta, dtheta);
        finite(dtheta)
    }

    /// The same, unchecked: for a stage that is part of an error norm, which is not finite if the stage is not.
    pub(super) fn eval_unchecked(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.evaluations.set(self.evaluations.get() + 1);
        self.gradients.set(self.gradients.get() + self.field.evaluation_cost());
        self.field.eval(t, theta, dtheta);
    }

    /// Whether a method of high order pays off.
    pub(super) fn favours_high_order(&self) -> bool {
        self.field.favours_high_order()
    }

    /// The low-rank form of the field, if it has one.
    pub(super) fn low_rank(&self) -> Option<&'a dyn LowRank> {
        self.field.low_rank()
    }

    /// out ← the factors of F + λθ at θ = `state`, counted as one evaluation.
    pub(super) fn factors(&self, field: &dyn LowRank, state: &LowRankSum<'_>, out: &mut Factors) -> Result<(), NotFinite> {
        self.evaluations.set(self.evaluations.get() + 1);
        self.gradients.set(self.gradients.get() + self.field.evaluation_cost());
        field.factors(state, out);
        if out.norm_squared().is_finite() { Ok(()) } else { Err(NotFinite) }
    }

    /// jv ← (∂F/∂θ)(t, θ)·v, counted; the central difference of F along v, good to some ten digits, where the field has no products.
    pub(super) fn jacobian_vector(
        &self,
        t: f64,
        theta: &DVector<f64>,
        v: &DVector<f64>,
        jv: &mut DVector<f64>,
    ) -> Result<(), NotFinite> {
        match self.field.jacobian() {
            Some(jacobian) => {
                self.gradients.set(self.gradients.get() + jacobian.product_cost());
                jacobian.jacobian_vector(t, theta, v, jv);
            }
            None => {
                self.gradients.set(self.gradients.get() + 2 * self.field.evaluation_cost());
                difference(theta, v, jv, &mut self.scratch.borrow_mut(), |theta, dtheta| self.field.eval(t, theta, dtheta));
            }
        }
        finite(jv)
    }

    /// The same to some seven digits, from what is known of F at the base of a step: where a product costs more than an evaluation and F is
    /// smooth, or where the field has no products, one more evaluation.
    pub(super) fn rough_jacobian_vector(
        &self,
        base: &Base<'_>,
        v: &DVector<f64>,
        jv: &mut DVector<f64>,
    ) -> Result<(), NotFinite> {
        let cost = self.field.evaluation_cost();
        let exact = |jacobian: &dyn JacobianProducts| jacobian.product_cost() <= cost || !self.field.favours_high_order();
        if self.field.jacobian().is_some_and(exact) {
            return self.jacobian_vector(base.t, base.theta, v, jv);
        }
        self.gradients.set(self.gradients.get() + cost);
        let [moved, _] = &mut *self.scratch.borrow_mut();
        one_sided_difference(base.theta, base.dtheta, v, jv, moved, |theta, dtheta| self.field.eval(base.t, theta, dtheta));
        finite(jv)
    }

    /// Whether state and field are finite at (t, θ): one evaluation.
    pub(super) fn is_finite_at(&self, t: f64, theta: &DVector<f64>) -> bool {
        finite(theta).is_ok() && self.eval(t, theta, &mut DVector::zeros(theta.len())).is_ok()
    }

    /// Why no step, however short, leads on from (t, θ).
    pub(super) fn stopped_short(&self, t: f64, theta: &DVector<f64>) -> Termination {
        // Look a little ahead as well: the field may be finite up to here and NaN beyond.
        let ahead = t + 1e-10 * t.abs();
        if self.is_finite_at(t, theta) && self.is_finite_at(ahead, theta) {
            Termination::Stiff { t, step: shortest_step(t) }
        } else {
            Termination::Diverged { t, norm: theta.norm() }
        }
    }
}

/// 10·ε·|t|: steps as short as this do not move the clock reliably. At t = 0 the smallest normal number.
pub(super) fn shortest_step(t: f64) -> f64 {
    (10.0 * f64::EPSILON * t.abs()).max(f64::MIN_POSITIVE)
}

impl System<f64, DVector<f64>> for &Rhs<'_> {
    fn system(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        // The library cannot be told; its error estimate becomes NaN.
        let _ = self.eval(t, theta, dtheta);
    }
}

/// One call of the library may try at least this many steps.
pub(super) const FEWEST_STATES: u64 = 64;

/// How many states of length `dim` the library may keep in one call: as many as fit in 32 MiB, between 64 and 1000.
pub(super) fn states_per_call(dim: usize) -> u64 {
    ((1 << 22) / dim.max(1) as u64).clamp(FEWEST_STATES, 1000)
}

/// ‖v‖, infinite beyond 1e154.
pub(super) fn norm(v: &DVector<f64>) -> f64 {
    norm_squared(v.as_slice()).sqrt()
}

/// An error norm, unless a stage in it was not finite.
pub(super) fn measured(error: f64) -> Result<f64, NotFinite> {
    if error.is_finite() { Ok(error) } else { Err(NotFinite) }
}

/// Whether every entry is finite, and none so large that its square is not.
pub(super) fn is_finite(v: &DVector<f64>) -> bool {
    // One pass that the compiler vectorises, unlike a test of every entry.
    norm_squared(v.as_slice()).is_finite()
}

fn finite(v: &DVector<f64>) -> Result<(), NotFinite> {
    if is_finite(v) { Ok(()) } else { Err(NotFinite) }
}

vectorised! {
    fn norm_squared(v: &[f64]) -> f64 {
        sum_over(v, v, #[inline(always)] |a, b| a * b)
    }
}
