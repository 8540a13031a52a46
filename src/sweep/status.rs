//! The state of a sweep, from its folders alone. Units that are running at this moment cannot be known and count as missing.

use super::{Folder, SweepPlan, Unit};

/// The units of a sweep by their state, each list in the order of the plan.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// How many are finished.
    pub done: usize,
    /// Those whose last attempt failed, and why.
    pub failed: Vec<(Unit, String)>,
    /// Those of which nothing is known.
    pub missing: Vec<Unit>,
}

impl Status {
    /// The state of the units of `plan`, in any of the folders.
    pub fn of(plan: &SweepPlan, folders: &[Folder]) -> Self {
        let mut status = Self::default();
        for unit in plan.units() {
            if folders.iter().any(|folder| folder.is_done(unit.id)) {
                status.done += 1;
            } else if let Some(reason) = folders.iter().find_map(|folder| folder.failure(unit.id)) {
                status.failed.push((unit, reason));
            } else {
                status.missing.push(unit);
            }
        }
        status
    }

    /// Whether every unit is finished.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.missing.is_empty()
    }
}
