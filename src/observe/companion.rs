//! How far an optimizer is from its companions, the continuous models that it is compared with.

use super::distance::distance;
use super::{Column, Columns, Group, Measure, Observable, Row, SdePaths, Snapshot};

pub(super) const COLUMNS: Columns = Columns::new(
    Group::Distance,
    &[
        Column::new(
            "distance_to_modified_flow",
            "‖θ − θ_mod‖, θ_mod the modified flow of gd or sgd, of second order in the step size",
            "θ",
            "distance to the modified flow ‖θ − θ_{mod}‖",
        )
        .by(Measure::ModifiedFlow),
        Column::new("distance_to_modified_flow_relative", "‖θ − θ_mod‖/‖θ_mod‖", "1", "distance ‖θ − θ_{mod}‖ / ‖θ_{mod}‖")
            .by(Measure::ModifiedFlow),
        Column::new(
            "distance_to_third_order_flow",
            "‖θ − θ_third‖, θ_third the modified flow of gd or sgd, of third order in the step size",
            "θ",
            "distance to the third-order flow ‖θ − θ_{third}‖",
        )
        .by(Measure::ModifiedFlow),
        Column::new(
            "distance_to_third_order_flow_relative",
            "‖θ − θ_third‖/‖θ_third‖",
            "1",
            "distance ‖θ − θ_{third}‖ / ‖θ_{third}‖",
        )
        .by(Measure::ModifiedFlow),
        Column::new(
            "distance_to_limit",
            "‖θ − θ_lim‖, θ_lim the continuous limit of adam, adamw, rmsprop or muon",
            "θ",
            "distance to the limit ‖θ − θ_{lim}‖",
        )
        .by(Measure::Limit),
        Column::new("distance_to_limit_relative", "‖θ − θ_lim‖/‖θ_lim‖", "1", "distance ‖θ − θ_{lim}‖ / ‖θ_{lim}‖")
            .by(Measure::Limit),
        Column::new(
            "distance_to_central_flow",
            "‖θ − θ_cf‖, θ_cf the central flow of gd, adam, adamw or rmsprop, which goes on beyond the edge of stability; that of gd is gradient flow up to it, by RK4 in steps of lr, to central_flow_error",
            "θ",
            "distance to the central flow ‖θ − θ_{cf}‖",
        )
        .by(Measure::CentralFlow),
        Column::new("distance_to_central_flow_relative", "‖θ − θ_cf‖/‖θ_cf‖", "1", "distance ‖θ − θ_{cf}‖ / ‖θ_{cf}‖")
            .by(Measure::CentralFlow),
        Column::new(
            "distance_to_sde",
            "‖θ − X̄‖, X̄ the mean over paths of the stochastic differential equation of sgd with replacement or noise of its own",
            "θ",
            "distance to the mean of the paths ‖θ − X̄‖",
        )
        .by(Measure::Sde(SdePaths::USUAL)),
        Column::new("distance_to_sde_relative", "‖θ − X̄‖/‖X̄‖", "1", "distance ‖θ − X̄‖ / ‖X̄‖").by(Measure::Sde(SdePaths::USUAL)),
    ],
);

/// A continuous model that an optimizer is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanionKind {
    /// Gradient flow itself, which all optimizers are compared with.
    Flow,
    /// The modified flow, of second order in the step size.
    ModifiedFlow,
    /// The modified flow of third order in the step size.
    ThirdOrderFlow,
    /// The limit as the step size vanishes while the averages keep the length of their memory in time.
    Limit,
    /// The central flow, of the mean path at the edge of stability.
    CentralFlow,
    /// The mean over paths of the stochastic differential equation.
    Sde,
}

impl CompanionKind {
    /// Its name in columns and in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::ModifiedFlow => "modified_flow",
            Self::ThirdOrderFlow => "third_order_flow",
            Self::Limit => "limit",
            Self::CentralFlow => "central_flow",
            Self::Sde => "sde",
        }
    }

    /// The name of the measure that asks for it; `None` for gradient flow, which is always there.
    pub fn measure(self) -> Option<&'static str> {
        let measure = match self {
            Self::Flow => return None,
            Self::ModifiedFlow | Self::ThirdOrderFlow => Measure::ModifiedFlow,
            Self::Limit => Measure::Limit,
            Self::CentralFlow => Measure::CentralFlow,
            Self::Sde => Measure::Sde(SdePaths::USUAL),
        };
        Some(measure.name())
    }
}

/// Columns `distance_to_modified_flow`, `distance_to_third_order_flow`, `distance_to_limit`, `distance_to_central_flow`, `distance_to_sde`, if
/// asked for: ‖θ(t) − θ_c(t)‖ with θ_c the companion of that name at the same time, and `…_relative`: the same over ‖θ_c(t)‖. Undefined for a
/// process without that companion, and after the companion has ended.
pub struct CompanionDistance(pub Vec<CompanionKind>);

impl Observable for CompanionDistance {
    fn columns(&self) -> Columns {
        COLUMNS
    }

    fn measure(&self, snapshot: &Snapshot, row: &mut Row) {
        for &companion in &self.0 {
            let own = snapshot.companions.iter().find(|(which, _)| *which == companion).map(|(_, theta)| *theta);
            distance(row, companion.name(), snapshot.parameters.values(), own);
        }
    }
}
