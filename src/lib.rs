//! gramflow
pub mod figure;
pub mod npz;
pub mod record;
