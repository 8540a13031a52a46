//! What all settings share, however they are written down: values out of range, reported together, and the paths of keys. The settings
//! themselves are defined beside the code that they set; a scenario composes them ([`crate::scenario`]), and a library user fills them in.

mod findings;
pub(crate) mod path;

pub(crate) use findings::{Finding, Findings, write_path};

/// The largest dimension of inputs, layers and outputs: beyond it one square weight matrix exceeds 32 GB.
pub(crate) const MAX_WIDTH: usize = 65_536;
