//! `gramflow check`: reads and validates scenarios and the files they name; runs nothing.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::scenario::Sweep;
use crate::sweep::{Plan, check_pictures};

use super::output::{complain, print};
use super::{CliError, Selection};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Scenarios, YAML files
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
}

pub(super) fn check(arguments: &Arguments) -> Result<(), CliError> {
    let mut wrong = 0;
    for path in &arguments.scenarios {
        match checked(path) {
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
fn checked(path: &Path) -> Result<String, CliError> {
    if let Some(sweep) = Sweep::find(path, &[])? {
        let plan = Plan::new(&sweep)?;
        check_pictures(&sweep)?;
        return Ok(format!("{} ({} units)", plan.name, plan.units().len()));
    }
    let (scenario, problem) = Selection { scenario: path.into(), sets: Vec::new() }.load()?;
    Ok(format!("{} ({} parameters)", scenario.name, problem.start.values().len()))
}
