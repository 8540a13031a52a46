//! How far a process is from its start, and an optimizer from the flow at the same time.

use nalgebra::DVector;

use crate::linalg::norm;
use crate::network::Parameters;

use super::{Column, Columns, Group, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Distance,
    &[
        Column::new("distance_to_start", "‖θ − θ_0‖", "θ", "distance ‖θ − θ_0‖"),
        Column::new(
            "distance_to_flow",
            "‖θ − θ_flow‖ at the same time; null for the flow, after its end unless it rests there, and in the last row of an optimizer that `stop` or divergence ended between its record times",
            "θ",
            "distance ‖θ − θ_{flow}‖",
        ),
        Column::new("distance_to_flow_relative", "‖θ − θ_flow‖/‖θ_flow‖", "1", "distance ‖θ − θ_{flow}‖ / ‖θ_{flow}‖"),
    ],
);

/// Columns `distance_to_start`: ‖θ(t) − θ(0)‖; `distance_to_flow`: ‖θ(t) − θ_flow(t)‖, and `distance_to_flow_relative`: the same over
/// ‖θ_flow(t)‖. The last two are undefined for the flow itself and after the flow has ended, unless it has converged: it then stays where it
/// is. They are undefined, too, where an optimizer ends between its record times: the flow, which may be far ahead by then, stops at times
/// that are known beforehand.
pub struct Distance {
    /// θ(0), common to all processes.
    pub start: DVector<f64>,
}

impl Observable for Distance {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        let theta = snapshot.parameters.values();
        row.float("distance_to_start", norm(&(theta - &self.start)));
        distance(row, "flow", theta, snapshot.flow.map(Parameters::values));
    }
}

/// Columns `distance_to_NAME`: ‖θ − θ_other‖, and `distance_to_NAME_relative`: the same over ‖θ_other‖; NaN without `other`.
pub(super) fn distance(row: &mut Row, name: &str, theta: &DVector<f64>, other: Option<&DVector<f64>>) {
    let (distance, norm) = other.map_or((f64::NAN, f64::NAN), |other| (norm(&(theta - other)), norm(other)));
    row.float(format!("distance_to_{name}"), distance);
    row.float(format!("distance_to_{name}_relative"), distance / norm);
}
