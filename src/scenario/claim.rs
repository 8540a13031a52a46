//! `claims`: what a scenario is meant to show.

use serde::{Deserialize, Serialize};

/// A statement that a run confirms or refutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    BalanceLaw,
    Nfa,
    DecayRate,
    NfaExact,
    NfaAsymptotic,
    Exponent,
    Peak,
    LowRank,
    NfaViolated,
    Stagnates,
    Converged,
}
