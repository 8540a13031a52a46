//! Watches the flow at times of its own, so that what is found does not depend on the record grid: plateaus become events, and a flow that
//! stays where it is need not go on.

use nalgebra::DVector;

use crate::claim::Claim;
use crate::flow::{Motion, Preserve, Stationarity};
use crate::objective::{Objective, OnKink};
use crate::ode::{Event, EventKind, Termination, Tolerance};

use super::Plan;
use super::Problem;
use super::plateaus::Plateaus;
use super::sliding::Sliding;

/// The first look, as a share of the horizon.
pub(super) const FIRST: f64 = 1e-6;
/// Time from one look to the next, as a factor: 2^{1/4}, so that what lasts while t doubles is seen four times.
pub(super) const RATIO: f64 = 1.189_207_115_002_721;

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
    /// When to look next, at the earliest.
    next: f64,
    /// Whether a flow that stays stops: not where a law is asked for that goes on for ever.
    stops: bool,
    /// Whether it is claimed that the flow comes to rest: then what it does at its end is an event.
    claimed: bool,
    plateaus: Plateaus,
    sliding: Sliding,
    events: Vec<Event>,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(plan: &Plan, problem: &'a Problem) -> Self {
        let tolerance = Tolerance { rtol: plan.flow.rtol, atol: problem.atol(plan.flow.atol) };
        let t_end = plan.flow.t_end;
        Self {
            problem,
            stationarity: Stationarity::new(problem.rates.scaled(&problem.start).values(), t_end, tolerance),
            t_end,
            next: FIRST * t_end,
            stops: plan.flow.preserve == Preserve::None,
            claimed: plan.claims.contains(&Claim::Converged),
            plateaus: Plateaus::default(),
            sliding: Sliding::new(&plan.flow),
            events: Vec::new(),
        }
    }

    /// When it wants to look next: at the end of the step there.
    pub(super) fn next(&self) -> f64 {
        self.next
    }

    /// Looks at time t > 0 at `state` on its way down `objective`, which is θ(t) but for rates of layers; the integration has cost `spent`
    /// gradients. Returns the flow's end if it stays.
    pub(super) fn look(
        &mut self,
        objective: &dyn Objective,
        t: f64,
        [state, theta]: [&DVector<f64>; 2],
        spent: u64,
    ) -> Option<Termination> {
        self.next = (RATIO * t).min(self.t_end);
        let problem = self.problem;
        // A sample that slides is held; one that is merely near a kink may be let across.
        let held = |on: &OnKink| on.slope.is_some() && problem.rates.are_one();
        let smooth = || problem.objective.on_kinks(theta, problem.on_kink).iter().all(held);
        let look = self.stationarity.look(objective, t, state, spent, smooth);
        self.plateaus.look(t, &look);
        let grad_norm = look.grad_norm;
        let (stop, kind) = match look.motion {
            Motion::Converged => (Termination::Converged { t, grad_norm }, EventKind::Converged),
            Motion::AtRest => (Termination::AtRest { t, grad_norm }, EventKind::AtRest),
            Motion::Plateau | Motion::Moving => return None,
        };
        let ends = self.stops && t < self.t_end;
        if self.claimed && !ends && t >= self.t_end {
            let detail = format!("it would stay until t = {}: ‖∇J‖ {grad_norm:.1e}", 2.0 * self.t_end);
            self.events.push(Event { t, kind, detail });
        }
        ends.then_some(stop)
    }

    /// Looks at the flow at t > 0 where it was told to stop, as [`look`](Self::look) does: where a claim asks, whether it would stay there.
    pub(super) fn look_reached(&mut self, objective: &dyn Objective, t: f64, states: [&DVector<f64>; 2], spent: u64) {
        if !self.claimed || t == 0.0 {
            return;
        }
        if let Some(stop) = self.look(objective, t, states, spent) {
            let detail = format!("it would stay there: {stop}");
            let kind = if let Termination::Converged { .. } = stop { EventKind::Converged } else { EventKind::AtRest };
            self.events.push(Event { t, kind, detail });
        }
    }

    /// Looks at θ(t) where it is recorded.
    pub(super) fn look_at_record(&mut self, t: f64, theta: &DVector<f64>, spent: u64) {
        // At t = 0 no sample has come to a kink.
        if t > 0.0 && self.problem.rates.are_one() {
            self.sliding.look(self.problem, t, theta, spent, false);
        }
    }

    /// Looks at θ(t) where the flow has stopped.
    pub(super) fn look_stopped(&mut self, t: f64, theta: &DVector<f64>, spent: u64) {
        if self.problem.rates.are_one() {
            self.sliding.look(self.problem, t, theta, spent, true);
        }
    }

    /// What it was about.
    pub(super) fn ended(mut self) -> Seen {
        let complaint = self.sliding.complaint();
        self.events.extend(self.plateaus.into_events());
        self.events.extend(self.sliding.into_events());
        Seen { gradients: self.stationarity.gradients(), events: self.events, complaint }
    }
}
