//! gramflow
pub mod linalg;
pub mod npz;
pub mod ode;
pub mod record;
pub mod rng;
