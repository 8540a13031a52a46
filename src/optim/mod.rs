//! Discrete optimizers, stepped beside the flow from the same start, on its clock. One update rule per file.

mod gd;

pub use gd::Gd;

use nalgebra::DVector;

use crate::objective::Objective;

/// A rule that turns θ_k into θ_{k+1}.
pub trait Optimizer {
    /// The flow's time per step: step k stands at t = k·`time_per_step`.
    fn time_per_step(&self) -> f64;

    /// θ ← the next iterate, by one gradient of the objective.
    fn step(&mut self, objective: &dyn Objective, theta: &mut DVector<f64>);
}
