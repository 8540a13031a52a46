//! The samples a network is trained on, what of them the loss of a linear network depends on, and the functions that labels follow.

mod dataset;
mod file;
mod inputs;
mod labels;
mod moments;
mod target;

pub use dataset::{Dataset, DatasetError, Split, split};
pub use inputs::{Law, WhitenError};
pub use labels::LabelError;
pub use moments::Moments;
pub use target::{TargetAgop, TargetFunction, target, target_agop};
