//! `measure`: opt-in quantities, each of which costs extra gradients or time.

use serde::{Deserialize, Serialize};

use super::{Group, HessianSpectrum, SdePaths, SpectralDensity};

/// A quantity beyond those that every run records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The largest eigenvalue of the Hessian ∇²J along the flow. (Along optimizers it is always measured.)
    Sharpness,
    /// The largest eigenvalue of the Hessian in the metric in which `adam`, `adamw` and `rmsprop` step, by which they reach their own edge of
    /// stability.
    PreconditionedSharpness,
    /// The largest and the smallest eigenvalues of the Hessian ∇²J, and the number of negative ones.
    Hessian(HessianSpectrum),
    /// The saddles that the flow and `gd` pass: time, loss and index, and the rate of escape beside the one that the Hessian predicts.
    Saddles,
    /// The exact law of the balance under the steps of `gd` and `sgd`, and the imbalance that their step size creates.
    Ledger,
    /// The distance of `gd` and `sgd` to their modified flows, which they follow more closely than gradient flow.
    ModifiedFlow,
    /// The distance of `adam`, `adamw`, `rmsprop` and `muon` to their own continuous limits.
    Limit,
    /// The central flow of `gd`, `adam`, `adamw` and `rmsprop`, which follows their mean path beyond the edge of stability: the distance, and the
    /// mean loss that it predicts.
    CentralFlow,
    /// Paths of the stochastic differential equation that `sgd` with replacement or noise of its own follows in law: the distance to their mean, and what they
    /// predict of its loss and its spread.
    Sde(SdePaths),
    /// The neural tangent kernel on the training samples.
    Ntk,
}

impl Measure {
    /// Its name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sharpness => "sharpness",
            Self::PreconditionedSharpness => "preconditioned_sharpness",
            Self::Hessian(_) => "hessian",
            Self::Saddles => "saddles",
            Self::Ledger => "ledger",
            Self::ModifiedFlow => "modified_flow",
            Self::Limit => "limit",
            Self::CentralFlow => "central_flow",
            Self::Sde(_) => "sde",
            Self::Ntk => "ntk",
        }
    }

    /// The entry of `measure` in a scenario, in YAML.
    pub fn entry(self) -> String {
        match self {
            Self::Hessian(HessianSpectrum { top, all, density }) => {
                let all = if all { ", all: true" } else { "" };
                let density = density.map_or_else(String::new, |SpectralDensity { probes, steps, resolution }| {
                    format!(", density: {{probes: {probes}, steps: {steps}, resolution: {resolution}}}")
                });
                format!("{{hessian: {{top: {top}{all}{density}}}}}")
            }
            Self::Sde(SdePaths { paths, order }) => format!("{{sde: {{paths: {paths}, order: {order}}}}}"),
            other => other.name().to_string(),
        }
    }

    /// Whether it compares optimizers with what they follow more closely than gradient flow: it assumes one rate, constant in time, and one
    /// weight decay for all layers.
    pub fn compares(self) -> bool {
        matches!(self, Self::ModifiedFlow | Self::Limit | Self::CentralFlow | Self::Sde(_))
    }

    /// The group of its columns; `None` for saddles, which the manifest lists.
    pub fn group(self) -> Option<Group> {
        match self {
            Self::Sharpness | Self::PreconditionedSharpness => Some(Group::Sharpness),
            Self::Hessian(_) => Some(Group::Hessian),
            Self::Saddles => None,
            Self::Ledger => Some(Group::Ledger),
            Self::ModifiedFlow | Self::Limit | Self::CentralFlow | Self::Sde(_) => Some(Group::Distance),
            Self::Ntk => Some(Group::Ntk),
        }
    }
}
