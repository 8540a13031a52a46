//! `gramflow new`: a commented scenario to start from.

use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::publish::{PublishError, create_text};

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
    if path.symlink_metadata().is_ok() {
        return Err(CliError::Exists(path));
    }
    match create_text(&path, &text) {
        Ok(()) => Ok(print(&format!("{}\n", path.display()))?),
        Err(PublishError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => Err(CliError::Exists(path)),
        Err(error) => Err(error.into()),
    }
}
