//! The records of one integration of the flow, as claims read them.

use crate::linalg::{FAINT, slope_weights};
use crate::npz::Array;
use crate::record::Run;

use super::Setup;

/// The flow's records of one run.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    /// What was run.
    pub setup: &'a Setup,
    run: &'a Run,
    /// Whether only every second record counts, the last among them, and the first.
    halved: bool,
}

impl<'a> Records<'a> {
    /// Of the flow in `run`.
    pub fn new(setup: &'a Setup, run: &'a Run) -> Self {
        Self { setup, run, halved: false }
    }

    /// Every second of them, the last among them, and the first.
    pub fn halved(self) -> Self {
        Self { halved: true, ..self }
    }

    /// A column over the recorded times; NaN where it is not defined.
    pub fn column(&self, name: &str) -> Vec<f64> {
        let all = self.run.table.floats("flow", name);
        let last = all.len().saturating_sub(1);
        let counts = |i: usize| !self.halved || i == 0 || (last - i).is_multiple_of(2);
        all.into_iter().enumerate().filter(|(i, _)| counts(*i)).map(|(_, value)| value).collect()
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
        self.setup.depth
    }

    /// c of the balance law D(t) = e^{−2ct}D(0): λ, or κ_lλ_l of all layers; NaN where that is not one number, so that there is no law.
    pub fn decay(&self) -> f64 {
        self.setup.law.rate().unwrap_or(f64::NAN)
    }

    /// ‖θ‖ over the recorded times, as imbalances see it: ‖φ‖ at most, φ_l = θ_l/√κ_l.
    pub fn norms(&self) -> Vec<f64> {
        let law = &self.setup.law;
        self.column("weight_norm").into_iter().map(|norm| law.norm(norm)).collect()
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
        let norms = self.norms();
        let start = norms.first().copied().unwrap_or(0.0);
        // Squares of small weights underflow: of such nothing is known.
        let square = |norm: f64| Some(norm.max(start).powi(2)).filter(|square| *square > FAINT).unwrap_or(f64::NAN);
        let residuals = self.column("balance_law_residual").into_iter().zip(&norms).map(|(r, norm)| r / square(*norm));
        // `max` drops what is not defined.
        residuals.chain(self.column("balance_correction")).fold(0.0, f64::max)
    }

    /// The same at the end of the flow: errors of the imbalance that have decayed since do not count, corrections do.
    fn off_the_law_at_the_end(&self) -> f64 {
        let norms = self.norms();
        let (start, end) = (norms.first().copied().unwrap_or(0.0), norms.last().copied().unwrap_or(0.0));
        let residual = self.last("balance_law_residual") / end.max(start).powi(2);
        // `max` drops what is not defined.
        std::iter::once(residual).chain(self.column("balance_correction")).fold(0.0, f64::max)
    }

    /// The first gap between records in which the largest of something that decays as e^{−2λt} once it is there could be missed: it would
    /// decay by more than e^{−1}, and the time more than doubles.
    pub fn gap_that_hides_a_peak(&self) -> Option<[f64; 2]> {
        let t = self.column("t");
        let hides = |pair: &&[f64]| 2.0 * self.decay() * (pair[1] - pair[0]) > 1.0 && pair[1] > 2.0 * pair[0];
        t.windows(2).find(hides).map(|pair| [pair[0], pair[1]])
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
            _ if self.setup.linear && !self.decay().is_nan() => 1.0,
            _ => 0.0,
        };
        share * distance.abs() + self.off_the_law_at_the_end()
    }
}

/// By how much errors e_i of log y_i move the slope of log y on t, at most: Σ|c_i|e_i.
pub(super) fn slope_error(t: &[f64], errors: &[f64]) -> f64 {
    // An infinite error stays one, at a weight of zero too.
    slope_weights(t).iter().zip(errors).map(|(c, error)| if error.is_finite() { c.abs() * error } else { *error }).sum()
}
