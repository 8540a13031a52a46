//! The imbalance D_l = W_{l+1}ᵀW_{l+1} − V_lV_lᵀ ∈ ℝ^{d_l × d_l}, V_l = [W_l, b_l], and how closely it follows the law D_l(t) =
//! e^{−2λt}D_l(0). Between linear layers the law holds for all of D_l, around a ReLU for its diagonal, one number per neuron.
//!
//! With layer rates κ_l, D_l = W_{l+1}ᵀW_{l+1}/κ_{l+1} − V_lV_lᵀ/κ_l, and c = κ_lλ_l takes the place of λ. Where κ_lλ_l differs between
//! layers there is no law, and whatever is measured against it is undefined.
//!
//! The law is exact under gradient flow, so its residual certifies the integration at no extra cost. For an optimizer the residual shows
//! the effect of the step size.
//!
//! In float64 a gap is known only to about ε·‖θ‖²: below that floor it is rounding, and its ratio to the law's envelope means nothing.
//! Weights that were projected onto the law are evaluated in double-double, with their digits below float64.

use nalgebra::DMatrix;

use crate::linalg::FAINT;
use crate::network::{ExtendedParameters, Parameters, largest_norm};
use crate::theory::balance::{BalanceLaw, extended_floor, floor};

use super::{Column, Columns, Group, NamedArray, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Balance,
    &[
        Column::new(
            "balance_gap",
            "max_l ‖D_l‖_F, D_l the conserved part of W_{l+1}ᵀW_{l+1} − W_lW_lᵀ − b_lb_lᵀ",
            "θ²",
            "balance gap max_{ℓ }‖D_ℓ‖_F",
        ),
        Column::new("balance_gap_{l}", "‖D_l‖_F, l = 1, …, L − 1", "θ²", "balance gap ‖D_{{l}}‖_F"),
        Column::new(
            "balance_law_residual",
            "max_l ‖D_l(t) − e^(−2λt)D_l(0)‖_F, 0 under the flow",
            "θ²",
            "max_{ℓ }‖D_ℓ(t) − e^{−2λt}D_ℓ(0)‖_F",
        ),
        Column::new(
            "balance_law_residual_relative",
            "max_l ‖D_l(t) − e^(−2λt)D_l(0)‖_F/max_l ‖D_l(0)‖_F; null from a balanced start",
            "1",
            "max_{ℓ }‖D_ℓ(t) − e^{−2λt}D_ℓ(0)‖_F / max_{ℓ }‖D_ℓ(0)‖_F",
        ),
        Column::new(
            "balance_gap_over_envelope",
            "balance_gap/(e^(−2λt)·balance_gap(0)), 1 under the flow",
            "1",
            "balance gap over e^{−2λt}·balance gap(0)",
        ),
        Column::new(
            "balance_correction",
            "‖δθ‖/‖θ‖ of the projection onto the law, with flow.preserve",
            "1",
            "correction by the balance law ‖δθ‖ / ‖θ‖",
        ),
    ],
)
.arrays(&[NamedArray::new("balance_gap", "T × (L − 1)", "θ²", "‖D_l‖_F of balance_gap_{l}, l = 1, …, L − 1")]);

/// Columns:
/// - `balance_gap`: max_l ‖D_l‖_F, and `balance_gap_l`: ‖D_l‖_F for l = 1, …, L − 1 (also the array `balance_gap`);
/// - `balance_law_residual`: max_l ‖D_l(t) − e^{−2λt}D_l(0)‖_F;
/// - `balance_law_residual_relative`: the same over max_l ‖D_l(0)‖_F, undefined for a balanced start;
/// - `balance_gap_over_envelope`: max_l ‖D_l(t)‖_F over e^{−2λt}·max_l ‖D_l(0)‖_F, 1 under the law; undefined for a balanced start, and
///   once the envelope is below the floor;
/// - `balance_correction`: ‖δθ‖/‖θ‖ of the projection onto the law; defined only with `flow.preserve`.
///
/// A single layer has no neighbour: its gap is 0. The gap of two neighbours is undefined where they conserve nothing or one of them is
/// frozen; the maxima are over the other pairs.
pub struct Balance {
    start: Vec<DMatrix<f64>>,
    /// max_l ‖D_l(0)‖_F; NaN for a balanced start.
    start_gap: f64,
    law: BalanceLaw,
}

impl Balance {
    /// Compares with the imbalance at `start`, as `law` evolves it.
    pub fn new(start: &Parameters, law: impl Into<BalanceLaw>) -> Self {
        let law = law.into();
        let start = law.rates().scaled(start);
        // In double-double: a gap of nearly balanced weights would lose its digits in float64.
        let (start_norm, start) = (start.values().norm(), ExtendedParameters::from(start).imbalances());
        let start = law.rates().defined(start);
        let gap = largest_norm(&start);
        Self { start, start_gap: if gap <= floor(start_norm).max(FAINT) { f64::NAN } else { gap }, law }
    }
}

/// max_l ‖D_l‖_F over the pairs of neighbours that conserve something; NaN if none does, 0 of a single layer.
pub(super) fn largest(imbalances: &[DMatrix<f64>]) -> f64 {
    let lawless = !imbalances.is_empty() && imbalances.iter().all(DMatrix::is_empty);
    if lawless { f64::NAN } else { largest_norm(imbalances) }
}

impl Observable for Balance {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let gaps = match snapshot.preserved {
            Some(preserved) => preserved.weights.imbalances(),
            None => self.law.imbalances(snapshot.parameters),
        };
        let factor = self.law.factor(snapshot.t);
        let off: Vec<_> = gaps.iter().zip(&self.start).map(|(now, start)| now - start * factor).collect();
        let (gap, off) = (largest(&gaps), largest(&off));
        let envelope = factor * self.start_gap;
        let norm = self.law.norm(snapshot.weight_norm());
        let extended = snapshot.preserved.is_some_and(|preserved| preserved.extended);
        let known = envelope > if extended { extended_floor(norm) } else { floor(norm) }.max(FAINT);
        row.float("balance_gap", gap);
        let norms: Vec<f64> = gaps.iter().map(|gap| if gap.is_empty() { f64::NAN } else { gap.norm() }).collect();
        for (index, norm) in norms.iter().enumerate() {
            row.float(format!("balance_gap_{}", index + 1), *norm);
        }
        row.float("balance_law_residual", off);
        row.float("balance_law_residual_relative", off / self.start_gap);
        row.float("balance_gap_over_envelope", if known { gap / envelope } else { f64::NAN });
        row.float("balance_correction", snapshot.preserved.map_or(f64::NAN, |preserved| preserved.correction));
        row.vector("balance_gap", norms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Architecture;
    use crate::observe::testing::measure;
    use crate::theory::balance::decay;

    /// Two scalar layers: D = w_2² − w_1².
    fn pair(w1: f64, w2: f64) -> Parameters {
        let weight = |w| DMatrix::from_element(1, 1, w);
        Parameters::from_weights(&Architecture::new(&[1, 1, 1]), &[weight(w1), weight(w2)])
    }

    #[test]
    fn weights_that_follow_the_law_have_no_residual() {
        let (decay_rate, t) = (0.1, 3.0);
        let balance = Balance::new(&pair(1.0, 2.0), decay_rate);
        // D(0) = 3: w_2² = w_1² + 3e^{−2λt}.
        let after = |factor: f64| pair(0.5, (0.25 + 3.0 * factor).sqrt());
        let row = measure(&balance, &after(decay(decay_rate, t)), t);
        assert!(row["balance_law_residual"] < 1e-15 && (row["balance_gap_over_envelope"] - 1.0).abs() < 1e-15);
        assert!((row["balance_gap"] - 3.0 * (-0.6f64).exp()).abs() < 1e-15);
        // Controls: half and twice the rate.
        for wrong in [0.5, 2.0] {
            assert!(measure(&balance, &after(decay(wrong * decay_rate, t)), t)["balance_law_residual_relative"] > 0.1);
        }
    }

    /// A gap of the right size and the wrong sign keeps its norm and breaks the law.
    #[test]
    fn the_residual_is_of_matrices_not_of_norms() {
        let row = measure(&Balance::new(&pair(1.0, 2.0), 0.0), &pair(2.0, 1.0), 1.0);
        assert_eq!(row["balance_gap_over_envelope"], 1.0);
        assert_eq!(row["balance_law_residual_relative"], 2.0);
    }

    #[test]
    fn ratios_to_nothing_are_not_defined() {
        let balanced = measure(&Balance::new(&pair(1.0, 1.0), 0.0), &pair(1.0, 1.0), 1.0);
        assert!(balanced["balance_gap_over_envelope"].is_nan() && balanced["balance_law_residual_relative"].is_nan());
        // e^{−2λt} = 4e-18: the envelope lies below rounding.
        let sunk = measure(&Balance::new(&pair(1.0, 2.0), 1.0), &pair(1.0, 1.0 + 1e-15), 20.0);
        assert!(sunk["balance_gap_over_envelope"].is_nan() && sunk["balance_law_residual"] < 1e-14);
    }
}
