//! `gramflow report`: one self-contained HTML page of a run, a sweep or a set of figures.

use std::path::PathBuf;

use clap::Args;

use crate::{record, report};

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of a run, of a sweep, or of figures
    dir: PathBuf,
    /// The page [default: DIR/report.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn report(arguments: &Arguments) -> Result<(), CliError> {
    let page = report::page(&arguments.dir)?;
    let path = arguments.out.clone().unwrap_or_else(|| arguments.dir.join("report.html"));
    record::replace_text(&path, &page)?;
    print(&format!("{}\n", path.display()))?;
    Ok(())
}
