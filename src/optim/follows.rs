//! The flows that an optimizer follows more closely than gradient flow, or instead of it.

use std::rc::Rc;

use nalgebra::DVector;

use crate::ode::VectorField;

/// A flow that an optimizer follows, and its initial state.
pub struct Follows<'a> {
    /// The field of θ and any averages: θ comes first in its state.
    pub field: Rc<dyn VectorField + 'a>,
    /// The equation with its numbers.
    pub formula: String,
    /// The time at which it starts: 0, or a little later if the field is singular there.
    pub t: f64,
    /// The state there.
    pub state: DVector<f64>,
    /// Gradients spent on the initial state.
    pub gradients: u64,
}

impl<'a> Follows<'a> {
    /// A flow of θ alone, from `state` at t = 0.
    pub(super) fn new(field: impl VectorField + 'a, formula: String, state: DVector<f64>) -> Self {
        Self { field: Rc::new(field), formula, t: 0.0, state, gradients: 0 }
    }

    /// The same flow, whose initial state took this many gradients.
    pub(super) fn after(self, gradients: u64) -> Self {
        Self { gradients, ..self }
    }
}
