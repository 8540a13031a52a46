//! `gramflow sweep`: a scenario with a `sweep:` block stands for many units, run on all cores and merged into one table.

mod merge;
mod plan;
mod run;
mod slurm;
mod status;
mod submit;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::folder::Tally;
use crate::scenario::Sweep;
use crate::sweep::{self, Folder, JobArray, Notes, SweepError, SweepPlan, Unit};

use super::output::counted;
use super::{CliError, Selection};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the units of a sweep; run nothing
    Plan(plan::Arguments),
    /// Run the units that are not finished, one per core
    Run(run::Arguments),
    /// Show how far a sweep has come
    Status(status::Arguments),
    /// Write the records of all finished units as one table, sweep.parquet
    Merge(merge::Arguments),
    /// Submit a sweep, or what is left of it, as a Slurm job array
    Submit(submit::Arguments),
}

pub(super) fn sweep(command: &Command, quiet: bool) -> Result<(), CliError> {
    match command {
        Command::Plan(arguments) => plan::plan(arguments),
        Command::Run(arguments) => run::run(arguments, quiet),
        Command::Status(arguments) => status::status(arguments),
        Command::Merge(arguments) => merge::merge(arguments, quiet),
        Command::Submit(arguments) => submit::submit(arguments),
    }
}

/// The sweep of a scenario, every unit of it read and validated.
fn planned(selection: &Selection) -> Result<(Sweep, SweepPlan), CliError> {
    let sweep = Sweep::read(&selection.scenario, &selection.sets)?;
    let plan = sweep::planned(&sweep)?;
    Ok((sweep, plan))
}

/// The folders of one sweep.
struct Opened {
    plan: SweepPlan,
    /// Those that exist: of a job array, one for each task that has begun.
    folders: Vec<Folder>,
    /// The job arrays among them, with their folders.
    jobs: Vec<(PathBuf, JobArray)>,
}

impl Opened {
    /// What `merge` takes.
    fn shards(&self) -> Vec<(Folder, SweepPlan)> {
        self.folders.iter().map(|folder| (folder.clone(), self.plan.clone())).collect()
    }
}

/// Folders of one sweep: its own, those of its shards, or that of a job array, which stands for the folders of its tasks.
fn open(paths: &[PathBuf]) -> Result<Opened, CliError> {
    let mut opened: Option<(&PathBuf, Opened)> = None;
    for path in paths {
        let own = match JobArray::read(path)? {
            Some(job) => Opened { plan: job.plan.clone(), folders: job.folders(path)?, jobs: vec![(path.clone(), job)] },
            None => {
                let (folder, plan) = Folder::read(path)?;
                Opened { plan, folders: vec![folder], jobs: Vec::new() }
            }
        };
        match &mut opened {
            None => opened = Some((path, own)),
            Some((_, all)) if all.plan == own.plan => {
                all.folders.extend(own.folders);
                all.jobs.extend(own.jobs);
            }
            Some((first, _)) => return Err(SweepError::Different { first: first.to_path_buf(), other: path.clone() }.into()),
        }
    }
    // The command line asks for one at least.
    opened.map(|(_, all)| all).ok_or_else(|| SweepError::NotASweep(PathBuf::new()).into())
}

/// `{"unit": id, "values": {key: value, …}}`.
fn unit_json(plan: &SweepPlan, unit: Unit) -> Value {
    let values: Map<String, Value> =
        plan.keys().into_iter().map(str::to_string).zip(plan.values(unit).into_iter().cloned()).collect();
    json!({"unit": unit.id, "values": values})
}

/// The same, with the reason why it failed.
fn failure_json(plan: &SweepPlan, unit: Unit, reason: &str) -> Value {
    let mut value = unit_json(plan, unit);
    value["reason"] = reason.into();
    value
}

/// The same, with its warnings.
fn warnings_json(plan: &SweepPlan, unit: Unit, warnings: &[String]) -> Value {
    let mut value = unit_json(plan, unit);
    value["warnings"] = warnings.into();
    value
}

/// `1 unit`, `12 units`.
fn units(count: usize) -> String {
    counted(count, "unit")
}

/// For each claim in how many units it holds and fails; below that a line for each group of units in which it does not hold throughout.
fn claims(notes: &Notes, plan: &SweepPlan) -> String {
    let line = |(claim, tally): (String, Tally)| {
        let doubtful = tally.by.iter().filter(|share| share.holds < share.judged());
        let apart: String = doubtful.map(|share| format!("  {} at {}\n", share.verdicts(), share.label())).collect();
        format!("claim {claim}: {} of {}\n{apart}", tally.all.verdicts(), tally.all.judged())
    };
    notes.claims(plan).into_iter().map(line).collect()
}
