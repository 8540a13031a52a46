//! Scenarios: read, checked, explained; their schema and their columns.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::machine::free_memory;
use crate::observe::registry;
use crate::scenario;

use super::error::{of_scenario, of_sweep};

/// A scenario as Python hands it over.
#[derive(FromPyObject)]
pub(super) struct Given {
    /// YAML; `None`: it is read from `path`.
    text: Option<String>,
    /// The file of the text, or a file as if of it: paths in the scenario are relative to its folder.
    path: PathBuf,
    /// `flow.rtol=1e-10`, ….
    sets: Vec<String>,
    /// Whether it was given as a dict.
    dict: bool,
}

impl Given {
    pub(super) fn text(&self, py: Python<'_>) -> PyResult<String> {
        match &self.text {
            Some(text) => Ok(text.clone()),
            None => py.detach(|| scenario::text_of(&self.path)).map_err(|error| of_scenario(py, error, false)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sets(&self) -> &[String] {
        &self.sets
    }

    pub(super) fn is_dict(&self) -> bool {
        self.dict
    }
}

/// The bytes of memory that a run may take; by default, those that are free.
pub(super) fn memory(asked: Option<u64>) -> u64 {
    asked.or_else(free_memory).unwrap_or(u64::MAX)
}

/// Checks a scenario; returns a summary of it.
#[pyfunction]
pub(super) fn check(py: Python<'_>, given: Given, max_memory: Option<u64>) -> PyResult<String> {
    let text = given.text(py)?;
    py.detach(|| crate::sweep::check(&text, &given.path, &given.sets, memory(max_memory)))
        .map_err(|error| of_sweep(py, error, given.dict))
}

/// The scenario with every default filled in, as YAML.
#[pyfunction]
pub(super) fn explain(py: Python<'_>, given: Given) -> PyResult<String> {
    let text = given.text(py)?;
    scenario::explain(&text, &given.path, &given.sets).map_err(|error| of_scenario(py, error, given.dict))
}

/// The JSON Schema of a scenario, as JSON.
#[pyfunction]
pub(super) fn schema() -> String {
    scenario::schema().to_string()
}

/// The columns that match a pattern, as JSON.
#[pyfunction]
pub(super) fn columns(pattern: &str) -> PyResult<String> {
    let listed: Vec<_> = registry::matching(pattern).collect();
    if listed.is_empty() {
        return Err(PyValueError::new_err(format!("no column matches `{pattern}`")));
    }
    serde_json::to_string(&listed).map_err(|error| PyValueError::new_err(error.to_string()))
}
