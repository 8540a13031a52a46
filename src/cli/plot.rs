//! `gramflow plot`: draws a finished run's figures again from its records, without integrating.

use std::path::PathBuf;

use clap::Args;

use crate::publish::Shelf;
use crate::{figure, record};

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A run folder
    run_dir: PathBuf,
}

pub(super) fn plot(arguments: &Arguments) -> Result<(), CliError> {
    let run = record::read(&arguments.run_dir)?;
    let shelf = Shelf::open(&arguments.run_dir)?;
    let stage = shelf.stage()?;
    figure::draw_all(&run, &stage.folder("figures")?)?;
    for file in shelf.publish(stage, |name| name.starts_with("figures/"))? {
        print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}
