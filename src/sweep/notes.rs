//! A summary of the units' manifests, as far as it does not depend on who ran them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::folder::{Tally, read_manifest};
use crate::record::{Verdict, Warned, warnings_of};

use super::tally::tally;
use super::verdicts::of_manifest;
use super::{Folder, SweepError, SweepPlan, Unit};

/// The summary of the units added.
#[derive(Debug, Default)]
pub struct Notes {
    /// Versions of gramflow that ran them, with their revisions.
    pub versions: BTreeSet<String>,
    /// The number of units for each way of ending, by process.
    pub terminations: BTreeMap<String, BTreeMap<String, usize>>,
    /// Gradients evaluated in all processes, without monitoring.
    pub gradients: u64,
    /// The warnings of those units that have any, and what of warnings and verdicts cannot be read.
    pub warnings: Vec<(Unit, Vec<String>)>,
    /// The latter alone.
    unread: Vec<(Unit, Vec<String>)>,
    /// The verdicts on each claim.
    verdicts: BTreeMap<String, Vec<(Unit, Verdict)>>,
}

impl Notes {
    /// The summary of the finished units of a sweep, in any of the folders, in the order of the plan.
    pub fn of(folders: &[Folder], plan: &SweepPlan) -> Result<Self, SweepError> {
        let mut notes = Self::default();
        for unit in plan.units() {
            if let Some(folder) = folders.iter().find(|folder| folder.is_done(unit.id)) {
                notes.add(unit, &read_manifest(&folder.unit(unit.id))?);
            }
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
        let (mut warnings, mut unread) = warnings_of(manifest);
        let (verdicts, unread_verdicts) = of_manifest(manifest);
        unread.extend(unread_verdicts);
        if !unread.is_empty() {
            warnings.extend(unread.iter().cloned());
            self.unread.push((unit, unread));
        }
        if !warnings.is_empty() {
            self.warnings.push((unit, warnings));
        }
        for (claim, verdict) in verdicts {
            self.verdicts.entry(claim).or_default().push((unit, verdict));
        }
    }

    /// The number of units for each verdict, by claim.
    pub fn verdict_counts(&self) -> BTreeMap<&str, BTreeMap<&str, usize>> {
        let count = |judged: &Vec<(Unit, Verdict)>| {
            let mut counts = BTreeMap::new();
            judged.iter().for_each(|(_, verdict)| *counts.entry(verdict.verdict.name()).or_default() += 1);
            counts
        };
        self.verdicts.iter().map(|(claim, judged)| (claim.as_str(), count(judged))).collect()
    }

    /// The warnings, with similar ones counted together.
    pub fn warned(&self, plan: &SweepPlan) -> Vec<Warned> {
        counted(plan, &self.warnings)
    }

    /// Those among them about warnings and verdicts that cannot be read.
    pub fn unread(&self, plan: &SweepPlan) -> Vec<Warned> {
        counted(plan, &self.unread)
    }

    /// The verdicts with their numbers, by whatever distinguishes units with different verdicts.
    pub fn claims(&self, plan: &SweepPlan) -> BTreeMap<String, Tally> {
        self.verdicts.iter().map(|(claim, judged)| (claim.clone(), tally(plan, judged))).collect()
    }
}

fn counted(plan: &SweepPlan, warnings: &[(Unit, Vec<String>)]) -> Vec<Warned> {
    Warned::count(warnings.iter().map(|(unit, own)| (plan.label(*unit), own.as_slice())))
}
