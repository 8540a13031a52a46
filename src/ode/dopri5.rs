//! Dormand & Prince, "A family of embedded Runge-Kutta formulae", J. Comput. Appl. Math. 6 (1980): order 5(4), seven stages,
//! the last of which is the first of the next step. From `ode_solvers`.

use nalgebra::DVector;
use ode_solvers::dop_shared::OutputType;

use super::adaptive::{Adaptive, Flown, Leg};
use super::rhs::Rhs;
use super::{Integrator, Limits, OdeError, Tolerance, VectorField};

/// The integrator `dopri5`.
///
/// Where stability and not accuracy limits the step, as in most gradient flows after their transient, a loose tolerance is not cheaper,
/// and it is *wrong*: keep rtol at 1e-6 or tighter. The same holds for `dop853`.
///
/// # Errors
/// As for [`auto`](super::auto).
pub fn dopri5<'f>(field: impl VectorField + 'f, tolerance: Tolerance, limits: Limits) -> Result<Integrator<'f>, OdeError> {
    Adaptive::bind(field, fly, tolerance, limits)
}

fn fly(rhs: &Rhs<'_>, leg: &Leg, theta: DVector<f64>) -> Flown {
    let before = rhs.evaluations();
    // The library's defaults for this method.
    let (safety, beta, shrink, grow) = (0.9, 0.04, 0.2, 10.0);
    let mut stepper = ode_solvers::Dopri5::from_param(
        rhs,
        leg.t0,
        leg.t1,
        leg.t1 - leg.t0,
        theta,
        leg.tolerance.rtol,
        leg.tolerance.atol,
        safety,
        beta,
        shrink,
        grow,
        leg.max_step,
        leg.step,
        // Dopri5 tries one step more than it is told.
        leg.max_steps - 1,
        // Steps between tests of stiffness, which give up where going on is merely slow: u32::MAX is never. The library divides by it, so
        // not 0.
        u32::MAX,
        // Sparse: Dense hands out a state that does not belong to its time, and drops the last one.
        OutputType::Sparse,
    );
    let end = stepper.integrate();
    let guess = if leg.step == 0.0 { 2 } else { 0 };
    // Six stages per try; the seventh is the first of the next step.
    let tries = (rhs.evaluations() - before - guess - 1) / 6;
    let (times, states) = stepper.results().get();
    Flown { times: times.clone(), last: states[states.len() - 1].clone(), end, tries }
}
