//! What is worth telling of an integration beside its end.

use serde::Serialize;

/// Something that happened on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// When.
    pub t: f64,
    /// What: `plateau`, `plateau_end`, `sliding`, `sliding_end`, `method`, `converged` or `at_rest`; of an optimizer `unstable`.
    pub kind: &'static str,
    /// In words, with numbers.
    pub detail: String,
}
