//! `gramflow sweep status`: how many units are done, which failed and why, which are missing.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::CliError;
use crate::cli::output::{listed, print};
use crate::sweep::{Folder, Plan, Status};

use super::{failure_json, open, unit_json, units};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Folders of one sweep, as its shards leave them
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Print it as JSON, every unit that is not done
    #[arg(long)]
    json: bool,
}

pub(super) fn status(arguments: &Arguments) -> Result<(), CliError> {
    let folders = open(&arguments.folders)?;
    let plan = &folders[0].1;
    let paths: Vec<Folder> = folders.iter().map(|(folder, _)| folder.clone()).collect();
    let status = Status::of(plan, &paths);
    print(&if arguments.json { json(plan, &status) } else { text(plan, &status) })?;
    Ok(())
}

fn json(plan: &Plan, status: &Status) -> String {
    let failed: Vec<Value> = status.failed.iter().map(|(unit, reason)| failure_json(plan, *unit, reason)).collect();
    let missing: Vec<Value> = status.missing.iter().map(|unit| unit_json(plan, *unit)).collect();
    let status = json!({
        "name": plan.name,
        "plan_hash": plan.hash(),
        "units": plan.units().len(),
        "done": status.done,
        "failed": failed,
        "missing": missing,
    });
    format!("{status:#}\n")
}

fn text(plan: &Plan, status: &Status) -> String {
    let (failed, missing) = (status.failed.len(), status.missing.len());
    let all = units(status.done + failed + missing);
    let mut text =
        format!("{}: {all}: {} done, {failed} failed, {missing} missing (or being run now)\n", plan.name, status.done);
    let label = |unit| plan.label(unit);
    let failure = |(unit, reason): &(_, String)| format!("failed: {} ({}): {reason}", id(unit), label(*unit));
    text.push_str(&listed(&status.failed, failure, "--json lists them all"));
    text.push_str(&listed(
        &status.missing,
        |unit| format!("missing: {} ({})", id(unit), label(*unit)),
        "--json lists them all",
    ));
    text
}

fn id(unit: &crate::sweep::Unit) -> String {
    unit.id.to_string()
}
