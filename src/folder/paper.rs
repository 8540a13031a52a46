//! `<figure>.json` beside the pictures of a figure: how the figure was made, and counts of its units' verdicts. Nothing in it depends on
//! the machine (times, its name): the same figure, made again, is the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{Bound, Outcome, REVISION, VERSION, Warned, to_value};

/// What a figure of the paper was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureManifest {
    /// The name of the figure, that of its scenario.
    pub figure: String,
    /// The scenario's own description.
    #[serde(default)]
    pub description: String,
    /// What the units have in common.
    pub caption: String,
    /// The pictures, in their order.
    pub pictures: Vec<PictureEntry>,
    /// The version of gramflow that drew it.
    pub version: String,
    /// The git revision of that version.
    pub git_revision: String,
    /// The versions that ran its units, with their revisions.
    pub versions: Vec<String>,
    /// SHA-256 of the sweep's plan: of what varies, and of the scenario of every unit.
    pub plan_hash: String,
    /// SHA-256 of the scenario's file.
    pub scenario_sha256: String,
    /// What varies.
    pub varied: Vec<Factor>,
    /// The state of the units.
    pub units: UnitCounts,
    /// The number of units for each way of ending, by process.
    pub terminations: BTreeMap<String, BTreeMap<String, usize>>,
    /// Gradients evaluated in all processes of all units, without monitoring; a Hessian–vector product counts as 2.
    pub gradients: u64,
    /// The verdicts of all units on each claim.
    pub claims: BTreeMap<String, Tally>,
    /// The warnings of the units, with similar ones counted together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warned>,
    /// The text of the scenario's file.
    pub scenario: String,
}

/// One picture of a figure: `<name>.svg` and `<name>.png`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureEntry {
    /// The stem of its file names.
    pub name: String,
    /// What it shows.
    pub title: String,
}

/// Keys of a sweep that vary together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// Their paths.
    pub keys: Vec<String>,
    /// The values of each key; all lists have the same length.
    pub values: Vec<Vec<Value>>,
}

impl Factor {
    /// How many values each key has.
    pub fn count(&self) -> usize {
        self.values.first().map_or(0, Vec::len)
    }
}

/// The state of the units of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitCounts {
    /// How many there are.
    pub planned: usize,
    /// How many are finished.
    pub done: usize,
    /// Those that could not be run, by what varies, with the reason.
    pub failed: BTreeMap<String, String>,
}

/// The verdicts of many units on one claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// What was measured, if it is the same in all units; otherwise empty.
    pub quantity: String,
    /// The counts over all units.
    pub all: Share,
    /// Where units differ in their verdicts, the counts by the values of those keys, other than seeds, that distinguish them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<Share>,
}

/// The verdicts of some units on one claim.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The units, by the values of what varies; empty for all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub of: BTreeMap<String, Value>,
    /// In how many the claim holds.
    pub holds: usize,
    /// In how many it fails.
    pub fails: usize,
    /// In how many the integrator is not accurate enough to decide.
    pub integrator_limited: usize,
    /// In how many the record grid is too coarse to decide; omitted if in none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub grid_limited: usize,
    /// The smallest and the largest measured value.
    pub value: Option<[f64; 2]>,
    /// The same for the thresholds.
    pub threshold: Option<[f64; 2]>,
    /// On which side of its threshold a value confirms the claim, where that is the same in all units.
    pub bound: Option<Bound>,
    /// The largest numerical error of a value.
    pub error: Option<f64>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Share {
    /// How many units were judged.
    pub fn judged(&self) -> usize {
        self.holds + self.fails + self.integrator_limited + self.grid_limited
    }

    /// How many had this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Holds => self.holds,
            Outcome::Fails => self.fails,
            Outcome::IntegratorLimited => self.integrator_limited,
            Outcome::GridLimited => self.grid_limited,
        }
    }

    /// The outcomes that occur, with their counts: `holds 8, fails 2`.
    pub fn verdicts(&self) -> String {
        let some = Outcome::ALL.iter().filter(|outcome| self.count(**outcome) > 0);
        some.map(|outcome| format!("{outcome} {}", self.count(*outcome))).collect::<Vec<_>>().join(", ")
    }

    /// The units as text: `weight_decay = 0.001, init = pytorch`.
    pub fn label(&self) -> String {
        self.of.iter().map(|(key, value)| format!("{key} = {}", shown(value))).collect::<Vec<_>>().join(", ")
    }
}

/// The value of a key that varies, as text: words bare, other values as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl FigureManifest {
    /// The version and the git revision of this build.
    pub fn build() -> (String, String) {
        (VERSION.to_string(), REVISION.to_string())
    }

    /// The manifest that the content of a file is; `None` of anything else. `Err`: a manifest that somebody has edited or another version wrote.
    pub fn parse(text: &str) -> Option<Result<Self, serde_json::Error>> {
        let value: Value = serde_json::from_str(text).ok()?;
        let is_one = ["figure", "plan_hash"].into_iter().all(|key| value.get(key).is_some());
        is_one.then(|| Self::deserialize(value))
    }

    /// As indented JSON.
    pub fn to_json(&self) -> String {
        format!("{:#}\n", to_value(self))
    }
}
