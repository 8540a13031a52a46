//! `stagnates`: from an unbalanced start without weight decay the alignment makes no progress: over the last decade of time its residual
//! min_c ‖W₁ᵀW₁ − cA_f^{1/L}‖/‖W₁ᵀW₁‖ improves by less than a tenth, and stays large. A flow that has converged counts as staying where it
//! is.
//!
//! The residual at a tenth of the final time is interpolated between the neighbouring records.
//!
//! λ = 0 is not required: with decay over a long horizon the claim fails, as it must.

use crate::ode::{Reason, short};

use super::nfa_violated::VIOLATED;
use super::{Condition, Evidence, Finding, Measured, Missing, Records};

/// Share by which the residual may improve while t grows tenfold; e^{−2λt} with 2λT = 1 improves it by 0.59.
const IMPROVES: f64 = 0.1;

/// The records before and after a time may be at most this factor apart.
const BRACKET: f64 = 2.5;

pub(super) fn measure(records: &Records, evidence: &Evidence) -> Finding {
    if records.starts_balanced() {
        return Err(Missing::Undefined("the start is balanced: the claim is about an unbalanced one".to_string()));
    }
    let (t, residuals) = (records.column("t"), records.column("nfa_alignment_residual"));
    let value = records.last("nfa_alignment_residual");
    // A converged flow stays until its horizon; one that was told to stop does not.
    let end = if evidence.flow.termination == Reason::Reached { evidence.flow.t_reached } else { records.setup.t_end };
    let [earlier, before, later] = around(&t, &residuals, 0.1 * end)?;
    if value.is_nan() || before.is_nan() {
        let reason = "the alignment is not defined over the last decade of time: W₁ or the AGOP is zero there";
        return Err(Missing::Undefined(reason.to_string()));
    }
    let lost = |before: f64| 1.0 - value / before;
    if (lost(earlier) <= IMPROVES) != (lost(later) <= IMPROVES) {
        return Err(Missing::TooCoarse(
            "the verdict depends on which of the records before and after a tenth of the horizon is taken".to_string(),
        ));
    }
    let law = records.law_error(value);
    let conditions = vec![
        Condition::at_most("share of the alignment residual lost over the last decade of time", lost(before), IMPROVES)
            .law_error(law / before),
        Condition::at_least("min_c ‖W₁ᵀW₁ − cA_f^(1/L)‖/‖W₁ᵀW₁‖ at the end", value, VIOLATED).law_error(law),
    ];
    Ok(Measured { conditions, remark: format!("the residual goes from {before:.4} to {value:.4}"), ..Measured::default() })
}

/// The values before, at and after time `at`: of the neighbouring records, and linear in log t between them. After the last record the
/// value stays.
fn around(t: &[f64], values: &[f64], at: f64) -> Result<[f64; 3], Missing> {
    let after = t.partition_point(|&t| t < at);
    let (Some(&value), Some(&time)) = (values.get(after), t.get(after)) else {
        return Ok([values.last().copied().unwrap_or(f64::NAN); 3]);
    };
    if time == at {
        return Ok([value; 3]);
    }
    let (from, earlier) = after.checked_sub(1).map_or((0.0, f64::NAN), |before| (t[before], values[before]));
    if time > BRACKET * from {
        let [from, time, at] = [from, time, at].map(|t| short(t, 6));
        return Err(Missing::TooCoarse(format!("the records at t = {from} and t = {time} are too far from t = {at}")));
    }
    Ok([earlier, earlier + (value - earlier) * (at / from).ln() / (time / from).ln(), value])
}
