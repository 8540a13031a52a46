//! How far an optimizer is from the flows that follow it more closely than gradient flow does: its companions.

use super::distance::distance;
use super::{Observable, Row, Snapshot};

/// A flow that belongs to one optimizer and its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Companion {
    /// The flow that its step size modifies, to second order.
    ModifiedFlow,
    /// The same to third order.
    ThirdOrderFlow,
    /// What it tends to as its step size vanishes while its averages remember for as long.
    Limit,
}

impl Companion {
    /// Its name in columns and in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::ModifiedFlow => "modified_flow",
            Self::ThirdOrderFlow => "third_order_flow",
            Self::Limit => "limit",
        }
    }
}

/// Columns `distance_to_modified_flow`, `distance_to_third_order_flow`, `distance_to_limit`, those asked for: ‖θ(t) − θ_c(t)‖ with θ_c the
/// companion of that name at the very same time, and `…_relative`: the same over ‖θ_c(t)‖. Undefined for processes without such a companion
/// and where it has ended.
pub struct CompanionDistance(pub Vec<Companion>);

impl Observable for CompanionDistance {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        for &companion in &self.0 {
            let own = snapshot.companions.iter().find(|(which, _)| *which == companion).map(|(_, theta)| *theta);
            distance(row, companion.name(), snapshot.parameters.values(), own);
        }
    }
}
