//! The Python module `gramflow._gramflow`, on which `python/gramflow/` is built.
//!
//! Nothing is computed here. Scenarios are parsed, run, stored and drawn by the functions that the command calls; results are handed over
//! as NumPy arrays, text and JSON. While Rust computes, the GIL is released: it is taken only for callbacks and to check for signals.

mod arrays;
mod arrow;
mod callback;
mod compare;
mod dense;
mod error;
mod flow;
mod layered;
mod model;
mod observe;
mod run;
mod scenario;
mod sweep;
mod watch;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs a command line; returns the exit status.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| crate::cli::main_of_host(arguments))
}

#[pymodule]
fn _gramflow(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ScenarioError", module.py().get_type::<error::ScenarioError>())?;
    module.add_class::<run::RawRun>()?;
    for function in [
        wrap_pyfunction!(main, module)?,
        wrap_pyfunction!(scenario::check, module)?,
        wrap_pyfunction!(scenario::explain, module)?,
        wrap_pyfunction!(scenario::schema, module)?,
        wrap_pyfunction!(scenario::columns, module)?,
        wrap_pyfunction!(run::run, module)?,
        wrap_pyfunction!(run::load, module)?,
        wrap_pyfunction!(run::rebuild, module)?,
        wrap_pyfunction!(arrays::write_npz, module)?,
        wrap_pyfunction!(flow::flow, module)?,
        wrap_pyfunction!(compare::compare, module)?,
        wrap_pyfunction!(sweep::run_sweep, module)?,
        wrap_pyfunction!(sweep::merge, module)?,
        wrap_pyfunction!(sweep::study_lr, module)?,
        wrap_pyfunction!(sweep::figures, module)?,
        wrap_pyfunction!(sweep::read_table, module)?,
    ] {
        module.add_function(function)?;
    }
    Ok(())
}
