//! Checks whether a scenario, or each unit of a sweep, can be run: reads and validates it with the files that it names, and runs nothing.

use std::path::Path;

use crate::machine::Bytes;
use crate::run::{Memory, Problem, ProblemError};
use crate::scenario::{self, ScenarioError, Sweep};

use super::{SweepError, SweepPlan, planned};

/// Checks the scenario in `text`, as if read from the file `path`. Returns its name and the size of its network or, for a sweep, the number
/// of its units. A run may take `memory` bytes. No samples are drawn for a large problem, and only some of many units are read.
///
/// # Errors
/// [`SweepError`] if it cannot be run.
pub fn check(text: &str, path: &Path, sets: &[String], memory: u64) -> Result<String, SweepError> {
    if let Some(sweep) = Sweep::parse(text, path, sets)? {
        return check_sweep(&sweep);
    }
    let (scenario, source) = scenario::parse(text, path, sets)?;
    let refused = |error: ProblemError| ScenarioError::Diagnostics(vec![source.diagnostic(&error.key(), error.to_string())]);
    let found = format!("{} ({} parameters", scenario.name, scenario.network.parameters());
    if Problem::is_large(&scenario) {
        let needed = Memory::of(&scenario);
        needed.check(memory).map_err(|error| refused(error.into()))?;
        return Ok(format!("{found}; a run takes about {} of memory; no samples were drawn)", Bytes(needed.total())));
    }
    Problem::within(&scenario, memory).map_err(refused)?;
    Ok(format!("{found})"))
}

/// Reads every unit, or a sample of many.
fn check_sweep(sweep: &Sweep) -> Result<String, SweepError> {
    /// As many values as are read in about a second.
    const MOST: usize = 200_000;
    let sample = sweep.sample((MOST / sweep.values_per_unit()).max(2));
    if sample.len() == sweep.len() {
        let plan = planned(sweep)?;
        return Ok(format!("{} ({} units)", plan.name, plan.units().len()));
    }
    let name = SweepPlan::check(sweep, &sample)?;
    Ok(format!("{name} ({} units, of which {} were read: gramflow sweep plan reads all)", sweep.len(), sample.len()))
}
