//! The flows that an optimizer follows more closely than gradient flow does, or in its place.

use std::rc::Rc;

use nalgebra::DVector;

use crate::ode::VectorField;

/// A flow that an optimizer follows, at its start.
pub struct Follows<'a> {
    /// Of θ, and of whatever averages it has beside: θ comes first in its state.
    pub field: Rc<dyn VectorField + 'a>,
    /// The equation with its numbers.
    pub formula: String,
    /// Where it starts: 0, or just behind it where the field is singular there.
    pub t: f64,
    /// The state there.
    pub state: DVector<f64>,
    /// Gradients that finding the start took.
    pub gradients: u64,
}

impl<'a> Follows<'a> {
    /// A flow of θ alone, from `state` at t = 0.
    pub(super) fn new(field: impl VectorField + 'a, formula: String, state: DVector<f64>) -> Self {
        Self { field: Rc::new(field), formula, t: 0.0, state, gradients: 0 }
    }

    /// The same, whose start took so many gradients.
    pub(super) fn after(self, gradients: u64) -> Self {
        Self { gradients, ..self }
    }
}
