//! `gramflow study`: many integrations of one scenario, to learn about the method.

mod integrators;
mod lr;

use clap::Subcommand;

use super::CliError;

#[derive(Debug, Subcommand)]
pub(super) enum Study {
    /// Compare integrators: gradients and wall time against achieved error
    Integrators(integrators::Arguments),
    /// Measure how far optimizers are from the flow at many learning rates, and the order of that distance
    Lr(lr::Arguments),
}

pub(super) fn study(study: &Study, quiet: bool) -> Result<(), CliError> {
    match study {
        Study::Integrators(arguments) => integrators::integrators(arguments, quiet),
        Study::Lr(arguments) => lr::lr(arguments, quiet),
    }
}
