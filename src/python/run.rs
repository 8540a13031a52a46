//! One run: carried out, read from its folder, drawn and saved.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::{PyKeyError, PyOSError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict};
use serde_json::Value;

use crate::folder::{self, Ending, FolderDraft, FolderError};
use crate::npz::Arrays;
use crate::observe::Observable;
use crate::record::{Run, saddles_of};
use crate::run::Finished;
use crate::scenario::style::{Format, Style};
use crate::scenario::{self, Scenario};
use crate::session::OwnObservables;
use crate::{figure, network};

use super::arrays::{from_dict, table_from_dict, table_to_dict, to_dict};
use super::callback::Calls;
use super::error::{of_figure, of_folder, of_scenario};
use super::observe::Own;
use super::scenario::{Given, memory};
use super::watch::{Progress, watched};

/// All results of a run, in memory.
#[pyclass(name = "RawRun", module = "gramflow._gramflow", frozen)]
pub(super) struct RawRun {
    /// Shared with Arrow arrays of its records.
    run: Arc<Run>,
    /// What was run; `None` for the user's own model.
    scenario: Option<Scenario>,
    /// Array files that the scenario names, if they were given in memory: their contents by the names that they have in a run folder.
    inputs: BTreeMap<String, Vec<u8>>,
    manifest: Value,
    weights: Arrays,
    trajectory: Option<Arrays>,
}

impl RawRun {
    pub(super) fn new(finished: Finished, scenario: Option<Scenario>, inputs: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            manifest: finished.manifest.to_value(),
            weights: folder::final_weights(&finished.weights),
            run: Arc::new(finished.run),
            trajectory: finished.trajectory,
            scenario,
            inputs,
        }
    }

    /// The final weights, and θ over time where it is kept.
    pub(super) fn weights_mut(&mut self) -> (&mut Arrays, Option<&mut Arrays>) {
        (&mut self.weights, self.trajectory.as_mut())
    }

    fn style(&self) -> Style {
        self.scenario.as_ref().map(|scenario| scenario.style.clone()).unwrap_or_default()
    }

    /// The scenario, in which files that were given in memory have the names of [`Self::inputs`].
    fn scenario_with_inputs(&self) -> Option<Scenario> {
        let mut scenario = self.scenario.clone()?;
        for name in self.inputs.keys() {
            let place = match (&mut scenario.init, scenario.data.file_mut()) {
                (network::Init::File { path }, _) if name.starts_with("init") => path,
                (_, Some(path)) => path,
                _ => continue,
            };
            *place = name.into();
        }
        Some(scenario)
    }

    fn is_interrupted(&self) -> bool {
        let processes = self.manifest["processes"].as_object();
        processes.into_iter().flatten().any(|(_, process)| process["termination"] == "interrupted")
    }

    fn write(&self, scenario: &Scenario, target: &Path, pictures: bool) -> Result<PathBuf, FolderError> {
        let draft = FolderDraft::new(target)?;
        draft.write(&self.run, scenario, &self.weights)?;
        for (name, content) in &self.inputs {
            let path = draft.path().join(name);
            fs::write(&path, content).map_err(FolderError::io("write", &path))?;
        }
        if let Some(trajectory) = &self.trajectory {
            draft.write_trajectory(trajectory)?;
        }
        if pictures {
            let folder = draft.figures()?;
            figure::draw_all(&self.run, &scenario.style, &folder).map_err(|error| FolderError::Io {
                verb: "draw in",
                path: folder.clone(),
                source: std::io::Error::other(error),
            })?;
        }
        let ending = if self.is_interrupted() { Ending::Interrupted } else { Ending::Finished };
        Ok(draft.publish(&self.manifest, ending)?.path)
    }
}

#[pymethods]
impl RawRun {
    #[getter]
    fn name(&self) -> &str {
        &self.run.name
    }

    #[getter]
    fn caption(&self) -> &str {
        &self.run.caption
    }

    #[getter]
    fn widths(&self) -> Vec<usize> {
        self.run.widths.clone()
    }

    /// The records, column by column.
    fn table<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        table_to_dict(py, &self.run.table)
    }

    /// The records as a stream of Arrow arrays.
    fn arrow<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        super::arrow::stream(py, &self.run)
    }

    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.run.arrays)
    }

    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        to_dict(py, &self.weights)
    }

    fn trajectory<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.trajectory.as_ref().map(|arrays| to_dict(py, arrays)).transpose()
    }

    /// `manifest.json`.
    fn manifest(&self) -> String {
        self.manifest.to_string()
    }

    /// `scenario.json`; `None` for the user's own model.
    fn scenario(&self) -> Option<String> {
        self.scenario_with_inputs().map(|scenario| scenario.to_json())
    }

    /// The names of the pictures that the records allow.
    fn pictures(&self) -> Vec<String> {
        figure::names(&self.run)
    }

    /// The content of a picture's file.
    fn draw<'py>(&self, py: Python<'py>, name: &str, format: &str) -> PyResult<Bound<'py, PyBytes>> {
        let format = match format {
            "svg" => Format::Svg,
            "png" => Format::Png,
            "pdf" => Format::Pdf,
            other => return Err(PyValueError::new_err(format!("format: must be svg, png or pdf, got {other:?}"))),
        };
        let drawn = py.detach(|| figure::draw(&self.run, name, &self.style(), format)).map_err(of_figure)?;
        let drawn = drawn.ok_or_else(|| {
            PyKeyError::new_err(format!("this run has no picture `{name}`: it has {}", figure::names(&self.run).join(", ")))
        })?;
        Ok(PyBytes::new(py, &drawn))
    }

    /// Saves it as a run folder; returns its path.
    fn save(&self, py: Python<'_>, folder: PathBuf, pictures: bool) -> PyResult<PathBuf> {
        let Some(scenario) = self.scenario_with_inputs() else {
            let message =
                "a run of your own model has no scenario and cannot be saved as a run folder: pickle it, or save its records";
            return Err(PyValueError::new_err(message));
        };
        py.detach(|| self.write(&scenario, &folder, pictures)).map_err(|error| of_folder(py, error))
    }

    /// What [`rebuild`] takes.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let rebuild = py.import("gramflow._gramflow")?.getattr("_rebuild")?;
        let inputs = PyDict::new(py);
        for (name, content) in &self.inputs {
            inputs.set_item(name, PyBytes::new(py, content))?;
        }
        let head = (self.run.name.clone(), self.run.widths.clone(), self.run.linear, self.run.caption.clone());
        let scenario = self.scenario.as_ref().map(Scenario::to_json);
        let parts = (self.table(py)?, self.arrays(py)?, self.weights(py)?, self.trajectory(py)?);
        Ok((rebuild, (head, scenario, inputs, self.manifest(), parts).into_pyobject(py)?.into_any()))
    }
}

type Head = (String, Vec<usize>, bool, String);
type Parts<'py> = (Bound<'py, PyDict>, Bound<'py, PyDict>, Bound<'py, PyDict>, Option<Bound<'py, PyDict>>);

/// The run that a pickle holds.
#[pyfunction(name = "_rebuild")]
pub(super) fn rebuild(
    py: Python<'_>,
    head: Head,
    scenario: Option<String>,
    inputs: BTreeMap<String, Vec<u8>>,
    manifest: &str,
    parts: Parts<'_>,
) -> PyResult<RawRun> {
    let ((name, widths, linear, caption), (table, arrays, weights, trajectory)) = (head, parts);
    let scenario = scenario.map(|text| scenario::parse_resolved(&text, Path::new("scenario.json"))).transpose();
    let scenario = scenario.map_err(|error| of_scenario(py, error, false))?;
    let law = scenario.as_ref().map_or_else(|| 0.0.into(), Scenario::balance_law);
    let of_manifest = |error: serde_json::Error| PyValueError::new_err(error.to_string());
    let manifest: Value = serde_json::from_str(manifest).map_err(of_manifest)?;
    let (saddles, unread) = saddles_of(&manifest);
    let (table, arrays) = (table_from_dict(&table)?, from_dict(&arrays)?);
    Ok(RawRun {
        run: Arc::new(Run { name, widths, linear, law, caption, table, arrays, saddles, unread }),
        scenario,
        inputs,
        manifest,
        weights: from_dict(&weights)?,
        trajectory: trajectory.as_ref().map(from_dict).transpose()?,
    })
}

/// Runs a scenario. Returns the run, and the exception that stopped it, if one did.
#[pyfunction]
pub(super) fn run(
    py: Python<'_>,
    given: Given,
    inputs: BTreeMap<String, PathBuf>,
    observe: &Bound<'_, PyDict>,
    max_memory: Option<u64>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(RawRun, Option<Py<PyAny>>)> {
    let text = given.text(py)?;
    let parsed = py.detach(|| crate::run::parse(&text, given.path(), given.sets(), memory(max_memory)));
    let (scenario, problem) = parsed.map_err(|error| of_scenario(py, error, given.is_dict()))?;
    let read = |(name, path): (String, PathBuf)| Ok((name, fs::read(&path)?));
    let inputs = inputs.into_iter().map(read).collect::<std::io::Result<_>>().map_err(PyOSError::new_err)?;
    let calls = Arc::new(Calls::default());
    let own = Own::of(py, &calls, observe, None, None)?;
    let own = OwnObservables(own.into_iter().map(|own| Arc::new(own) as Arc<dyn Observable + Send + Sync>).collect());
    let t_end = scenario.flow.t_end;
    let work = {
        let (scenario, interrupt) = (&scenario, &calls.interrupt);
        // Objectives own scratch memory: the problem moves to the thread that works on it.
        move |progress: &Progress| crate::run::run_observed(scenario, &problem, own, interrupt, |t| progress.set(t / t_end))
    };
    let (finished, raised) = watched(py, &calls.interrupt, progress.as_ref(), work)?;
    let finished = finished.map_err(|error| PyValueError::new_err(format!("observe: {error}")))?;
    let raised = calls.take_error().or(raised);
    Ok((RawRun::new(finished, Some(scenario), inputs), raised.map(|error| error.into_value(py).into_any())))
}

/// The run in a folder.
#[pyfunction]
pub(super) fn load(py: Python<'_>, path: PathBuf) -> PyResult<RawRun> {
    let read = || {
        let (scenario, run) = folder::read_with_scenario(&path)?;
        let (weights, trajectory) = folder::read_weights(&path)?;
        Ok(RawRun {
            run: Arc::new(run),
            scenario: Some(scenario),
            inputs: BTreeMap::new(),
            manifest: folder::read_manifest(&path)?,
            weights,
            trajectory,
        })
    };
    let raw = py.detach(read).map_err(|error| of_folder(py, error))?;
    for sentence in &raw.run.unread {
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(sentence.as_str())?, 1)?;
    }
    Ok(raw)
}
