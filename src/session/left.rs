//! What is left of a companion at its end.

use std::time::Duration;

use crate::observe::CompanionKind;
use crate::ode::Termination;
use crate::record;

/// A companion that goes no further.
pub(super) struct Left {
    pub kind: CompanionKind,
    /// Its equation.
    pub formula: String,
    pub gradients: u64,
    /// Time that it has taken.
    pub time: Duration,
    /// The time on its clock that it has reached.
    pub t: f64,
    /// Why it ended before its optimizer.
    pub stop: Option<Termination>,
}

impl Left {
    /// How it ended; `interrupted` tells whether its optimizer was interrupted.
    pub(super) fn termination(&self, interrupted: bool) -> Termination {
        let t = self.t;
        self.stop.unwrap_or(if interrupted { Termination::Interrupted { t } } else { Termination::TEnd { t } })
    }

    /// Its entry in the manifest, by its name. It ended by `termination`, or in the words of `detail`.
    pub(super) fn entry(self, termination: Termination, detail: String) -> (String, record::Companion) {
        let entry = record::Companion {
            formula: self.formula,
            gradients: self.gradients,
            wall_seconds: self.time.as_secs_f64(),
            termination: termination.reason(),
            termination_detail: detail,
            t_reached: self.t,
        };
        (self.kind.name().to_string(), entry)
    }
}
