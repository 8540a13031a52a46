//! `exponent`: the slope α̂ of log λ_i(W₁ᵀW₁) on log λ_i(A_f) at the end of the flow is 1/L.

use super::{Condition, Finding, Measured, Missing, Records};

/// A hundredth of 1/L; the exponents 1/(L ± 1) are off by 1/(L ± 1), at least 0.11 for L = 8.
const THRESHOLD: f64 = 1e-2;

pub(super) fn measure(records: &Records) -> Finding {
    let (exponent, depth) = (records.last("nfa_exponent"), records.depth() as f64);
    if exponent.is_nan() {
        return Err(Missing::Undefined(
            "the exponent is not identifiable at the end: that takes two active modes with different AGOP eigenvalues"
                .to_string(),
        ));
    }
    let value = (exponent * depth - 1.0).abs();
    let condition = Condition::at_most("|α̂L − 1| at the end", value, THRESHOLD).law_error(records.law_error(value));
    let remark = format!("α̂ is {exponent:.6}, and 1/L is {:.6}", 1.0 / depth);
    Ok(Measured { details: vec![("exponent", exponent), ("exponent_expected", 1.0 / depth)], remark, ..condition.into() })
}
