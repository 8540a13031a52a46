//! Networks f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L): their shapes, their parameters as one flat vector, and their starts.

mod activation;
mod architecture;
mod extended;
mod forward;
pub mod init;
mod parameters;

pub use crate::settings::Activation;
pub use architecture::{Architecture, Conserved};
pub use extended::ExtendedParameters;
pub use parameters::{Parameters, WeightsError, largest_norm};
