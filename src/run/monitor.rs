//! Watches the flow at its record times: plateaus become events, and a flow that has converged need not go on.

use crate::flow::{Motion, Stationarity};
use crate::ode::{Event, Termination, Tolerance};
use crate::scenario::{Preserve, Scenario};

use super::Problem;

/// The watch on one flow.
pub(super) struct Monitor<'a> {
    problem: &'a Problem,
    stationarity: Stationarity,
    t_end: f64,
    /// Whether a converged flow stops: not where a law is asked for that goes on for ever.
    stops: bool,
    /// Begin of the plateau on which the flow sits.
    plateau: Option<f64>,
    events: Vec<Event>,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(scenario: &Scenario, problem: &'a Problem) -> Self {
        let tolerance = Tolerance { rtol: scenario.flow.rtol, atol: scenario.flow.atol };
        Self {
            problem,
            stationarity: Stationarity::new(problem.start.values(), scenario.flow.t_end, tolerance),
            t_end: scenario.flow.t_end,
            stops: scenario.flow.preserve == Preserve::None,
            plateau: None,
            events: Vec::new(),
        }
    }

    /// Looks at θ(t); the integration has cost `spent` gradients. Returns the flow's end if it has converged.
    pub(super) fn look(&mut self, t: f64, theta: &nalgebra::DVector<f64>, spent: u64) -> Option<Termination> {
        // At t = 0 every loss is flat on the logarithmic clock.
        if t <= 0.0 {
            return None;
        }
        let look = self.stationarity.look(&self.problem.objective, t, theta, spent);
        let objective = format!("objective {:.6e}, ‖∇J‖ {:.1e}", look.value, look.grad_norm);
        match (look.motion, self.plateau) {
            (Motion::Plateau, None) => {
                self.plateau = Some(t);
                self.events.push(Event { t, kind: "plateau", detail: format!("begins at t = {t}: {objective}") });
            }
            (Motion::Plateau, Some(_)) | (_, None) => {}
            (_, Some(begin)) => {
                self.plateau = None;
                self.events.push(Event { t, kind: "plateau_end", detail: format!("from t = {begin} to t = {t}: {objective}") });
            }
        }
        let stops = self.stops && t < self.t_end && look.motion == Motion::Converged;
        stops.then_some(Termination::Converged { t, grad_norm: look.grad_norm })
    }

    /// Gradients taken for it, and what it has seen.
    pub(super) fn ended(self) -> (u64, Vec<Event>) {
        (self.stationarity.gradients(), self.events)
    }
}
