//! What the central flow predicts for the optimizer beside it.

use serde::{Deserialize, Serialize};

use crate::network::Parameters;
use crate::theory::balance::BalanceLaw;

use super::{Column, Columns, CompanionKind, Group, Measure, Observable, Row, Snapshot, balance, nfa};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Distance,
    &[
        Column::new(
            "central_flow_loss",
            "J + (e/2) tr X along the central flow, the mean of objective that it predicts; the edge e is 2/η of gd and rmsprop, 38/η of adam at β₁ = 0.9",
            "ℒ",
            "predicted mean objective J + (e/2) tr X",
        )
        .by(Measure::CentralFlow),
        Column::new(
            "central_flow_directions",
            "rank of X: eigenvectors of D^½∇²J D^½ at the edge along which the central flow has the optimizer oscillate; D = I of gd",
            "1",
            "oscillating directions",
        )
        .by(Measure::CentralFlow),
        Column::new(
            "central_flow_balance_gap",
            "max_l ‖D_l‖_F along the central flow; null without layers",
            "θ²",
            "balance gap of the central flow",
        )
        .by(Measure::CentralFlow),
        Column::new(
            "central_flow_alignment_residual",
            "min_c ‖W_1ᵀW_1 − cA_f^(1/L)‖_F/‖W_1ᵀW_1‖_F along the central flow; null without layers",
            "1",
            "alignment residual of the central flow",
        )
        .by(Measure::CentralFlow),
    ],
);

/// What a central flow says at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// J + (e/2)·tr X, e the edge.
    pub mean: f64,
    /// The rank of X.
    pub directions: usize,
}

/// Columns, if asked for, undefined for a process without a central flow and after that has ended:
/// - `central_flow_loss`: J + (e/2)·tr X, e the edge, to be compared with the mean of `objective` over some oscillations;
/// - `central_flow_directions`: the rank of X, 0 below the edge;
/// - `central_flow_balance_gap` and `central_flow_alignment_residual`: `balance_gap` and `nfa_alignment_residual` of the central flow itself,
///   undefined without layers. Gradient flow conserves the imbalance at λ = 0; the force of the oscillation does not.
pub struct EdgePrediction {
    /// Of the imbalances D_l.
    pub law: BalanceLaw,
}

impl EdgePrediction {
    /// The balance gap and the alignment residual at θ of the central flow.
    fn features(&self, snapshot: &Snapshot) -> Option<[f64; 2]> {
        let (_, theta) = snapshot.companions.iter().find(|(kind, _)| *kind == CompanionKind::CentralFlow)?;
        snapshot.objective.layers()?;
        let parameters = Parameters::from_values(snapshot.parameters.architecture(), (*theta).clone());
        let own = Snapshot::unchecked(snapshot.t, &parameters, snapshot.objective, None);
        Some([balance::largest(&self.law.imbalances(&parameters)), nfa::misalignment(&own)])
    }
}

impl Observable for EdgePrediction {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let predicted = snapshot.prediction;
        row.float("central_flow_loss", predicted.map_or(f64::NAN, |predicted| predicted.mean));
        row.float("central_flow_directions", predicted.map_or(f64::NAN, |predicted| predicted.directions as f64));
        let [gap, misalignment] = self.features(snapshot).unwrap_or([f64::NAN; 2]);
        row.float("central_flow_balance_gap", gap);
        row.float("central_flow_alignment_residual", misalignment);
    }
}
