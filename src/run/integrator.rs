//! From a scenario's word for a method to the method.

use crate::ode::{self, Integrator, Interrupt, Limits, Rk4, Tolerance};
use crate::scenario;

/// The integrator of a scenario's flow.
pub fn flow_integrator(flow: &scenario::Flow, interrupt: &Interrupt) -> Box<dyn Integrator> {
    let tolerance = Tolerance { rtol: flow.rtol, atol: flow.atol };
    let limits = Limits { t_end: flow.t_end, max_steps: flow.max_steps, interrupt: interrupt.clone(), ..Limits::default() };
    integrator(flow.integrator, tolerance, limits)
}

/// The integrator that a scenario names.
pub fn integrator(name: scenario::Integrator, tolerance: Tolerance, limits: Limits) -> Box<dyn Integrator> {
    match name {
        scenario::Integrator::Dop853 => Box::new(ode::dop853(tolerance, limits)),
        scenario::Integrator::Rk4 { step } => Box::new(Rk4::new(step, limits)),
        scenario::Integrator::Tsit5 => Box::new(ode::tsit5(tolerance, limits)),
        scenario::Integrator::Rkc => Box::new(ode::rkc(tolerance, limits)),
        scenario::Integrator::Gauss { stages } => Box::new(ode::gauss(stages, tolerance, limits)),
        scenario::Integrator::Rock4 => Box::new(ode::rock4(tolerance, limits)),
        scenario::Integrator::Auto => Box::new(ode::auto(tolerance, limits)),
        scenario::Integrator::Dopri5 => Box::new(ode::dopri5(tolerance, limits)),
    }
}
