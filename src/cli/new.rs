//! `gramflow new`: a commented scenario to start from.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The scenario's name, of a-z, 0-9 and -; it is written to NAME.yaml
    name: String,
}

const TEMPLATE: &str = include_str!("new.yaml");

pub(super) fn new(arguments: &Arguments) -> Result<(), CliError> {
    let name = &arguments.name;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(CliError::Name(name.clone()));
    }
    let path = PathBuf::from(format!("{name}.yaml"));
    let text = TEMPLATE.replace("name: NAME", &format!("name: {name}"));
    // Never over a file that somebody has edited.
    let written =
        OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(print(&format!("{}\n", path.display()))?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(CliError::Exists(path)),
        Err(source) => Err(CliError::Write { path, source }),
    }
}
