//! `gramflow explain`: prints a scenario with every default filled in. What it prints is a scenario again.

use clap::Args;

use crate::scenario;

use super::output::print;
use super::{CliError, Selection};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    selection: Selection,
}

pub(super) fn explain(arguments: &Arguments) -> Result<(), CliError> {
    let (scenario, _) = scenario::read(&arguments.selection.scenario, &arguments.selection.sets)?;
    print(&scenario.to_yaml())?;
    Ok(())
}
