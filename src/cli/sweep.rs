//! `gramflow sweep`: a scenario with a `sweep:` block stands for many units, run on all cores and merged into one table.

mod merge;
mod plan;
mod run;
mod status;
mod submit;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::folder::Tally;
use crate::scenario::Sweep;
use crate::sweep::{self, Folder, Notes, SweepError, SweepPlan, Unit};

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

/// Folders of one sweep, and its plan.
fn open(paths: &[PathBuf]) -> Result<Vec<(Folder, SweepPlan)>, CliError> {
    let folders = paths.iter().map(|path| Folder::read(path)).collect::<Result<Vec<_>, _>>()?;
    let same = |(_, other): &&(Folder, SweepPlan)| *other != folders[0].1;
    match folders.iter().find(same) {
        Some((other, _)) => Err(SweepError::Different { first: folders[0].0.path().into(), other: other.path().into() }.into()),
        None => Ok(folders),
    }
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
