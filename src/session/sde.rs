//! Paths of the stochastic differential equation beside one optimizer, on its clock.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::observe::{CompanionKind, SdeLaw};
use crate::ode::{Interrupt, Termination};
use crate::optim::{PathDiverged, Sde};
use crate::record;

use super::walk::Walk;

/// Paths beside one optimizer.
pub(super) struct SdeCompanion {
    sde: Sde,
    walk: Walk,
}

impl SdeCompanion {
    pub(super) fn new(sde: Sde, interrupt: &Interrupt) -> Self {
        Self { sde, walk: Walk::new(interrupt) }
    }

    /// Advances all paths to the optimizer's step `step`, which stands at time `t`, or as far as they get. Returns whether they were paused on
    /// the way.
    pub(super) fn advance(&mut self, t: f64, step: u64) -> bool {
        let Self { sde, walk } = self;
        let missing = step.saturating_sub(sde.steps());
        walk.advance(t, missing, |t| {
            sde.step().map_err(|error @ PathDiverged { norm, .. }| (Termination::Diverged { t, norm }, error.to_string()))
        })
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.sde.archive(archive)?;
        self.walk.archive(archive)
    }

    /// The mean of the paths at time `t`, and their law there; `None` if they are not at `t`.
    pub(super) fn at(&mut self, t: f64) -> Option<(DVector<f64>, SdeLaw)> {
        let sde = &mut self.sde;
        self.walk.is_at(t).then(|| {
            let (values, mean) = (sde.values(), sde.mean());
            let squares: Vec<f64> = sde.paths().map(DVector::norm_squared).collect();
            let law = SdeLaw::new(values, &squares, sde.spread(&mean));
            (mean, law)
        })
    }

    /// Its entry in the manifest, and a warning if it ended early. `interrupted` tells whether its optimizer was interrupted.
    pub(super) fn ended(self, interrupted: bool) -> ((String, record::Companion), Option<String>) {
        let Self { sde, walk } = self;
        let remark = format!("; {} paths", sde.count());
        walk.ended(CompanionKind::Sde, interrupted, (sde.formula(), sde.gradients()), &remark)
    }
}
