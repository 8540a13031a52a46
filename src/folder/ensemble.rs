//! The finished units of a sweep, side by side: the source of its pictures and claims.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::scenario::Scenario;

use crate::record::Run;

/// Units of one sweep.
#[derive(Debug, Clone)]
pub struct Ensemble {
    /// The sweep's name.
    pub name: String,
    /// What all units have in common, in one line, shown under the title of every picture.
    pub caption: String,
    /// The units, in the order of the plan.
    pub members: Vec<Member>,
}

/// One unit.
#[derive(Debug, Clone)]
pub struct Member {
    /// The values of the keys that vary, by their paths.
    pub values: BTreeMap<String, Value>,
    /// What was run.
    pub scenario: Scenario,
    /// What was recorded; without arrays where the sweep did not keep them.
    pub run: Run,
    /// Its `manifest.json`.
    pub manifest: Value,
}
