//! The samples that a network is trained on; their moments, which are all that the loss of a linear network depends on; and target functions.

mod dataset;
mod file;
mod inputs;
mod labels;
mod moments;
mod population;
mod sensing;
mod settings;
mod target;

pub use dataset::{Dataset, DatasetError, Split, split};
pub use inputs::{Distribution, Inputs, Law, SampleSize, WhitenError};
pub use labels::LabelError;
pub use moments::{Moments, MomentsError};
pub use population::population_moments;
pub use sensing::Sensing;
pub use settings::{Data, FileData, SampleFile, Synthetic};
pub use target::{
    Counterexample, Link, LowRankTarget, MultiIndex, Parity, SingleIndex, Target, TargetAgop, TargetFunction, Teacher, target,
    target_agop,
};
