//! The central flow beside one optimizer, on its clock: a step of its own for every step of the optimizer.

use std::time::{Duration, Instant};

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::observe::{CompanionKind, Prediction};
use crate::ode::{Interrupt, Termination, short};
use crate::optim::{CentralFlow, CentralFlowError};
use crate::record;

use super::stop::QUANTITIES;

/// The share of looks at the Hessian that may fall short without a warning.
const SHORT: f64 = 0.01;

/// A central flow beside one optimizer.
pub(super) struct CentralCompanion<'a> {
    flow: CentralFlow<'a>,
    interrupt: Interrupt,
    /// The time advanced to last.
    landed: f64,
    /// Where oscillation begins: the first recorded time at which it has directions.
    entered: Option<f64>,
    time: Duration,
    stop: Option<Termination>,
    /// Why it stopped, in words.
    reason: Option<String>,
}

impl<'a> CentralCompanion<'a> {
    pub(super) fn new(flow: CentralFlow<'a>, interrupt: &Interrupt) -> Self {
        let (interrupt, time) = (interrupt.clone(), Duration::ZERO);
        Self { flow, interrupt, landed: 0.0, entered: None, time, stop: None, reason: None }
    }

    /// Advances it to the optimizer's step `step`, which stands at time `t`, or as far as it gets. Returns whether it was paused on the way.
    pub(super) fn advance(&mut self, t: f64, step: u64) -> bool {
        let begin = Instant::now();
        while self.flow.steps() < step && self.stop.is_none() && !self.interrupt.is_raised() {
            if let Err(error) = self.flow.step() {
                let (t, norm) = (self.landed, self.flow.theta().norm());
                self.stop = Some(match error {
                    CentralFlowError::Overflow => Termination::Diverged { t, norm },
                    CentralFlowError::Crowded { .. } => Termination::MaxSteps { t, steps: self.flow.steps() },
                });
                self.reason = Some(error.to_string());
            }
        }
        self.time += begin.elapsed();
        if self.stop.is_some() {
            return false;
        }
        if self.flow.steps() < step {
            if !self.interrupt.is_pause() {
                self.stop = Some(Termination::Interrupted { t: self.landed });
            }
            return self.interrupt.is_pause();
        }
        self.landed = t;
        if self.entered.is_none() && self.flow.oscillating() > 0 {
            self.entered = Some(t);
        }
        false
    }

    /// Gradients that it has taken so far.
    pub(super) fn gradients(&self) -> u64 {
        self.flow.gradients()
    }

    /// Time that it has taken so far.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.flow.archive(archive)?;
        archive.item(&mut self.landed)?;
        archive.item(&mut self.entered)?;
        archive.item(&mut self.time)?;
        archive.item(&mut self.reason)?;
        Termination::archive(&mut self.stop, &QUANTITIES, archive)
    }

    /// Its kind, and θ at time `t`, with what it predicts there; `None` if it is not at `t`.
    pub(super) fn at(&self, t: f64) -> Option<(CompanionKind, &DVector<f64>, Prediction)> {
        let there = self.stop.is_none() && self.landed == t;
        let predicted = || Prediction { mean: self.flow.mean_value(), directions: self.flow.oscillating() };
        there.then(|| (CompanionKind::CentralFlow, self.flow.theta(), predicted()))
    }

    /// Its entry in the manifest, and warnings. `interrupted` tells whether its optimizer was interrupted.
    pub(super) fn ended(self, interrupted: bool) -> ((String, record::Companion), Vec<String>) {
        let (name, t) = (CompanionKind::CentralFlow.name(), self.landed);
        let termination =
            self.stop.unwrap_or(if interrupted { Termination::Interrupted { t } } else { Termination::TEnd { t } });
        let mut complaints = Vec::new();
        if let Some(reason) = &self.reason {
            complaints.push(format!("distance_to_{name} ends at t = {} with its flow: {reason}", short(t, 6)));
        }
        if self.flow.unsettled() > SHORT {
            complaints.push(format!(
                "its central flow follows eigenvectors that are uncertain at {:.0} % of its steps, because the limit of products with the \
                 Hessian was reached: compare it with care",
                100.0 * self.flow.unsettled()
            ));
        }
        let detail = match (self.reason, self.entered) {
            (Some(reason), _) => reason,
            (None, Some(entered)) => format!("{termination}; at the edge of stability from t = {}", short(entered, 6)),
            (None, None) => format!("{termination}; it never came to the edge of stability and is gradient flow"),
        };
        let entry = record::Companion {
            formula: self.flow.formula(),
            gradients: self.flow.gradients(),
            wall_seconds: self.time.as_secs_f64(),
            termination: termination.reason(),
            termination_detail: detail,
            t_reached: t,
        };
        ((name.to_string(), entry), complaints)
    }
}
