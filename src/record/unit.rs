//! The folder of one unit of a sweep: `records.parquet`, the same bytes whoever ran it; `scenario.json`, to run it again by itself;
//! `manifest.json`, which alone knows the machine and the time it took; `weights.npz`, final weights, and `arrays.npz`, where they are asked
//! for.

use std::fs;
use std::io;
use std::path::Path;

use crate::network::Parameters;
use crate::npz;
use crate::scenario::Scenario;

use super::atomic::{PARTIAL, open_to_all};
use super::folder::{ARRAYS, RECORDS, WEIGHTS, final_weights, load};
use super::{Field, FolderError, Run, Table, parquet};

/// What a unit keeps beside its records: whoever runs the units knows what will be read of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// `weights.npz`: the final weights of its processes.
    pub weights: bool,
    /// `arrays.npz`, as of a run: pictures need it.
    pub arrays: bool,
}

/// Gives a finished unit its folder, `target`, at once; the folder above must exist. Where another process has done so already, that
/// one stays: it holds the same records. `weights`: the final weights of each process.
pub fn publish_unit(
    target: &Path,
    run: &Run,
    scenario: &Scenario,
    manifest: &serde_json::Value,
    weights: &[(String, Parameters)],
    keep: Keep,
) -> Result<(), FolderError> {
    let failed = |verb, path: &Path| {
        let path = path.to_path_buf();
        move |source: io::Error| FolderError::Io { verb, path, source }
    };
    let parent = target.parent().unwrap_or(target);
    let mut builder = tempfile::Builder::new();
    open_to_all(builder.prefix(PARTIAL), 0o777);
    let draft = builder.tempdir_in(parent).map_err(failed("write in", parent))?;
    parquet::write(&draft.path().join(RECORDS), &run.table)?;
    if keep.arrays {
        npz::write(&draft.path().join(ARRAYS), &run.arrays)?;
    }
    if keep.weights {
        npz::write(&draft.path().join(WEIGHTS), &final_weights(weights))?;
    }
    for (name, text) in [("scenario.json", scenario.to_json()), ("manifest.json", format!("{manifest:#}"))] {
        let path = draft.path().join(name);
        fs::write(&path, format!("{text}\n")).map_err(failed("write", &path))?;
    }
    match fs::rename(draft.path(), target) {
        // It has moved: there is nothing left to remove under its temporary name.
        Ok(()) => drop(draft.keep()),
        // A folder that is not empty is never replaced by renaming.
        Err(_) if target.join(RECORDS).is_file() => {}
        Err(source) => return Err(failed("name", target)(source)),
    }
    Ok(())
}

/// What was run and what was recorded of it; without arrays where the unit did not keep them.
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
pub fn unit_fields(folder: &Path) -> Result<Vec<Field>, FolderError> {
    Ok(parquet::fields(&folder.join(RECORDS))?)
}
