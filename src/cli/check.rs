//! `gramflow check`: reads and validates scenarios and the files they name; runs nothing.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{scenario, sweep};

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
            Err(error) if arguments.scenarios.len() == 1 => return Err(error),
            Err(error) => {
                wrong += 1;
                complain(&error.to_string());
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(CliError::Wrong { wrong, files: arguments.scenarios.len() }) }
}

/// A summary of the scenario, if it is valid.
fn checked(path: &Path, sets: &[String], limit: &Limit) -> Result<String, CliError> {
    Ok(sweep::check(&scenario::text_of(path)?, path, sets, limit.bytes().unwrap_or(u64::MAX))?)
}

#[cfg(test)]
mod tests;
