//! `gramflow sweep merge`: the rows of all finished units as one table.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;
use crate::cli::output::{complain, complain_of, print};
use crate::scenario::style::Formats;
use crate::sweep::{self, SweepError};

use super::{claims, open, units};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The folders of a sweep: one, or one for each shard, or that of a job array
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Where sweep.parquet, sweep.json and what else is merged go [default: the first of the folders]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn merge(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let opened = open(&arguments.folders)?;
    if opened.folders.is_empty() {
        return Err(SweepError::NoTaskBegun(arguments.folders[0].clone()).into());
    }
    let to = arguments.out.as_ref().unwrap_or(&arguments.folders[0]);
    let merged = sweep::merge(&opened.shards(), to)?;
    let status = &merged.status;
    let done = units(status.done);
    print(&format!("{}: {} rows of {done}\n{}\n", merged.table.display(), merged.rows, merged.summary.display()))?;
    if let Some(verdicts) = &merged.verdicts {
        print(&format!("{}\n", verdicts.display()))?;
    }
    merged.kept.iter().try_for_each(|file| print(&format!("{}\n", file.display())))?;
    if !quiet {
        complain_of(&merged.notes.unread(&opened.plan), &merged.summary.display().to_string());
        merged.lacking.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    // Shards have the pictures of one scenario, which can be drawn where no unit is missing.
    let (paths, plan) = (opened.folders, &opened.plan);
    print(&claims(&merged.notes, plan))?;
    let pictures = sweep::read_pictures(&paths[0], plan)?;
    if status.missing.is_empty() {
        let drawn = sweep::draw_pictures(&paths, plan, &pictures, to, &Formats::all())?;
        if !quiet {
            drawn.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
        }
        drawn.files.iter().try_for_each(|file| print(&format!("{}\n", file.display())))?;
    }
    match status.is_complete() {
        true => Ok(()),
        false => Err(CliError::UnitsMissing { failed: status.failed.len(), missing: status.missing.len() }),
    }
}
