//! `nfa-exact`, theorem 3.1: from a balanced start A_f = (W₁ᵀW₁)^L at every recorded time, and by the same argument W_lᵀW_l =
//! (J_lᵀJ_l)^{1/(L−l+1)} for every layer.

use super::{Condition, Finding, Missing, Records};

/// Six digits of the matrices, as for the balance law.
const THRESHOLD: f64 = 1e-6;

pub(super) fn measure(records: &Records) -> Finding {
    if !records.starts_balanced() {
        let gap = records.column("balance_gap").first().copied().unwrap_or(f64::NAN);
        let reason = format!("the start is not balanced, max ‖D_l(0)‖ = {gap:.3e}: the theorem needs init {{balanced: …}}");
        return Err(Missing::Undefined(reason));
    }
    if let Some([from, to]) = records.gap_that_hides_a_peak() {
        return Err(Missing::TooCoarse(format!("a peak between the records at t = {from} and t = {to} could go unseen")));
    }
    let layers = (2..=records.depth()).map(|l| format!("nfa_residual_relative_W{l}"));
    let columns = layers.chain(["nfa_residual_relative".to_string()]);
    let values: Vec<f64> = columns.flat_map(|name| records.column(&name)).filter(|value| !value.is_nan()).collect();
    if values.is_empty() {
        return Err(Missing::Undefined("the residual of the ansatz is not defined at any record".to_string()));
    }
    let value = values.into_iter().fold(0.0, f64::max);
    let condition = Condition::at_most("max relative residual of the ansatz over times and layers", value, THRESHOLD);
    Ok(condition.law_error(records.off_the_law()).zero_by_law().into())
}
