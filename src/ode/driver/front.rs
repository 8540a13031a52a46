//! How far an integration has come, and what it has handed out.

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

/// The state at the end of the last step.
#[derive(Serialize, Deserialize)]
pub(super) struct Front {
    pub t: f64,
    pub theta: DVector<f64>,
    pub dtheta: DVector<f64>,
    /// Where the last step began, whose end is the front; storage for the end of the next step while that is tried.
    pub t_before: f64,
    pub theta_before: DVector<f64>,
    pub dtheta_before: DVector<f64>,
    /// The time last returned, and the state there if it was interpolated; otherwise it was `theta`.
    pub t_handed: f64,
    pub interpolated: bool,
    pub handed: DVector<f64>,
    /// Whether the field's surfaces have been asked about θ, and how often a step from here has been retried because of them.
    pub settled: bool,
    pub trials: u32,
    /// The length of a step that ends about where a surface will hold the state, if known.
    pub within: Option<f64>,
}

impl Front {
    /// The start of an integration at time `t`, where θ̇ = `dtheta`.
    pub fn new(t: f64, theta: &DVector<f64>, dtheta: DVector<f64>) -> Self {
        Self {
            t,
            theta: theta.clone(),
            dtheta_before: dtheta.clone(),
            dtheta,
            t_before: t,
            theta_before: theta.clone(),
            t_handed: t,
            interpolated: false,
            // Methods without dense output need none.
            handed: DVector::zeros(0),
            settled: false,
            trials: 0,
            within: None,
        }
    }

    /// Whether (t, θ) is what was last returned.
    pub fn handed_out(&self, t: f64, theta: &DVector<f64>) -> bool {
        self.t_handed == t && *theta == *(if self.interpolated { &self.handed } else { &self.theta })
    }
}
