//! `stagnates`: from an unbalanced start without weight decay the alignment makes no progress: over the last decade of time its
//! residual min_c ‖W₁ᵀW₁ − cA_f^{1/L}‖/‖W₁ᵀW₁‖ improves by less than a tenth, and is not small. A flow that has converged before stays.
//!
//! What is measured does not ask for λ = 0: with decay over a long horizon the claim fails, as it must.

use super::nfa_violated::VIOLATED;
use super::{Condition, Finding, Measured, Records};

/// Share by which the residual may improve while t grows tenfold; e^{−2λt} with 2λT = 1 improves it by 0.59.
const IMPROVES: f64 = 0.1;

pub(super) fn measure(records: &Records) -> Finding {
    if records.starts_balanced() {
        return Err("the start is balanced: the claim is about an unbalanced one".to_string());
    }
    let (t, residuals) = (records.column("t"), records.column("nfa_alignment_residual"));
    let begin = 0.1 * records.scenario.flow.t_end;
    let before = t.iter().rposition(|&t| t <= begin).and_then(|index| residuals.get(index)).copied().unwrap_or(f64::NAN);
    let value = records.last("nfa_alignment_residual");
    if value.is_nan() || before.is_nan() {
        return Err("the alignment is not defined over the last decade of time: W₁ or the AGOP is zero there".to_string());
    }
    let law = records.law_error(value);
    let conditions = vec![
        Condition::at_most("share of the alignment residual lost over the last decade of time", 1.0 - value / before, IMPROVES)
            .law_error(law / before),
        Condition::at_least("min_c ‖W₁ᵀW₁ − cA_f^(1/L)‖/‖W₁ᵀW₁‖ at the end", value, VIOLATED).law_error(law),
    ];
    Ok(Measured { conditions, remark: format!("the residual goes from {before:.4} to {value:.4}"), ..Measured::default() })
}
