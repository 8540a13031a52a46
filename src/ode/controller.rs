//! The next step from the last errors: the predictive controller of Gustafsson, ACM Trans. Math. Softw. 20 (1994), in the form of Watts
//! (1984) and Sommeijer, Shampine & Verwer, J. Comput. Appl. Math. 88 (1998).
//!
//! With error norms e of steps h, each ∝ h^k, h' = 0.9·h·min(e^{−g/k}, (h/h₋)·(e₋/e)^{1/k}·e^{−1/k}): the second factor sees the error grow
//! or fall from step to step and extrapolates it; the smaller of the two does not overshoot when a transient ends. The gain g is 1, or less
//! for methods whose error estimates feel the errors of earlier steps (ours).

use serde::{Deserialize, Serialize};

/// Aims at an error norm a little below 1.
const SAFETY: f64 = 0.9;
/// No step is shorter than a tenth of the last or longer than five times it.
const CHANGE: (f64, f64) = (0.1, 5.0);

/// Remembers the last accepted step.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Controller {
    /// Its length and error norm.
    last: Option<(f64, f64)>,
    /// Whether the last try was rejected: the step may then not grow at once.
    rejected: bool,
}

impl Controller {
    /// The step after an accepted one of length h with error norm `error`, the estimate being ∝ h^`power`, at this gain.
    pub(super) fn accept(&mut self, h: f64, error: f64, power: f64, gain: f64) -> f64 {
        // An error of zero, of a field that vanishes, lets the step grow as fast as it may.
        let error = error.max(f64::MIN_POSITIVE);
        let simple = error.powf(-1.0 / power);
        let predicted =
            self.last.map_or(f64::INFINITY, |(h_last, last)| h / h_last * (last / error).powf(1.0 / power) * simple);
        let most = if self.rejected { 1.0 } else { CHANGE.1 };
        self.last = Some((h, error));
        self.rejected = false;
        h * (SAFETY * simple.powf(gain).min(predicted)).clamp(CHANGE.0, most)
    }

    /// The step to try in place of one of length h that was rejected for an error norm above 1.
    pub(super) fn reject(&mut self, h: f64, error: f64, power: f64) -> f64 {
        self.rejected = true;
        h * (SAFETY * error.powf(-1.0 / power)).clamp(CHANGE.0, 0.9)
    }

    /// The step to try in place of one in which a stage was not finite.
    pub(super) fn halve(&mut self, h: f64) -> f64 {
        self.rejected = true;
        0.5 * h
    }

    /// Forgets the last step: the errors of another method follow.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}
