//! `gramflow check`: reads and validates scenarios and the files they name; runs nothing.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::run::{Memory, Problem};
use crate::scenario::{self, ScenarioError, Sweep};
use crate::sweep::{SweepPlan, check_pictures};

use super::output::{complain, print};
use super::{CliError, Limit};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenarios, YAML files
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// Replace one value in each, by its path: `--set flow.rtol=1e-10`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    limit: Limit,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), CliError> {
    let mut wrong = 0;
    for path in &arguments.scenarios {
        match checked(path, &arguments.sets, &arguments.limit) {
            Ok(found) => print(&format!("{}: ok: {found}\n", path.display()))?,
            Err(error) => {
                wrong += 1;
                complain(&error.to_string());
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(CliError::Wrong { wrong, files: arguments.scenarios.len() }) }
}

/// What was found right: the scenario and the size of its network, or the sweep and the number of its units.
fn checked(path: &Path, sets: &[String], limit: &Limit) -> Result<String, CliError> {
    if let Some(sweep) = Sweep::find(path, sets)? {
        return checked_sweep(&sweep);
    }
    let (scenario, source) = scenario::read(path, sets)?;
    let refused =
        |error: crate::run::ProblemError| ScenarioError::Diagnostics(vec![source.diagnostic(&error.key(), error.to_string())]);
    let limit = limit.bytes().unwrap_or(u64::MAX);
    let found = format!("{} ({} parameters", scenario.name, scenario.network.parameters());
    if Problem::is_large(&scenario) {
        let memory = Memory::of(&scenario);
        memory.check(limit).map_err(|error| refused(error.into()))?;
        return Ok(format!(
            "{found}; a run takes about {} of memory; no samples were drawn)",
            crate::machine::Bytes(memory.total())
        ));
    }
    Problem::within(&scenario, limit).map_err(refused)?;
    Ok(format!("{found})"))
}

/// Reads every unit, or of many some.
fn checked_sweep(sweep: &Sweep) -> Result<String, CliError> {
    /// Values that are read in about a second.
    const MOST: usize = 200_000;
    let sample = sweep.sample((MOST / sweep.values_per_unit()).max(2));
    if sample.len() == sweep.len() {
        let plan = SweepPlan::new(sweep)?;
        check_pictures(sweep)?;
        return Ok(format!("{} ({} units)", plan.name, plan.units().len()));
    }
    let name = SweepPlan::check(sweep, &sample)?;
    Ok(format!("{name} ({} units, of which {} were read: gramflow sweep plan reads all)", sweep.len(), sample.len()))
}

#[cfg(test)]
mod tests;
