//! `measure`: quantities that are measured when they are asked for, because each costs gradients of its own.

use serde::{Deserialize, Serialize};

/// A quantity beyond those that every run records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The largest eigenvalue of ∇²J, of the flow too (an optimizer's is always measured).
    Sharpness,
    /// The exact law of D_l under the steps of gd and sgd, and the imbalance that their step size creates.
    Ledger,
    /// The distance of gd and sgd, with momentum or without, to the flow that their step size modifies.
    ModifiedFlow,
    /// The distance of adam, adamw and rmsprop to their own continuous limits.
    Limit,
}
