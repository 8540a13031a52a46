//! The discrete law of the balance ([`Ledger`](crate::theory::Ledger)), along the steps of `gd` and of `sgd` without momentum.

use serde::{Deserialize, Serialize};

use super::{Column, Columns, Group, Measure, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Ledger,
    &[
        Column::new(
            "ledger_residual",
            "largest relative residual of D⁺ = (1 − ηλ)²D + η²(G_(l+1)ᵀG_(l+1) − G_lG_lᵀ) since the last record",
            "1",
            "relative residual of the ledger of D",
        )
        .by(Measure::Ledger),
        Column::new(
            "step_imbalance",
            "max_l ‖S_l‖_F, D_l = Π(1 − η_jλ)²·D_l(0) + S_l",
            "θ²",
            "imbalance made by steps max_{ℓ }‖S_ℓ‖_F",
        )
        .by(Measure::Ledger),
    ],
);

/// What a ledger holds at one recorded time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The largest relative residual of the law over the steps since the last record; NaN if there were none.
    pub residual: f64,
    /// max_l ‖S_l‖_F.
    pub created: f64,
}

/// Columns, undefined for a process without a ledger:
/// - `ledger_residual`: the largest residual of the discrete law over the steps since the last record, relative to the sum of the squared
///   norms of its terms; at the level of rounding if the law holds;
/// - `step_imbalance`: max_l ‖S_l‖_F, D_l = Π_j(1 − η_jλ)²·D_l(0) + S_l: the part of `balance_gap` that the step size has created.
pub struct Imbalance;

impl Observable for Imbalance {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let Entry { residual, created } = snapshot.ledger.unwrap_or(Entry { residual: f64::NAN, created: f64::NAN });
        row.float("ledger_residual", residual);
        row.float("step_imbalance", created);
    }
}
