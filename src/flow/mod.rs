//! The vector fields whose solutions are studied.

mod gradient_flow;
mod stationarity;

pub use gradient_flow::GradientFlow;
pub use stationarity::{Look, Motion, Stationarity};
