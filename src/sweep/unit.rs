//! One unit: its scenario, run like any other, and what is kept of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::folder::{Keep, publish_unit};
use crate::ode::Interrupt;
use crate::run::{self, Problem};
use crate::scenario::Sweep;

use super::{Folder, Id, SweepError, Unit};

/// The outcome of a unit.
#[derive(Debug)]
pub(super) enum Ended {
    /// It is finished; the time spent in the run itself.
    Done(Duration),
    /// It cannot be run.
    Failed(String),
    /// It was interrupted, and leaves nothing.
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
    let problem = match Problem::with_threads(&scenario, manner.threads, manner.memory) {
        Ok(problem) => problem,
        Err(error) => return Ok(Ended::Failed(format!("{}: {error}", error.key()))),
    };
    if Id::of_hash(&problem.scenario_hash) != Some(unit.id) {
        return Ok(Ended::Failed(
            "a file that it names has changed since the sweep began: start again with another --out".to_string(),
        ));
    }
    let begin = Instant::now();
    let finished = run::run(&scenario, &problem, interrupt, |_t| {});
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

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message was given")
}
