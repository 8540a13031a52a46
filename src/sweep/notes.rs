//! What the manifests of units say that does not depend on who ran them, counted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::record::{FolderError, Tally, Verdict, read_manifest};

use super::tally::tally;
use super::{Folder, Plan, SweepError, Unit};

/// Of the units added.
#[derive(Debug, Default)]
pub struct Notes {
    /// Versions of gramflow that ran them, with their revisions.
    pub versions: BTreeSet<String>,
    /// How many units ended how, by process.
    pub terminations: BTreeMap<String, BTreeMap<String, usize>>,
    /// Evaluations of the gradient in all processes, monitoring apart.
    pub gradients: u64,
    /// The verdicts on each claim.
    verdicts: BTreeMap<String, Vec<(Unit, Verdict)>>,
}

impl Notes {
    /// Of the finished units of a sweep, in the order of the plan.
    pub fn of(folder: &Folder, plan: &Plan) -> Result<Self, SweepError> {
        let mut notes = Self::default();
        for unit in plan.units().into_iter().filter(|unit| folder.is_done(unit.id)) {
            notes.add(unit, &read_manifest(&folder.unit(unit.id))?);
        }
        Ok(notes)
    }

    /// Adds the manifest of a unit.
    pub fn add(&mut self, unit: Unit, manifest: &Value) {
        let word = |value: &Value| value.as_str().unwrap_or("unknown").to_string();
        self.versions.insert(format!("{} ({})", word(&manifest["version"]), word(&manifest["git_revision"])));
        for (process, entry) in manifest["processes"].as_object().into_iter().flatten() {
            *self.terminations.entry(process.clone()).or_default().entry(word(&entry["termination"])).or_default() += 1;
            self.gradients += entry["gradients"].as_u64().unwrap_or(0);
        }
        for (claim, verdict) in verdicts(manifest) {
            self.verdicts.entry(claim).or_default().push((unit, verdict));
        }
    }

    /// The verdicts on each claim, counted.
    pub fn claims(&self, plan: &Plan) -> BTreeMap<String, Tally> {
        self.verdicts.iter().map(|(claim, judged)| (claim.clone(), tally(plan, judged))).collect()
    }
}

/// The verdicts in a manifest. What an earlier version wrote in another form is no verdict.
fn verdicts(manifest: &Value) -> BTreeMap<String, Verdict> {
    let entries = manifest["verdicts"].as_object().into_iter().flatten();
    let read = |(claim, verdict): (&String, &Value)| Some((claim.clone(), serde_json::from_value(verdict.clone()).ok()?));
    entries.filter_map(read).collect()
}

/// The verdicts of every finished unit of a sweep on its claims, in the order of the plan.
pub fn unit_verdicts(folder: &Folder, plan: &Plan) -> Result<Vec<(Unit, BTreeMap<String, Verdict>)>, FolderError> {
    let done = plan.units().into_iter().filter(|unit| folder.is_done(unit.id));
    done.map(|unit| Ok((unit, verdicts(&read_manifest(&folder.unit(unit.id))?)))).collect()
}
