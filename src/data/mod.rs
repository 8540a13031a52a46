//! The samples a network is trained on, and what of them the loss of a linear network depends on.

mod dataset;
mod file;
mod inputs;
mod moments;
mod target;

pub use dataset::{Dataset, DatasetError, dataset};
pub use moments::Moments;
