//! Scenarios as sessions: builds the problem of a scenario, checks it and carries it out.

mod memory;
mod problem;
mod training;

pub use crate::session::{Checkpoints, Finer, Finished, Problem};
pub use memory::{Memory, MemoryError, Part};
pub use problem::ProblemError;

pub(crate) use crate::session::batches;

use std::path::Path;

use crate::archive::ArchiveError;
use crate::ode::Interrupt;
use crate::scenario::{self, Scenario, ScenarioError};
use crate::session::{self, OwnObservables, Plan, SessionError};

/// The scenario in `text`, as if read from the file `path`, and its problem, which may take `memory` bytes ([`Memory`]).
///
/// # Errors
/// [`ScenarioError`] if the text is not a valid scenario, or its files do not fit; these are reported at the key that names them.
pub fn parse(text: &str, path: &Path, sets: &[String], memory: u64) -> Result<(Scenario, Problem), ScenarioError> {
    let (scenario, source) = scenario::parse(text, path, sets)?;
    let problem = Problem::within(&scenario, memory)
        .map_err(|error| ScenarioError::Diagnostics(vec![source.diagnostic(&error.key(), error.to_string())]))?;
    Ok((scenario, problem))
}

/// Runs a scenario on its own problem. `progress` is called with the time on the common clock as it advances. Once `interrupt` is raised,
/// all processes stop after their current steps.
///
/// It does not fail: a process that stops early is a result.
pub fn run(scenario: &Scenario, problem: &Problem, interrupt: &Interrupt, progress: impl FnMut(f64)) -> Finished {
    session::carry_out(&scenario.plan(), problem, interrupt, progress)
}

/// The same with checkpoints: a run that goes on from the state that was kept last ends as one that was never stopped, wall times apart. Once
/// `interrupt` is raised, the state is kept, and all processes end there.
///
/// # Errors
/// [`ArchiveError`] if the state to go on from is not that of such a run.
pub fn run_in_legs(
    scenario: &Scenario,
    problem: &Problem,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
    checkpoints: Checkpoints,
) -> Result<Finished, ArchiveError> {
    session::carry_out_in_legs(&scenario.plan(), problem, interrupt, progress, checkpoints)
}

/// Whether a run of `longer` goes on from the state that a run of `shorter` has before its end counts: all that is recorded until there is the
/// same. The two differ in their horizons and in their record times from the end of the shorter on.
pub fn begins_alike(shorter: &Scenario, longer: &Scenario) -> bool {
    session::begins_alike(&shorter.plan(), &longer.plan())
}

/// The same with user-defined observables.
///
/// # Errors
/// [`SessionError`] if one of them writes a column or an array whose name is taken.
pub fn run_observed(
    scenario: &Scenario,
    problem: &Problem,
    own: OwnObservables,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
) -> Result<Finished, SessionError> {
    let plan = Plan { own, ..scenario.plan() };
    session::check_columns(&plan)?;
    Ok(session::carry_out(&plan, problem, interrupt, progress))
}

/// The names of the numbers that a run of the scenario records, in the order of its table, taken from its start. Nothing is integrated.
pub fn columns(scenario: &Scenario, problem: &Problem) -> Vec<String> {
    session::columns(&scenario.plan(), problem)
}
