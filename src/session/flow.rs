//! The flow, carried by an integrator: a sibling of the optimizers, from the same start, on the same clock, under the same observables.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nalgebra::DVector;

use crate::flow::{self, GradientFlow};
use crate::network::Parameters;
use crate::observe::{Measure, Snapshot};
use crate::ode::{Change, Event, Integrator, Interrupt, Termination, Work};
use crate::record::Recorder;

use super::Plan;
use super::Problem;
use super::integrator::flow_integrator;
use super::monitor::{Monitor, Seen};
use super::preserve::Preservation;
use super::process::Ended;
use super::sharpness::Sharpness;
use super::stop::Goal;

/// Gradient flow from the scenario's start.
pub(super) struct Flow<'a> {
    field: Rc<GradientFlow<'a>>,
    integrator: Integrator<'a>,
    /// None of a second integration, which ends where the first does.
    monitor: Option<Monitor<'a>>,
    /// Where it is to stop, if the scenario says so.
    goal: Option<Goal>,
    preservation: Option<Preservation>,
    sharpness: Option<Sharpness<'a>>,
    /// What is integrated, where that is not θ.
    state: Option<DVector<f64>>,
    parameters: Parameters,
    t: f64,
    t_end: f64,
    work: Work,
    time: Duration,
    observation: Duration,
    stop: Option<Termination>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(plan: &Plan, problem: &'a Problem, interrupt: &Interrupt) -> Self {
        let field = Rc::new(problem.flow());
        let state = field.state(&problem.start);
        let integrated = if state.is_some() { field.objective().duplicate() } else { problem.objective.duplicate() };
        let settings = flow::Flow { atol: problem.atol(plan.flow.atol), ..plan.flow.clone() };
        Self {
            state,
            integrator: flow_integrator(&settings, field.clone(), interrupt).expect("a validated scenario can be integrated"),
            field,
            monitor: Some(Monitor::new(plan, problem)),
            goal: Goal::of(plan, integrated),
            preservation: Preservation::new(plan.flow.preserve, &problem.start, &plan.balance_law()),
            sharpness: plan.measure.contains(&Measure::Sharpness).then(|| Sharpness::new(problem, None)),
            parameters: problem.start.clone(),
            t: 0.0,
            t_end: plan.flow.t_end,
            work: Work::default(),
            time: Duration::ZERO,
            observation: Duration::ZERO,
            stop: None,
        }
    }

    /// The same, which nobody asks whether it has converged or come to where it is to stop: it goes as far as it is carried.
    pub(super) fn unwatched(self) -> Self {
        Self { monitor: None, goal: None, ..self }
    }

    /// Carries the flow to time `t`, or as far as it gets, but not beyond its end, and asks on the way whether it stays. Whether it is
    /// there and may go on.
    pub(super) fn advance(&mut self, t: f64) -> bool {
        self.look_at_start();
        while self.stop.is_none() && self.t < t && t <= self.t_end {
            let pause = self.monitor.as_ref().map_or(f64::INFINITY, Monitor::next);
            let begin = Instant::now();
            let theta = self.state.as_mut().unwrap_or(self.parameters.values_mut());
            let segment = match &mut self.goal {
                None => self.integrator.advance_or_pause(self.t, pause, t, theta).expect("times are finite and in order"),
                Some(goal) => goal.advance(&mut self.integrator, self.t, t, theta),
            };
            if let Some(state) = &self.state {
                self.field.weights(state, &mut self.parameters);
            }
            let looking = self.goal.as_mut().map_or(Duration::ZERO, Goal::take_time);
            self.time += begin.elapsed().saturating_sub(looking);
            self.observation += looking;
            self.t = segment.t;
            self.work += segment.work;
            self.stop = segment.stop;
            if let Some(monitor) = self.monitor.as_mut().filter(|_| self.stop.is_none() && self.t >= pause) {
                let begin = Instant::now();
                let state = self.state.as_ref().unwrap_or(self.parameters.values());
                let theta = self.parameters.values();
                self.stop = monitor.look(self.field.objective(), self.t, [state, theta], self.work.evaluations);
                self.observation += begin.elapsed();
            }
        }
        self.stop.is_none() && self.t == t
    }

    /// Asks at t = 0 whether it has come to where it is to stop.
    fn look_at_start(&mut self) {
        if let Some(goal) = self.goal.as_mut().filter(|_| self.t == 0.0 && self.stop.is_none()) {
            let begin = Instant::now();
            self.stop = goal.look_at_start(self.state.as_ref().unwrap_or(self.parameters.values()));
            self.observation += begin.elapsed();
        }
    }

    /// Puts the weights back on the balance law, if the scenario asks for it. The flow goes on from there.
    pub(super) fn preserve(&mut self) {
        let begin = Instant::now();
        if let Some(preservation) = &mut self.preservation {
            preservation.apply(self.t, &mut self.parameters);
            if let Some(goal) = &mut self.goal {
                goal.restart(self.t, self.parameters.values());
            }
        }
        self.time += begin.elapsed();
    }

    /// Measures what the scenario asks for and costs gradients, where the flow stands.
    pub(super) fn measure(&mut self) {
        if let Some(sharpness) = &mut self.sharpness {
            sharpness.look(self.parameters.values(), self.work.accepted, self.t, f64::NAN);
        }
    }

    /// Whether it has stopped short at a time that is not yet recorded.
    pub(super) fn just_stopped(&self, recorder: &Recorder) -> bool {
        self.stop.is_some() && recorder.last_time() != Some(self.t)
    }

    /// Whether it goes no further.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// Asks what it is about where it has stopped.
    pub(super) fn look_stopped(&mut self) {
        let begin = Instant::now();
        if let Some(monitor) = &mut self.monitor {
            if let Some(Termination::Reached { .. }) = self.stop {
                let theta = self.parameters.values();
                let states = [self.state.as_ref().unwrap_or(theta), theta];
                monitor.look_reached(self.field.objective(), self.t, states, self.work.evaluations);
            }
            monitor.look_stopped(self.t, self.parameters.values(), self.work.evaluations);
        }
        self.observed(begin.elapsed());
    }

    /// Asks what it is about where it is recorded.
    pub(super) fn look_at_record(&mut self) {
        let begin = Instant::now();
        if let Some(monitor) = &mut self.monitor {
            monitor.look_at_record(self.t, self.parameters.values(), self.work.evaluations);
        }
        self.observed(begin.elapsed());
    }

    /// Adds to the time spent on its observation.
    pub(super) fn observed(&mut self, time: Duration) {
        self.observation += time;
    }

    /// Its weights at time `t`, if it is there, or stays since before and `t` is within its horizon.
    pub(super) fn at(&self, t: f64) -> Option<&Parameters> {
        let stays = self.stop.is_some_and(|stop| stop.stays()) && (self.t..=self.t_end).contains(&t);
        (self.t == t || stays).then_some(&self.parameters)
    }

    pub(super) fn snapshot(&self, problem: &'a Problem) -> Option<Snapshot<'_>> {
        let mut snapshot = problem.snapshot(self.t, &self.parameters, None)?;
        snapshot.preserved = self.preservation.as_ref().and_then(Preservation::observed);
        snapshot.curvature = self.sharpness.as_ref().map(Sharpness::observed);
        Some(snapshot)
    }

    pub(super) fn t(&self) -> f64 {
        self.t
    }

    pub(super) fn steps(&self) -> u64 {
        self.work.accepted
    }

    /// Gradients that stepping has taken so far.
    pub(super) fn gradients(&self) -> u64 {
        self.work.evaluations
    }

    pub(super) fn ended(self) -> Ended {
        let termination = self.stop.unwrap_or(match self.t {
            t if t < self.t_end => Termination::Interrupted { t },
            t => Termination::TEnd { t },
        });
        let unseen = || Seen { gradients: 0, events: Vec::new(), complaint: None };
        let Seen { gradients, mut events, complaint } = self.monitor.map_or_else(unseen, Monitor::ended);
        let beside = self.goal.as_ref().map_or(0, Goal::gradients);
        let gradients_monitoring = gradients + beside + self.sharpness.as_ref().map_or(0, Sharpness::gradients);
        let method =
            |change: &Change| Event { t: change.t, kind: "method", detail: format!("{}: {}", change.method, change.reason) };
        events.extend(self.integrator.changes().iter().map(method));
        events.sort_by(|a, b| a.t.total_cmp(&b.t));
        let (extended, mut complaints) = self.preservation.map_or((None, Vec::new()), Preservation::ended);
        complaints.extend(complaint);
        complaints.extend(self.sharpness.into_iter().flat_map(|sharpness| sharpness.ended().0));
        Ended {
            name: "flow".to_string(),
            parameters: self.parameters,
            extended,
            complaints,
            work: self.work,
            gradients_monitoring,
            events,
            companions: BTreeMap::new(),
            time: self.time,
            observation: self.observation,
            termination,
        }
    }
}
