//! The vector fields whose solutions are studied, and what keeps their solutions on the manifold where theory puts them.

mod gradient_flow;
mod projection;
mod stationarity;

pub use gradient_flow::GradientFlow;
pub use projection::{BalanceProjection, Correction, ProjectionError};
pub use stationarity::{Look, Motion, Stationarity};

#[cfg(test)]
mod tests;
