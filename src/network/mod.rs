//! Networks f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L): their shapes, their parameters as one flat vector, and their starts.

mod activation;
mod architecture;
mod extended;
mod forward;
pub mod init;
mod layer_rates;
mod parameters;
mod settings;
mod weight_decay;

pub use activation::Activation;
pub use architecture::{Architecture, Conserved};
pub use extended::ExtendedParameters;
pub use init::Init;
pub use layer_rates::LayerRates;
pub use parameters::{Parameters, WeightsError, largest_norm};
pub(crate) use settings::MAX_PARAMETERS;
pub use settings::{Network, OneOrEach, is_linear};
pub use weight_decay::WeightDecay;
