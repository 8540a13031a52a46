//! `peak`: at the end of the flow the cosine of W₁ᵀW₁ with A_f^{α̃/L} is largest at α̃ = 1.

use super::{Condition, Finding, Measured, Missing, Records};

/// A fifth of the spacing of the curve's grid, which the search refines to 1e-7; the exponents 1/(L ∓ 1) are at α̃ = L/(L ∓ 1), at least
/// 0.11 away for L = 8.
const THRESHOLD: f64 = 1e-2;

pub(super) fn measure(records: &Records) -> Finding {
    let peak = records.last("nfa_peak");
    if peak.is_nan() {
        return Err(Missing::Undefined(
            "the cosine has no peak at the end: it is largest at the border of 1/4 ≤ α̃ ≤ 3, or does not depend on α̃"
                .to_string(),
        ));
    }
    let value = (peak - 1.0).abs();
    let condition = Condition::at_most("|α̃ − 1| at the peak of the cosine", value, THRESHOLD);
    let remark = format!("the peak is at α̃ = {peak:.5}");
    Ok(Measured { details: vec![("peak", peak)], remark, ..condition.law_error(records.law_error(value)).into() })
}
