//! How far an optimizer is from the flow at the very same time.

use nalgebra::DVector;

use crate::linalg::norm;
use crate::network::Parameters;

use super::{Observable, Row, Snapshot};

/// Columns `distance_to_flow`: ‖θ(t) − θ_flow(t)‖, and `distance_to_flow_relative`: the same over ‖θ_flow(t)‖. Undefined for the flow
/// itself and where the flow has ended; after it has converged it stays where it was.
pub struct Distance;

impl Observable for Distance {
    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        distance(row, "flow", snapshot.parameters.values(), snapshot.flow.map(Parameters::values));
    }
}

/// Columns `distance_to_NAME` and `…_relative`: ‖θ − θ_other‖, and over ‖θ_other‖; undefined without another.
pub(super) fn distance(row: &mut Row, name: &str, theta: &DVector<f64>, other: Option<&DVector<f64>>) {
    let (distance, norm) = other.map_or((f64::NAN, f64::NAN), |other| (norm(&(theta - other)), norm(other)));
    row.float(format!("distance_to_{name}"), distance);
    row.float(format!("distance_to_{name}_relative"), distance / norm);
}
