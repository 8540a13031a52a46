//! `gramflow explain`: prints a scenario with every default filled in. The output is a scenario again, and for a sweep a sweep.

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
    let Selection { scenario: path, sets } = &arguments.selection;
    print(&scenario::explain(&scenario::text_of(path)?, path, sets)?)?;
    Ok(())
}
