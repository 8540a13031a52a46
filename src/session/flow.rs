//! The flow, advanced by an integrator: from the same start as the optimizers, on the same clock, under the same observables.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::archive::{Archive, ArchiveError};
use crate::claim::Claim;
use crate::network::Parameters;
use crate::objective::Objective;
use crate::observe::Measure;
use crate::ode::{Change, Event, EventKind, Interrupt, Termination, short, undisturbed};

use super::Plan;
use super::Problem;
use super::flight::Flight;
use super::goal::Goal;
use super::monitor::{Monitor, Seen};
use super::observers::Recording;
use super::pending::PendingRecord;
use super::preserve::Preservation;
use super::process::Ended;
use super::saddles::Saddles;
use super::sharpness::Sharpness;

/// Calls `look` with the objective of a flow, at times that depend on the records and the horizon: the flow goes on as if it had not looked.
fn looking_at<R>(objective: &dyn Objective, look: impl FnOnce(&dyn Objective) -> R) -> R {
    undisturbed(objective.switching(), || look(objective))
}

/// Gradient flow from the scenario's start.
pub(super) struct Flow<'a> {
    flight: Flight<'a>,
    /// `None` in a second integration, which ends where the first does.
    monitor: Option<Monitor<'a>>,
    /// Where it is to stop, if the scenario says so.
    goal: Option<Goal>,
    preservation: Option<Preservation>,
    sharpness: Option<Sharpness<'a>>,
    saddles: Option<Saddles>,
    t_end: f64,
    observation: Duration,
    /// Whether it was at rest until the end of a shorter horizon.
    looks_again: bool,
    /// Warnings for a reader of its records.
    complaints: Vec<String>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(plan: &Plan, problem: &'a Problem, interrupt: &Interrupt) -> Self {
        let flight = Flight::new(&plan.flow, problem, interrupt).expect("a validated scenario can be integrated");
        let integrated = if flight.integrates_weights() { &*problem.objective } else { flight.field().objective() };
        Self {
            monitor: Some(Monitor::new(plan, problem)),
            goal: Goal::of(plan, integrated.duplicate()),
            preservation: Preservation::new(plan.flow.preserve, &problem.start, &plan.balance_law()),
            sharpness: plan.measure.contains(&Measure::Sharpness).then(|| Sharpness::new(problem, None)),
            saddles: plan.measure.contains(&Measure::Saddles).then(Saddles::of_flow),
            t_end: plan.flow.t_end,
            observation: Duration::ZERO,
            looks_again: false,
            complaints: Vec::new(),
            flight,
        }
    }

    /// The same as a second integration, by the plan `finer`: it goes as far as it is advanced, and is only watched where a claim asks
    /// whether it comes to rest.
    pub(super) fn second(self, finer: &Plan, problem: &'a Problem) -> Self {
        let monitor = finer.claims.contains(&Claim::Converged).then(|| Monitor::of_second(finer, problem));
        Self { monitor, goal: None, saddles: None, flight: self.flight.landing_between(), ..self }
    }

    /// Advances the flow to time `t`, or as far as it gets, but not beyond its end, and checks on the way whether it has come to rest.
    /// Returns whether it is at `t` and may go on.
    pub(super) fn advance(&mut self, t: f64) -> bool {
        self.look_at_start();
        if std::mem::take(&mut self.looks_again) {
            self.look();
        }
        while self.flight.stop.is_none() && self.flight.t < t && t <= self.t_end {
            let check = self.monitor.as_ref().map_or(f64::INFINITY, Monitor::next);
            // After every step, if saddles are looked for.
            let pause = if self.saddles.is_some() { self.flight.t.next_up() } else { check };
            let to = self.flight.landing(t);
            let goal = &mut self.goal;
            self.flight.advance_by(|integrator, from, state| match goal {
                None => integrator.advance_or_pause(from, pause, to, state),
                Some(goal) => Ok(goal.advance(integrator, from, to, state)),
            });
            let looking = self.goal.as_mut().map_or(Duration::ZERO, Goal::take_time);
            self.flight.discount(looking);
            self.observation += looking;
            self.look_for_saddles();
            if self.flight.stop.is_none() && self.flight.t >= check {
                self.look();
            }
        }
        self.flight.stop.is_none() && self.flight.t == t
    }

    /// Has the monitor check whether it has come to rest.
    fn look(&mut self) {
        let begin = Instant::now();
        if let Some(monitor) = &mut self.monitor {
            let states = [self.flight.state(), self.flight.parameters.values()];
            let gradients = self.flight.work().evaluations;
            let stop = looking_at(self.flight.field().objective(), |objective| {
                monitor.look(objective, self.flight.t, states, gradients)
            });
            self.flight.stop = stop;
        }
        self.observed(begin.elapsed());
    }

    /// Looks at the end of its last step, if it is there, for a saddle that it passes.
    fn look_for_saddles(&mut self) {
        let (begin, t) = (Instant::now(), self.flight.t);
        // Within a step the state is interpolated: on another record grid it would not be looked at.
        let is_at_an_end = self.flight.integrator().last_step().is_none_or(|[_, end]| end == t);
        if let Some(saddles) = self.saddles.as_mut().filter(|_| is_at_an_end || t == 0.0) {
            looking_at(self.flight.field().objective(), |objective| saddles.look(objective, t, self.flight.state()));
            self.observed(begin.elapsed());
        }
    }

    /// Checks at t = 0 whether it is to stop there.
    fn look_at_start(&mut self) {
        if self.flight.t == 0.0 {
            self.look_for_saddles();
        }
        if let Some(goal) = self.goal.as_mut().filter(|_| self.flight.t == 0.0 && self.flight.stop.is_none()) {
            let begin = Instant::now();
            self.flight.stop = goal.look_at_start(self.flight.state());
            self.observation += begin.elapsed();
        }
    }

    /// Puts the weights back on the balance law, if the scenario asks for it. The flow goes on from there.
    fn preserve(&mut self) {
        let begin = Instant::now();
        if let Some(preservation) = &mut self.preservation {
            preservation.apply(self.flight.t, &mut self.flight.parameters);
            if let Some(goal) = &mut self.goal {
                goal.restart(self.flight.t, self.flight.parameters.values());
            }
        }
        self.flight.spend(begin.elapsed());
    }

    /// Whether it has stopped short at another time than that of its last record.
    pub(super) fn just_stopped(&self, last: Option<f64>) -> bool {
        self.flight.stop.is_some() && last != Some(self.flight.t)
    }

    /// Whether it has stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.flight.stop.is_some()
    }

    /// Has the monitor check the state in which it has stopped.
    pub(super) fn look_stopped(&mut self) {
        let begin = Instant::now();
        if let Some(monitor) = &mut self.monitor {
            let (t, theta, gradients) = (self.flight.t, self.flight.parameters.values(), self.flight.work().evaluations);
            if let Some(Termination::Reached { .. }) = self.flight.stop {
                looking_at(self.flight.field().objective(), |objective| {
                    monitor.look_reached(objective, t, [self.flight.state(), theta], gradients);
                });
            }
            monitor.look_stopped(t, theta, gradients);
        }
        self.observed(begin.elapsed());
    }

    /// Has the monitor check the state that is recorded.
    pub(super) fn look_at_record(&mut self) {
        let begin = Instant::now();
        if let Some(monitor) = &mut self.monitor {
            let Flight { t, parameters, .. } = &self.flight;
            monitor.look_at_record(*t, parameters.values(), self.flight.work().evaluations);
        }
        self.observed(begin.elapsed());
    }

    /// Adds to the time spent on its observation.
    fn observed(&mut self, time: Duration) {
        self.observation += time;
    }

    /// Its weights at time `t`, if it is there, or if it came to rest before and `t` is within its horizon.
    pub(super) fn at(&self, t: f64) -> Option<&Parameters> {
        let Flight { t: now, stop, parameters, .. } = &self.flight;
        let stays = stop.is_some_and(|stop| stop.stays()) && (*now..=self.t_end).contains(&t);
        (*now == t || stays).then_some(parameters)
    }

    /// Hands in its record where it stands, put back on the balance law first if the scenario asks for it.
    pub(super) fn record(&mut self, recording: &mut Recording) {
        self.preserve();
        let begin = Instant::now();
        if let Some(sharpness) = &mut self.sharpness {
            sharpness.look(self.flight.parameters.values(), self.flight.work().accepted, self.flight.t, f64::NAN, None);
        }
        let pending = PendingRecord {
            preserved: self.preservation.as_ref().and_then(Preservation::observed),
            curvature: self.sharpness.as_ref().map(Sharpness::observed),
            ..PendingRecord::new(self.flight.work().accepted, self.flight.t, &self.flight.parameters)
        };
        self.observed(begin.elapsed());
        recording.add(pending);
    }

    pub(super) fn t(&self) -> f64 {
        self.flight.t
    }

    /// Whether it was interrupted on its way.
    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self.flight.stop, Some(Termination::Interrupted { .. }))
    }

    /// Takes or replaces its state. What was merely interrupted goes on.
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.flight.archive(archive)?;
        self.monitor.as_mut().map_or(Ok(()), |monitor| monitor.archive(archive))?;
        self.goal.as_mut().map_or(Ok(()), |goal| goal.archive(archive))?;
        self.preservation.as_mut().map_or(Ok(()), |preservation| preservation.archive(archive))?;
        self.sharpness.as_mut().map_or(Ok(()), |sharpness| sharpness.archive(archive))?;
        self.saddles.as_mut().map_or(Ok(()), |saddles| saddles.archive(archive))?;
        archive.item(&mut self.observation)?;
        archive.item(&mut self.looks_again)?;
        archive.item(&mut self.complaints)?;
        let mut t_end = self.t_end;
        archive.item(&mut t_end)?;
        if t_end < self.t_end {
            self.lengthen(t_end);
        }
        Ok(())
    }

    /// Goes on from the state of a run whose horizon ended earlier, at `t_end`.
    fn lengthen(&mut self, t_end: f64) {
        if !self.flight.integrator().chooses_alike(self.t_end) {
            self.complaints.push(format!(
                "auto chose its methods for a flow to t = {} and would have chosen others for this horizon: a run from the start has the same \
                 records to within the tolerance, but not the same bits",
                short(t_end, 6)
            ));
        }
        if self.goal.as_ref().is_some_and(Goal::looks_by_horizon) {
            self.complaints.push(format!(
                "stop was looked at, by this integrator, at times that follow from t_end = {}: a run from the start has the same records to \
                 within the tolerance, but not the same bits",
                short(t_end, 6)
            ));
        }
        // It may have been at rest until then only.
        self.looks_again = self.flight.stop.is_some_and(|stop| stop.stays());
        self.flight.stop = self.flight.stop.filter(|stop| !stop.stays());
    }

    /// Gradients that stepping has taken so far.
    pub(super) fn gradients(&self) -> u64 {
        self.flight.work().evaluations
    }

    pub(super) fn ended(self) -> Ended {
        let termination = self.flight.stop.unwrap_or(match self.flight.t {
            t if t < self.t_end => Termination::Interrupted { t },
            t => Termination::TEnd { t },
        });
        let diverged = matches!(termination, Termination::Diverged { .. });
        let unseen = || Seen { gradients: 0, events: Vec::new(), complaint: None };
        let Seen { gradients, mut events, complaint } = self.monitor.map_or_else(unseen, Monitor::ended);
        let beside = self.goal.as_ref().map_or(0, Goal::gradients);
        let of_saddles = self.saddles.as_ref().map_or(0, Saddles::gradients);
        let gradients_monitoring = gradients + beside + of_saddles + self.sharpness.as_ref().map_or(0, Sharpness::gradients);
        let method = |change: &Change| Event {
            t: change.t,
            kind: EventKind::Method,
            detail: format!("{}: {}", change.method, change.reason),
        };
        events.extend(self.flight.integrator().changes().iter().map(method));
        let (saddles, passed) = self.saddles.map(|saddles| saddles.ended(diverged)).unzip();
        events.extend(passed.into_iter().flatten());
        events.sort_by(|a, b| a.t.total_cmp(&b.t));
        let (extended, mut complaints) = self.preservation.map_or((None, Vec::new()), Preservation::ended);
        complaints.extend(complaint.into_iter().chain(self.complaints));
        complaints.extend(self.sharpness.into_iter().flat_map(|sharpness| sharpness.ended().0));
        Ended {
            name: "flow".to_string(),
            work: self.flight.work(),
            time: self.flight.time(),
            parameters: self.flight.parameters,
            extended,
            complaints,
            gradients_monitoring,
            events,
            saddles,
            companions: BTreeMap::new(),
            observation: self.observation,
            termination,
        }
    }
}
