//! Sharpness, the largest eigenvalue λ_max of ∇²J(θ), and how it compares with the learning rate.
//!
//! Where η·λ_max exceeds a rule's stability bound (2 for gradient descent), its iterates overshoot along the sharpest direction and grow,
//! while every flow decays: neither the flow nor its second-order correction describes them.

use serde::{Deserialize, Serialize};

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Sharpness,
    &[
        Column::new("sharpness", "λ_max(∇²J); for the flow only with measure: [sharpness]", "ℒ/θ²", "sharpness λ_{max}(∇^2J)"),
        Column::new("lr_sharpness", "η_k·λ_max; null for the flow", "1", "η·λ_{max}(∇^2J)"),
        Column::new(
            "sharpness_bound",
            "the λ_max at which η_k is at the edge of stability: 2/η_k for gd",
            "ℒ/θ²",
            "edge of stability of λ_{max}(∇^2J)",
        ),
    ],
);

/// The curvature at one moment, and the step size to compare it with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Curvature {
    /// λ_max(∇²J), decay included; NaN where products with the Hessian overflow.
    pub sharpness: f64,
    /// η_k of the next step; NaN for a flow.
    pub lr: f64,
    /// The smallest η·λ_max at which the rule is unstable on a quadratic; NaN if it has no such bound.
    pub bound: f64,
}

impl Curvature {
    /// Where nothing was measured.
    pub const UNKNOWN: Self = Self { sharpness: f64::NAN, lr: f64::NAN, bound: f64::NAN };

    /// Writes the columns `name`, `lr_name` and `name_bound`.
    pub(super) fn write(self, name: &str, row: &mut Row) {
        let Self { sharpness, lr, bound } = self;
        row.float(name, sharpness);
        row.float(format!("lr_{name}"), lr * sharpness);
        row.float(format!("{name}_bound"), if lr > 0.0 { bound / lr } else { f64::NAN });
    }
}

/// Columns, undefined where the curvature was not measured:
/// - `sharpness`: λ_max(∇²J), decay included; with layer rates, K = diag(κ_l), λ_max(K^{1/2}∇²J K^{1/2}), minus the smallest eigenvalue of
///   the flow's Jacobian −K∇²J;
/// - `lr_sharpness`: η_k·λ_max, undefined for the flow;
/// - `sharpness_bound`: the λ_max at which η_k is at the edge of stability, 2/η_k for gradient descent; undefined for the flow, for
///   adaptive rules and where η_k = 0.
pub struct Sharpness;

impl Observable for Sharpness {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        snapshot.curvature.unwrap_or(Curvature::UNKNOWN).write("sharpness", row);
    }
}
