//! gramflow
pub mod npz;
pub mod record;
pub mod scenario;
