//! `gramflow new`: a commented scenario to start from, and beside it the schema by which editors complete and check it.

mod templates;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::publish::{PublishError, create_text, replace_text};
use crate::scenario::{WRITTEN_BY, schema};

use super::CliError;
use super::output::{complain, print};

use templates::{DEFAULT, templates};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The scenario's name, of a-z, 0-9 and -; it is written to NAME.yaml, and its schema to gramflow.schema.json beside it
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Template to start from; --list shows them
    #[arg(long, short, value_name = "TEMPLATE", default_value = DEFAULT, hide_possible_values = true,
          value_parser = PossibleValuesParser::new(templates().map(|template| template.name)))]
    template: String,
    /// List the templates and write nothing
    #[arg(long)]
    list: bool,
}

/// Where new scenarios look for their schema.
const SCHEMA: &str = "gramflow.schema.json";

pub(super) fn new(arguments: &Arguments) -> Result<(), CliError> {
    let name = match &arguments.name {
        Some(name) if !arguments.list => name,
        _ => return list(),
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(CliError::Name(name.clone()));
    }
    let path = PathBuf::from(format!("{name}.yaml"));
    // Never over a file that somebody has edited.
    if path.symlink_metadata().is_ok() {
        return Err(CliError::Exists(path));
    }
    let Some(template) = templates().find(|template| template.name == arguments.template) else { return list() };
    match create_text(&path, &template.called(name, SCHEMA)) {
        Ok(()) => {}
        Err(PublishError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CliError::Exists(path));
        }
        Err(error) => return Err(error.into()),
    }
    print(&format!("{}\n", path.display()))?;
    if write_schema(Path::new(SCHEMA))? {
        print(&format!("{SCHEMA}\n"))?;
    }
    Ok(())
}

fn list() -> Result<(), CliError> {
    let width = templates().map(|template| template.name.len()).max().unwrap_or(0);
    let lines: String = templates().map(|template| format!("{:<width$}  {}\n", template.name, template.about())).collect();
    Ok(print(&lines)?)
}

/// Writes the schema, over an older one too, but not over a file that gramflow did not write. Returns whether it was written.
fn write_schema(path: &Path) -> Result<bool, CliError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Ok(text) if text.contains(WRITTEN_BY) => {}
        _ => {
            complain(&format!(
                "warning: {} was not written by gramflow and is kept: editors may not know the new scenario's keys",
                path.display()
            ));
            return Ok(false);
        }
    }
    replace_text(path, &format!("{:#}\n", schema()))?;
    Ok(true)
}
