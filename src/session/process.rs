//! What is left of a process, flow or optimizer, at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::network::{ExtendedParameters, Parameters};
use crate::ode::{Event, Termination, Work};
use crate::record;

/// A process at its end.
pub(super) struct Ended {
    pub name: String,
    pub parameters: Parameters,
    /// The same with what they have below float64, of a flow that is preserved in double-double.
    pub extended: Option<ExtendedParameters>,
    /// What a reader of its records must know.
    pub complaints: Vec<String>,
    pub work: Work,
    /// Spent on finding out whether it has converged, and on its sharpness.
    pub gradients_monitoring: u64,
    pub events: Vec<Event>,
    /// The flows of its own that it was compared with.
    pub companions: BTreeMap<String, record::Companion>,
    /// Spent stepping, observation apart.
    pub time: Duration,
    /// Spent on observation.
    pub observation: Duration,
    pub termination: Termination,
}
