//! What is wrong with a scenario, and where.

use std::path::PathBuf;
use std::{fmt, io};

use crate::settings::{Findings, path};

use super::marks::Marks;

/// Why a scenario could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The scenario file, or a file it names, cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The text is not a valid scenario; one line for each problem.
    #[error("{}", lines(.0))]
    Diagnostics(Vec<Diagnostic>),
}

fn lines(problems: &[Diagnostic]) -> String {
    /// The most problems that are listed; the rest are counted.
    const MOST: usize = 20;
    let mut lines: Vec<String> = problems.iter().take(MOST).map(Diagnostic::to_string).collect();
    if problems.len() > MOST {
        lines.push(format!("… and {} more problems", problems.len() - MOST));
    }
    lines.join("\n")
}

/// One thing to mend: `scenario.yaml:12:9: data.synthetic.inputs.dim: must be at least 1, got 0`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location}: {}{}{message}", path, if path.is_empty() { "" } else { ": " })]
pub struct Diagnostic {
    /// Where the value was written.
    pub location: Location,
    /// The path of the key, `optimizers[0].gd.lr`; empty for the scenario as a whole.
    pub path: String,
    /// What was found and what would be right.
    pub message: String,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a file; line and column count characters from 1.
    File {
        /// The scenario's file, as it was named.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, in characters from 1.
        column: usize,
    },
    /// On the command line, as given to `--set`: `data.synthetic.inputs.dim=0`.
    Set(String),
    /// On the command line, as an option and its value: `--width 5.5in`.
    Option(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Set(patch) => write!(f, "--set {patch}"),
            Self::Option(option) => f.write_str(option),
        }
    }
}

/// Where the values of a scenario came from. It is kept after reading, so that problems found later (such as a data file of the wrong
/// shape) are reported at the key that caused them.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) file: PathBuf,
    pub(super) marks: Marks,
    pub(super) patches: Vec<Patch>,
}

/// A `--set`, or a value of a sweep, that was applied.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// The shallowest path that it wrote to; a map that it had to create on the way belongs to it.
    pub origin: String,
    /// Where it was written.
    pub location: Location,
}

impl Source {
    /// The problem `message` about the value at `path`, as in `data.file.path` or `network.widths[0]`.
    pub fn diagnostic(&self, path: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { location: self.locate(path), path: path.to_string(), message: message.into() }
    }

    /// The findings as problems.
    pub(super) fn problems(&self, found: Findings) -> ScenarioError {
        ScenarioError::Diagnostics(found.0.into_iter().map(|finding| self.diagnostic(&finding.path, finding.message)).collect())
    }

    /// Where `path` was written, or else the nearest path that contains it. A patch hides the file from its origin down.
    pub(super) fn locate(&self, path: &str) -> Location {
        for place in path::upward(path) {
            if let Some(patch) = self.patches.iter().rev().find(|patch| patch.origin == place) {
                return patch.location.clone();
            }
        }
        let position = path::upward(path).find_map(|place| self.marks.get(place));
        let (line, column) = position.map_or((1, 1), |position| (position.line, position.column));
        self.at(line, column)
    }

    /// A place in the file.
    pub(super) fn at(&self, line: usize, column: usize) -> Location {
        Location::File { path: self.file.clone(), line, column }
    }
}
