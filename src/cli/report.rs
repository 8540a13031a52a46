//! `gramflow report`: one self-contained HTML page of a run, a study, a sweep or a set of figures.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::publish::{self, PublishError, Shelf};
use crate::report;

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of a run, of a study, of a sweep, of a job array, or of figures
    dir: PathBuf,
    /// The page [default: DIR/report.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn report(arguments: &Arguments) -> Result<(), CliError> {
    let path = match &arguments.out {
        Some(path) => write(path, &arguments.dir)?,
        None => write_beside(&arguments.dir)?,
    };
    print(&format!("{}\n", path.display()))?;
    Ok(())
}

/// Writes the page of what lies in `dir` to the file `path`, where it replaces nothing but an earlier page.
fn write(path: &Path, dir: &Path) -> Result<PathBuf, CliError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(PublishError::Target { path: path.into(), source }.into()),
        Ok(_) if report::is_page(path) => {}
        Ok(_) => return Err(PublishError::NotOurs(path.into()).into()),
    }
    publish::replace_text(path, &report::page(dir)?)?;
    Ok(path.into())
}

/// Writes the page into the folder itself, among the files that gramflow wrote.
fn write_beside(dir: &Path) -> Result<PathBuf, CliError> {
    const PAGE: &str = "report.html";
    let page = report::page(dir)?;
    let shelf = Shelf::open(dir)?;
    let stage = shelf.stage()?;
    stage.write_text(PAGE, &page)?;
    shelf.publish(stage, |_| false)?;
    Ok(dir.join(PAGE))
}
