//! What the central flow predicts for the optimizer beside it.

use serde::{Deserialize, Serialize};

use super::{Column, Columns, Group, Measure, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Distance,
    &[
        Column::new(
            "central_flow_loss",
            "J + tr X/η along the central flow of gd, the mean of objective that it predicts at the edge of stability",
            "ℒ",
            "predicted mean objective J + tr X/η",
        )
        .by(Measure::CentralFlow),
        Column::new(
            "central_flow_directions",
            "rank of X: eigenvectors of ∇²J at the edge 2/η along which the central flow has gd oscillate",
            "1",
            "oscillating directions",
        )
        .by(Measure::CentralFlow),
    ],
);

/// What a central flow says at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// J + tr X/η.
    pub mean: f64,
    /// The rank of X.
    pub directions: usize,
}

/// Columns, if asked for, undefined for a process without a central flow and after that has ended:
/// - `central_flow_loss`: J + tr X/η, to be compared with the mean of `objective` over some oscillations;
/// - `central_flow_directions`: the rank of X, 0 while the central flow is gradient flow.
pub struct EdgePrediction;

impl Observable for EdgePrediction {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let predicted = snapshot.prediction;
        row.float("central_flow_loss", predicted.map_or(f64::NAN, |predicted| predicted.mean));
        row.float("central_flow_directions", predicted.map_or(f64::NAN, |predicted| predicted.directions as f64));
    }
}
