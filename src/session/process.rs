//! What remains of a process, flow or optimizer, at its end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::network::{ExtendedParameters, Parameters};
use crate::ode::{Event, Termination, Work};
use crate::record;

/// A process at its end.
pub(super) struct Ended {
    pub name: String,
    pub parameters: Parameters,
    /// The same with their digits below float64, for a flow preserved in double-double.
    pub extended: Option<ExtendedParameters>,
    /// Warnings for a reader of its records.
    pub complaints: Vec<String>,
    pub work: Work,
    /// Gradients spent on checks for convergence and on sharpness.
    pub gradients_monitoring: u64,
    pub events: Vec<Event>,
    /// The saddles that it passed, if these are looked for.
    pub saddles: Option<Vec<record::Saddle>>,
    /// The companions that it was compared with.
    pub companions: BTreeMap<String, record::Companion>,
    /// Time spent stepping, without observation.
    pub time: Duration,
    /// Time spent on observation.
    pub observation: Duration,
    pub termination: Termination,
}
