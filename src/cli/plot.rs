//! `gramflow plot`: draws the figures of a finished run, or of a sweep, again from records, without integrating.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::publish::Shelf;
use crate::sweep::{self, Folder};
use crate::{figure, folder};

use super::CliError;
use super::output::{complain, print};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of a run or of a sweep
    run_dir: PathBuf,
}

pub(super) fn plot(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    if arguments.run_dir.join("study.parquet").is_file() {
        return Err(CliError::StudyFolder(arguments.run_dir.clone()));
    }
    if arguments.run_dir.join("plan.json").is_file() {
        return plot_sweep(&arguments.run_dir, quiet);
    }
    let run = folder::read(&arguments.run_dir)?;
    let shelf = Shelf::open(&arguments.run_dir)?;
    let stage = shelf.stage()?;
    figure::draw_all(&run, &stage.folder("figures")?)?;
    for file in shelf.publish(stage, |name| name.starts_with("figures/"))? {
        print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

fn plot_sweep(path: &Path, quiet: bool) -> Result<(), CliError> {
    let (folder, plan) = Folder::read(path)?;
    let pictures = sweep::read_pictures(&folder, &plan)?;
    if pictures.is_empty() {
        return Err(CliError::NoPictures(path.into()));
    }
    let drawn = sweep::draw_pictures(std::slice::from_ref(&folder), &plan, &pictures, path)?;
    if !quiet {
        drawn.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    drawn.files.iter().try_for_each(|file| print(&format!("{}\n", file.display())))?;
    Ok(())
}
