//! The vector fields whose solutions are studied.

mod gradient_flow;

pub use gradient_flow::GradientFlow;
