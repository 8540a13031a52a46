//! `gramflow completions`: the script that makes a shell complete commands, options and files.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::print;
use super::{Cli, CliError};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell to write a script for
    shell: Shell,
}

pub(super) fn completions(arguments: &Arguments) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "gramflow", &mut script);
    Ok(print(&String::from_utf8_lossy(&script))?)
}
