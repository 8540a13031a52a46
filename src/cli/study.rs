//! `gramflow study`: many integrations of one scenario, to learn about the method.

mod integrators;

use clap::Subcommand;

use super::{Anything, CliError};

#[derive(Debug, Subcommand)]
pub(super) enum Study {
    /// Gradients and wall time against achieved error, for every method of integration
    Integrators(integrators::Arguments),
    /// Not in this version: whoever brings it deletes this line.
    #[command(hide = true)]
    Lr(Anything),
}

pub(super) fn study(study: &Study, quiet: bool) -> Result<(), CliError> {
    match study {
        Study::Integrators(arguments) => integrators::integrators(arguments, quiet),
        Study::Lr(_) => Err(CliError::NotAvailable { command: "study lr" }),
    }
}
