//! A claim: what a scenario is meant to show.

use serde::{Deserialize, Serialize};

use crate::observe::{CompanionKind, Measure};

/// A statement that a run confirms or refutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// The balance law: D_l(t) = e^{−2λt}D_l(0), with D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ.
    BalanceLaw,
    /// The Neural Feature Ansatz holds at the end: W_1ᵀW_1 ∝ A_f^{1/L}.
    Nfa,
    /// The balance gap decays at the rate 2λ.
    DecayRate,
    /// From a balanced start A_f = (W_1ᵀW_1)^L for all time (Theorem 3.1).
    NfaExact,
    /// From any start ‖A_f − (W_1ᵀW_1)^L‖_F = O(c_max e^{−2λt}), c_max = max_l ‖D_l(0)‖_F (Theorem 3.2).
    NfaAsymptotic,
    /// The fitted exponent α̂ of W_1ᵀW_1 ∝ A_f^α is 1/L.
    Exponent,
    /// The cosine of W_1ᵀW_1 and A_f^{α̃/L} is largest at α̃ = 1.
    Peak,
    /// The spectrum of W_1ᵀW_1 drops after the target's rank, and its top singular space is the target's.
    LowRank,
    /// The network fits the data and violates the ansatz: a counterexample.
    NfaViolated,
    /// From an unbalanced start, the alignment makes no progress.
    Stagnates,
    /// The flow ends at a minimum, not on a plateau or at a saddle: the Hessian has no direction of negative curvature.
    Converged,
    /// Each optimizer stays near gradient flow: at every record ‖θ − θ_flow‖ is at most a twentieth of the optimizer's largest distance to the start.
    FollowsFlow,
    /// Each `gd` and `sgd` stays near its modified flow, of second order in the step size.
    FollowsModifiedFlow,
    /// Each `gd` and `sgd` stays near its modified flow of third order in the step size.
    FollowsThirdOrderFlow,
    /// Each `adam`, `adamw`, `rmsprop` and `muon` stays near its continuous limit.
    FollowsLimit,
    /// Each `gd`, `adam`, `adamw` and `rmsprop` stays near its central flow, beyond the edge of stability, too.
    FollowsCentralFlow,
    /// Each `sgd` with replacement or noise of its own stays within three spreads of the mean over paths of its stochastic differential equation.
    FollowsSde,
}

/// A claim about a model of optimizers that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// There are no optimizers.
    #[error("{claim} is about optimizers: add one to `optimizers`")]
    Optimizers {
        /// The claim.
        claim: &'static str,
    },
    /// The model is not computed.
    #[error("{claim} compares with what is not computed: add {measure} to `measure`")]
    Unmeasured {
        /// The claim.
        claim: &'static str,
        /// The measure that computes it.
        measure: &'static str,
    },
}

impl Claim {
    /// Its name in a scenario: `balance-law`.
    pub fn name(self) -> &'static str {
        match self {
            Self::BalanceLaw => "balance-law",
            Self::Nfa => "nfa",
            Self::DecayRate => "decay-rate",
            Self::NfaExact => "nfa-exact",
            Self::NfaAsymptotic => "nfa-asymptotic",
            Self::Exponent => "exponent",
            Self::Peak => "peak",
            Self::LowRank => "low-rank",
            Self::NfaViolated => "nfa-violated",
            Self::Stagnates => "stagnates",
            Self::Converged => "converged",
            Self::FollowsFlow => "follows-flow",
            Self::FollowsModifiedFlow => "follows-modified-flow",
            Self::FollowsThirdOrderFlow => "follows-third-order-flow",
            Self::FollowsLimit => "follows-limit",
            Self::FollowsCentralFlow => "follows-central-flow",
            Self::FollowsSde => "follows-sde",
        }
    }

    /// Whether one of these claims is about the flow, which is then integrated a second time.
    pub fn concern_flow(claims: &[Self]) -> bool {
        claims.iter().any(|claim| claim.model().is_none())
    }

    /// The models of optimizers whose errors these claims need, each once. Paths are not among them: how well their law is known follows from
    /// their number.
    pub fn models(claims: &[Self]) -> Vec<CompanionKind> {
        let mut models = Vec::new();
        for model in claims.iter().filter_map(|claim| claim.model()).filter(|model| *model != CompanionKind::Sde) {
            if !models.contains(&model) {
                models.push(model);
            }
        }
        models
    }

    /// What the model that optimizers are claimed to follow lacks, of a run with or without optimizers that measures this.
    pub(crate) fn missing(self, has_optimizers: bool, measured: &[Measure]) -> Vec<ClaimError> {
        let (claim, Some(model)) = (self.name(), self.model()) else { return Vec::new() };
        let optimizers = (!has_optimizers).then_some(ClaimError::Optimizers { claim });
        let unmeasured = model.measure().filter(|measure| measured.iter().all(|asked| asked.name() != *measure));
        optimizers.into_iter().chain(unmeasured.map(|measure| ClaimError::Unmeasured { claim, measure })).collect()
    }

    /// The model that optimizers are claimed to follow; `None` for a claim about the flow.
    pub fn model(self) -> Option<CompanionKind> {
        match self {
            Self::FollowsFlow => Some(CompanionKind::Flow),
            Self::FollowsModifiedFlow => Some(CompanionKind::ModifiedFlow),
            Self::FollowsThirdOrderFlow => Some(CompanionKind::ThirdOrderFlow),
            Self::FollowsLimit => Some(CompanionKind::Limit),
            Self::FollowsCentralFlow => Some(CompanionKind::CentralFlow),
            Self::FollowsSde => Some(CompanionKind::Sde),
            Self::BalanceLaw | Self::Nfa | Self::DecayRate | Self::NfaExact | Self::NfaAsymptotic | Self::Exponent => None,
            Self::Peak | Self::LowRank | Self::NfaViolated | Self::Stagnates | Self::Converged => None,
        }
    }
}
