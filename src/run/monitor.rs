//! Watches the flow at its record times: plateaus become events, and a flow that has converged need not go on.
//!
//! On the logarithmic clock every flow is flat before it has begun: a plateau is told once it has lasted from t to 10t and beyond a
//! thousandth of the horizon.

use nalgebra::DVector;

use crate::flow::{Motion, Stationarity};
use crate::objective::Objective;
use crate::ode::{Event, Termination, Tolerance};
use crate::scenario::{Claim, Preserve, Scenario};

use super::Problem;
use super::sliding::Sliding;

/// A plateau lasts until at least as many times its begin.
const LASTING: f64 = 10.0;
/// It lasts until at least this share of the horizon.
const LATE: f64 = 1e-3;

/// A plateau so far.
struct Plateau {
    begin: f64,
    /// What there was at its begin.
    detail: String,
    told: bool,
}

/// What the watch has cost and found.
pub(super) struct Seen {
    /// Gradients taken for it.
    pub gradients: u64,
    pub events: Vec<Event>,
    /// What a reader of the records must know.
    pub complaint: Option<String>,
}

/// The watch on one flow.
pub(super) struct Monitor<'a> {
    problem: &'a Problem,
    stationarity: Stationarity,
    t_end: f64,
    /// Whether a converged flow stops: not where a law is asked for that goes on for ever.
    stops: bool,
    /// Whether it is claimed that the flow comes to rest: then it is asked at its end, too, for as long again.
    claimed: bool,
    /// The plateau on which the flow sits.
    plateau: Option<Plateau>,
    sliding: Sliding,
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
            claimed: scenario.claims.contains(&Claim::Converged),
            plateau: None,
            sliding: Sliding::new(&scenario.flow),
            events: Vec::new(),
        }
    }

    /// Looks at θ(t) on its way down `objective`; the integration has cost `spent` gradients. Returns the flow's end if it has converged.
    pub(super) fn look(&mut self, objective: &dyn Objective, t: f64, theta: &DVector<f64>, spent: u64) -> Option<Termination> {
        // At t = 0 every loss is flat on the logarithmic clock.
        if t <= 0.0 {
            return None;
        }
        self.sliding.look(self.problem, t, theta, spent, false);
        let asked_at_the_end = self.claimed && t >= self.t_end;
        if asked_at_the_end {
            self.stationarity.extend_to(2.0 * self.t_end);
        }
        let look = self.stationarity.look(objective, t, theta, spent);
        let state = format!("objective {:.6e}, ‖∇J‖ {:.1e}", look.value, look.grad_norm);
        if look.motion == Motion::Plateau {
            let plateau = self.plateau.get_or_insert(Plateau { begin: t, detail: state, told: false });
            if !plateau.told && t >= LASTING * plateau.begin && t >= LATE * self.t_end {
                plateau.told = true;
                self.events.push(Event { t: plateau.begin, kind: "plateau", detail: plateau.detail.clone() });
            }
        } else if let Some(Plateau { begin, told: true, .. }) = self.plateau.take() {
            self.events.push(Event { t, kind: "plateau_end", detail: format!("begun at t = {begin}: {state}") });
        }
        if asked_at_the_end && look.motion == Motion::Converged {
            let detail = format!("it would stay until t = {}: ‖∇J‖ {:.1e}", 2.0 * self.t_end, look.grad_norm);
            self.events.push(Event { t, kind: "converged", detail });
        }
        let stops = self.stops && t < self.t_end && look.motion == Motion::Converged;
        stops.then_some(Termination::Converged { t, grad_norm: look.grad_norm })
    }

    /// Looks at θ(t) where the flow has stopped.
    pub(super) fn look_stopped(&mut self, t: f64, theta: &DVector<f64>, spent: u64) {
        self.sliding.look(self.problem, t, theta, spent, true);
    }

    /// What it was about.
    pub(super) fn ended(mut self) -> Seen {
        let complaint = self.sliding.complaint();
        self.events.extend(self.sliding.into_events());
        Seen { gradients: self.stationarity.gradients(), events: self.events, complaint }
    }
}
