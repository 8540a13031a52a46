//! `nfa`: the Neural Feature Ansatz at the end of the flow, W₁ᵀW₁ ∝ A_f^{1/L}: min_c ‖W₁ᵀW₁ − cA_f^{1/L}‖/‖W₁ᵀW₁‖ is small.

use super::{Condition, Finding, Missing, Records};

/// One part in a hundred, a cosine of 0.99995: the cosine alone forgives wrong exponents.
const THRESHOLD: f64 = 1e-2;

pub(super) fn measure(records: &Records) -> Finding {
    let value = records.last("nfa_alignment_residual");
    if value.is_nan() {
        return Err(Missing::Undefined("the alignment is not defined at the end: W₁ or the AGOP is zero there".to_string()));
    }
    let condition = Condition::at_most("min_c ‖W₁ᵀW₁ − cA_f^(1/L)‖/‖W₁ᵀW₁‖ at the end", value, THRESHOLD);
    Ok(condition.law_error(records.law_error(value)).into())
}
