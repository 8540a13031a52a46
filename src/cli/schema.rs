//! `gramflow schema`: the JSON Schema by which editors complete and check scenarios.

use clap::Args;

use crate::scenario;

use super::CliError;
use super::output::print;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As a page that lists every key with its type, default and meaning, in Markdown
    #[arg(long)]
    markdown: bool,
}

pub(super) fn schema(arguments: &Arguments) -> Result<(), CliError> {
    let text = if arguments.markdown { scenario::markdown() } else { format!("{:#}\n", scenario::schema()) };
    Ok(print(&text)?)
}
