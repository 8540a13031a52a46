//! From the name of a method in a scenario to its integrator.

use crate::flow;
use crate::ode::{self, Integrator, Interrupt, Limits, OdeError, Tolerance, VectorField};

/// The integrator of a scenario's flow, on `field`.
///
/// # Errors
/// [`OdeError`] for an invalid tolerance, step or limit, which no validated scenario has.
pub fn flow_integrator<'f>(
    flow: &flow::Flow,
    field: impl VectorField + 'f,
    interrupt: &Interrupt,
) -> Result<Integrator<'f>, OdeError> {
    let tolerance = Tolerance { rtol: flow.rtol, atol: flow.atol };
    let limits = Limits { t_end: flow.t_end, max_steps: flow.max_steps, interrupt: interrupt.clone(), ..Limits::default() };
    integrator(flow.integrator, field, tolerance, limits)
}

/// The integrator called `name` in a scenario, on `field`.
///
/// # Errors
/// [`OdeError`] for an invalid tolerance, step or limit, which no validated scenario has.
pub fn integrator<'f>(
    name: flow::Integrator,
    field: impl VectorField + 'f,
    tolerance: Tolerance,
    limits: Limits,
) -> Result<Integrator<'f>, OdeError> {
    match name {
        flow::Integrator::Dop853 => ode::dop853(field, tolerance, limits),
        flow::Integrator::Rk4 { step } => ode::rk4(field, step, limits),
        flow::Integrator::Tsit5 => ode::tsit5(field, tolerance, limits),
        flow::Integrator::Dp8 => ode::dp8(field, tolerance, limits),
        flow::Integrator::Rk6 => ode::rk6(field, tolerance, limits),
        flow::Integrator::Rkc => ode::rkc(field, tolerance, limits),
        flow::Integrator::Gauss { stages } => ode::gauss(field, stages, tolerance, limits),
        flow::Integrator::Rock4 => ode::rock4(field, tolerance, limits),
        flow::Integrator::Auto => ode::auto(field, tolerance, limits),
        flow::Integrator::Dopri5 => ode::dopri5(field, tolerance, limits),
    }
}
