//! Gradient flow: its field, the projection onto its conservation law, and the test for convergence.

mod critical_point;
mod gradient_flow;
mod projection;
mod rated;
mod settings;
mod stationarity;
mod symmetry;

pub(crate) use critical_point::critical_point;
pub use gradient_flow::GradientFlow;
pub use projection::{BalanceProjection, Correction, ProjectionError};
pub use settings::{Flow, Integrator, Precision, Preserve};
pub use stationarity::{Motion, Reading, Stationarity};

#[cfg(test)]
mod tests;
