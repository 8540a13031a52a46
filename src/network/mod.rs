//! Deep linear networks f(x) = W_L ⋯ W_1 x: their shapes, their weights as one flat vector, and their starts.

mod architecture;
mod extended;
pub mod init;
mod parameters;

pub use architecture::Architecture;
pub use extended::ExtendedParameters;
pub use parameters::{Parameters, WeightsError, largest_norm};
