//! The discrete law of the balance ([`Ledger`](crate::theory::Ledger)), as the steps of gd and of sgd without momentum keep it.

use super::{Observable, Row, Snapshot};

/// What a ledger says at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The largest relative residual of the law over the steps since the last record; NaN where there was none.
    pub residual: f64,
    /// max_l ‖S_l‖_F.
    pub created: f64,
}

/// Columns, undefined for what keeps no ledger:
/// - `ledger_residual`: the largest residual of the discrete law, relative to the squares of the norms that it adds, over the steps since the
///   last record; rounding;
/// - `step_imbalance`: max_l ‖S_l‖_F, D_l = Π_j(1 − η_jλ)²·D_l(0) + S_l: the share of `balance_gap` that the step size has created.
pub struct Imbalance;

impl Observable for Imbalance {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let Entry { residual, created } = snapshot.ledger.unwrap_or(Entry { residual: f64::NAN, created: f64::NAN });
        row.float("ledger_residual", residual);
        row.float("step_imbalance", created);
    }
}
