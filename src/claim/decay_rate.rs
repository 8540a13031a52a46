//! `decay-rate`: the gap max_l ‖D_l(t)‖_F decays at the rate 2λ. The rate is minus the slope of log gap on t, by least squares over the
//! records at which rounding moves the gap by less than the threshold, with a 95 % interval by Student's t. Without decay the gap must stay
//! constant; the value is then the number of e-folds by which it changes over the records.
//!
//! The balance law gives the error e_i = |log(gap/envelope)| of log gap at every record, and the fit, of weights c_i, propagates it to the
//! rate: Σ|c_i|e_i/2λ.

use crate::linalg::Line;
use crate::theory::balance::floor;

use super::records::slope_error;
use super::{Condition, Finding, Measured, Missing, Records};

/// A thousandth; half or twice the rate would give 0.5 or 1.
const THRESHOLD: f64 = 1e-3;

pub(super) fn measure(records: &Records) -> Finding {
    if records.starts_balanced() {
        return Err(Missing::Undefined("the start is balanced: there is no gap to decay".to_string()));
    }
    let gaps = records.column("balance_gap");
    // Weights that were projected onto the law have digits below float64.
    let corrected = records.column("balance_correction").iter().any(|correction| correction.is_finite());
    let floors = records.norms().into_iter().map(|norm| if corrected { 0.0 } else { floor(norm) / THRESHOLD });
    let errors = gaps.iter().zip(floors).zip(records.gap_errors());
    let errors = errors.map(|((gap, floor), error)| if *gap > floor { error } else { f64::NAN });
    let seen = records.column("t").into_iter().zip(gaps.iter().copied()).zip(errors).filter(|(_, error)| !error.is_nan());
    let ((t, logs), errors): ((Vec<f64>, Vec<f64>), Vec<f64>) = seen.map(|((t, gap), error)| ((t, gap.ln()), error)).unzip();
    let Some(line) = Line::through(&t, &logs) else {
        let reason = format!("a rate needs three records with a gap above rounding, but there are {}", t.len());
        return Err(Missing::TooCoarse(reason));
    };
    let (rate, expected) = (-line.slope, 2.0 * records.decay());
    let law = slope_error(&t, &errors);
    let span = t[t.len() - 1] - t[0];
    let condition = if expected > 0.0 {
        Condition::at_most("|rate/2λ − 1| of the gap", (rate / expected - 1.0).abs(), THRESHOLD).law_error(law / expected)
    } else {
        Condition::at_most("|rate|·T of the gap without decay", (rate * span).abs(), THRESHOLD).law_error(law * span)
    };
    let remark =
        format!("the rate is {rate:.6e} ± {:.1e} (95 %) over {} records, and 2λ is {expected:e}", line.half_width, t.len());
    let details = vec![("rate", rate), ("rate_half_width", line.half_width), ("rate_expected", expected)];
    Ok(Measured { details, remark, ..condition.into() })
}
