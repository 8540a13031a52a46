//! Many runs: sweeps, studies of learning rates and figures, in their folders; and the tables in these.

use std::ffi::CString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arrays::table_to_dict;
use super::error::{of_folder, of_paper, of_scenario, of_study, of_sweep};
use super::scenario::{Given, memory};
use super::watch::watched;
use crate::folder::{self, FigureManifest};
use crate::ode::Interrupt;
use crate::paper;
use crate::scenario::style::Formats;
use crate::scenario::{Picture, Sweep};
use crate::study::lr;
use crate::sweep::{self, Progress, Shard, SweepPlace};

/// The fraction of the units that are over.
fn share(progress: &Progress) -> f64 {
    1.0 - progress.left() as f64 / progress.total.max(1) as f64
}

/// Runs a sweep and merges its units. Returns its folder, and the exception that stopped it, if one did.
#[pyfunction(name = "sweep")]
pub(super) fn run_sweep(
    py: Python<'_>,
    given: Given,
    out: Option<PathBuf>,
    jobs: Option<NonZeroUsize>,
    max_memory: Option<u64>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(PathBuf, Option<Py<PyAny>>)> {
    let text = given.text(py)?;
    let parsed = Sweep::parse(&text, given.path(), given.sets()).map_err(|error| of_scenario(py, error, given.is_dict()))?;
    let parsed =
        parsed.ok_or_else(|| PyValueError::new_err("scenario: has no `sweep`: run a single scenario with gramflow.run"))?;
    let plan = py.detach(|| sweep::planned(&parsed)).map_err(|error| of_sweep(py, error, given.is_dict()))?;
    let path = out.unwrap_or_else(|| sweep::default_folder(&plan));
    let interrupt = Interrupt::default();
    let (carried, raised) = watched(py, &interrupt, progress.as_ref(), |at| {
        let place =
            SweepPlace { path: &path, shard: Shard::default(), jobs: sweep::jobs(jobs), memory: max_memory, checkpoint: None };
        let carried = sweep::carry_out(&parsed, &plan, place, &interrupt, |progress| at.set(share(progress)))?;
        sweep::merge(&[(carried.folder, plan.clone())], &path)
    })?;
    carried.map_err(|error| of_sweep(py, error, given.is_dict()))?;
    Ok((path, raised.map(|error| error.into_value(py).into_any())))
}

/// Merges the units of the sweep in the folder `path` again.
#[pyfunction]
pub(super) fn merge(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    let merged = py.detach(|| {
        let read = sweep::Folder::read(&path)?;
        sweep::merge(&[read], &path)
    });
    merged.map(drop).map_err(|error| of_sweep(py, error, false))
}

/// Studies learning rates. Returns the folder, and the exception that stopped it, if one did.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub(super) fn study_lr(
    py: Python<'_>,
    given: Given,
    rates: Vec<f64>,
    optimizers: Vec<String>,
    batches: Vec<String>,
    seeds: u64,
    loss: Option<f64>,
    ensemble: Option<u64>,
    out: Option<PathBuf>,
    jobs: Option<NonZeroUsize>,
    max_memory: Option<u64>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(Option<PathBuf>, Option<Py<PyAny>>)> {
    let text = given.text(py)?;
    let parsed = py.detach(|| crate::run::parse(&text, given.path(), given.sets(), memory(max_memory)));
    let (scenario, problem) = parsed.map_err(|error| of_scenario(py, error, given.is_dict()))?;
    if scenario.stop.is_some() {
        return Err(PyValueError::new_err(
            "scenario: stop: not allowed in a study, which compares all processes at t_end: remove it",
        ));
    }
    let batch = |text: &String| text.parse().map_err(|why: String| PyValueError::new_err(format!("batch: {text}: {why}")));
    let batches = batches.iter().map(batch).collect::<PyResult<_>>()?;
    let settings = lr::RateStudySettings { rates, optimizers, batches, seeds, loss, ensemble };
    let interrupt = Interrupt::default();
    let t_end = scenario.flow.t_end;
    let work = {
        let (scenario, settings, interrupt) = (&scenario, &settings, &interrupt);
        let place = lr::StudyPlace { path: out.as_deref(), jobs: sweep::jobs(jobs), memory: max_memory };
        move |at: &super::watch::Progress| {
            // The flow alone takes about as long as a unit: it is the first tenth of the progress bar. Ensembles, if any, take the second half.
            let whole = if settings.ensemble.is_some() { 0.5 } else { 1.0 };
            let told = |stage: lr::StudyStage| match stage {
                lr::StudyStage::Flow(t) => at.set(0.1 * whole * t / t_end),
                lr::StudyStage::Units(p) => at.set(whole * (0.1 + 0.9 * share(p))),
                lr::StudyStage::Ensembles(done) => at.set(whole + (1.0 - whole) * done),
            };
            lr::carry_out(scenario, &problem, settings, place, interrupt, told)
        }
    };
    let (carried, raised) = watched(py, &interrupt, progress.as_ref(), work)?;
    let raised = raised.map(|error| error.into_value(py).into_any());
    match carried {
        Ok(carried) => Ok((Some(carried.path), raised)),
        Err(lr::LrError::Interrupted) => Ok((None, raised)),
        Err(error) => Err(of_study(py, error, given.is_dict())),
    }
}

/// Makes the paper's figures. Returns their manifests as a JSON list, and the exception that stopped it, if one did.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub(super) fn figures(
    py: Python<'_>,
    names: Vec<String>,
    out: PathBuf,
    scenarios: PathBuf,
    runs: PathBuf,
    jobs: Option<NonZeroUsize>,
    max_memory: Option<u64>,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<(String, Option<Py<PyAny>>)> {
    let interrupt = Interrupt::default();
    let (made, raised) = watched(py, &interrupt, progress.as_ref(), |at| {
        let (figures, known) = paper::read(&scenarios, &names)?;
        let kept: Vec<Vec<Picture>> = figures.iter().map(|figure| figure.pictures.clone()).collect();
        let place = paper::FigurePlace { out: &out, runs: &runs, jobs: sweep::jobs(jobs), memory: max_memory };
        let told = |progress: &Progress| at.set(share(progress));
        let carried = paper::carry_out(&figures, &kept, |_| Formats::all(), place, &interrupt, told)?;
        let paper::CarriedFigures::Made(made, shelf) = carried else { return Ok((Vec::new(), Vec::new())) };
        let (_, unread) = paper::write_claims(&known, &shelf, &out)?;
        Ok((made.into_iter().map(|made| made.drawn.manifest).collect(), unread))
    })?;
    let (made, unread): (Vec<FigureManifest>, Vec<String>) = made.map_err(|error| of_paper(py, error))?;
    for sentence in &unread {
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(sentence.as_str())?, 1)?;
    }
    let text = serde_json::to_string(&made).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok((text, raised.map(|error| error.into_value(py).into_any())))
}

/// The columns of a Parquet file that gramflow has written.
#[pyfunction]
pub(super) fn read_table<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyDict>> {
    let table = py.detach(|| folder::read_long(&path)).map_err(|error| of_folder(py, error.into()))?;
    table_to_dict(py, &table)
}
