//! `balance-law`: D_l(t) = e^{−2λt}D_l(0) at every recorded time, lemma 3.2 of Tansley et al. 2025.
//!
//! The law is exact for the flow whatever the data, so the value measures the integration alone. A violation that the second integration at
//! least halves is `integrator-limited`; one that it leaves is not due to the integrator, and the claim `fails`.

use super::{Condition, Finding, Measured, Missing, Records};

/// Six digits of D(0): a hundred times the default `flow.rtol`, and 10⁴ times below what shows in a picture.
const THRESHOLD: f64 = 1e-6;

pub(super) fn measure(records: &Records) -> Finding {
    if records.column("balance_law_residual").iter().all(|residual| residual.is_nan()) {
        return Err(Missing::Undefined("this network conserves no imbalance, so there is no law to test".to_string()));
    }
    if let Some([from, to]) = records.gap_that_hides_a_peak() {
        return Err(Missing::TooCoarse(format!("a peak between the records at t = {from} and t = {to} could go unseen")));
    }
    // What a projection has corrected is error of the integration.
    let corrected = records.column("balance_correction").into_iter().fold(0.0, f64::max);
    let (quantity, value) = if records.starts_balanced() {
        ("max ‖D(t) − e^(−2λt)D(0)‖/‖θ‖² from a balanced start", records.off_the_law())
    } else {
        let relative = records.column("balance_law_residual_relative").into_iter().fold(corrected, f64::max);
        ("max ‖D(t) − e^(−2λt)D(0)‖/‖D(0)‖", relative)
    };
    let remark = if corrected > 0.0 {
        "flow.preserve keeps the law, so its largest correction ‖δθ‖/‖θ‖ counts as error".to_string()
    } else {
        String::new()
    };
    let condition = Condition::at_most(quantity, value, THRESHOLD).zero_by_law();
    Ok(Measured { remark, ..condition.into() })
}
