//! How accurate the flows are that an optimizer is compared with, where a claim asks for it.

use super::{Column, Columns, CompanionKind, Group, Measure, Observable, Row, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Distance,
    &[
        Column::new(
            "flow_error",
            "‖θ_flow − θ_flow′‖, θ_flow′ integrated more finely; with the claim follows-flow",
            "θ",
            "error of the flow ‖θ_{flow} − θ_{flow}′‖",
        ),
        Column::new(
            "modified_flow_error",
            "‖θ_mod − θ_mod′‖, θ_mod′ integrated more finely; with the claim follows-modified-flow",
            "θ",
            "error of the modified flow ‖θ_{mod} − θ_{mod}′‖",
        )
        .by(Measure::ModifiedFlow),
        Column::new(
            "third_order_flow_error",
            "‖θ_third − θ_third′‖, θ_third′ integrated more finely; with the claim follows-third-order-flow",
            "θ",
            "error of the third-order flow ‖θ_{third} − θ_{third}′‖",
        )
        .by(Measure::ModifiedFlow),
        Column::new(
            "limit_error",
            "‖θ_lim − θ_lim′‖, θ_lim′ integrated more finely; with the claim follows-limit",
            "θ",
            "error of the limit ‖θ_{lim} − θ_{lim}′‖",
        )
        .by(Measure::Limit),
        Column::new(
            "central_flow_error",
            "‖θ_cf − θ_cf′‖, θ_cf′ at half the step; with the claim follows-central-flow",
            "θ",
            "error of the central flow ‖θ_{cf} − θ_{cf}′‖",
        )
        .by(Measure::CentralFlow),
    ],
);

/// Columns `flow_error`, `modified_flow_error`, …, one for each of these models: ‖θ_c(t) − θ_c′(t)‖, θ_c′ the same flow at a tenth of the
/// tolerance, or the central flow at half its step. Undefined for a process without that model, and where one of the two has ended.
pub struct ModelErrors(pub Vec<CompanionKind>);

impl Observable for ModelErrors {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        for &model in &self.0 {
            let error = snapshot.model_errors.iter().find(|(which, _)| *which == model).map_or(f64::NAN, |(_, error)| *error);
            row.float(format!("{}_error", model.name()), error);
        }
    }
}
