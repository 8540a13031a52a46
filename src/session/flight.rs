//! One integration of a flow, advanced from time to time: its current weights, its cost, and where it stopped.

use std::rc::Rc;
use std::time::{Duration, Instant};

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::flow::{self, GradientFlow};
use crate::network::Parameters;
use crate::ode::{Integrator, Interrupt, Limits, OdeError, Segment, Termination, Tolerance, Work};

use super::Problem;
use super::integrator::{flow_integrator, integrator};
use super::stop::QUANTITIES;

/// Gradient flow from the start of a problem.
///
/// The integrated variable is θ or, with layer rates, φ_l = θ_l/√κ_l ([`GradientFlow::state`]); callers always see θ.
pub struct Flight<'a> {
    field: Rc<GradientFlow<'a>>,
    integrator: Integrator<'a>,
    /// The integrated variable, where it is not θ.
    state: Option<DVector<f64>>,
    pub(super) parameters: Parameters,
    pub(super) t: f64,
    work: Work,
    time: Duration,
    pub(super) stop: Option<Termination>,
    /// Whether it also lands halfway between the times that it is advanced to.
    lands_between: bool,
    /// The middle and the end of the way that it is on, if it does.
    way: Option<[f64; 2]>,
}

impl<'a> Flight<'a> {
    /// Integrates by the method and the tolerances of `settings`, to its `t_end`.
    ///
    /// # Errors
    /// [`OdeError`] for an invalid tolerance, step or limit, which no validated scenario has.
    pub fn new(settings: &flow::Flow, problem: &'a Problem, interrupt: &Interrupt) -> Result<Self, OdeError> {
        let field = Rc::new(problem.flow());
        let settings = flow::Flow { atol: problem.atol(settings.atol), ..settings.clone() };
        let integrator = flow_integrator(&settings, field.clone(), interrupt)?;
        Ok(Self::by(integrator, field, problem))
    }

    /// Integrates by `method` at `tolerance`, within `limits`.
    ///
    /// # Errors
    /// [`OdeError`] for an invalid tolerance, step or limit.
    pub fn with(
        method: flow::Integrator,
        tolerance: Tolerance,
        limits: Limits,
        problem: &'a Problem,
    ) -> Result<Self, OdeError> {
        let field = Rc::new(problem.flow());
        let tolerance = Tolerance { atol: problem.atol(tolerance.atol), ..tolerance };
        let integrator = integrator(method, field.clone(), tolerance, limits)?;
        Ok(Self::by(integrator, field, problem))
    }

    fn by(integrator: Integrator<'a>, field: Rc<GradientFlow<'a>>, problem: &Problem) -> Self {
        Self {
            state: field.state(&problem.start),
            field,
            integrator,
            parameters: problem.start.clone(),
            t: 0.0,
            work: Work::default(),
            time: Duration::ZERO,
            stop: None,
            lands_between: false,
            way: None,
        }
    }

    /// The same as a finer integration, with which another one is compared: by a method that lands on every time that it is advanced to, it lands
    /// halfway between them too. Where these times are closer than its steps, it would otherwise take those of the other, and show no error.
    pub(super) fn landing_between(self) -> Self {
        let lands_between = self.integrator.dense_degree().is_none();
        Self { lands_between, ..self }
    }

    /// Where it lands next on its way to `t`.
    pub(super) fn landing(&mut self, t: f64) -> f64 {
        if !self.lands_between {
            return t;
        }
        let begins = [self.t + 0.5 * (t - self.t), t];
        let [middle, _] = *self.way.insert(self.way.filter(|[_, end]| *end == t).unwrap_or(begins));
        if self.t < middle { middle } else { t }
    }

    /// Advances to time `t`, or as far as it gets. Returns whether it is there.
    pub fn advance(&mut self, t: f64) -> bool {
        while self.stop.is_none() && self.t < t {
            let to = self.landing(t);
            self.advance_by(|integrator, from, state| integrator.advance(from, to, state));
        }
        self.stop.is_none()
    }

    /// Advances by the segment that `step` makes of the integrator, the time and the state.
    ///
    /// # Panics
    /// If `step` asks for times that are not finite or not in order.
    pub(super) fn advance_by(
        &mut self,
        step: impl FnOnce(&mut Integrator<'a>, f64, &mut DVector<f64>) -> Result<Segment, OdeError>,
    ) {
        let begin = Instant::now();
        let state = self.state.as_mut().unwrap_or(self.parameters.values_mut());
        let segment = step(&mut self.integrator, self.t, state).expect("times are finite and in order");
        if let Some(state) = &self.state {
            self.field.weights(state, &mut self.parameters);
        }
        self.time += begin.elapsed();
        self.t = segment.t;
        self.work += segment.work;
        self.stop = segment.stop;
    }

    /// θ at the current time.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The field that is integrated, a function of [`Flight::state`].
    pub fn field(&self) -> &GradientFlow<'a> {
        &self.field
    }

    /// The integrated variable: θ, or φ.
    pub fn state(&self) -> &DVector<f64> {
        self.state.as_ref().unwrap_or(self.parameters.values())
    }

    pub(super) fn integrates_weights(&self) -> bool {
        self.state.is_none()
    }

    /// The current time.
    pub fn t(&self) -> f64 {
        self.t
    }

    /// Steps and gradients so far.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Wall-clock time spent on the integration, without observation.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Why it has stopped; `None` if it can go on.
    pub fn stop(&self) -> Option<Termination> {
        self.stop
    }

    pub(super) fn integrator(&self) -> &Integrator<'a> {
        &self.integrator
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.integrator.archive(archive)?;
        archive.item(&mut self.state)?;
        archive.item(self.parameters.values_mut())?;
        archive.item(&mut self.t)?;
        archive.item(&mut self.work)?;
        archive.item(&mut self.time)?;
        archive.item(&mut self.way)?;
        Termination::archive(&mut self.stop, &QUANTITIES, archive)
    }

    /// Subtracts the time that `step` has spent on checks.
    pub(super) fn discount(&mut self, looking: Duration) {
        self.time = self.time.saturating_sub(looking);
    }

    /// Adds the time spent on changing its weights outside the integration.
    pub(super) fn spend(&mut self, time: Duration) {
        self.time += time;
    }
}
