//! The methods that can be compared.

use crate::flow::Integrator;
use crate::ode::{Limits, Termination, Tolerance};
use crate::session::Flight;

use super::Task;
use super::setting::Setting;

/// A method of the line-up, its tolerance or step left open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Method {
    /// The name in tables and pictures.
    pub name: &'static str,
    /// The integrator of a scenario; `None` for rk4, whose integrator includes its step.
    adaptive: Option<Integrator>,
}

/// The methods, in the order of tables and legends.
pub fn line_up() -> [Method; 12] {
    [
        adaptive(Integrator::Auto),
        adaptive(Integrator::Dopri5),
        adaptive(Integrator::Tsit5),
        adaptive(Integrator::Dop853),
        adaptive(Integrator::Dp8),
        adaptive(Integrator::Rk6),
        adaptive(Integrator::Rkc),
        adaptive(Integrator::Rock4),
        adaptive(Integrator::Gauss { stages: 1 }),
        adaptive(Integrator::Gauss { stages: 2 }),
        adaptive(Integrator::Gauss { stages: 3 }),
        Method { name: "rk4", adaptive: None },
    ]
}

fn adaptive(integrator: Integrator) -> Method {
    Method { name: integrator.name(), adaptive: Some(integrator) }
}

/// A word that names no method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a method: the methods are {}", names())]
pub struct UnknownMethod;

fn names() -> String {
    line_up().iter().map(|method| method.name).collect::<Vec<_>>().join(", ")
}

/// The method of this name.
///
/// # Errors
/// If no method has it.
pub fn method(name: &str) -> Result<Method, UnknownMethod> {
    line_up().into_iter().find(|method| method.name == name).ok_or(UnknownMethod)
}

impl Method {
    /// Whether it chooses its steps by a tolerance.
    pub fn is_adaptive(&self) -> bool {
        self.adaptive.is_some()
    }

    /// The method on the task's flow, within the scenario's limits.
    pub(super) fn flight<'a>(&self, setting: Setting, task: &'a Task) -> Flight<'a> {
        let flow = &task.scenario.flow;
        let word = match (self.adaptive, setting) {
            (Some(integrator), _) => integrator,
            (None, Setting::Step(step)) => Integrator::Rk4 { step },
            // Nobody asks for rk4 at a tolerance. It takes one step.
            (None, Setting::Tolerance(_)) => Integrator::Rk4 { step: flow.t_end },
        };
        let tolerance = match setting {
            Setting::Tolerance(tolerance) => tolerance,
            Setting::Step(_) => Tolerance { rtol: flow.rtol, atol: flow.atol },
        };
        let interrupt = task.interrupt.clone();
        let limits = Limits { t_end: flow.t_end, max_steps: flow.max_steps, interrupt, ..Limits::default() };
        Flight::with(word, tolerance, limits, task.problem).expect("tolerances and steps of the study are positive")
    }

    /// The method's flight to T.
    pub(super) fn fly<'a>(&self, setting: Setting, task: &'a Task) -> Flight<'a> {
        let mut flight = self.flight(setting, task);
        flight.advance(task.scenario.flow.t_end);
        flight
    }
}

/// How a flight to T has ended.
pub(super) fn termination(flight: &Flight) -> Termination {
    flight.stop().unwrap_or(Termination::TEnd { t: flight.t() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name_and_a_word_that_is_none_is_told_them() {
        for found in line_up() {
            assert_eq!(method(found.name), Ok(found));
        }
        let message = method("euler").unwrap_err().to_string();
        assert!(line_up().iter().all(|method| message.contains(method.name)), "{message}");
    }
}
