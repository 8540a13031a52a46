//! gramflow
pub mod data;
pub mod flow;
pub mod linalg;
pub mod network;
pub mod npz;
pub mod objective;
pub mod observe;
pub mod ode;
pub mod optim;
pub mod record;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod theory;
