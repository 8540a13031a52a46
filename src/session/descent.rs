//! A descent: the iterates of an optimizer, from the same start as the flow, on the same clock, under the same observables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::flow::GradientFlow;
use crate::network::Parameters;
use crate::observe::{CompanionKind, Entry, Group, Measure};
use crate::ode::{Interrupt, Termination, Work, has_blown_up};
use crate::optim::{Optimizer, Rule};
use crate::theory::Ledger;

use super::Plan;
use super::Problem;
use super::central::CentralCompanion;
use super::companion::{CompanionFlow, Companions, companions};
use super::finer_models::FinerModels;
use super::gradients::Gradients;
use super::observers::Recording;
use super::pending::PendingRecord;
use super::preconditioned::Preconditioned;
use super::process::Ended;
use super::saddles::Saddles;
use super::sde::SdeCompanion;
use super::sharpness::Sharpness;
use super::stop::{Criterion, QUANTITIES};

/// How far a descent has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advanced {
    /// To the step that was asked for.
    There,
    /// Not so far: it was interrupted, has diverged (it then keeps its last good iterate), or has reached where it is to stop.
    Short,
    /// It was paused on the way there, and goes on later.
    Paused,
}

/// An optimizer's iterates from the scenario's start.
pub(super) struct Descent<'a> {
    name: String,
    problem: &'a Problem,
    settings: &'a Optimizer,
    rule: Box<dyn Rule>,
    gradients: Gradients<'a>,
    companions: Vec<CompanionFlow<'a>>,
    central: Option<CentralCompanion<'a>>,
    /// What shows the errors of these and of the flow, where claims ask for them.
    finer: FinerModels<'a>,
    sde: Option<SdeCompanion>,
    /// Warnings for a reader of its records.
    complaints: Vec<String>,
    /// ∇ℒ, without decay, of the last step, or of the current iterate where `is_current`.
    gradient: DVector<f64>,
    parameters: Parameters,
    /// Present where its group is observed.
    sharpness: Option<Sharpness<'a>>,
    /// Present where the scenario asks for it and the rule is adaptive.
    preconditioned: Option<Preconditioned<'a>>,
    /// Present where the scenario asks for it and the rule is gradient descent, down the objective of this field.
    saddles: Option<(Saddles, GradientFlow<'a>)>,
    /// Present where the scenario asks for it and the rule obeys such a law.
    ledger: Option<Ledger>,
    /// Its last entry.
    entry: Option<Entry>,
    steps: u64,
    last: u64,
    /// Whether `last` was set by the scenario rather than by the horizon.
    counted: bool,
    time: Duration,
    observation: Duration,
    interrupt: Interrupt,
    /// Where it is to stop, if the scenario says so, and the number of steps from one check to the next.
    criterion: Option<Criterion>,
    steps_per_look: u64,
    /// Whether the current iterate has been checked.
    looked: bool,
    /// Whether `gradient` is that of the current iterate.
    is_current: bool,
    /// Diverged, or reached where it is to stop.
    stop: Option<Termination>,
}

impl<'a> Descent<'a> {
    pub(super) fn new(settings: &'a Optimizer, plan: &Plan, problem: &'a Problem, interrupt: &Interrupt) -> Self {
        let dim = problem.start.values().len();
        let gradients = Gradients::new(settings, plan.seed, problem);
        let steps_per_look = gradients.steps_per_epoch();
        let Companions { flows: companions, central, sde, missing: mut complaints } =
            companions(settings, plan, problem, interrupt, false);
        if plan.measure.contains(&Measure::Ledger) && settings.descends() && !settings.forgets() {
            let reason = "with momentum or a temperature a step is not along a gradient";
            complaints.push(format!("its ledger is not kept: {reason}"));
        }
        let saddles = plan.measure.contains(&Measure::Saddles).then(|| Saddles::of_descent(settings));
        complaints.extend(saddles.iter().filter_map(|saddles| saddles.as_ref().err()).map(|reason| reason.to_string()));
        Self {
            name: settings.name().to_string(),
            problem,
            settings,
            rule: settings.rule_of(problem.start.architecture(), &plan.weight_decay, &problem.rates),
            gradients,
            companions,
            central,
            finer: FinerModels::new(settings, plan, problem, interrupt),
            sde,
            complaints,
            gradient: DVector::zeros(dim),
            parameters: problem.start.clone(),
            sharpness: plan.observes(Group::Sharpness).then(|| Sharpness::new(problem, settings.stability_bound())),
            preconditioned: Preconditioned::of(settings, plan, problem),
            saddles: saddles.and_then(Result::ok).map(|saddles| (saddles, problem.flow())),
            ledger: keeps_ledger(plan, settings).then(|| Ledger::new(&problem.start, plan.weight_decay.single())),
            entry: None,
            steps: 0,
            last: settings.last_step(plan.flow.t_end),
            counted: settings.steps().is_some(),
            time: Duration::ZERO,
            observation: Duration::ZERO,
            interrupt: interrupt.clone(),
            criterion: Criterion::of(plan, problem.rates.clone(), dim),
            steps_per_look,
            looked: false,
            is_current: false,
            stop: None,
        }
    }

    /// Steps until `step` steps are done, and advances the companions to the time reached.
    pub(super) fn advance(&mut self, step: u64) -> Advanced {
        let (begin, mut entering) = (Instant::now(), Duration::ZERO);
        let start_norm = self.problem.start.values().norm();
        let mut before = self.parameters.values().clone();
        entering += self.look_where_to_stop();
        entering += self.look_for_saddles();
        while self.steps < step && self.stop.is_none() && !self.interrupt.is_raised() {
            before.copy_from(self.parameters.values());
            let rate = self.settings.rate(self.steps);
            self.gradients.form(self.settings.step_time(rate), &before, self.is_current, &mut self.gradient);
            self.is_current = false;
            self.rule.step(rate, self.gradient.as_slice(), self.parameters.values_mut().as_mut_slice());
            if has_blown_up(self.parameters.values().norm(), start_norm) {
                self.parameters.values_mut().copy_from(&before);
                // An objective may give up once it is interrupted and return NaN: that is no divergence.
                if self.interrupt.is_pause() || !self.interrupt.is_raised() {
                    self.stop = Some(Termination::Diverged { t: self.t(), norm: before.norm() });
                }
            } else {
                self.steps += 1;
                self.looked = false;
                if let Some(ledger) = &mut self.ledger {
                    let begin = Instant::now();
                    ledger.step(rate, &self.gradient, self.parameters.values());
                    entering += begin.elapsed();
                }
                entering += self.look_where_to_stop();
                entering += self.look_for_saddles();
            }
        }
        self.time += begin.elapsed().saturating_sub(entering);
        self.observed(entering);
        let (t, steps) = (self.t(), self.steps);
        if self.interrupt.is_pause() && steps < step && self.stop.is_none() {
            return Advanced::Paused;
        }
        let mut paused = false;
        for companion in &mut self.companions {
            paused |= companion.advance(t, steps);
        }
        paused |= self.central.as_mut().is_some_and(|central| central.advance(t, steps));
        paused |= self.finer.advance(t, steps);
        paused |= self.sde.as_mut().is_some_and(|sde| sde.advance(t, steps));
        match () {
            () if paused => Advanced::Paused,
            () if steps >= step => Advanced::There,
            () => Advanced::Short,
        }
    }

    /// Takes or replaces its state.
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.rule.archive(archive).map_err(|error| named(error, &self.name))?;
        self.gradients.archive(archive)?;
        let kinds: Vec<String> = self.companions.iter().map(|companion| companion.name().to_string()).collect();
        archive.same("set of flows to compare with", kinds)?;
        self.companions.iter_mut().try_for_each(|companion| companion.archive(archive))?;
        self.central.as_mut().map_or(Ok(()), |central| central.archive(archive))?;
        self.finer.archive(archive)?;
        self.sde.as_mut().map_or(Ok(()), |sde| sde.archive(archive))?;
        archive.item(&mut self.gradient)?;
        archive.item(self.parameters.values_mut())?;
        self.sharpness.as_mut().map_or(Ok(()), |sharpness| sharpness.archive(archive))?;
        self.preconditioned.as_mut().map_or(Ok(()), |preconditioned| preconditioned.archive(archive))?;
        self.saddles.as_mut().map_or(Ok(()), |(saddles, _)| saddles.archive(archive))?;
        self.ledger.as_mut().map_or(Ok(()), |ledger| ledger.archive(archive))?;
        archive.item(&mut self.entry)?;
        archive.item(&mut self.steps)?;
        archive.item(&mut self.time)?;
        archive.item(&mut self.observation)?;
        self.criterion.as_mut().map_or(Ok(()), |criterion| criterion.archive(archive))?;
        archive.item(&mut self.looked)?;
        archive.item(&mut self.is_current)?;
        Termination::archive(&mut self.stop, &QUANTITIES, archive)
    }

    /// Checks whether it is to stop here, if a check is due and not yet made. Returns the time that the check took.
    fn look_where_to_stop(&mut self) -> Duration {
        let due = !self.looked && self.steps.is_multiple_of(self.steps_per_look) && self.stop.is_none();
        let t = self.t();
        let Some(criterion) = self.criterion.as_mut().filter(|_| due) else { return Duration::ZERO };
        let (begin, theta, objective) = (Instant::now(), self.parameters.values(), &*self.problem.objective);
        self.looked = true;
        // The next step takes the same gradient and accounts for it; if there is no next step, `ended` counts it as monitoring.
        self.is_current = !self.gradients.are_of_batches() && criterion.asks_for_gradients();
        if self.is_current {
            objective.loss_gradient(theta, &mut self.gradient);
        }
        let gradient = self.is_current.then_some(&self.gradient);
        self.stop = criterion.look(objective, theta, gradient).map(|reached| reached.at(t));
        begin.elapsed()
    }

    /// Looks at the current iterate for a saddle that it passes. Returns the time that this took.
    fn look_for_saddles(&mut self) -> Duration {
        let t = self.t();
        let Some((saddles, field)) = &mut self.saddles else { return Duration::ZERO };
        let (begin, state) = (Instant::now(), field.state(&self.parameters));
        saddles.look(field.objective(), t, state.as_ref().unwrap_or(self.parameters.values()));
        begin.elapsed()
    }

    /// Measures what costs gradients, and closes the ledger of the steps since the last look.
    fn look(&mut self) {
        let (t, rate) = (self.t(), self.settings.rate(self.steps));
        if let Some(sharpness) = &mut self.sharpness {
            sharpness.look(self.parameters.values(), self.steps, t, rate, None);
        }
        if let Some(preconditioned) = &mut self.preconditioned {
            preconditioned.look(&*self.rule, self.parameters.values(), self.steps, t, rate);
        }
        self.entry = self
            .ledger
            .as_mut()
            .map(|ledger| Entry { residual: ledger.take_residual().unwrap_or(f64::NAN), created: ledger.created() });
    }

    /// Adds to the time spent on its observation.
    fn observed(&mut self, time: Duration) {
        self.observation += time;
    }

    /// Hands in its record where it stands. `flow`: θ of the flow at this descent's time.
    pub(super) fn record(&mut self, recording: &mut Recording, flow: Option<Arc<Parameters>>) {
        let begin = Instant::now();
        self.look();
        let t = self.t();
        let central = self.central.as_ref().and_then(|central| central.at(t));
        let companions = self.companions.iter().filter_map(|companion| companion.at(t));
        let flow_itself = flow.as_ref().map(|flow| (CompanionKind::Flow, flow.values()));
        let companions: Vec<_> = companions.chain(central.map(|(kind, theta, _)| (kind, theta))).collect();
        let model_errors = self.finer.errors(t, companions.iter().copied().chain(flow_itself));
        let mut companions: Vec<_> = companions.into_iter().map(|(kind, theta)| (kind, theta.clone())).collect();
        let paths = self.sde.as_mut().and_then(|sde| sde.at(t));
        let law = paths.map(|(mean, law)| {
            companions.push((CompanionKind::Sde, mean));
            law
        });
        let pending = PendingRecord {
            model_errors,
            companions,
            flow,
            prediction: central.map(|(_, _, predicted)| predicted),
            law,
            curvature: self.sharpness.as_ref().map(Sharpness::observed),
            preconditioned: self.preconditioned.as_ref().and_then(Preconditioned::observed),
            ledger: self.entry,
            ..PendingRecord::new(self.steps, t, &self.parameters)
        };
        self.observed(begin.elapsed());
        recording.add(pending);
    }

    pub(super) fn t(&self) -> f64 {
        self.settings.time(self.steps)
    }

    pub(super) fn ended(mut self) -> Ended {
        let t = self.t();
        let termination = match self.stop {
            Some(stop) => stop,
            None if self.steps < self.last => Termination::Interrupted { t },
            None if self.counted => Termination::Steps { t, steps: self.steps },
            None => Termination::TEnd { t },
        };
        let interrupted = matches!(termination, Termination::Interrupted { .. });
        let mut companions = BTreeMap::new();
        for companion in self.companions {
            let ((name, entry), complaint) = companion.ended(interrupted);
            companions.insert(name, entry);
            self.complaints.extend(complaint);
        }
        if let Some(central) = self.central {
            let ((name, entry), complaints) = central.ended(interrupted);
            companions.insert(name, entry);
            self.complaints.extend(complaints);
        }
        if let Some(sde) = self.sde {
            let ((name, entry), complaint) = sde.ended(interrupted);
            companions.insert(name, entry);
            self.complaints.extend(complaint);
        }
        // Every step takes one gradient, even one that failed.
        let diverged = matches!(termination, Termination::Diverged { .. });
        let evaluations = self.steps + u64::from(diverged);
        let work = Work { accepted: self.steps, rejected: 0, evaluations };
        let looks = self.criterion.as_ref().map_or(0, Criterion::gradients) + u64::from(self.is_current);
        let of_curvature = self.sharpness.as_ref().map_or(0, Sharpness::gradients)
            + self.preconditioned.as_ref().map_or(0, Preconditioned::gradients);
        let of_saddles = self.saddles.as_ref().map_or(0, |(saddles, _)| saddles.gradients());
        let gradients_monitoring = of_curvature + of_saddles + looks + self.finer.gradients();
        let sharpnesses = self.sharpness.into_iter().chain(self.preconditioned.map(Preconditioned::into_sharpness));
        let mut events = Vec::new();
        for (complaints, passed) in sharpnesses.map(Sharpness::ended) {
            self.complaints.extend(complaints);
            events.extend(passed);
        }
        let (saddles, passed) = self.saddles.map(|(saddles, _)| saddles.ended(diverged)).unzip();
        events.extend(passed.into_iter().flatten());
        events.sort_by(|a, b| a.t.total_cmp(&b.t));
        Ended {
            name: self.name,
            parameters: self.parameters,
            extended: None,
            complaints: self.complaints,
            work,
            gradients_monitoring,
            events,
            saddles,
            companions,
            time: self.time,
            observation: self.observation + self.finer.time(),
            termination,
        }
    }
}

/// The error, with the name of the optimizer whose rule does not save its state.
pub(super) fn named(error: ArchiveError, name: &str) -> ArchiveError {
    match error {
        ArchiveError::Unsaved { method, .. } => ArchiveError::Unsaved { what: format!("the rule of `{name}`"), method },
        other => other,
    }
}

/// Whether the steps of an optimizer obey the discrete law of the balance, and the scenario asks for it.
fn keeps_ledger(plan: &Plan, settings: &Optimizer) -> bool {
    settings.forgets() && plan.measure.contains(&Measure::Ledger)
}
