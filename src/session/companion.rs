//! The flows that an optimizer follows more closely than gradient flow, as far as the scenario's `measure` asks for them. Each is
//! integrated beside its optimizer from a start of its own, to the times of the recorded steps.
//!
//! The limits of adaptive rules become ever stiffer as the gradient vanishes, because they divide by √v, which decays with it. The rules do
//! not follow them there: their iterates keep jumping about the minimum by some η. A limit that needs many more steps than its optimizer
//! takes has time scales below the learning rate, and is given up. So is a modified flow that takes many more steps than any that is
//! followed: beyond stability, or from a start that a large momentum moves far away, its stiffness has no bound.

use std::rc::Rc;
use std::time::{Duration, Instant};

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::observe::{self, Measure, SdePaths};
use crate::ode::{Integrator, Interrupt, Limits, Termination, Tolerance, VectorField, Work, short};
use crate::optim::{Follows, Optimizer};
use crate::{flow, record};

use super::Plan;
use super::Problem;
use super::central::CentralCompanion;
use super::certificate::{MORE_STEPS, more_finely_to_the_end};
use super::choice::{Choice, choose};
use super::left::Left;
use super::plan::FINER;
use super::sde::SdeCompanion;
use super::stop::QUANTITIES;

/// The largest relative tolerance of a limit: above it, an explicit method that does not cap its step against stiffness cannot be trusted.
const LIMIT_RTOL: f64 = 1e-6;
/// Steps that a limit may try between two records: the first number, plus the second for every step of its optimizer between them.
const LIMIT_STEPS: [u64; 2] = [5000, 10];
/// Steps that a modified flow may try in all: the first number or, if larger, the second for every step of its optimizer. A flow that is
/// followed is smooth on the scale of an optimizer's step, and some thousand steps suffice at any tolerance. `rk4` is exempt: its step is
/// prescribed.
const MODIFIED_STEPS: [u64; 2] = [30_000, 10];

/// A flow beside one optimizer.
pub(super) struct CompanionFlow<'a> {
    kind: observe::CompanionKind,
    formula: String,
    field: Rc<dyn VectorField + 'a>,
    integrator: Integrator<'a>,
    tolerance: Tolerance,
    limits: Limits,
    /// The steps that the scenario allows any flow.
    max_steps: u64,
    /// A factor on the steps that a limit may try between two records.
    generosity: u64,
    /// The state of the field at time `t`: θ, followed by the rule's averages, if any.
    state: DVector<f64>,
    t: f64,
    /// θ at the time advanced to last, with that time and the step of its optimizer there.
    theta: DVector<f64>,
    landed: f64,
    step: u64,
    /// The step of its optimizer to whose time it was on its way when it was paused.
    towards: Option<u64>,
    work: Work,
    time: Duration,
    stop: Option<Termination>,
    /// Whether `auto` would have chosen otherwise for its horizon, which was shorter when it began.
    chose_otherwise: bool,
}

/// What an optimizer is compared with.
pub(super) struct Companions<'a> {
    pub flows: Vec<CompanionFlow<'a>>,
    pub central: Option<CentralCompanion<'a>>,
    pub sde: Option<SdeCompanion>,
    /// Why others that the scenario asks for are missing.
    pub missing: Vec<String>,
}

/// The companions that the scenario asks for beside one optimizer; `finer`: at a tenth of the tolerance, or half the step.
pub(super) fn companions<'a>(
    settings: &Optimizer,
    plan: &Plan,
    problem: &'a Problem,
    interrupt: &Interrupt,
    finer: bool,
) -> Companions<'a> {
    let mut found = Companions { flows: Vec::new(), central: None, sde: None, missing: Vec::new() };
    let maker = Maker { settings, plan, problem, interrupt, finer };
    let steps = settings.last_step(plan.flow.t_end);
    for &measure in &plan.measure {
        let Choice { flows, central, sde, reasons } = choose(measure, settings, plan, problem, steps);
        found.flows.extend(flows.into_iter().map(|(kind, flow)| maker.companion(kind, flow)));
        let central = central.map(|flow| if finer { flow.with_substeps(2) } else { flow });
        found.central = found.central.or(central.map(|flow| CentralCompanion::new(flow, interrupt)));
        found.sde = found.sde.or(sde.map(|sde| SdeCompanion::new(sde, interrupt)));
        found.missing.extend(reasons);
    }
    found
}

/// The kinds of companion whose distances a scenario asks for, in the order of their columns.
pub(super) fn kinds(plan: &Plan) -> Vec<observe::CompanionKind> {
    let mut kinds = Vec::new();
    if plan.measure.contains(&Measure::ModifiedFlow) {
        kinds.extend([observe::CompanionKind::ModifiedFlow, observe::CompanionKind::ThirdOrderFlow]);
    }
    if plan.measure.contains(&Measure::Limit) {
        kinds.push(observe::CompanionKind::Limit);
    }
    if plan.measure.contains(&Measure::CentralFlow) {
        kinds.push(observe::CompanionKind::CentralFlow);
    }
    if SdePaths::among(&plan.measure).is_some() {
        kinds.push(observe::CompanionKind::Sde);
    }
    kinds
}

struct Maker<'a, 's> {
    settings: &'s Optimizer,
    plan: &'s Plan,
    problem: &'a Problem,
    interrupt: &'s Interrupt,
    /// Whether they serve to find the errors of others.
    finer: bool,
}

impl<'a> Maker<'a, '_> {
    /// The companion at its start.
    fn companion(&self, kind: observe::CompanionKind, follows: Follows<'a>) -> CompanionFlow<'a> {
        let Follows { field, formula, t, state, gradients } = follows;
        let flow = &if self.finer { more_finely_to_the_end(&self.plan.flow) } else { self.plan.flow.clone() };
        let steps = self.settings.last_step(flow.t_end);
        let generosity = if self.finer { MORE_STEPS } else { 1 };
        let [some, each] = MODIFIED_STEPS.map(|steps| generosity * steps);
        let max_steps = match (kind, flow.integrator) {
            (observe::CompanionKind::Limit, _) | (_, flow::Integrator::Rk4 { .. }) => flow.max_steps,
            _ => flow.max_steps.min(some.max(each.saturating_mul(steps))),
        };
        let t_end = self.settings.time(steps);
        // A number of steps is a horizon of its own.
        let interrupt = if self.settings.steps().is_some() { self.interrupt.to_the_end() } else { self.interrupt.clone() };
        let limits = Limits { t_end, max_steps, interrupt, ..Limits::default() };
        // The Jacobian of a limit is far from symmetric: its norm, by which our own methods bound their steps, is orders of magnitude above
        // its spectral radius. A method controlled by its error alone needs no such bound.
        let (method, rtol) = if kind == observe::CompanionKind::Limit {
            let rtol = self.plan.flow.rtol.min(LIMIT_RTOL);
            (flow::Integrator::Dopri5, if self.finer { rtol / FINER } else { rtol })
        } else {
            (flow.integrator, flow.rtol)
        };
        let tolerance = Tolerance { rtol, atol: flow.atol };
        let integrator = self::integrator(method, &field, tolerance, limits.clone());
        // A singular field begins after t = 0; at t = 0 its companion is at the start of the problem.
        let theta = if t == 0.0 {
            state.rows(0, self.problem.start.values().len()).into_owned()
        } else {
            self.problem.start.values().clone()
        };
        CompanionFlow {
            kind,
            formula,
            field,
            integrator,
            tolerance,
            limits,
            max_steps: flow.max_steps,
            generosity,
            state,
            t,
            theta,
            landed: 0.0,
            step: 0,
            towards: None,
            work: Work { evaluations: gradients, ..Work::default() },
            time: Duration::ZERO,
            stop: None,
            chose_otherwise: false,
        }
    }
}

/// The integrator of a companion.
fn integrator<'a>(
    method: flow::Integrator,
    field: &Rc<dyn VectorField + 'a>,
    tolerance: Tolerance,
    limits: Limits,
) -> Integrator<'a> {
    super::integrator(method, Rc::clone(field), tolerance, limits).expect("a validated scenario can be integrated")
}

impl CompanionFlow<'_> {
    /// Advances it to time `t`, where its optimizer has taken `step` steps, or as far as it gets. Returns whether it was paused on the way.
    pub(super) fn advance(&mut self, t: f64, step: u64) -> bool {
        if self.stop.is_none() && self.t < t {
            if self.towards.take().is_none() {
                self.begin(step);
            }
            let begin = Instant::now();
            let segment = self.integrator.advance(self.t, t, &mut self.state).expect("times are finite and in order");
            self.time += begin.elapsed();
            self.t = segment.t;
            self.work += segment.work;
            if self.limits.interrupt.is_pause() && matches!(segment.stop, Some(Termination::Interrupted { .. })) {
                self.towards = Some(step);
                return true;
            }
            (self.landed, self.step) = (segment.t, step);
            self.stop = segment.stop;
            self.theta.copy_from(&self.state.rows(0, self.theta.len()));
        }
        false
    }

    /// Prepares for a way to the time of `step`: the integrator of a limit is created anew, so that its steps are counted from here.
    fn begin(&mut self, step: u64) {
        if self.kind == observe::CompanionKind::Limit {
            let limits = Limits { max_steps: self.limit_steps(step), ..self.limits.clone() };
            self.integrator = integrator(flow::Integrator::Dopri5, &self.field, self.tolerance, limits);
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.state)?;
        archive.item(&mut self.t)?;
        archive.item(&mut self.theta)?;
        archive.item(&mut self.landed)?;
        archive.item(&mut self.step)?;
        archive.item(&mut self.towards)?;
        archive.item(&mut self.work)?;
        archive.item(&mut self.time)?;
        Termination::archive(&mut self.stop, &QUANTITIES, archive)?;
        if let Some(step) = self.towards.filter(|_| archive.is_read()) {
            self.begin(step);
        }
        self.integrator.archive(archive)?;
        archive.item(&mut self.chose_otherwise)?;
        let mut t_end = self.limits.t_end;
        archive.item(&mut t_end)?;
        self.chose_otherwise |= t_end < self.limits.t_end && !self.integrator.chooses_alike(self.limits.t_end);
        Ok(())
    }

    /// What kind of flow it is.
    pub(super) fn kind(&self) -> observe::CompanionKind {
        self.kind
    }

    /// Gradients that it has taken so far.
    pub(super) fn gradients(&self) -> u64 {
        self.work.evaluations
    }

    /// Time that it has taken so far.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// The name of its kind.
    pub(super) fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Steps that a limit may try until `step`.
    fn limit_steps(&self, step: u64) -> u64 {
        let [some, each] = LIMIT_STEPS;
        (self.generosity * (some + each * (step - self.step))).min(self.limits.max_steps)
    }

    /// Its kind, and θ at time `t`; `None` if it is not at `t`.
    pub(super) fn at(&self, t: f64) -> Option<(observe::CompanionKind, &DVector<f64>)> {
        (self.stop.is_none() && self.landed == t).then_some((self.kind, &self.theta))
    }

    /// Its entry in the manifest, and a warning if it ended early. `interrupted` tells whether its optimizer was interrupted.
    pub(super) fn ended(self, interrupted: bool) -> ((String, record::Companion), Option<String>) {
        let (name, t, gradients) = (self.kind.name(), self.landed, self.work.evaluations);
        let left = Left { kind: self.kind, formula: self.formula, gradients, time: self.time, t, stop: self.stop };
        let termination = left.termination(interrupted);
        let detail = match termination {
            Termination::MaxSteps { steps, .. } | Termination::Stuck { steps, .. }
                if self.kind == observe::CompanionKind::Limit && steps < self.max_steps =>
            {
                format!(
                    "given up: it needed over {steps} steps to the next record, {} per step of the optimizer, so its time scales are \
                 below the learning rate; a larger eps takes it further",
                    LIMIT_STEPS[1]
                )
            }
            Termination::MaxSteps { steps, .. } | Termination::Stuck { steps, .. } if steps < self.max_steps => format!(
                "given up after {steps} steps, at least {} per step of the optimizer, which cannot follow a flow this stiff: lower \
                 its lr",
                MODIFIED_STEPS[1]
            ),
            _ => termination.to_string(),
        };
        let early = self.stop.is_some() && !matches!(termination, Termination::Interrupted { .. });
        let complaint = early.then(|| format!("distance_to_{name} ends at t = {} with its flow: {detail}", short(t, 6)));
        let complaint = complaint.or_else(|| {
            let otherwise = format!(
                "distance_to_{name}: auto chose the method of its flow for a shorter horizon: from the start it is the same \
                                     to within the tolerance, but not to the bit"
            );
            self.chose_otherwise.then_some(otherwise)
        });
        (left.entry(termination, detail), complaint)
    }
}
