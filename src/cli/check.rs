//! `gramflow check`: reads and validates scenarios and the files they name; runs nothing.

use std::path::PathBuf;

use clap::Args;

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
        match (Selection { scenario: path.clone(), sets: Vec::new() }).load() {
            Ok((scenario, problem)) => {
                let parameters = problem.start.values().len();
                print(&format!("{}: ok: {} ({parameters} parameters)\n", path.display(), scenario.name))?;
            }
            Err(error) => {
                wrong += 1;
                complain(&error.to_string());
            }
        }
    }
    if wrong == 0 { Ok(()) } else { Err(CliError::Wrong { wrong, files: arguments.scenarios.len() }) }
}
