//! Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, 2nd ed. 1993, II.5: Dormand and Prince's method of
//! order 8 with error estimates of orders 5 and 3, twelve stages. From `ode_solvers`.

use std::cell::RefCell;

use nalgebra::DVector;
use ode_solvers::System;
use ode_solvers::dop_shared::OutputType;

use super::adaptive::{Adaptive, Flown, Leg};
use super::rhs::Rhs;
use super::{Integrator, Limits, OdeError, Tolerance, VectorField};

/// The integrator `dop853`. Keep its rtol at 1e-6 or tighter, as for [`dopri5`](super::dopri5).
///
/// # Errors
/// As for [`auto`](super::auto).
pub fn dop853<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    Adaptive::bind(field, fly, tolerance, limits)
}

/// θ with its time appended, (θ, t)' = (F(t, θ), 1). The table of `ode_solvers` 0.6.2 has c₁₂ = 0 where the method has 1, which
/// leaves order 1 for a field that depends on time; with the time among the states no c is needed. The error norm is then a mean over
/// P + 1 components, one of them without error.
struct WithClock<'a, 'f> {
    rhs: &'a Rhs<'f>,
    scratch: RefCell<(DVector<f64>, DVector<f64>)>,
}

impl System<f64, DVector<f64>> for WithClock<'_, '_> {
    fn system(&self, _: f64, state: &DVector<f64>, derivative: &mut DVector<f64>) {
        let p = state.len() - 1;
        let (theta, dtheta) = &mut *self.scratch.borrow_mut();
        theta.copy_from(&state.rows(0, p));
        self.rhs.system(state[p], theta, dtheta);
        derivative.rows_mut(0, p).copy_from(dtheta);
        derivative[p] = 1.0;
    }
}

fn fly(rhs: &Rhs<'_>, leg: &Leg, theta: DVector<f64>) -> Flown {
    let before = rhs.evaluations();
    let p = theta.len();
    // The library's defaults for this method.
    let (safety, beta, shrink, grow) = (0.9, 0.0, 0.333, 6.0);
    let mut stepper = ode_solvers::Dop853::from_param(
        WithClock { rhs, scratch: RefCell::new((DVector::zeros(p), DVector::zeros(p))) },
        leg.t0,
        leg.t1,
        leg.t1 - leg.t0,
        theta.push(leg.t0),
        leg.tolerance.rtol,
        leg.tolerance.atol,
        safety,
        beta,
        shrink,
        grow,
        leg.max_step,
        leg.step,
        leg.max_steps,
        // Steps between tests of stiffness, which give up where going on is merely slow: u32::MAX is never. The library divides by it, so
        // not 0.
        u32::MAX,
        // Sparse: Dense hands out a state that does not belong to its time, and drops the last one.
        OutputType::Sparse,
    );
    let end = stepper.integrate();
    let (times, states) = stepper.results().get();
    let accepted = times.len() as u64 - 1;
    let guess = if leg.step == 0.0 { 2 } else { 0 };
    // Eleven stages per try, and the first stage of the next step after an accepted one.
    let tries = (rhs.evaluations() - before - guess - 1 - accepted) / 11;
    Flown { times: times.clone(), last: states[states.len() - 1].rows(0, p).into_owned(), end, tries }
}
