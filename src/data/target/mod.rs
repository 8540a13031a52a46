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

use std::fmt::Debug;

use nalgebra::DMatrix;

use crate::rng::{Purpose, stream};
use crate::settings;

use super::inputs::Law;

/// A function f*, and what theory asks of it.
pub trait TargetFunction: Debug {
    /// f*(x_i) in rows, n × d_L, of the rows x_i of X ∈ ℝ^{n × d}.
    fn values(&self, x: &DMatrix<f64>) -> DMatrix<f64>;

    /// J*(x) = ∂f*/∂x, d_L × d, at one x ∈ ℝ^d. Where f* has a kink, the derivative that PyTorch takes: that of max(0, z) at 0 is 0.
    fn jacobian(&self, x: &[f64]) -> DMatrix<f64>;

    /// R with RᵀR = A_{f*} = E[J*(x)ᵀJ*(x)] for x of the law, R of d columns; `None` where no closed form is known here.
    fn agop_factor(&self, law: &Law) -> Option<DMatrix<f64>>;
}

/// The target that a scenario asks for, for inputs of length `dim`. Its random part derives from `seed`.
pub fn target(settings: &settings::Target, dim: usize, seed: u64) -> Box<dyn TargetFunction> {
    let rng = &mut stream(seed, Purpose::Target);
    match settings {
        settings::Target::LowRank(settings) => Box::new(low_rank::target(settings, dim, rng)),
        settings::Target::SingleIndex(settings) => Box::new(single_index::target(settings, dim, rng)),
        settings::Target::MultiIndex(settings) => Box::new(multi_index::MultiIndex::new(settings, dim, rng)),
        settings::Target::Teacher(settings) => Box::new(teacher::Teacher::new(settings, rng)),
        settings::Target::Parity(settings) => Box::new(parity::Parity::new(settings)),
        settings::Target::Counterexample(settings) => Box::new(counterexample::Counterexample::new(settings)),
    }
}
