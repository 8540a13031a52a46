//! The imbalance D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ and how well it keeps the law D_l(t) = e^{−2λt}D_l(0).
//!
//! The law is exact under gradient flow, so its residual is a certificate of the integration, free of charge. For an optimizer
//! it shows what the step size does.

use nalgebra::DMatrix;

use crate::network::Parameters;
use crate::theory::balance::decay;

use super::{Observable, Row, Snapshot};

/// Columns:
/// - `balance_gap`: max_l ‖D_l‖_F, and `balance_gap_l`: ‖D_l‖_F for l = 1, …, L − 1 (also the array `balance_gap`);
/// - `balance_law_residual`: max_l ‖D_l(t) − e^{−2λt}D_l(0)‖_F;
/// - `balance_law_residual_relative`: the same over max_l ‖D_l(0)‖_F, undefined for a balanced start;
/// - `balance_gap_over_envelope`: max_l ‖D_l(t)‖_F over e^{−2λt}·max_l ‖D_l(0)‖_F, 1 under the law, undefined likewise.
///
/// A single layer has no neighbour: its gap is 0.
pub struct Balance {
    start: Vec<DMatrix<f64>>,
    /// max_l ‖D_l(0)‖_F; NaN for a balanced start.
    start_gap: f64,
    weight_decay: f64,
}

impl Balance {
    /// Measures against the law from `start` under weight decay λ.
    pub fn new(start: &Parameters, weight_decay: f64) -> Self {
        let gaps = start.imbalances();
        let gap = largest(&gaps);
        // Rounding leaves D about ε·‖W_l‖²·√d: a start within 100 ε·‖θ‖² of balance is balanced.
        let balanced = gap <= 100.0 * f64::EPSILON * start.values().norm_squared();
        Self { start: gaps, start_gap: if balanced { f64::NAN } else { gap }, weight_decay }
    }
}

fn largest(matrices: &[DMatrix<f64>]) -> f64 {
    matrices.iter().map(DMatrix::norm).fold(0.0, f64::max)
}

impl Observable for Balance {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let gaps = snapshot.parameters.imbalances();
        let factor = decay(self.weight_decay, snapshot.t);
        let off: Vec<_> = gaps.iter().zip(&self.start).map(|(now, start)| now - start * factor).collect();
        row.float("balance_gap", largest(&gaps));
        let norms: Vec<f64> = gaps.iter().map(DMatrix::norm).collect();
        for (index, norm) in norms.iter().enumerate() {
            row.float(format!("balance_gap_{}", index + 1), *norm);
        }
        row.float("balance_law_residual", largest(&off));
        row.float("balance_law_residual_relative", largest(&off) / self.start_gap);
        row.float("balance_gap_over_envelope", largest(&gaps) / (factor * self.start_gap));
        row.vector("balance_gap", norms);
    }
}
