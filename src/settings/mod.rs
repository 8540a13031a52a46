//! What all settings share, however they are written down: values out of their range, found all at once, and the paths of their keys. The
//! settings themselves stand beside the code that they set; a scenario composes them ([`crate::scenario`]), and a library user fills them in.

mod findings;
pub(crate) mod path;

pub(crate) use findings::{Findings, write_path};

/// The largest dimension of inputs, layers and outputs: beyond it one square weight matrix exceeds 32 GB.
pub(crate) const MAX_WIDTH: usize = 65_536;
