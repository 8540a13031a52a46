//! `nfa-asymptotic`, theorem 3.2: R(t) = ‖A_f − (W₁ᵀW₁)^L‖_F = O(c_max e^{−2λt}), c_max = max_l ‖D_l(0)‖_F.
//!
//! R may grow while the network learns: its factor, powers of ‖W_l‖, is constant only once the weights have settled. The rate is therefore
//! fitted to log R on t over the second half of the time in which R and the gap are above rounding. The lower end of its 95 % interval must
//! be at least 0.9·2λ, and R must have fallen to a tenth of its maximum, lest a brief decline pass for a limit. The fitted constant of the
//! envelope is C = max R e^{2λt}/c_max over those records; `constant_overall` is the same over all records.
//!
//! Near balance R is proportional to D, so the law's error of log D also serves for log R. Without decay the envelope does not fall; R must
//! then fall by one e-fold over that second half.

use crate::linalg::{FAINT, Line};
use crate::theory::balance::decay;

use super::records::slope_error;
use super::{Condition, Finding, Measured, Missing, Records, shown};

/// A tenth less than 2λ, for weights that are still settling; R ∝ e^{−λt} would give one half.
const RATE: f64 = 0.9;
/// R at the end over its largest value.
const COME_DOWN: f64 = 0.1;
/// Relative residuals below this are rounding of matrices raised to the power L.
const ROUNDING: f64 = 1e-12;

/// A record: t, R, the law's error of log R.
type Point = (f64, f64, f64);

pub(super) fn measure(records: &Records) -> Finding {
    if records.starts_balanced() {
        return Err(Missing::Undefined("the start is balanced: claim nfa-exact instead (theorem 3.1)".to_string()));
    }
    let (t, residual) = (records.column("t"), records.column("nfa_residual"));
    let relative = records.column("nfa_residual_relative");
    let points: Vec<Point> = t
        .iter()
        .zip(&residual)
        .zip(records.imbalance_errors())
        .zip(&relative)
        .filter(|(((_, r), error), relative)| !error.is_nan() && **relative > ROUNDING && **r > FAINT)
        .map(|(((&t, &r), error), _)| (t, r, error))
        .collect();
    let end = points.last().map_or(0.0, |point| point.0);
    let late: Vec<Point> = points.iter().copied().filter(|point| point.0 >= 0.5 * end).collect();
    let (times, logs): (Vec<f64>, Vec<f64>) = late.iter().map(|point| (point.0, point.1.ln())).unzip();
    let Some(line) = Line::through(&times, &logs) else {
        let reason = format!("a rate needs three records in the second half of the time, but there are {}", late.len());
        return Err(Missing::TooCoarse(reason));
    };
    let law = slope_error(&times, &late.iter().map(|point| point.2).collect::<Vec<_>>());
    let (rate, least, expected) = (-line.slope, -line.slope - line.half_width, 2.0 * records.decay());
    let falls = if expected > 0.0 {
        Condition::at_least("late decay rate of ‖A_f − (W₁ᵀW₁)^L‖ over 2λ", least / expected, RATE).law_error(law / expected)
    } else {
        let span = times[times.len() - 1] - times[0];
        let quantity = "e-folds by which ‖A_f − (W₁ᵀW₁)^L‖ falls over the second half";
        Condition::at_least(quantity, least * span, 1.0).law_error(law * span)
    };
    let largest = residual.iter().copied().fold(0.0, f64::max);
    let down = records.last("nfa_residual") / largest;
    let end_error = points.last().map_or(0.0, |point| point.2);
    let come_down =
        Condition::at_most("‖A_f − (W₁ᵀW₁)^L‖ at the end over its largest", down, COME_DOWN).law_error(down * end_error);

    let start_gap = records.column("balance_gap").first().copied().unwrap_or(f64::NAN);
    let constant =
        |points: &[Point]| points.iter().map(|(t, r, _)| r / decay(records.decay(), *t) / start_gap).fold(0.0, f64::max);
    let fitted = constant(&late);
    let remark = format!(
        "from t = {:.4} on the rate is {rate:.4e} ± {:.1e} (95 %), 2λ is {}, and C = {fitted:.3}{}",
        times[0],
        line.half_width,
        shown(expected),
        what_is_missing(expected, down, end)
    );
    let details = vec![
        ("rate", rate),
        ("rate_half_width", line.half_width),
        ("rate_expected", expected),
        ("fitted_from", times[0]),
        ("fitted_to", end),
        ("constant", fitted),
        ("constant_overall", constant(&points)),
        ("start_gap", start_gap),
    ];
    Ok(Measured { conditions: vec![falls, come_down], details, remark })
}

/// Why a residual that has come `down` to this share of its largest is still large at time `end`, and the remedy.
fn what_is_missing(rate: f64, down: f64, end: f64) -> String {
    if down <= COME_DOWN {
        return String::new();
    }
    if rate == 0.0 {
        return "; without weight decay the bound does not fall: set weight_decay, or claim stagnates".to_string();
    }
    let left = (-rate * end).exp();
    format!("; e^(−2λt) is {} at the end: a longer flow.t_end or a larger weight_decay brings the residual down", shown(left))
}
