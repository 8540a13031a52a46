//! The central flow beside one optimizer, on its clock: a step of its own for every step of the optimizer.

use std::time::Duration;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::observe::{CompanionKind, Prediction};
use crate::ode::{Interrupt, Termination, short};
use crate::optim::{CentralFlow, CentralFlowError};
use crate::record;

use super::walk::Walk;

/// The share of looks at the Hessian that may fall short without a warning.
const SHORT: f64 = 0.01;

/// A central flow beside one optimizer.
pub(super) struct CentralCompanion<'a> {
    flow: CentralFlow<'a>,
    walk: Walk,
    /// Where oscillation begins: the first recorded time at which it has directions.
    entered: Option<f64>,
}

impl<'a> CentralCompanion<'a> {
    pub(super) fn new(flow: CentralFlow<'a>, interrupt: &Interrupt) -> Self {
        Self { flow, walk: Walk::new(interrupt), entered: None }
    }

    /// Advances it to the optimizer's step `step`, which stands at time `t`, or as far as it gets. Returns whether it was paused on the way.
    pub(super) fn advance(&mut self, t: f64, step: u64) -> bool {
        let Self { flow, walk, entered } = self;
        let missing = step.saturating_sub(flow.steps());
        let paused = walk.advance(t, missing, |t| {
            flow.step().map_err(|error| {
                let stop = match error {
                    CentralFlowError::Overflow => Termination::Diverged { t, norm: flow.theta().norm() },
                    CentralFlowError::Crowded { .. } | CentralFlowError::PreconditionedCrowded { .. } => {
                        Termination::MaxSteps { t, steps: flow.steps() }
                    }
                };
                (stop, error.to_string())
            })
        });
        if walk.is_at(t) && entered.is_none() && flow.oscillating() > 0 {
            *entered = Some(t);
        }
        paused
    }

    /// Gradients that it has taken so far.
    pub(super) fn gradients(&self) -> u64 {
        self.flow.gradients()
    }

    /// Time that it has taken so far.
    pub(super) fn time(&self) -> Duration {
        self.walk.time()
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.flow.archive(archive)?;
        self.walk.archive(archive)?;
        archive.item(&mut self.entered)
    }

    /// Its kind, and θ at time `t`, with what it predicts there; `None` if it is not at `t`.
    pub(super) fn at(&self, t: f64) -> Option<(CompanionKind, &DVector<f64>, Prediction)> {
        let predicted = || Prediction { mean: self.flow.mean_value(), directions: self.flow.oscillating() };
        self.walk.is_at(t).then(|| (CompanionKind::CentralFlow, self.flow.theta(), predicted()))
    }

    /// Its entry in the manifest, and warnings. `interrupted` tells whether its optimizer was interrupted.
    pub(super) fn ended(self, interrupted: bool) -> ((String, record::Companion), Vec<String>) {
        let Self { flow, walk, entered } = self;
        let remark = match entered {
            Some(entered) => format!("; at the edge of stability from t = {}", short(entered, 6)),
            None => "; it never came to the edge of stability".to_string(),
        };
        let unsettled = (flow.unsettled() > SHORT).then(|| {
            format!(
                "its central flow follows eigenvectors that are uncertain at {:.0} % of its steps, because the limit of products with the \
                 Hessian was reached: compare it with care",
                100.0 * flow.unsettled()
            )
        });
        let (entry, early) = walk.ended(CompanionKind::CentralFlow, interrupted, (flow.formula(), flow.gradients()), &remark);
        (entry, early.into_iter().chain(unsettled).collect())
    }
}
