//! One unit: its scenario, run like any other, and what is kept of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::folder::{Checkpoint, CheckpointAbout, Keep, publish_unit};
use crate::ode::Interrupt;
use crate::run::{self, Checkpoints, Finished, Problem};
use crate::scenario::{Scenario, Sweep};

use super::{Folder, Id, SweepError, Unit};

/// The outcome of a unit.
#[derive(Debug)]
pub(super) enum Ended {
    /// It is finished; the time spent in the run itself.
    Done(Duration),
    /// It cannot be run.
    Failed(String),
    /// It was interrupted, and leaves nothing but its checkpoint, if it keeps one.
    Interrupted,
}

/// How a unit is run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// What is kept besides its records.
    pub(super) keep: Keep,
    /// Threads for its gradients.
    pub(super) threads: usize,
    /// Bytes of memory that it may take.
    pub(super) memory: u64,
    /// The wall time from one checkpoint to the next, if it keeps any.
    pub(super) checkpoint: Option<Duration>,
}

/// Runs a unit and publishes it in the folder.
pub(super) fn run_unit(
    sweep: &Sweep,
    unit: Unit,
    folder: &Folder,
    manner: Manner,
    interrupt: &Interrupt,
) -> Result<Ended, SweepError> {
    // One bug in one corner of the grid must not cost a night's work.
    let outcome = catch_unwind(AssertUnwindSafe(|| attempt(sweep, unit, folder, manner, interrupt)))
        .unwrap_or_else(|panic| Ok(Ended::Failed(format!("a bug in gramflow, please report it: {}", message(&*panic)))))?;
    match &outcome {
        Ended::Done(_) => folder.forgive(unit.id),
        Ended::Failed(reason) => folder.fail(unit.id, reason)?,
        Ended::Interrupted => {}
    }
    Ok(outcome)
}

/// Errors of the sweep's folder are errors; whatever is wrong with the unit is its outcome.
fn attempt(sweep: &Sweep, unit: Unit, folder: &Folder, manner: Manner, interrupt: &Interrupt) -> Result<Ended, SweepError> {
    let scenario = match sweep.unit(unit.index) {
        Ok(scenario) => scenario,
        Err(error) => return Ok(Ended::Failed(error.to_string())),
    };
    let mut problem = match Problem::with_threads(&scenario, manner.threads, manner.memory) {
        Ok(problem) => problem,
        Err(error) => return Ok(Ended::Failed(format!("{}: {error}", error.key()))),
    };
    if Id::of_hash(&problem.scenario_hash) != Some(unit.id) {
        return Ok(Ended::Failed(
            "a file that it names has changed since the sweep began: start again with another --out".to_string(),
        ));
    }
    let begin = Instant::now();
    let finished = match manner.checkpoint {
        None => run::run(&scenario, &problem, interrupt, |_t| {}),
        Some(every) => match in_legs(&scenario, &mut problem, &folder.checkpoint(unit.id), every, interrupt)? {
            Ok(finished) => finished,
            Err(reason) => return Ok(Ended::Failed(reason)),
        },
    };
    let spent = begin.elapsed();
    // Whichever process was stopped: only an undisturbed run leaves records.
    if interrupt.is_raised() {
        return Ok(Ended::Interrupted);
    }
    publish_unit(
        &folder.unit(unit.id),
        &finished.run,
        &scenario,
        &finished.manifest.to_value(),
        &finished.weights,
        finished.trajectory.as_ref(),
        manner.keep,
    )?;
    Ok(Ended::Done(spent))
}

/// Runs a unit from its checkpoint, if there is one, and keeps its state. The inner error says why it cannot go on from there.
fn in_legs(
    scenario: &Scenario,
    problem: &mut Problem,
    path: &Path,
    every: Duration,
    interrupt: &Interrupt,
) -> Result<Result<Finished, String>, SweepError> {
    let about = CheckpointAbout::of(scenario, &problem.scenario_hash, every);
    let found = Checkpoint::read(path).and_then(|found| found.map(|found| found.check(path, &about.scenario_hash)).transpose());
    let from = match found {
        Ok(found) => found.map(|found| {
            problem.notes.extend(found.about.warning());
            found.state
        }),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut failure = None;
    let mut keep = |state| {
        if let Err(error) = (Checkpoint { about: about.clone(), state }).write(path) {
            failure = Some(error);
        }
    };
    let checkpoints = Checkpoints { every, from, keep: &mut keep };
    let mut finished = match run::run_in_legs(scenario, problem, interrupt, |_t| {}, checkpoints) {
        Ok(finished) => finished,
        Err(error) => return Ok(Err(format!("cannot go on from {}: {error}; remove it to start again", path.display()))),
    };
    if let Some(error) = failure {
        // The state is needed only if the unit is to go on from it.
        if interrupt.is_raised() {
            return Err(error.into());
        }
        finished.manifest.warnings.push(format!("no checkpoint was kept for a while: {error}"));
    }
    Ok(Ok(finished))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message was given")
}
