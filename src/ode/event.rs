//! Notable events of an integration besides its end.

use serde::{Deserialize, Serialize};

/// Something that happened on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The time.
    pub t: f64,
    /// The kind of event.
    pub kind: EventKind,
    /// A description in words, with numbers.
    pub detail: String,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The flow stays near a stationary point that it will leave.
    Plateau,
    /// The flow has left that point.
    PlateauEnd,
    /// The process was nearest to a saddle that it has left since.
    Saddle,
    /// ‖∇J‖ was least and has grown since, but no critical point with negative curvature is found there.
    LeastGradient,
    /// The flow slides along a kink.
    Sliding,
    /// The flow no longer slides.
    SlidingEnd,
    /// `auto` has changed the method.
    Method,
    /// The flow has reached a minimum and would stay, but nothing ends it there.
    Converged,
    /// Likewise, at a point not shown to be a minimum.
    AtRest,
    /// An optimizer's steps exceed the bound of stability.
    Unstable,
}
