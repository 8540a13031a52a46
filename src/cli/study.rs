//! `gramflow study`: many integrations of one scenario, to learn about the method.

mod integrators;
mod lr;

use clap::Subcommand;

use super::CliError;

#[derive(Debug, Subcommand)]
pub(super) enum Study {
    /// Gradients and wall time against achieved error, for every method of integration
    Integrators(integrators::Arguments),
    /// Distance of optimizers to the flow against their learning rate, with the order in which it falls
    Lr(lr::Arguments),
}

pub(super) fn study(study: &Study, quiet: bool) -> Result<(), CliError> {
    match study {
        Study::Integrators(arguments) => integrators::integrators(arguments, quiet),
        Study::Lr(arguments) => lr::lr(arguments, quiet),
    }
}
