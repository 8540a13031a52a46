//! The folder of one unit of a sweep: `records.parquet`, the same bytes whoever ran it; `scenario.json`, to run it again by itself;
//! `manifest.json`, the only file that depends on the machine and the time taken; `weights.npz` (final weights) and `arrays.npz`, where
//! these are asked for; `trajectory.npz`, where the scenario records weights.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::network::{Init, Parameters};
use crate::npz;
use crate::publish::{Draft, Kind, List};
use crate::scenario::{KeptFile, Scenario};

use super::run::{ARRAYS, RECORDS, TRAJECTORY, WEIGHTS, final_weights, load};
use super::{FileColumn, FolderError, parquet, read_manifest, read_scenario};
use crate::record::{Run, Table};

/// What a unit keeps besides its records, as whoever runs the units will need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// `weights.npz`: the final weights of its processes.
    pub weights: bool,
    /// `arrays.npz`, as for a run; pictures need it.
    pub arrays: bool,
}

/// The name of the file in which a run, a unit or a merged sweep keeps this.
pub fn kept_file(what: KeptFile) -> &'static str {
    match what {
        KeptFile::Records => RECORDS,
        KeptFile::Weights => WEIGHTS,
        KeptFile::Arrays => ARRAYS,
        KeptFile::Trajectory => TRAJECTORY,
    }
}

/// Publishes a finished unit as the folder `target`, in one step; the parent must exist. If another process has done so already, its folder
/// stays: it holds the same records. Anything else of that name is replaced, except for files that gramflow did not write, which stay.
/// `weights` are the final weights of each process; `trajectory` are their weights over time, where the scenario records them.
pub fn publish_unit(
    target: &Path,
    run: &Run,
    scenario: &Scenario,
    manifest: &Value,
    weights: &[(String, Parameters)],
    trajectory: Option<&npz::Arrays>,
    keep: Keep,
) -> Result<(), FolderError> {
    let draft = Draft::new(target, Kind::Unit)?;
    let folder = draft.path();
    parquet::write(&folder.join(RECORDS), &run.table)?;
    if keep.arrays {
        npz::write(&folder.join(ARRAYS), &run.arrays)?;
    }
    if keep.weights {
        npz::write(&folder.join(WEIGHTS), &final_weights(weights))?;
    }
    if let Some(trajectory) = trajectory {
        npz::write(&folder.join(TRAJECTORY), trajectory)?;
    }
    for (name, text) in [("scenario.json", scenario.to_json()), ("manifest.json", format!("{manifest:#}"))] {
        let path = folder.join(name);
        fs::write(&path, format!("{text}\n")).map_err(FolderError::io("write", &path))?;
    }
    let hash = manifest["scenario_hash"].as_str().unwrap_or_default();
    if !is_whole_unit(target, hash) {
        draft.publish(target, |_| target.symlink_metadata().is_ok_and(|found| found.is_dir()))?;
    }
    Ok(())
}

/// Whether `folder` holds a finished unit whose scenario's hash begins with `hash`: that scenario, and all of its files at the sizes at
/// which they were written. Earlier versions kept no list of files; the files of such a unit are opened instead.
pub fn is_whole_unit(folder: &Path, hash: &str) -> bool {
    let of_hash = |found: &str| !hash.is_empty() && found.starts_with(hash);
    let whole = match List::read(folder) {
        Some(list) => list.kind == Kind::Unit && list.files.contains_key(RECORDS) && list.is_whole(folder),
        None => unit_fields(folder).is_ok(),
    };
    whole
        && read_manifest(folder).is_ok_and(|manifest| manifest["scenario_hash"].as_str().is_some_and(of_hash))
        && read_scenario(folder).is_ok_and(|scenario| {
            // The hash covers the contents of files, which may be out of reach or may have changed; the manifest's hash must then do.
            let files = scenario.data.file().is_some() || matches!(scenario.init, Init::File { .. });
            files || scenario.hash().is_ok_and(|found| of_hash(&found))
        })
}

/// The scenario and the records of a unit; without arrays where it did not keep them.
pub fn read_unit_run(folder: &Path) -> Result<(Scenario, Run), FolderError> {
    load(folder)
}

/// The records of a unit.
pub fn read_unit(folder: &Path) -> Result<Table, FolderError> {
    Ok(parquet::read(&folder.join(RECORDS))?)
}

/// The final weights of a unit that kept them, keys `process/W1`, ….
pub fn read_unit_weights(folder: &Path) -> Result<npz::Arrays, FolderError> {
    Ok(npz::read(&folder.join(WEIGHTS))?)
}

/// The columns of a unit's records, without reading them.
pub fn unit_fields(folder: &Path) -> Result<Vec<FileColumn>, FolderError> {
    Ok(parquet::fields(&folder.join(RECORDS))?)
}
