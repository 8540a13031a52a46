//! Errors as Python raises them.

use pyo3::create_exception;
use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::figure::FigureError;
use crate::folder::FolderError;
use crate::paper::PaperError;
use crate::publish::PublishError;
use crate::scenario::{self, Diagnostic, Location};
use crate::session::SessionError;
use crate::study::lr::LrError;
use crate::sweep::SweepError;

create_exception!(
    gramflow,
    ScenarioError,
    PyValueError,
    "A scenario cannot be run.\n\n`key` is the path of the key to mend, `line` and `column` say where it stands (from 1; None where the \
     scenario is a dict), `message` what would be right. `problems` lists all problems that were found, each a dict with these entries."
);

/// The error of a scenario; where it was given as a `dict`, messages name no place in a text.
pub(super) fn of_scenario(py: Python<'_>, error: scenario::ScenarioError, dict: bool) -> PyErr {
    match error {
        scenario::ScenarioError::Unreadable { path, source } => {
            of_io(&source, format!("cannot read {}: {source}", path.display()))
        }
        scenario::ScenarioError::Diagnostics(problems) => diagnostics(py, &problems, dict).unwrap_or_else(|error| error),
    }
}

/// A message with the names of Python in the place of the command's.
fn in_python(message: &str) -> String {
    const NAMES: [(&str, &str); 4] = [
        ("--max-memory", "max_memory"),
        ("--out", "out"),
        ("--scenarios DIR", "scenarios"),
        ("gramflow sweep plan lists its units, gramflow sweep run runs them", "gramflow.sweep runs its units"),
    ];
    NAMES.iter().fold(message.to_string(), |text, (command, python)| text.replace(command, python))
}

/// The most problems that are shown, as by the command.
const MOST: usize = 20;

fn diagnostics(py: Python<'_>, problems: &[Diagnostic], dict: bool) -> PyResult<PyErr> {
    let problems: Vec<Diagnostic> =
        problems.iter().map(|problem| Diagnostic { message: in_python(&problem.message), ..problem.clone() }).collect();
    let shown = |problem: &Diagnostic| match &problem.location {
        Location::File { .. } if dict && problem.path.is_empty() => problem.message.clone(),
        Location::File { .. } if dict => format!("{}: {}", problem.path, problem.message),
        // The name of the argument in Python.
        Location::Set(_) => problem.to_string().replacen("--set ", "set: ", 1),
        _ => problem.to_string(),
    };
    // Without their places problems of several units may be the same.
    let mut lines: Vec<String> = problems.iter().map(shown).collect();
    lines.dedup();
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("… and {more} more problems"));
    }
    let text = lines.join("\n");
    let error = ScenarioError::new_err(text);
    let list = PyList::empty(py);
    for problem in &problems {
        let entry = PyDict::new(py);
        let place = match &problem.location {
            Location::File { path, line, column } if !dict => Some((path, line, column)),
            _ => None,
        };
        entry.set_item("key", &problem.path)?;
        entry.set_item("message", &problem.message)?;
        entry.set_item("file", place.map(|(file, ..)| file.display().to_string()))?;
        entry.set_item("line", place.map(|(_, line, _)| line))?;
        entry.set_item("column", place.map(|(.., column)| column))?;
        list.append(entry)?;
    }
    let value = error.value(py);
    if let Ok(first) = list.get_item(0) {
        for name in ["key", "message", "file", "line", "column"] {
            value.setattr(name, first.get_item(name)?)?;
        }
    }
    value.setattr("problems", list)?;
    Ok(error)
}

/// The subclass of `OSError` for this cause.
fn of_io(cause: &std::io::Error, message: String) -> PyErr {
    PyErr::from(std::io::Error::new(cause.kind(), message))
}

pub(super) fn of_sweep(py: Python<'_>, error: SweepError, dict: bool) -> PyErr {
    match error {
        SweepError::Scenario(error) => of_scenario(py, error, dict),
        SweepError::Folder(error) => of_folder(py, error),
        SweepError::Figure(error) => of_figure(error),
        error @ SweepError::Occupied(_) => PyFileExistsError::new_err(in_python(&error.to_string())),
        error => PyValueError::new_err(in_python(&error.to_string())),
    }
}

pub(super) fn of_folder(py: Python<'_>, error: FolderError) -> PyErr {
    let message = error.to_string();
    match error {
        FolderError::Scenario(error) => of_scenario(py, error, false),
        FolderError::Publish(error) => of_publish(error),
        FolderError::NotARun(path) if !path.exists() => PyFileNotFoundError::new_err(message),
        FolderError::Io { source, .. } => of_io(&source, message),
        _ => PyValueError::new_err(message),
    }
}

fn of_publish(error: PublishError) -> PyErr {
    let message = in_python(&error.to_string());
    match error {
        PublishError::Occupied(_) | PublishError::Unlisted(_) | PublishError::NotOurs(_) => PyFileExistsError::new_err(message),
        _ => PyOSError::new_err(message),
    }
}

pub(super) fn of_figure(error: FigureError) -> PyErr {
    let message = error.to_string();
    match error {
        FigureError::Write { source, .. } => of_io(&source, message),
        _ => PyValueError::new_err(message),
    }
}

pub(super) fn of_study(py: Python<'_>, error: LrError, dict: bool) -> PyErr {
    match error {
        LrError::Scenario(error) => of_scenario(py, error, dict),
        LrError::Sweep(error) => of_sweep(py, error, dict),
        LrError::Folder(error) => of_folder(py, error),
        LrError::Figure(error) => of_figure(error),
        // Options of the command are arguments here.
        error => PyValueError::new_err(in_python(&error.to_string()).replace("--", "")),
    }
}

pub(super) fn of_paper(py: Python<'_>, error: PaperError) -> PyErr {
    match error {
        PaperError::Scenario(error) => of_scenario(py, error, false),
        PaperError::Sweep(error) => of_sweep(py, error, false),
        PaperError::Publish(error) => of_publish(error),
        PaperError::Figure(error) => of_figure(error),
        error @ PaperError::NoFigures(_) => PyFileNotFoundError::new_err(in_python(&error.to_string())),
        error => PyValueError::new_err(in_python(&error.to_string())),
    }
}

/// The error of a session, with the remedy for users in Python.
pub(super) fn of_session(error: &SessionError) -> PyErr {
    let message = error.to_string();
    let message = match (error, message.split_once(": implement Objective::")) {
        (SessionError::Layers { what }, _) => format!("{what} is about layers: give layers, or leave it out"),
        (_, Some((what, _))) => format!("{what}: leave it out"),
        (_, None) => message,
    };
    PyValueError::new_err(message)
}
