//! Studies: many integrations of one scenario, to learn about the method rather than about the network.

pub mod integrators;
pub mod lr;
