//! `nfa-violated`: the network fits the data and yet violates the ansatz, as in example 1 of Tansley et al. 2025, section 4.

use super::{Condition, Finding, Measured, Missing, Records};

/// Five times what the claim `nfa` allows.
pub(super) const VIOLATED: f64 = 0.05;
/// The loss at the end over that at the start.
const FITTED: f64 = 1e-2;

pub(super) fn measure(records: &Records) -> Finding {
    let value = records.last("nfa_alignment_residual");
    if value.is_nan() {
        return Err(Missing::Undefined("the alignment is not defined at the end: W₁ or the AGOP is zero there".to_string()));
    }
    let start = records.column("loss").first().copied().unwrap_or(f64::NAN);
    let left = records.last("loss") / start;
    let conditions = vec![
        Condition::at_least("min_c ‖W₁ᵀW₁ − cA_f^(1/L)‖/‖W₁ᵀW₁‖ at the end", value, VIOLATED)
            .law_error(records.law_error(value)),
        Condition::at_most("loss at the end over that at the start", left, FITTED),
    ];
    Ok(Measured { conditions, remark: format!("{left:.1e} of the loss is left"), ..Measured::default() })
}
