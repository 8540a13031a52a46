//! Dense output, kept: every step's interpolant as its values at the Chebyshev points of the step.

use std::f64::consts::PI;

use nalgebra::DVector;
use numpy::{IntoPyArray, PyArrayMethods};
use pyo3::prelude::*;

use crate::ode::Integrator;

/// θ(t) of an integration, step by step. Inside a step it is a polynomial of degree d, which its values at d + 1 points determine:
/// t + h(1 − cos(πj/d))/2, j = 0, …, d, both ends among them. An end is the start of the next step and is kept once.
pub(super) struct DenseOutput {
    /// The start and the ends of the steps.
    ends: Vec<f64>,
    /// d of each step.
    degrees: Vec<usize>,
    /// θ at the points, in order of time.
    points: Vec<f64>,
    scratch: DVector<f64>,
}

impl DenseOutput {
    /// From θ at t = 0 on.
    pub(super) fn from(theta: &DVector<f64>) -> Self {
        Self { ends: vec![0.0], degrees: Vec::new(), points: theta.as_slice().to_vec(), scratch: theta.clone() }
    }

    /// Adds the last step, unless it is there already. Returns the gradients that this took.
    pub(super) fn add_last_step(&mut self, integrator: &mut Integrator<'_>) -> u64 {
        let (Some([from, to]), Some(degree)) = (integrator.last_step(), integrator.dense_degree()) else { return 0 };
        if self.ends.last().is_some_and(|&end| to <= end) {
            return 0;
        }
        let mut gradients = 0;
        for j in 1..=degree {
            let sigma = 0.5 * (1.0 - (PI * j as f64 / degree as f64).cos());
            // Exactly the end: rounding must not carry the last point past it.
            let t = if j == degree { to } else { from + sigma * (to - from) };
            gradients += integrator.within_last_step(t, &mut self.scratch).unwrap_or(0);
            self.points.extend_from_slice(self.scratch.as_slice());
        }
        self.ends.push(to);
        self.degrees.push(degree);
        gradients
    }

    /// `(ends, degrees, points)` for `gramflow._dense`, the points of shape (number, length of θ).
    pub(super) fn into_python<'py>(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let dim = self.scratch.len();
        let points = self.points.len() / dim;
        let degrees: Vec<i64> = self.degrees.iter().map(|&degree| degree as i64).collect();
        let arrays =
            (self.ends.into_pyarray(py), degrees.into_pyarray(py), self.points.into_pyarray(py).reshape([points, dim])?);
        Ok(arrays.into_pyobject(py)?.into_any())
    }
}
