//! Discretization error: how far optimizers are from gradient flow, and from the other flows that they follow, at many learning rates.
//!
//! Every optimizer runs at every rate from the scenario's start until T = `t_end` on its clock, beside the flow at a tolerance of 10⁻¹².
//! Its distances are taken at its last step and at their largest, and the order p with which each tends to 0, C·η^p, is fitted where it is
//! asymptotic. The orders to expect at fixed T:
//!
//! - gd, and momentum on its clock: 1 from the flow, 2 from the modified flow (Barrett & Dherin 2021), and for gd 3 with the flow's next
//!   term;
//! - minibatches, drawn independently of each other: 1 for the mean over seeds from the flow, ½ for seeds from their mean, and so from the
//!   flow;
//! - minibatches likewise, in expectations: 1 or 2 from the stochastic differential equation of that order, over an ensemble of seeds
//!   and of paths;
//! - adam: 1 from its own limit, none from the flow.
//!
//! With a fixed average, 1 − β₂ = 10⁻³, adam reaches its limit only for η ≪ 1 − β₂. `adam-scaled` has β_i = 1 − (1 − β_i⁰)·η/η_max instead,
//! so that c_i = (1 − β_i)/η and with it the limit are the same at every rate; `adamw-scaled` and `rmsprop-scaled` likewise.
//!
//! Seeds differ only in their batches: data and start are the scenario's. That is why only optimizers with minibatches have several.
//!
//! A study runs as a sweep: units on all cores, each finished once and for all, and everything here is read from their records.

mod carry_out;
mod curves;
mod fit;
mod flow;
mod line_up;
mod outcome;
mod plan;
mod rates;
mod seeds;
mod table;
mod weak;

pub use carry_out::{CarriedStudy, StudyPlace, StudyStage, carry_out};
pub use fit::{Fit, NoOrder};
pub use line_up::Batch;
pub use plan::RatePlan;
pub use rates::{MOST_PER_DECADE, Rates, rates};
pub use weak::{Ensembles, MOST_MEMBERS};

use std::io;
use std::path::PathBuf;

use crate::data::{Data, DatasetError, Sensing};
use crate::figure::FigureError;
use crate::folder::{FolderError, RateStudy, RateStudyManifest, RateStudyOptions, read_study_table, write_study_table};
use crate::ode::{Interrupt, short};
use crate::optim::MEASURE_SDE;
use crate::record::{Table, Values, Warned};
use crate::run::Problem;
use crate::scenario::setting;
use crate::scenario::{Scenario, ScenarioError};
use crate::sweep::{Folder, Notes, SweepError, Unit};

use curves::{AtRate, Curve, curves};
use line_up::Contender;
use outcome::{Measured, outcomes, steps_to};
use plan::Job;
use table::RunRow;

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct RateStudySettings {
    /// The learning rates, rising.
    pub rates: Vec<f64>,
    /// Words for optimizers; empty for the scenario's own, or gd if it has none.
    pub optimizers: Vec<String>,
    /// Batches for those that can take them; empty for their own.
    pub batches: Vec<Batch>,
    /// The number of seeds of each optimizer whose batches are random.
    pub seeds: u64,
    /// The loss to which costs are counted; `None` for where the flow has lost 99 % of what it loses until T.
    pub loss: Option<f64>,
    /// The number of seeds, and of paths of each equation, over which weak errors are taken; `None` for no weak errors.
    pub ensemble: Option<u64>,
}

/// The fraction of what the flow loses until T that is left at the loss to which costs are counted.
const LEFT: f64 = 0.01;

/// The columns reported for an optimizer at its end, and for the flow on its way.
const OBSERVED: [&str; 4] = ["loss", "nfa_cosine", "nfa_alignment_residual", "nfa_residual_relative"];

/// Why there is no study.
#[derive(Debug, thiserror::Error)]
pub enum LrError {
    /// An optimizer does not suit the network.
    #[error("--optimizers {word}: {reason}; set it under `optimizers` in the scenario, and give its name here")]
    Unsuited {
        /// The word.
        word: String,
        /// What it needs.
        reason: String,
    },
    /// A word names no optimizer.
    #[error("--optimizers {word}: not an optimizer: there are {known}; adam, adamw and rmsprop also with `-scaled`")]
    UnknownOptimizer {
        /// The word.
        word: String,
        /// The words that would be right.
        known: String,
    },
    /// A batch has more samples than there are.
    #[error("--batch {batch}: at most {samples}, the number of samples")]
    Batch {
        /// The size asked for.
        batch: usize,
        /// n.
        samples: usize,
    },
    /// Every step would be longer than the horizon.
    #[error("--lr {lr:?}: the first step of {optimizer} would pass t_end: at most {most}")]
    RateTooLarge {
        /// The optimizer.
        optimizer: String,
        /// The rate.
        lr: f64,
        /// The rate of a step as long as the horizon.
        most: f64,
    },
    /// The number of members of an ensemble is out of range.
    #[error("--ensemble {count}: from 2, which scatter, to {MOST_MEMBERS}")]
    Ensemble {
        /// The number asked for.
        count: u64,
    },
    /// There is nothing to compare.
    #[error("--lr: at least one learning rate")]
    NoRates,
    /// A unit is not a valid scenario: one line per problem.
    #[error("{0}")]
    Unit(String),
    /// A file that the scenario names cannot be read.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The samples cannot be counted.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// The units cannot be planned.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Tables cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A unit has no manifest.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The user interrupted the study.
    #[error("interrupted: the same command resumes, and finished units are kept")]
    Interrupted,
}

/// The number of samples of a scenario.
///
/// # Errors
/// If its data cannot be read.
pub fn samples(scenario: &Scenario) -> Result<usize, LrError> {
    match &scenario.data {
        Data::Sensing(file) => Ok(Sensing::read(&file.path)?.values.len()),
        _ => Ok(scenario.split()?.train.x.nrows()),
    }
}

/// The table of the flow by itself: an earlier command's in that folder, or integrated now and written there.
///
/// # Errors
/// If the table cannot be read or written, or the user interrupts.
pub fn flow(
    scenario: &Scenario,
    plan: &RatePlan,
    problem: &Problem,
    folder: &Folder,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
) -> Result<Table, LrError> {
    if let Some(flow) = read_study_table(folder.path(), RateStudy::FLOW)?.filter(|table| flow::is_of(table, problem)) {
        return Ok(flow);
    }
    let flow = flow::fly(scenario, &plan.reference, problem, interrupt, progress)?;
    write_study_table(folder.path(), RateStudy::FLOW, &flow)?;
    Ok(flow)
}

/// An optimizer that diverged.
#[derive(Debug, Clone, PartialEq)]
pub struct Divergence {
    /// Its name.
    pub optimizer: String,
    /// The batch size.
    pub batch: usize,
    /// The smallest rate at which it diverged.
    pub lr: f64,
    /// The step in which it diverged there, the first over all its seeds.
    pub step: u64,
    /// Whether it diverged at every larger rate too.
    pub from_there_on: bool,
}

/// The order of one distance.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedOrder {
    /// The optimizer.
    pub optimizer: String,
    /// The batch size.
    pub batch: usize,
    /// As in `fits.parquet`.
    pub compared_with: &'static str,
    /// `end` or `max`.
    pub at: &'static str,
    /// `None` if no range is asymptotic.
    pub fit: Option<Fit>,
    /// The order, or why there is none.
    pub order: Result<f64, NoOrder>,
    /// The order by theory, if there is one.
    pub expected: Option<f64>,
}

/// The results of a study.
pub struct FinishedRateStudy {
    /// Tables and caption.
    pub study: RateStudy,
    /// What was studied.
    pub manifest: RateStudyManifest,
    /// The orders, as in the tables.
    pub orders: Vec<FittedOrder>,
    /// The optimizers that diverged, likewise.
    pub divergences: Vec<Divergence>,
}

/// Collects the results of the finished units of `plan` in `folder`, with `flow` the table of [`flow`], and the weak errors of `ensembles`.
/// Units that failed are left out, and named in the manifest.
///
/// # Errors
/// If the records or the manifest of a finished unit cannot be read.
pub fn finish(
    scenario: &Scenario,
    problem: &Problem,
    settings: &RateStudySettings,
    plan: &RatePlan,
    folder: &Folder,
    (flow, ensembles): (Table, &Ensembles),
) -> Result<FinishedRateStudy, LrError> {
    let loss = settings.loss.unwrap_or_else(|| default_loss(&flow));
    let floors = floors(&flow);
    let ids = plan.sweep().1.units();
    let (mut runs, mut all, mut divergences) = (Vec::new(), Vec::new(), Vec::new());
    for (index, contender) in plan.contenders.iter().enumerate() {
        let (mut rates, mut diverged) = (Vec::new(), Vec::new());
        for lr in plan.rates_of(index) {
            let mut found: Vec<RunRow> = Vec::new();
            for id in &ids {
                let unit = &plan.units[id.index];
                if unit.contender != index || unit.lr != lr || !folder.is_done(id.id) {
                    continue;
                }
                let names: Vec<&str> = unit.processes.iter().map(|(name, _)| name.as_str()).collect();
                let outcomes = outcomes(&folder.unit(id.id), &names, loss, contender.random)?;
                found.extend(unit.processes.iter().zip(outcomes).map(|((_, seed), outcome)| RunRow {
                    contender,
                    lr,
                    seed: *seed,
                    unit: id.id.to_string(),
                    outcome,
                }));
            }
            found.sort_by_key(|run| run.seed);
            let outcomes: Vec<Measured> = found.iter().map(|run| run.outcome.clone()).collect();
            rates.push(AtRate::new(contender, lr, &outcomes, floors).with(ensembles.errors(contender, lr)));
            diverged.push(outcomes.iter().filter_map(Measured::diverged_at).min().map(|step| (lr, step)));
            // The weights are no longer needed.
            found.iter_mut().for_each(|run| run.outcome.weights = None);
            runs.append(&mut found);
        }
        all.extend(curves(index, &rates));
        if let Some((first, (lr, step))) = diverged.iter().enumerate().find_map(|(i, found)| found.map(|found| (i, found))) {
            let (optimizer, batch) = (contender.label.clone(), contender.batch);
            let from_there_on = diverged[first..].iter().all(Option::is_some);
            divergences.push(Divergence { optimizer, batch, lr, step, from_there_on });
        }
    }
    let order = |curve: &Curve| {
        let contender = &plan.contenders[curve.contender];
        FittedOrder {
            optimizer: contender.label.clone(),
            batch: contender.batch,
            compared_with: curve.quantity.word(),
            at: table::at(curve),
            fit: curve.fit,
            order: curve.order.clone(),
            expected: curve.quantity.expected(contender, curve.largest),
        }
    };
    let mut manifest = RateStudyManifest::new(problem.scenario_hash.clone(), plan.hash(), scenario.seed);
    manifest.optimizers = plan.contenders.iter().map(Contender::called).collect();
    for (index, lr) in &plan.too_long {
        manifest.first_step_passes_t_end.entry(plan.contenders[*index].called()).or_default().push(*lr);
    }
    manifest.options = RateStudyOptions {
        optimizers: settings.optimizers.clone(),
        batch: settings.batches.iter().map(Batch::to_string).collect(),
        seeds: settings.seeds,
        loss: settings.loss,
        ensemble: settings.ensemble,
    };
    manifest.ensemble_gradients = ensembles.gradients();
    (manifest.lr, manifest.loss) = (plan.rates.clone(), loss);
    (manifest.flow_gradients_to_loss, manifest.flow_wall_seconds_to_loss) = flow_cost(&flow, loss).into();
    manifest.sharpness = sharpness(&runs);
    (manifest.rtol, manifest.atol) = (plan.reference.flow.rtol, plan.reference.flow.atol);
    manifest.failed = ids.iter().filter_map(|unit| Some((unit.id.to_string(), folder.failure(unit.id)?))).collect();
    let failed = manifest.failed.iter().map(|(unit, reason)| format!("unit {unit} failed: {reason}"));
    let notes = Notes::of(std::slice::from_ref(folder), plan.sweep().1)?;
    let unit = |job: &Job| format!("{} at η = {}", plan.contenders[job.contender].called(), short(job.lr, 3));
    let expectations = match settings.ensemble {
        Some(_) => "see its weak errors",
        None => "compare its expectations by --ensemble",
    };
    let without_names = |(id, own): &(Unit, Vec<String>)| {
        let job = &plan.units[id.index];
        let told = |warning: &String| without_name(job, warning).replace(MEASURE_SDE, expectations);
        (unit(job), own.iter().map(told).collect())
    };
    let warnings: Vec<(String, Vec<String>)> = notes.warnings.iter().map(without_names).collect();
    let warned = Warned::count(warnings.iter().map(|(unit, own)| (unit.clone(), own.as_slice())));
    let repeated = plan.repeated.iter().map(ToString::to_string);
    let of_plan = failed.chain(repeated).chain(plan.notes(scenario, settings)).chain(ensembles.notes.iter().cloned());
    manifest.warnings = of_plan.chain(warned.iter().map(Warned::line)).collect();
    let study = RateStudy {
        name: scenario.name.clone(),
        caption: format!(
            "{}, {} samples, T = {}. Flow by auto at rtol {:e}, {}",
            setting(scenario),
            plan.samples,
            scenario.flow.t_end,
            plan.reference.flow.rtol,
            if floors[0].is_nan() { "which did not reach T".into() } else { format!("good to {:.1e}", floors[0]) }
        ),
        runs: table::runs(&runs),
        curves: table::curves(&all, &plan.contenders),
        fits: table::fits(&all, &plan.contenders),
        sharpness: manifest.sharpness,
        flow_to_loss: flow_cost(&flow, loss),
        flow,
        loss,
    };
    manifest.caption = study.caption.clone();
    Ok(FinishedRateStudy { study, manifest, orders: all.iter().map(order).collect(), divergences })
}

/// A warning of a unit without the name of its process, which holds rate and seed: what several units and seeds say alike is counted together.
fn without_name<'w>(job: &Job, warning: &'w str) -> &'w str {
    let mut names = job.processes.iter().filter_map(|(name, _)| warning.strip_prefix(name.as_str())?.strip_prefix(": "));
    names.next().unwrap_or(warning)
}

/// The distance between the two integrations of the flow, at the end and at its largest; NaN if one of them did not get there: the accuracy
/// of the flow is then unknown, and nothing is fitted.
fn floors(flow: &Table) -> [f64; 2] {
    let floors: Vec<f64> = flow.floats("flow", "reference_floor");
    let largest = floors.iter().copied().fold(0.0, f64::max);
    floors.last().map_or([f64::NAN; 2], |&last| [last, if last.is_nan() { last } else { largest }])
}

/// ℒ(T) + (ℒ(0) − ℒ(T))/100 of the flow, as far as it came.
fn default_loss(flow: &Table) -> f64 {
    let losses: Vec<f64> = flow.floats("flow", "loss").into_iter().filter(|loss| loss.is_finite()).collect();
    match (losses.first(), losses.last()) {
        (Some(first), Some(last)) => last + LEFT * (first - last),
        _ => f64::NAN,
    }
}

/// λ_max of the flow, approximated by that of the run at the smallest rate.
fn sharpness(runs: &[RunRow]) -> f64 {
    let known = runs.iter().filter(|run| run.contender.rule.descends() && run.outcome.lr_sharpness.is_finite());
    known.min_by(|a, b| a.lr.total_cmp(&b.lr)).map_or(f64::NAN, |run| run.outcome.lr_sharpness / run.lr)
}

/// Gradients and seconds until the flow by itself reaches `loss`.
fn flow_cost(flow: &Table, loss: f64) -> [f64; 2] {
    let losses = flow.floats("flow", "loss");
    let gradients: Vec<f64> = match flow.column("gradients") {
        Some(Values::Integer(counts)) => counts.iter().map(|&count| count as f64).collect(),
        _ => Vec::new(),
    };
    [gradients, flow.floats("flow", "wall_seconds")].map(|counts| steps_to(&counts, &losses, loss))
}
