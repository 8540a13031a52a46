//! A session in Rust: any objective, its flow and optimizers on one clock, observed, judged.

use std::sync::Arc;

use nalgebra::DVector;

use crate::flow::Flow;
use crate::network::{Architecture, LayerRates, Parameters};
use crate::objective::Objective;
use crate::observe::{Measure, Observable};
use crate::ode::Interrupt;
use crate::optim::Optimizer;
use crate::plan::Plan;
use crate::settings::{Claim, Stop};

use super::{Finished, Problem, carry_out};

/// What is to be run. Without further calls: the flow to t = 1 by `auto` at rtol 1e-8, recorded at the start and the end.
pub struct Session {
    plan: Plan,
    problem: Problem,
    interrupt: Interrupt,
}

/// Why a session cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// θ_0 is not of the objective's dimension.
    #[error("the start has {found} entries and the objective {dim}: give one per parameter")]
    Start {
        /// P.
        dim: usize,
        /// Entries of θ_0.
        found: usize,
    },
    /// J or its gradient is not finite at θ_0.
    #[error("at the start J = {value} and ‖∇J‖ = {gradient}: start where both are finite")]
    NotFinite {
        /// J(θ_0).
        value: f64,
        /// ‖∇J(θ_0)‖.
        gradient: f64,
    },
    /// The horizon of the flow is no time.
    #[error("t_end must be greater than 0 and finite, got {t_end}")]
    Horizon {
        /// As given.
        t_end: f64,
    },
    /// The flow's tolerance or steps cannot be kept.
    #[error(transparent)]
    Integrator(#[from] crate::ode::OdeError),
    /// Record times are not in order, or not within the horizon.
    #[error("record times must increase strictly from 0 to t_end = {t_end}; {t} does not fit")]
    Times {
        /// The first that does not.
        t: f64,
        /// The end of the horizon.
        t_end: f64,
    },
    /// Two processes have one name.
    #[error("two processes are called `{name}`: give each optimizer a name of its own")]
    Name {
        /// It.
        name: String,
    },
    /// An optimizer's rate is none, or it takes no step before the end.
    #[error("{name}: lr = {lr} takes no step until t_end: choose a rate between 0 and t_end")]
    Rate {
        /// The process.
        name: String,
        /// η.
        lr: f64,
    },
    /// An optimizer takes minibatches and the objective has none.
    #[error("{name} takes minibatches, and the objective offers no gradients of batches: leave out `batch`")]
    Batches {
        /// The process.
        name: String,
    },
    /// Layers are asked for of an objective that has none.
    #[error("{what} is about layers, and the objective has none: implement Objective::layers, or leave it out")]
    Layers {
        /// A claim or a measure.
        what: String,
    },
}

impl Session {
    /// Trains `objective` from θ(0) = `start`.
    pub fn new(objective: impl Objective + 'static, start: DVector<f64>) -> Self {
        let net = objective.layers().map(|layers| layers.architecture().clone());
        // What does not fit is told when it is run.
        let net = net.filter(|net| net.parameter_count() == start.len()).unwrap_or_else(|| Architecture::vector(start.len()));
        let mut plan = Plan::new("session", net.widths().to_vec(), 1.0);
        plan.weight_decay = objective.weight_decay().clone();
        plan.linear = net.depth() > 0 && net.is_linear();
        let layered = objective.layers().is_some();
        let problem = Problem {
            start: Parameters::from_values(&net, start),
            objective: Box::new(objective),
            rates: LayerRates::default(),
            slides: false,
            on_kink: 1e-6,
            test: None,
            constant_loss: f64::NAN,
            target_agop: None,
            samples: None,
            decomposed: layered,
            notes: Vec::new(),
            scenario_hash: String::new(),
        };
        Self { plan, problem, interrupt: Interrupt::default() }
    }

    /// What the run and its pictures are called.
    pub fn name(mut self, name: &str) -> Self {
        self.plan.name = name.to_string();
        self
    }

    /// How the flow is integrated, and to which time: [`Flow::new`]. Without other record times it is recorded at the start and the end.
    pub fn flow(mut self, flow: Flow) -> Self {
        if self.plan.times == [0.0, self.plan.flow.t_end] {
            self.plan.times = vec![0.0, flow.t_end];
        }
        self.plan.flow = flow;
        self
    }

    /// An optimizer from the same start, on the flow's clock.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.plan.optimizers.push(optimizer.into());
        self
    }

    /// An observable of one's own, recorded of every process.
    pub fn observe(mut self, observable: impl Observable + Send + Sync + 'static) -> Self {
        self.plan.own.0.push(Arc::new(observable));
        self
    }

    /// What is measured beyond what every run records.
    pub fn measure(mut self, measure: Measure) -> Self {
        self.plan.measure.push(measure);
        self
    }

    /// When every process is observed: times that increase strictly from 0 to the flow's `t_end`.
    pub fn record(mut self, times: impl IntoIterator<Item = f64>) -> Self {
        self.plan.times = times.into_iter().collect();
        self
    }

    /// Keeps θ at every record: [`Finished::trajectory`].
    pub fn record_weights(mut self) -> Self {
        self.plan.record_weights = true;
        self
    }

    /// What the run is meant to show.
    pub fn claim(mut self, claim: Claim) -> Self {
        self.plan.claims.push(claim);
        self
    }

    /// Where processes end before their horizon.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.plan.stop = Some(stop);
        self
    }

    /// Once it is raised all processes stop after their current steps.
    pub fn interrupt(mut self, interrupt: Interrupt) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// Runs it. How each process ended is part of the result, not an error.
    ///
    /// # Errors
    /// If settings cannot be run; nothing is integrated then.
    pub fn run(mut self) -> Result<Finished, SessionError> {
        self.check()?;
        if self.problem.objective.hessian().is_none() {
            let note = "products with the Hessian are central differences of gradients, good to some ten digits: the objective offers none";
            self.problem.notes.push(note.to_string());
        }
        // As a scenario's flow: along kinks, where the objective has some.
        self.problem.slides = self.plan.flow.kink > 0.0;
        self.problem.on_kink = if self.problem.slides { self.plan.flow.kink } else { 10.0 * self.plan.flow.rtol };
        Ok(carry_out(&self.plan, &self.problem, &self.interrupt, |_t| {}))
    }

    fn check(&self) -> Result<(), SessionError> {
        let (objective, start) = (&*self.problem.objective, self.problem.start.values());
        let (dim, found) = (objective.dim(), start.len());
        if found != dim {
            return Err(SessionError::Start { dim, found });
        }
        let mut gradient = start.clone();
        objective.gradient(start, &mut gradient);
        let (value, gradient) = (objective.value(start), gradient.norm());
        if !(value.is_finite() && gradient.is_finite()) {
            return Err(SessionError::NotFinite { value, gradient });
        }
        let t_end = self.plan.flow.t_end;
        if !(t_end > 0.0 && t_end.is_finite()) {
            return Err(SessionError::Horizon { t_end });
        }
        super::flow_integrator(&self.plan.flow, self.problem.flow(), &self.interrupt)?;
        self.check_times(t_end)?;
        self.check_optimizers(t_end)?;
        if objective.layers().is_none() {
            let claims = self.plan.claims.iter().filter(|claim| **claim != Claim::Converged).map(|claim| claim.name());
            let measures = self.plan.measure.iter().filter(|measure| measure.group().is_of_layers()).map(|m| m.name());
            if let Some(what) = claims.chain(measures).next() {
                return Err(SessionError::Layers { what: what.to_string() });
            }
        }
        Ok(())
    }

    fn check_times(&self, t_end: f64) -> Result<(), SessionError> {
        let times = &self.plan.times;
        let fits = |index: usize| match index {
            0 => times[0] == 0.0,
            _ => times[index - 1] < times[index] && times[index] <= t_end,
        };
        match (0..times.len()).find(|&index| !fits(index)) {
            Some(index) => Err(SessionError::Times { t: times[index], t_end }),
            None if times.last() == Some(&t_end) => Ok(()),
            None => Err(SessionError::Times { t: times.last().copied().unwrap_or(f64::NAN), t_end }),
        }
    }

    fn check_optimizers(&self, t_end: f64) -> Result<(), SessionError> {
        let mut names = vec!["flow"];
        for optimizer in &self.plan.optimizers {
            let (name, lr) = (optimizer.name(), optimizer.lr());
            if names.contains(&name) {
                return Err(SessionError::Name { name: name.to_string() });
            }
            names.push(name);
            if !(lr > 0.0 && lr.is_finite() && optimizer.last_step(t_end) >= 1) {
                return Err(SessionError::Rate { name: name.to_string(), lr });
            }
            if optimizer.batching().is_some() {
                return Err(SessionError::Batches { name: name.to_string() });
            }
        }
        Ok(())
    }
}
