//! A session in Rust: any objective, its flow and optimizers on one clock, observed and judged.

use std::sync::Arc;

use nalgebra::DVector;

use crate::claim::Claim;
use crate::flow::Flow;
use crate::network::{Architecture, Parameters};
use crate::objective::Objective;
use crate::observe::{Measure, Observable};
use crate::ode::Interrupt;
use crate::optim::Optimizer;

use super::check::check;
use super::slope;
use super::{Checkpoints, Finished, Plan, Problem, SessionError, Stop, carry_out, carry_out_in_legs};

/// A run to be carried out. By default: the flow to t = 1 by `auto` at rtol 1e-8, recorded at the start and the end.
pub struct Session {
    plan: Plan,
    /// Record times; `None`: the start and the end.
    times: Option<Vec<f64>>,
    problem: Problem,
    interrupt: Interrupt,
}

impl Session {
    /// Trains `objective` from θ(0) = `start`.
    pub fn new(objective: impl Objective + 'static, start: DVector<f64>) -> Self {
        let net = objective.layers().map(|layers| layers.architecture().clone());
        // `run` refuses a start of the wrong length.
        let net = net.filter(|net| net.parameter_count() == start.len()).unwrap_or_else(|| Architecture::vector(start.len()));
        let mut plan = Plan::new("session", net.widths().to_vec(), 1.0);
        plan.weight_decay = objective.weight_decay().clone();
        plan.linear = net.depth() > 0 && net.is_linear();
        let problem = Problem::new_bare(Box::new(objective), Parameters::from_values(&net, start));
        Self { plan, times: None, problem, interrupt: Interrupt::default() }
    }

    /// The name of the run and of its pictures.
    pub fn name(mut self, name: &str) -> Self {
        self.plan.name = name.to_string();
        self
    }

    /// How the flow is integrated, and to which time: [`Flow::new`]. It is recorded at the start and the end unless [`Session::record`]
    /// sets other times.
    pub fn flow(mut self, flow: Flow) -> Self {
        self.plan.flow = flow;
        self
    }

    /// Adds an optimizer from the same start, on the flow's clock.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.plan.optimizers.push(optimizer.into());
        self
    }

    /// Adds a user-defined observable, recorded for every process.
    pub fn observe(mut self, observable: impl Observable + Send + Sync + 'static) -> Self {
        self.plan.own.0.push(Arc::new(observable));
        self
    }

    /// Adds a quantity beyond those that every run records.
    pub fn measure(mut self, measure: Measure) -> Self {
        self.plan.measure.push(measure);
        self
    }

    /// Record times of every process: strictly increasing from 0 to the flow's `t_end`.
    pub fn record(mut self, times: impl IntoIterator<Item = f64>) -> Self {
        self.times = Some(times.into_iter().collect());
        self
    }

    /// Keeps θ at every record: [`Finished::trajectory`].
    pub fn record_weights(mut self) -> Self {
        self.plan.record_weights = true;
        self
    }

    /// Adds something that the run is meant to show.
    pub fn claim(mut self, claim: Claim) -> Self {
        self.plan.claims.push(claim);
        self
    }

    /// Conditions under which processes end before their horizon.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.plan.stop = Some(stop);
        self
    }

    /// Threads that processes and their observation may take, 1 unless asked for: on more the objective is duplicated, and its duplicates are
    /// asked at the same time. The records are the same. With observables of one's own everything stays on one thread, which asks them in
    /// order of time.
    pub fn threads(mut self, threads: usize) -> Self {
        self.problem.threads = threads.max(1);
        self
    }

    /// Once it is raised all processes stop after their current steps.
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Carries out the run. How each process ended is part of the result, not an error.
    ///
    /// # Errors
    /// [`SessionError`] if the settings cannot be run; nothing is integrated then.
    pub fn run(self) -> Result<Finished, SessionError> {
        let Self { plan, problem, interrupt, .. } = self.prepared()?;
        Ok(carry_out(&plan, &problem, &interrupt, |_t| {}))
    }

    /// The same with checkpoints. A session of the same settings that goes on from the state that was kept last ends as one that was never
    /// stopped, wall times apart. Objectives are taken to be functions, without a state. Once the interrupt is raised, the state is kept, and
    /// all processes end there.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gramflow::{flow::Flow, objective::Objective, optim::Adam, session::{Checkpoints, Session}};
    /// # use nalgebra::DVector;
    /// # #[derive(Clone)]
    /// # struct Parabola;
    /// # impl Objective for Parabola {
    /// #     fn dim(&self) -> usize { 1 }
    /// #     fn duplicate(&self) -> Box<dyn Objective> { Box::new(self.clone()) }
    /// #     fn loss(&self, theta: &DVector<f64>) -> f64 { 0.5 * theta.norm_squared() }
    /// #     fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) { gradient.copy_from(theta); }
    /// # }
    ///
    /// let session = || Session::new(Parabola, DVector::from_element(1, 1.0)).flow(Flow::new(3.0)).optimizer(Adam::new(1e-3));
    /// let mut kept = None;
    /// let every = Duration::ZERO;
    /// let whole = session().run_in_legs(Checkpoints { every, from: None, keep: &mut |state| kept = Some(state) })?;
    /// let from = session().run_in_legs(Checkpoints { every, from: kept, keep: &mut |_state| {} })?;
    /// assert_eq!(whole.run.table.floats("adam", "loss"), from.run.table.floats("adam", "loss"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Session::run`], and [`SessionError::State`] if an optimizer's rule or an observable of one's own does not save its state, or the
    /// state to go on from is not that of this session.
    pub fn run_in_legs(self, checkpoints: Checkpoints) -> Result<Finished, SessionError> {
        let Self { plan, problem, interrupt, .. } = self.prepared()?;
        Ok(carry_out_in_legs(&plan, &problem, &interrupt, |_t| {}, checkpoints)?)
    }

    /// The same with its record times, its kinks and its notes, once its settings are checked.
    fn prepared(mut self) -> Result<Self, SessionError> {
        self.plan.times = self.times.take().unwrap_or_else(|| vec![0.0, self.plan.flow.t_end]);
        self.problem = self.problem.with_kinks(&self.plan.flow);
        check(&self.plan, &self.problem, &self.interrupt)?;
        // Those of this crate are tested.
        let suspicion = slope::warning(&*self.problem.objective, self.problem.start.values());
        self.problem.notes.extend(suspicion);
        if self.problem.objective.hessian().is_none() {
            let note = "the objective offers no products with the Hessian: central differences of gradients are used, accurate to about ten digits";
            self.problem.notes.push(note.to_string());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
