//! `gramflow man`: a manual page for each command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::publish::replace_text;

use super::output::print;
use super::{Cli, CliError};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder to write the pages to: gramflow.1, gramflow-run.1, …
    #[arg(long, value_name = "DIR", default_value = "man/man1")]
    out: PathBuf,
}

pub(super) fn man(arguments: &Arguments) -> Result<(), CliError> {
    let out = &arguments.out;
    let failed = |source: io::Error| CliError::Folderless { path: out.clone(), source };
    fs::create_dir_all(out).map_err(failed)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    // Gives subcommands their full names.
    command.build();
    let mut pages = Vec::new();
    write(&command, out, &mut pages)?;
    let listed: String = pages.iter().map(|page| format!("{}\n", page.display())).collect();
    Ok(print(&listed)?)
}

/// The page of a command, then those of its subcommands.
fn write(command: &clap::Command, out: &Path, pages: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let man = Man::new(command.clone()).manual("gramflow");
    let mut text = Vec::new();
    man.render(&mut text)?;
    let path = out.join(man.get_filename());
    replace_text(&path, &String::from_utf8_lossy(&text))?;
    pages.push(path);
    command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).try_for_each(|command| write(command, out, pages))
}
