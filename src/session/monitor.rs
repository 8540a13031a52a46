//! Checks the flow at times of its own, so that what is found does not depend on the record grid: plateaus become events, and a flow that
//! has come to rest may end early.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::claim::Claim;
use crate::flow::{Motion, Preserve, Stationarity};
use crate::objective::{Objective, OnKink};
use crate::ode::{Event, EventKind, Termination, Tolerance};

use super::Plan;
use super::Problem;
use super::plan::FINER;
use super::plateaus::Plateaus;
use super::sliding::Sliding;

/// The time of the first check, as a share of the horizon.
pub(super) const FIRST: f64 = 1e-6;
/// The ratio of the times of successive checks: 2^{1/4}, so that what lasts while t doubles is seen four times.
pub(super) const RATIO: f64 = 1.189_207_115_002_721;

/// What the checks have cost and found.
pub(super) struct Seen {
    /// Gradients spent on the checks.
    pub gradients: u64,
    pub events: Vec<Event>,
    /// A warning for a reader of the records.
    pub complaint: Option<String>,
}

/// The monitor of one flow.
pub(super) struct Monitor<'a> {
    problem: &'a Problem,
    stationarity: Stationarity,
    t_end: f64,
    /// The earliest time of the next check.
    next: f64,
    /// Whether a flow at rest ends: not where a law is to be preserved, which holds for ever.
    stops: bool,
    /// Whether the flow is claimed to converge: its state at the end is then an event.
    claimed: bool,
    plateaus: Plateaus,
    sliding: Sliding,
    events: Vec<Event>,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(plan: &Plan, problem: &'a Problem) -> Self {
        let tolerance = Tolerance { rtol: plan.flow.rtol, atol: problem.atol(plan.flow.atol) };
        Self::at(tolerance, plan, problem)
    }

    /// Of the second integration, by the plan `finer`: by the tolerance of the first, and without an end where the flow is at rest.
    pub(super) fn of_second(finer: &Plan, problem: &'a Problem) -> Self {
        let tolerance = Tolerance { rtol: FINER * finer.flow.rtol, atol: FINER * problem.atol(finer.flow.atol) };
        Self { stops: false, ..Self::at(tolerance, finer, problem) }
    }

    fn at(tolerance: Tolerance, plan: &Plan, problem: &'a Problem) -> Self {
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

    /// When the next check is due: at the end of the step that reaches this time.
    pub(super) fn next(&self) -> f64 {
        self.next
    }

    /// Checks the flow at t > 0. `state` is the integrated variable on its way down `objective`, θ(t) itself without layer rates; the
    /// integration has cost `spent` gradients. Returns the flow's end if it is at rest.
    pub(super) fn look(
        &mut self,
        objective: &dyn Objective,
        t: f64,
        [state, theta]: [&DVector<f64>; 2],
        spent: u64,
    ) -> Option<Termination> {
        self.next = (RATIO * t).min(self.t_end);
        let problem = self.problem;
        // A sample that slides is held at its kink; one that is merely near a kink may cross it.
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

    /// Checks the flow at t > 0 where `stop` ended it, as [`look`](Self::look) does, if a claim asks whether it would stay there.
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

    /// Checks θ(t) at a record for samples that stay on kinks.
    pub(super) fn look_at_record(&mut self, t: f64, theta: &DVector<f64>, spent: u64) {
        // At t = 0 no sample has reached a kink.
        if t > 0.0 && self.problem.rates.are_one() {
            self.sliding.look(self.problem, t, theta, spent, false);
        }
    }

    /// Checks θ(t) where the flow has stopped for samples that stay on kinks.
    pub(super) fn look_stopped(&mut self, t: f64, theta: &DVector<f64>, spent: u64) {
        if self.problem.rates.are_one() {
            self.sliding.look(self.problem, t, theta, spent, true);
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.stationarity.archive(archive)?;
        archive.item(&mut self.next)?;
        archive.item(&mut self.plateaus)?;
        archive.item(&mut self.sliding)?;
        archive.item(&mut self.events)
    }

    /// What it has cost and found.
    pub(super) fn ended(mut self) -> Seen {
        let complaint = self.sliding.complaint();
        self.events.extend(self.plateaus.into_events());
        self.events.extend(self.sliding.into_events());
        Seen { gradients: self.stationarity.gradients(), events: self.events, complaint }
    }
}
