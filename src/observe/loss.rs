//! ℒ(θ), J(θ) = ℒ + Σ_l (λ_l/2)‖θ_l‖², the speed of the flow ‖∇J(θ)‖, and ‖θ‖.

use crate::linalg::norm;
use crate::network::LayerRates;

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Loss,
    &[
        Column::new("loss", "ℒ = (1/n) Σ ℓ(f(x_i), y_i); for mse ℓ = ½‖f(x_i) − y_i‖²", "ℒ", "loss ℒ"),
        Column::new("objective", "J = ℒ + (λ/2)‖θ‖²", "ℒ", "objective J = ℒ + ½λ‖θ‖^2"),
        Column::new(
            "grad_norm",
            "‖∇J‖, the speed of the flow; larger than it while samples stay on kinks",
            "ℒ/θ",
            "gradient ‖∇J‖",
        ),
        Column::new("weight_norm", "‖θ‖", "θ", "weights ‖θ‖"),
    ],
);

/// Columns `loss`, `objective`, `grad_norm`, `weight_norm`. With layer rates, K = diag(κ_l), `grad_norm` is ‖K^{1/2}∇J‖, so that dJ/dt =
/// −`grad_norm`² along the flow and a frozen layer does not count.
#[derive(Default)]
pub struct TrainLoss(pub LayerRates);

impl Observable for TrainLoss {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let theta = snapshot.parameters.values();
        let (decay, net) = (snapshot.objective.weight_decay(), snapshot.parameters.architecture());
        // The gradient first: it brings the loss.
        let mut gradient = snapshot.loss_gradient() + decay.times(net, theta);
        let loss = snapshot.loss();
        self.0.multiply_root(net, &mut gradient);
        row.float("loss", loss);
        row.float("objective", loss + snapshot.objective.penalty(theta));
        row.float("grad_norm", norm(&gradient));
        row.float("weight_norm", snapshot.weight_norm());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Architecture, Parameters};
    use crate::observe::testing::measure;
    use nalgebra::DMatrix;

    /// f(x) = w·x on x = 1, y = 0 with λ = 0.1: ℒ = w²/2, J = ℒ + 0.05w², ∇J = 1.1w.
    #[test]
    fn loss_objective_and_gradient_of_one_weight() {
        let row = measure(
            &TrainLoss::default(),
            &Parameters::from_weights(&Architecture::new(&[1, 1]), &[DMatrix::from_element(1, 1, -3.0)]),
            0.0,
        );
        for (name, expected) in [("loss", 4.5), ("objective", 4.95), ("grad_norm", 3.3), ("weight_norm", 3.0)] {
            assert!((row[name] - expected).abs() < 1e-14, "{name}");
        }
    }
}
