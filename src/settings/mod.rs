//! Settings that several modules read, with their defaults and ranges, however they are written down: losses, optimizers, records, stops and claims. Those
//! of one module stand beside its code: [`crate::network`], [`crate::data`], [`crate::flow`], [`crate::observe`].
//!
//! A scenario composes all of them ([`crate::scenario`]); a library user fills them in.

mod claim;
mod clock;
mod findings;
mod loss;
mod optimizer;
pub(crate) mod path;
mod record;
mod schedule;
mod stop;

pub use claim::Claim;
pub use loss::Loss;
pub use optimizer::{Adam, Gd, Optimizer, Rmsprop, Sgd};
pub use record::{Grid, Record};
pub use schedule::Schedule;
pub use stop::Stop;

pub(crate) use findings::{Findings, write_path};
pub(crate) use optimizer::validate as validate_optimizers;

/// The largest dimension of inputs, layers and outputs: beyond it one square weight matrix exceeds 32 GB.
pub(crate) const MAX_WIDTH: usize = 65_536;
