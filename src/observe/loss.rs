//! ℒ(θ), J(θ) = ℒ + (λ/2)‖θ‖² and ‖∇J(θ)‖, the speed of the flow.

use nalgebra::DVector;

use super::{Observable, Row, Snapshot};

/// Columns `loss`, `objective`, `grad_norm`.
pub struct Loss;

impl Observable for Loss {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let theta = snapshot.parameters.values();
        let mut gradient = DVector::zeros(theta.len());
        snapshot.objective.gradient(theta, &mut gradient);
        let loss = snapshot.objective.loss(theta);
        row.float("loss", loss);
        row.float("objective", loss + 0.5 * snapshot.objective.weight_decay() * theta.norm_squared());
        row.float("grad_norm", gradient.norm());
    }
}
