//! gramflow
pub mod npz;
pub mod record;
