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
    /// Whether only the first record and every second one, counted from the last, are used.
    halved: bool,
}

impl<'a> Records<'a> {
    /// The records of the flow in `run`.
    pub fn new(setup: &'a Setup, run: &'a Run) -> Self {
        Self { setup, run, halved: false }
    }

    /// Whether these are the records of `run`.
    pub fn are_of(&self, run: &Run) -> bool {
        std::ptr::eq(self.run, run)
    }

    /// The first record and every second one, counted from the last.
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

    /// The last value of a column; NaN if there is none.
    pub fn last(&self, name: &str) -> f64 {
        self.column(name).last().copied().unwrap_or(f64::NAN)
    }

    /// An array of the flow, `flow/name`.
    pub fn array(&self, name: &str) -> Option<&'a Array> {
        self.run.arrays.get(&format!("flow/{name}"))
    }

    /// A_{f*} ∈ ℝ^{d_0 × d_0}; `None` where the target is not known.
    pub fn target_agop(&self) -> Option<&'a Array> {
        self.run.arrays.get("target/agop")
    }

    /// L.
    pub fn depth(&self) -> usize {
        self.setup.depth
    }

    /// c of the balance law D(t) = e^{−2ct}D(0): λ, or the common κ_lλ_l of all layers; NaN where κ_lλ_l differs between layers and there
    /// is no law.
    pub fn decay(&self) -> f64 {
        self.setup.law.rate().unwrap_or(f64::NAN)
    }

    /// Upper bound on ‖φ‖ over the recorded times, φ_l = θ_l/√κ_l; ‖θ‖ itself without layer rates.
    pub fn norms(&self) -> Vec<f64> {
        let law = &self.setup.law;
        self.column("weight_norm").into_iter().map(|norm| law.norm(norm)).collect()
    }

    /// Whether the imbalance obeys a law and is zero at the start, to rounding: ratios to it are then undefined.
    pub fn starts_balanced(&self) -> bool {
        let first = |name: &str| self.column(name).first().copied().unwrap_or(f64::NAN);
        first("balance_law_residual_relative").is_nan() && first("balance_law_residual").is_finite()
    }

    /// Lower bound on how far the weights are off the balance law: the largest ‖D(t) − e^{−2λt}D(0)‖/‖θ‖² over the records, or the largest
    /// correction ‖δθ‖/‖θ‖ of a projection onto the law. ‖θ‖ counts as no less than at the start: what remains of a network that dies is
    /// integration error. 0 where no law is known.
    pub fn off_the_law(&self) -> f64 {
        let norms = self.norms();
        let start = norms.first().copied().unwrap_or(0.0);
        // Squares of small weights underflow: nothing is known there.
        let square = |norm: f64| Some(norm.max(start).powi(2)).filter(|square| *square > FAINT).unwrap_or(f64::NAN);
        let residuals = self.column("balance_law_residual").into_iter().zip(&norms).map(|(r, norm)| r / square(*norm));
        // `max` ignores NaN.
        residuals.chain(self.column("balance_correction")).fold(0.0, f64::max)
    }

    /// The same at the end of the flow: errors of the imbalance that have decayed by then do not count, corrections do.
    fn off_the_law_at_the_end(&self) -> f64 {
        let norms = self.norms();
        let (start, end) = (norms.first().copied().unwrap_or(0.0), norms.last().copied().unwrap_or(0.0));
        let residual = self.last("balance_law_residual") / end.max(start).powi(2);
        // `max` ignores NaN.
        std::iter::once(residual).chain(self.column("balance_correction")).fold(0.0, f64::max)
    }

    /// The first gap between records that could hide the maximum of something that decays as e^{−2λt} once it has arisen: within the gap it
    /// would decay by more than a factor e, and the time more than doubles.
    pub fn gap_that_hides_a_peak(&self) -> Option<[f64; 2]> {
        let t = self.column("t");
        let hides = |pair: &&[f64]| 2.0 * self.decay() * (pair[1] - pair[0]) > 1.0 && pair[1] > 2.0 * pair[0];
        t.windows(2).find(hides).map(|pair| [pair[0], pair[1]])
    }

    /// |log(‖D(t)‖/(e^{−2λt}‖D(0)‖))|, the relative error of the norm of the imbalance at each record; NaN where rounding hides the gap.
    pub fn gap_errors(&self) -> Vec<f64> {
        self.column("balance_gap_over_envelope").into_iter().map(|ratio| ratio.ln().abs()).collect()
    }

    /// −log(1 − x), x = ‖D(t) − e^{−2λt}D(0)‖/(e^{−2λt}‖D(0)‖): bound on the error, at each record, of the logarithm of a quantity
    /// proportional to the imbalance, whatever its direction. Infinite where x ≥ 1, NaN where rounding hides the gap.
    pub fn imbalance_errors(&self) -> Vec<f64> {
        let envelopes =
            self.column("balance_gap").into_iter().zip(self.column("balance_gap_over_envelope")).map(|(g, r)| g / r);
        let share = |(residual, envelope): (f64, f64)| residual / envelope;
        let log = |x: f64| if x < 1.0 || x.is_nan() { -(-x).ln_1p() } else { f64::INFINITY };
        self.column("balance_law_residual").into_iter().zip(envelopes).map(share).map(log).collect()
    }

    /// Lower bound by the balance law of the error of a final value that is 0 at balance and proportional to the imbalance near it: the
    /// share of the imbalance that is integration error, times `distance`, the distance of the value from that at balance, plus how far the
    /// weights are off the law. The share is 1 where float64 no longer resolves the imbalance of a linear network, or the imbalance was
    /// zero from the start.
    pub fn law_error(&self, distance: f64) -> f64 {
        let share = match self.imbalance_errors().last() {
            Some(error) if !error.is_nan() => error.min(1.0),
            _ if self.setup.linear && !self.decay().is_nan() => 1.0,
            _ => 0.0,
        };
        share * distance.abs() + self.off_the_law_at_the_end()
    }
}

/// Upper bound on the error in the slope of log y on t for errors e_i of log y_i: Σ|c_i|e_i, with c_i the weights of the fit.
pub(super) fn slope_error(t: &[f64], errors: &[f64]) -> f64 {
    // An infinite error stays infinite even at weight zero.
    slope_weights(t).iter().zip(errors).map(|(c, error)| if error.is_finite() { c.abs() * error } else { *error }).sum()
}
