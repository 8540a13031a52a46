//! The main job: advances the flow and the optimizers on one clock, observes and records.
//!
//! Every optimizer is recorded at its steps nearest to the record times. The flow is integrated to the times of these steps as well, so
//! that distances are taken at exactly the same time, without interpolation. (Methods without dense output cut their steps there: within
//! its tolerance such a flow depends on which optimizers run beside it.)

mod arrays;
mod builder;
mod central;
mod certificate;
mod check;
mod choice;
mod companion;
mod descent;
mod descents;
mod finer_models;
mod flight;
mod flow;
mod goal;
mod gradients;
mod integrator;
mod left;
mod leg;
mod monitor;
mod observers;
mod pending;
mod plan;
mod plateaus;
mod preconditioned;
mod preserve;
mod problem;
mod process;
mod processes;
mod resolution;
mod saddles;
mod saved;
mod schedule;
mod sde;
mod sharpness;
mod sliding;
mod slope;
mod stop;
mod walk;
mod warning;

pub use arrays::declared as declared_arrays;
pub use builder::Session;
pub use check::SessionError;
pub(crate) use check::check_columns;
pub use flight::Flight;
pub(crate) use gradients::{Gradients, batches};
pub use integrator::{flow_integrator, integrator};
pub use leg::Checkpoints;
pub(crate) use leg::carry_out_in_legs;
pub use plan::{OwnObservables, Plan};
pub use problem::Problem;
#[cfg(feature = "command")]
pub(crate) use resolution::unresolved;
pub use saddles::SaddlesError;
pub(crate) use saddles::check_saddles;
#[cfg(feature = "command")]
pub(crate) use saddles::forms_hessian;
#[cfg(feature = "command")]
pub(crate) use schedule::begins_alike;
pub use stop::Stop;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::claim::{self, Again, Evidence};
use crate::network::Parameters;
use crate::npz::Arrays;
use crate::observe::{
    self, Accuracy, CompanionDistance, EdgePrediction, HessianEnds, Learned, Measure, ModelErrors, Ntk, Observable,
    PreconditionedSharpness, SdePaths, SdePrediction, TestLoss,
};
use crate::ode::{Interrupt, Termination};
use crate::record::{Manifest, Process, Recorder, Run, Trajectory, Values, table};
use crate::spool::Spooled;

use arrays::{all_arrays, low_parts};
use leg::leg;
use observers::Kept;
use process::Ended;
use warning::Missed;

/// Everything that a run produces: the contents of its folder.
pub struct Finished {
    /// The records.
    pub run: Run,
    /// What was run, where, at what cost, how each process ended, and the warnings.
    pub manifest: Manifest,
    /// Final weights, by process.
    pub weights: Vec<(String, Parameters)>,
    /// θ of each process at its records, if the scenario asks for it, with the keys of [`Trajectory::into_arrays`].
    pub trajectory: Option<Arrays>,
    /// How each process ended, the flow first.
    pub terminations: Vec<(String, Termination)>,
    /// The second integration, where the scenario asks for a certificate or makes claims.
    pub finer: Option<Finer>,
    /// The state from which a run over a longer horizon goes on, of a run with checkpoints that has ended.
    pub before_the_end: Option<Spooled<u8>>,
}

/// The second integration of the flow, at a tenth of the tolerance, up to the end of the first.
pub struct Finer {
    /// Its records, at the same times.
    pub run: Run,
    /// How it ended.
    pub termination: Termination,
    /// Whether it has come to rest at a minimum; looked at for the claim `converged` alone.
    pub converged: bool,
}

impl Finer {
    /// As claims see it.
    pub fn again(&self) -> Again<'_> {
        Again { run: &self.run, termination: self.termination, converged: self.converged }
    }
}

impl Finished {
    /// Judges the claims.
    fn judge(&mut self, plan: &Plan) {
        let (setup, processes, second) = (plan.setup(), &self.manifest.processes, self.finer.as_ref().map(Finer::again));
        let evidence = Evidence { setup: &setup, run: &self.run, flow: &processes["flow"], second };
        self.manifest.verdicts = claim::judge(&plan.claims, &evidence, processes);
    }

    /// Whether a process was interrupted: the same run again would continue to its end.
    pub fn is_interrupted(&self) -> bool {
        self.terminations.iter().any(|(_, termination)| matches!(termination, Termination::Interrupted { .. }))
    }
}

/// Carries out a plan on a problem. `progress` is called with the time on the common clock as it advances. Once `interrupt` is raised, all
/// processes stop after their current steps.
///
/// It does not fail: a process that stops early is a result.
pub(crate) fn carry_out(plan: &Plan, problem: &Problem, interrupt: &Interrupt, progress: impl FnMut(f64)) -> Finished {
    let leg = leg(plan, problem, interrupt, progress, None).expect("nothing is saved or taken up");
    leg.into_finished()
}

/// The names of the numbers that a run records, in the order of its table, taken from its start. Nothing is integrated.
pub(crate) fn columns(plan: &Plan, problem: &Problem) -> Vec<String> {
    let stopped = Interrupt::default();
    stopped.raise();
    // Nothing is certified of it; claims about optimizers have columns of their own.
    let mut plan = plan.clone();
    plan.claims.retain(|claim| claim.model().is_some());
    plan.flow.certify = false;
    let table = carry_out(&plan, problem, &stopped, |_t| {}).run.table;
    let numbers = table.columns.into_iter().filter(|column| !matches!(column.values, Values::Text(_)));
    numbers.map(|column| column.name).collect()
}

/// What all processes have produced.
fn finish(plan: &Plan, problem: &Problem, ended: Vec<Ended>, kept: Kept) -> Finished {
    let Kept { mut recorders, missed, undeclared, .. } = kept;
    let missed = Missed { moments: missed, undeclared };
    let entry = |end: &Ended| {
        let process = Process::new(end.work, end.time.as_secs_f64(), end.termination);
        (
            end.name.clone(),
            Process {
                observation_seconds: end.observation.as_secs_f64(),
                gradients_monitoring: end.gradients_monitoring,
                events: end.events.clone(),
                saddles: end.saddles.clone(),
                companions: end.companions.clone(),
                ..process
            },
        )
    };
    let mut manifest = Manifest::new(problem.scenario_hash.clone(), plan.seed, ended.iter().map(entry).collect());
    manifest.threads = problem.threads;
    let terminations: Vec<_> = ended.iter().map(|end| (end.name.clone(), end.termination)).collect();
    let complaints: Vec<String> =
        ended.iter().flat_map(|end| end.complaints.iter().map(|complaint| format!("{}: {complaint}", end.name))).collect();
    let low = low_parts(&ended);
    let passed = |end: &Ended| Some((end.name.clone(), end.saddles.clone()?));
    let saddles = ended.iter().filter_map(passed).collect();
    let weights: Vec<_> = ended.into_iter().map(|end| (end.name, end.parameters)).collect();
    let unspooled = recorders.iter().find_map(Recorder::complaint).map(warning::unspooled);
    let trajectory = plan.record_weights.then(|| recorders.iter_mut().filter_map(Recorder::take_trajectory).collect());
    let trajectory = trajectory.map(|all: Vec<Trajectory>| all.into_iter().flat_map(Trajectory::into_arrays).collect());
    let mut run = Run { saddles, ..records(plan, recorders, &weights, problem) };
    run.arrays.extend(low);
    manifest.warnings = warning::warnings(&run, &plan.flow, &terminations, &missed);
    manifest.warnings.extend(resolution::warning(plan, problem));
    manifest.warnings.extend(complaints);
    manifest.warnings.extend(unspooled);
    manifest.warnings.extend(problem.notes.iter().cloned());
    manifest.warnings.extend(choice::unanswered(plan));
    manifest.warnings.extend(plan.unobserved());
    Finished { run, manifest, weights, trajectory, terminations, finer: None, before_the_end: None }
}

/// What was recorded, for processes with these final weights.
fn records(plan: &Plan, mut recorders: Vec<Recorder>, weights: &[(String, Parameters)], problem: &Problem) -> Run {
    Run {
        name: plan.name.clone(),
        widths: plan.widths.clone(),
        linear: plan.linear,
        law: plan.balance_law(),
        caption: plan.caption.clone(),
        table: table(&mut recorders),
        arrays: all_arrays(plan, recorders, weights, problem),
        saddles: BTreeMap::new(),
        unread: Vec::new(),
    }
}

/// What is measured of every process.
fn observables(plan: &Plan, problem: &Problem) -> Vec<Box<dyn Observable>> {
    let mut observables = if problem.objective.layers().is_some() {
        let mut all = observe::all(&problem.start, plan.balance_law(), problem.target_agop.as_ref());
        all.push(Box::new(Learned { constant: problem.constant_loss }));
        all.push(Box::new(Accuracy));
        all
    } else {
        observe::without_layers(&problem.start)
    };
    if let Some(test) = &problem.test {
        observables.push(Box::new(TestLoss(test.duplicate())));
    }
    if plan.measure.contains(&Measure::Ntk) {
        observables.push(Box::new(Ntk::new(&*problem.objective, &problem.start)));
    }
    observables.extend(plan.measure.iter().filter_map(|measure| match measure {
        Measure::Hessian(asked) => Some(Box::new(HessianEnds::new(*asked, problem.rates.clone())) as Box<dyn Observable>),
        _ => None,
    }));
    observables.extend(plan.own.0.iter().map(|own| Box::new(Arc::clone(own)) as Box<dyn Observable>));
    observables.push(Box::new(CompanionDistance(companion::kinds(plan))));
    if plan.measure.contains(&Measure::CentralFlow) {
        observables.push(Box::new(EdgePrediction { law: plan.balance_law() }));
    }
    if plan.measure.contains(&Measure::PreconditionedSharpness) {
        observables.push(Box::new(PreconditionedSharpness));
    }
    let models = plan.models();
    if !models.is_empty() {
        observables.push(Box::new(ModelErrors(models)));
    }
    if SdePaths::among(&plan.measure).is_some() {
        observables.push(Box::new(SdePrediction));
    }
    observables.retain(|observable| plan.observes(observable.columns().group));
    observables
}

#[cfg(test)]
mod records;
