//! Settings that several modules read, with their defaults and ranges, however they are written down: losses, records, stops and claims. Those
//! of one module stand beside its code: [`crate::network`], [`crate::data`], [`crate::flow`], [`crate::optim`],
//! [`crate::observe`].
//!
//! A scenario composes all of them ([`crate::scenario`]); a library user fills them in.

mod claim;
mod findings;
mod loss;
pub(crate) mod path;
mod record;
mod stop;

pub use claim::Claim;
pub use loss::Loss;
pub use record::{Grid, Record};
pub use stop::Stop;

pub(crate) use findings::{Findings, write_path};

/// The largest dimension of inputs, layers and outputs: beyond it one square weight matrix exceeds 32 GB.
pub(crate) const MAX_WIDTH: usize = 65_536;
