//! How far an optimizer is from the flow at the very same time.

use super::{Observable, Row, Snapshot};

/// Columns `distance_to_flow`: ‖θ(t) − θ_flow(t)‖, and `distance_to_flow_relative`: the same over ‖θ_flow(t)‖. Undefined for the flow
/// itself and where the flow has ended; after it has converged it stays where it was.
pub struct Distance;

impl Observable for Distance {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let (distance, norm) = snapshot
            .flow
            .map_or((f64::NAN, f64::NAN), |flow| ((snapshot.parameters.values() - flow.values()).norm(), flow.values().norm()));
        row.float("distance_to_flow", distance);
        row.float("distance_to_flow_relative", distance / norm);
    }
}
