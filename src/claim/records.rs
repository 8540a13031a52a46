//! The records of one integration of the flow, as claims read them.

use crate::linalg::{FAINT, slope_weights};
use crate::npz::Array;
use crate::record::Run;
use crate::scenario::Scenario;

/// The flow's records under a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    /// What was asked.
    pub scenario: &'a Scenario,
    run: &'a Run,
}

impl<'a> Records<'a> {
    /// Of the flow in `run`.
    pub fn new(scenario: &'a Scenario, run: &'a Run) -> Self {
        Self { scenario, run }
    }

    /// A column over the recorded times; NaN where it is not defined.
    pub fn column(&self, name: &str) -> Vec<f64> {
        self.run.table.floats("flow", name)
    }

    /// Its last value; NaN if there is none.
    pub fn last(&self, name: &str) -> f64 {
        self.column(name).last().copied().unwrap_or(f64::NAN)
    }

    /// An array of the flow, `flow/name`.
    pub fn array(&self, name: &str) -> Option<&'a Array> {
        self.run.arrays.get(&format!("flow/{name}"))
    }

    /// A_{f*}, d × d, of a target that is known.
    pub fn target_agop(&self) -> Option<&'a Array> {
        self.run.arrays.get("target/agop")
    }

    /// L.
    pub fn depth(&self) -> usize {
        self.scenario.network.layers()
    }

    /// λ.
    pub fn decay(&self) -> f64 {
        self.scenario.weight_decay
    }

    /// Whether the imbalance is zero at the start, to rounding, where it obeys a law: then a ratio to it is not defined.
    pub fn starts_balanced(&self) -> bool {
        let first = |name: &str| self.column(name).first().copied().unwrap_or(f64::NAN);
        first("balance_law_residual_relative").is_nan() && first("balance_law_residual").is_finite()
    }

    /// By how much the weights are off the balance law, at least: the largest ‖D(t) − e^{−2λt}D(0)‖/‖θ‖² over the records, or ‖δθ‖/‖θ‖ of
    /// what a projection onto the law has corrected. ‖θ‖ is that of the start where less is left: what is left of a network that dies is
    /// integration error. 0 where no law is known.
    pub fn off_the_law(&self) -> f64 {
        let norms = self.column("weight_norm");
        let start = norms.first().copied().unwrap_or(0.0);
        // Squares of small weights underflow: of such nothing is known.
        let square = |norm: f64| Some(norm.max(start).powi(2)).filter(|square| *square > FAINT).unwrap_or(f64::NAN);
        let residuals = self.column("balance_law_residual").into_iter().zip(&norms).map(|(r, norm)| r / square(*norm));
        // `max` drops what is not defined.
        residuals.chain(self.column("balance_correction")).fold(0.0, f64::max)
    }

    /// log(‖D(t)‖/(e^{−2λt}‖D(0)‖)), the relative error of the imbalance at each record; NaN where rounding hides the gap.
    pub fn gap_errors(&self) -> Vec<f64> {
        self.column("balance_gap_over_envelope").into_iter().map(|ratio| ratio.ln().abs()).collect()
    }

    /// −log(1 − x), x = ‖D(t) − e^{−2λt}D(0)‖/(e^{−2λt}‖D(0)‖): by how much the logarithm of something proportional to the imbalance may be
    /// off at each record, whatever its direction; infinite where the residual is as large as the imbalance should be, NaN where rounding
    /// hides the gap.
    pub fn imbalance_errors(&self) -> Vec<f64> {
        let envelopes =
            self.column("balance_gap").into_iter().zip(self.column("balance_gap_over_envelope")).map(|(g, r)| g / r);
        let share = |(residual, envelope): (f64, f64)| residual / envelope;
        let log = |x: f64| if x < 1.0 || x.is_nan() { -(-x).ln_1p() } else { f64::INFINITY };
        self.column("balance_law_residual").into_iter().zip(envelopes).map(share).map(log).collect()
    }

    /// What the law says at least of the error of a number at the end of the flow that is 0 at balance and proportional to the imbalance
    /// near it: its share of `distance`, its distance from what balance would make it, that is integration error as the imbalance itself;
    /// and what the weights are off. Where float64 cannot see the imbalance any more, or it was zero from the start, all of that distance.
    pub fn law_error(&self, distance: f64) -> f64 {
        let share = match self.imbalance_errors().last() {
            Some(error) if !error.is_nan() => error.min(1.0),
            _ if self.scenario.network.is_linear() => 1.0,
            _ => 0.0,
        };
        share * distance.abs() + self.off_the_law()
    }
}

/// By how much errors e_i of log y_i move the slope of log y on t, at most: Σ|c_i|e_i.
pub(super) fn slope_error(t: &[f64], errors: &[f64]) -> f64 {
    // An infinite error stays one, at a weight of zero too.
    slope_weights(t).iter().zip(errors).map(|(c, error)| if error.is_finite() { c.abs() * error } else { *error }).sum()
}
