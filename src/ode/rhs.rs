//! Our vector field as `ode_solvers` wants to see it.

use std::cell::Cell;

use nalgebra::DVector;
use ode_solvers::System;

use super::VectorField;

/// A field that counts its evaluations. `ode_solvers` takes its system by value: it is given a reference to this.
pub(super) struct Rhs<'a> {
    field: &'a dyn VectorField,
    evaluations: Cell<u64>,
}

impl<'a> Rhs<'a> {
    pub(super) fn new(field: &'a dyn VectorField) -> Self {
        Self { field, evaluations: Cell::new(0) }
    }

    /// Evaluations so far. Counted here: the counts of `ode_solvers` leave out rejected first steps.
    pub(super) fn evaluations(&self) -> u64 {
        self.evaluations.get()
    }

    /// dθ ← F(t, θ), counted.
    pub(super) fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.evaluations.set(self.evaluations.get() + 1);
        self.field.eval(t, theta, dtheta);
    }

    /// Whether state and field are finite at (t, θ): one evaluation.
    pub(super) fn is_finite_at(&self, t: f64, theta: &DVector<f64>) -> bool {
        let mut dtheta = DVector::zeros(theta.len());
        self.eval(t, theta, &mut dtheta);
        is_finite(theta) && is_finite(&dtheta)
    }
}

impl System<f64, DVector<f64>> for &Rhs<'_> {
    fn system(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.eval(t, theta, dtheta);
    }
}

/// At least as many steps may be tried in one call of the library.
pub(super) const FEWEST_STATES: u64 = 64;

/// How many states of length `dim` the library may keep in one call: as many as fit in 32 MiB, between 64 and 1000.
pub(super) fn states_per_call(dim: usize) -> u64 {
    ((1 << 22) / dim.max(1) as u64).clamp(FEWEST_STATES, 1000)
}

/// Whether every entry is a finite number.
fn is_finite(theta: &DVector<f64>) -> bool {
    theta.iter().all(|x| x.is_finite())
}
