//! How far a sweep is, from its folders alone. What is being run at this moment cannot be known and counts as missing.

use super::{Folder, SweepPlan, Unit};

/// The units of a sweep by what became of them, each list in the order of the plan.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// How many are finished.
    pub done: usize,
    /// Those that could not be run when that was last tried, and why.
    pub failed: Vec<(Unit, String)>,
    /// Those of which nothing is known.
    pub missing: Vec<Unit>,
}

impl Status {
    /// Of the units of `plan`, in any of the folders.
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
