//! `scenario.yaml` in the folder of a sweep: the sweep with every default filled in, so that the folder itself says how it was made.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::FolderError;
use crate::publish;
use crate::scenario::{Digests, Sweep};

use super::{Folder, Id, SweepError, SweepPlan, Unit};

/// The most units whose scenarios are compared; in a large sweep they are spread over all.
const COMPARED: usize = 64;

/// The first line: a file of that name without it belongs to somebody else.
const HEADER: &str = "# The sweep of this folder, written by gramflow: gramflow sweep run makes it again.\n";

fn path_of(folder: &Path) -> PathBuf {
    folder.join("scenario.yaml")
}

/// Keeps the sweep in the folder of its units. Nothing is written if the text would stand for other units than these, as when a default
/// that was filled in does not fit all of them.
pub fn keep_scenario(folder: &Folder, sweep: &Sweep) -> Result<(), SweepError> {
    let (path, text) = (path_of(folder.path()), format!("{HEADER}{}", sweep.explain()?));
    if path.symlink_metadata().is_ok() {
        let found = fs::read_to_string(&path).unwrap_or_default();
        // Written by an earlier command or another shard, or somebody else's.
        if found == text || !found.starts_with(HEADER) {
            return Ok(());
        }
    }
    let mut digests = Digests::default();
    let same = match Sweep::parse(&text, &path, &[]) {
        Ok(Some(again)) => {
            again.len() == sweep.len()
                && sweep.sample(COMPARED).into_iter().all(|unit| {
                    let hash = hash_of(sweep, unit, &mut digests);
                    hash.is_some() && hash == hash_of(&again, unit, &mut digests)
                })
        }
        Ok(None) | Err(_) => false,
    };
    if same {
        publish::replace_text(&path, &text).map_err(FolderError::from)?;
    }
    Ok(())
}

/// The hash of a unit's scenario; `None` where it has none. `digests` caches those of files.
fn hash_of(sweep: &Sweep, unit: usize, digests: &mut Digests) -> Option<String> {
    sweep.unit(unit).and_then(|scenario| scenario.hash_with(digests)).ok()
}

/// The scenario that was kept in the folder of a sweep, if it is that of `plan`.
pub fn kept_scenario(folder: &Folder, plan: &SweepPlan) -> Option<PathBuf> {
    let path = path_of(folder.path());
    let sweep = Sweep::read(&path, &[]).ok()?;
    let mut digests = Digests::default();
    let is_planned = |unit: &Unit| {
        let hash = hash_of(&sweep, unit.index, &mut digests);
        hash.and_then(|hash| Id::of_hash(&hash)) == Some(unit.id)
    };
    let units = plan.units();
    units.first().into_iter().chain(units.last()).all(is_planned).then_some(path)
}
