//! The vector fields whose solutions are studied, and what keeps their solutions on the manifold where theory puts them.

mod adam_limit;
mod decay;
mod formula;
mod gradient_flow;
mod modified_flow;
mod normalised_flow;
mod projection;
mod rated;
mod rmsprop_limit;
mod running_square;
mod settings;
mod stationarity;
mod symmetry;
#[cfg(test)]
mod testing;
mod third_order_flow;

pub use adam_limit::AdamLimit;
pub use decay::Decay;
pub use gradient_flow::GradientFlow;
pub use modified_flow::ModifiedFlow;
pub use normalised_flow::NormalisedFlow;
pub use projection::{BalanceProjection, Correction, ProjectionError};
pub use rmsprop_limit::RmspropLimit;
pub use settings::{Flow, Integrator, Precision, Preserve};
pub use stationarity::{Look, Motion, Stationarity};
pub use third_order_flow::ThirdOrderFlow;

#[cfg(test)]
mod tests;
