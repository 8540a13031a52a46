//! Target functions f*: ℝ^d → ℝ^{d_L}, one per file, each with its Jacobian, and their AGOP A_{f*} = E[J*(x)ᵀJ*(x)], J* = ∂f*/∂x.

mod agop;
mod counterexample;
mod entrywise;
mod hermite;
mod link;
mod low_rank;
mod multi_index;
mod parity;
mod single_index;
mod teacher;
#[cfg(test)]
mod tests;

pub use agop::{TargetAgop, target_agop};
pub use counterexample::Counterexample;
pub use link::Link;
pub use low_rank::LowRankTarget;
pub use multi_index::MultiIndex;
pub use parity::Parity;
pub use single_index::SingleIndex;
pub use teacher::Teacher;

use std::fmt::Debug;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::rng::{Purpose, stream};
use crate::settings::Findings;

use super::inputs::Law;

/// The function f*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// f*(x) = link(Ax), entry by entry, with a random matrix A of low rank.
    LowRank(LowRankTarget),
    /// f*(x) = link(⟨a, x⟩) with a random unit vector a. One output.
    SingleIndex(SingleIndex),
    /// A function of a few random directions. One output: e^{−‖z‖²} for the link `gaussian`, Σ_j link(z_j)/√rank for the others, where the z_j
    /// are the inputs along the directions.
    MultiIndex(MultiIndex),
    /// A network with random weights: f*(x) = W_L σ(W_{L−1} ⋯ σ(W_1 x)), without biases.
    Teacher(Teacher),
    /// f*(x) = x_1 ⋯ x_k, the parity of k signs on inputs ±1. One output.
    Parity(Parity),
    /// f*(x) = max(0, x_1) + ⋯ + max(0, x_k), the paper's counterexample to the ansatz. One output.
    Counterexample(Counterexample),
}

/// The best linear map of x to f*(x), and what it leaves: E‖f*(x) − Px‖² = ‖(P − P*)C^{1/2}‖² + rest, C = E[xxᵀ].
#[derive(Debug, Clone, PartialEq)]
pub struct LinearPart {
    /// P* = E[f*xᵀ]C⁻¹, d_L × d.
    pub map: DMatrix<f64>,
    /// E‖f* − P*x‖².
    pub rest: f64,
}

/// A function f*, and what theory asks of it.
pub trait TargetFunction: Debug {
    /// f*(x_i) in rows, n × d_L, of the rows x_i of X ∈ ℝ^{n × d}.
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64>;

    /// J*(x) = ∂f*/∂x, d_L × d, at one x ∈ ℝ^d. Where f* has a kink, the derivative that PyTorch takes: that of max(0, z) at 0 is 0.
    fn jacobian(&self, x: &[f64]) -> DMatrix<f64>;

    /// The best linear map to f*(x) for x of the law; `None` where no closed form is known here.
    fn linear_part(&self, _law: &Law) -> Option<LinearPart> {
        None
    }

    /// R with RᵀR = A_{f*} = E[J*(x)ᵀJ*(x)] for x of the law, R of d columns; `None` where no closed form is known here.
    fn agop_factor(&self, law: &Law) -> Option<DMatrix<f64>>;
}

impl Target {
    /// d_out, the length of f*(x).
    pub fn outputs(&self) -> usize {
        match self {
            Self::LowRank(target) => target.outputs,
            // A valid teacher has widths.
            Self::Teacher(teacher) => teacher.widths.last().copied().unwrap_or(0),
            Self::SingleIndex(_) | Self::MultiIndex(_) | Self::Parity(_) | Self::Counterexample(_) => 1,
        }
    }

    /// For inputs of length `dim`, at the path `at`.
    pub(super) fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        match self {
            Self::LowRank(target) => target.validate(&format!("{at}.low_rank"), dim, found),
            Self::SingleIndex(target) => target.link.validate(&format!("{at}.single_index.link"), found),
            Self::MultiIndex(target) => target.validate(&format!("{at}.multi_index"), dim, found),
            Self::Teacher(teacher) => teacher.validate(&format!("{at}.teacher.widths"), dim, found),
            Self::Parity(parity) => parity.validate(&format!("{at}.parity"), dim, found),
            Self::Counterexample(target) => target.validate(&format!("{at}.counterexample"), dim, found),
        }
    }
}

fn one_per_rank(path: &str, values: Option<&[f64]>, rank: usize, found: &mut Findings) {
    let Some(values) = values else { return };
    found.singular_values(path, values);
    if values.len() != rank {
        found.add(path, format!("must have one entry per rank, {rank}, got {}", values.len()));
    }
}

/// The target that a scenario asks for, for inputs of length `dim`. Its random part derives from `seed`.
pub fn target(settings: &Target, dim: usize, seed: u64) -> Box<dyn TargetFunction> {
    let rng = &mut stream(seed, Purpose::Target);
    match settings {
        Target::LowRank(settings) => Box::new(low_rank::target(settings, dim, rng)),
        Target::SingleIndex(settings) => Box::new(single_index::target(settings, dim, rng)),
        Target::MultiIndex(settings) => Box::new(multi_index::Drawn::new(settings, dim, rng)),
        Target::Teacher(settings) => Box::new(teacher::Drawn::new(settings, rng)),
        Target::Parity(settings) => Box::new(*settings),
        Target::Counterexample(settings) => Box::new(*settings),
    }
}
