//! What is worth telling of an integration beside its end.

use serde::Serialize;

/// Something that happened on the way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// When.
    pub t: f64,
    /// What.
    pub kind: EventKind,
    /// In words, with numbers.
    pub detail: String,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// It stays near a stationary point that it will leave.
    Plateau,
    /// It has left it.
    PlateauEnd,
    /// It slides along a kink.
    Sliding,
    /// It no longer does.
    SlidingEnd,
    /// `auto` goes on with another method.
    Method,
    /// It has come to a minimum where nothing ends it: it would stay.
    Converged,
    /// Likewise, though it is not shown to be a minimum.
    AtRest,
    /// An optimizer's steps are longer than what is stable.
    Unstable,
}
