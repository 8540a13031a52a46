//! `gramflow plot`: draws a finished run's figures again from its records, without integrating.

use std::path::PathBuf;

use clap::Args;

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
    let figures = arguments.run_dir.join("figures");
    std::fs::create_dir_all(&figures).map_err(|source| CliError::Write { path: figures.clone(), source })?;
    for file in figure::draw_all(&run, &figures)? {
        print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}
