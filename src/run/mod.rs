//! A scenario as a session: its problem is built, checked and carried out.

mod memory;
mod problem;
mod training;

pub use crate::session::{Finer, Finished, Problem};
pub use memory::{Memory, MemoryError, Part};
pub use problem::ProblemError;

pub(crate) use crate::session::batches;

use crate::ode::Interrupt;
use crate::scenario::Scenario;
use crate::session;

/// Runs a scenario on its own problem. `progress` is called with the common clock's time as it advances. Once `interrupt` is raised all
/// processes stop after their current steps.
///
/// It does not fail: a process that stops early is a result.
pub fn run(scenario: &Scenario, problem: &Problem, interrupt: &Interrupt, progress: impl FnMut(f64)) -> Finished {
    session::carry_out(&scenario.plan(), problem, interrupt, progress)
}

/// The names of the numbers that a run of the scenario records, in the order of its table: those of its start. Nothing is integrated.
pub fn columns(scenario: &Scenario, problem: &Problem) -> Vec<String> {
    session::columns(&scenario.plan(), problem)
}
