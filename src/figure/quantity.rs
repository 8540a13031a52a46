//! What the columns of the records are called on an axis: words and formula, the same in every picture.

use super::axis::Scale;
use super::text::verbatim;

pub(super) const TIME: &str = "time t";
pub(super) const COSINE: &str = "cosine of W_1^TW_1 and A_f^{ 1/L}";
pub(super) const SINE: &str = "min_c ‖W_1^TW_1 − cA_f^{ 1/L}‖_F / ‖W_1^TW_1‖_F";
pub(super) const CURVE: &str = "cosine of W_1^TW_1 and A_f^{ α̃/L}";
pub(super) const EXPONENT: &str = "exponent α̃ = αL";
pub(super) const LAW_RESIDUAL: &str = "max_{ℓ }‖D_ℓ(t) − e^{−2λt}D_ℓ(0)‖_F / max_{ℓ }‖D_ℓ(0)‖_F";
pub(super) const DISTANCE: &str = "distance ‖θ − θ_{flow}‖";
pub(super) const SHARPNESS: &str = "sharpness λ_{max}(∇^2J)";

/// Columns with what stands beside their axis.
const LABELS: [(&str, &str); 40] = [
    ("t", TIME),
    ("loss", "loss ℒ"),
    ("loss_over_constant", "loss ℒ over the best constant function’s"),
    ("test_loss", "loss ℒ on test samples"),
    ("accuracy", "share of right answers"),
    ("test_accuracy", "share of right answers on test samples"),
    ("objective", "objective J = ℒ + ½λ‖θ‖^2"),
    ("grad_norm", "gradient ‖∇J‖"),
    ("weight_norm", "weights ‖θ‖"),
    ("balance_gap", "balance gap max_{ℓ }‖D_ℓ‖_F"),
    ("balance_gap_over_envelope", "balance gap over e^{−2λt}·balance gap(0)"),
    ("balance_law_residual", "max_{ℓ }‖D_ℓ(t) − e^{−2λt}D_ℓ(0)‖_F"),
    ("balance_law_residual_relative", LAW_RESIDUAL),
    ("balance_correction", "correction by the balance law ‖δθ‖ / ‖θ‖"),
    ("nfa_residual", "residual ‖A_f − (W_1^TW_1)^L‖_F"),
    ("nfa_residual_relative", "‖A_f − (W_1^TW_1)^L‖_F / larger of the two norms"),
    ("nfa_cosine", COSINE),
    ("nfa_cosine_centred", "centred cosine of W_1^TW_1 and A_f^{ 1/L}"),
    ("nfa_cosine_baseline", "baseline of the cosine of W_1^TW_1 and A_f^{ 1/L}"),
    ("nfa_alignment_residual", SINE),
    ("nfa_cosine_jacobian_centred", "cosine of W_1^TW_1 and A_c^{ 1/L}, Jacobians centred"),
    ("agop_target_cosine", "cosine of A_f and the target’s A_{f*}"),
    ("nfa_peak", "best exponent α̃ = αL"),
    ("nfa_peak_cosine", "cosine of W_1^TW_1 and A_f^{ α̃/L} at the best α̃"),
    ("nfa_exponent", "fitted exponent α̂"),
    ("distance_to_flow", DISTANCE),
    ("distance_to_flow_relative", "distance ‖θ − θ_{flow}‖ / ‖θ_{flow}‖"),
    ("distance_to_modified_flow", "distance to the modified flow ‖θ − θ_{mod}‖"),
    ("distance_to_modified_flow_relative", "distance ‖θ − θ_{mod}‖ / ‖θ_{mod}‖"),
    ("distance_to_limit", "distance to the limit ‖θ − θ_{lim}‖"),
    ("distance_to_limit_relative", "distance ‖θ − θ_{lim}‖ / ‖θ_{lim}‖"),
    ("sharpness", SHARPNESS),
    ("lr_sharpness", "η·λ_{max}(∇^2J)"),
    ("step_imbalance", "imbalance made by steps max_{ℓ }‖S_ℓ‖_F"),
    ("ledger_residual", "relative residual of the ledger of D"),
    ("effective_rank_W1", "effective rank of W_1"),
    ("effective_rank_product", "effective rank of W_L⋯W_1"),
    ("effective_rank_agop", "effective rank of A_f"),
    ("stable_rank_W1", "stable rank of W_1"),
    ("entropy_rank_W1", "entropy rank of W_1"),
];

/// What stands beside an axis of `column`, with markup; its name where nothing better is known.
pub(super) fn label(column: &str) -> String {
    let known = LABELS.iter().find(|(name, _)| *name == column);
    known.map_or_else(|| verbatim(column), |(_, label)| label.to_string())
}

/// Log where all of `values` that are defined are positive and span more than two decades.
pub(super) fn scale(values: impl IntoIterator<Item = f64>) -> Scale {
    let defined = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = defined.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    if low > 0.0 && low < f64::INFINITY && high.log10() - low.log10() > 2.0 { Scale::Log } else { Scale::Linear }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_without_a_label_has_its_name() {
        assert_eq!(label("nfa_cosine"), COSINE);
        assert_eq!(label("of_the_future"), "of\\_the\\_future");
        for (i, (name, _)) in LABELS.iter().enumerate() {
            assert!(LABELS[..i].iter().all(|(other, _)| other != name), "{name}");
        }
    }

    #[test]
    fn two_decades_make_an_axis_logarithmic() {
        assert_eq!(scale([1e-3, 1.0, f64::NAN]), Scale::Log);
        assert_eq!(scale([0.0, 1e-3, 1.0]), Scale::Linear);
        assert_eq!(scale([0.5, 1.0]), Scale::Linear);
        assert_eq!(scale([]), Scale::Linear);
    }
}
