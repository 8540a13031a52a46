//! `gramflow sweep status`: how many units are done, which failed and why, which are missing.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::output::{listed, print};
use crate::record::Warned;
use crate::sweep::{Folder, Notes, Status, SweepPlan};

use super::{claims, failure_json, open, unit_json, units, warnings_json};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The folders of a sweep: one, or one for each shard
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Print JSON, with every unit that is not finished
    #[arg(long)]
    json: bool,
}

pub(super) fn status(arguments: &Arguments) -> Result<(), CliError> {
    let folders = open(&arguments.folders)?;
    let plan = &folders[0].1;
    let paths: Vec<Folder> = folders.iter().map(|(folder, _)| folder.clone()).collect();
    let (status, notes) = (Status::of(plan, &paths), Notes::of(&paths, plan)?);
    print(&if arguments.json { json(plan, &status, &notes) } else { text(plan, &status, &notes) })?;
    Ok(())
}

fn json(plan: &SweepPlan, status: &Status, notes: &Notes) -> String {
    let failed: Vec<Value> = status.failed.iter().map(|(unit, reason)| failure_json(plan, *unit, reason)).collect();
    let warnings: Vec<Value> = notes.warnings.iter().map(|(unit, own)| warnings_json(plan, *unit, own)).collect();
    let missing: Vec<Value> = status.missing.iter().map(|unit| unit_json(plan, *unit)).collect();
    let status = json!({
        "name": plan.name,
        "plan_hash": plan.hash(),
        "units": plan.units().len(),
        "done": status.done,
        "failed": failed,
        "missing": missing,
        "warnings": warnings,
    });
    format!("{status:#}\n")
}

fn text(plan: &SweepPlan, status: &Status, notes: &Notes) -> String {
    let (failed, missing) = (status.failed.len(), status.missing.len());
    let all = units(status.done + failed + missing);
    let warned = match notes.warnings.len() {
        0 => String::new(),
        warned => format!(" ({warned} with warnings)"),
    };
    let done = status.done;
    let mut text =
        format!("{}: {all}: {done} done{warned}, {failed} failed, {missing} missing (or being run now)\n", plan.name);
    let label = |unit| plan.label(unit);
    let failure = |(unit, reason): &(_, String)| format!("failed: {} ({}): {reason}", id(unit), label(*unit));
    text.push_str(&listed(&status.failed, failure, "--json lists them all"));
    text.push_str(&listed(
        &status.missing,
        |unit| format!("missing: {} ({})", id(unit), label(*unit)),
        "--json lists them all",
    ));
    let warned = |warned: &Warned| format!("warning: {}", warned.line());
    text.push_str(&listed(&notes.warned(plan), warned, "--json lists them all"));
    text.push_str(&claims(notes, plan));
    text
}

fn id(unit: &crate::sweep::Unit) -> String {
    unit.id.to_string()
}
