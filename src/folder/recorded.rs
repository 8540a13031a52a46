//! What the folder of a run, or of a unit of a sweep, holds of its results.

use std::path::{Path, PathBuf};

use crate::npz::{self, Arrays};
use crate::publish::List;
use crate::record::Table;

use super::FolderError;
use super::run::{ARRAYS, RECORDS, TRAJECTORY, WEIGHTS, load, read_manifest};

/// The results in a folder, as they were read.
pub struct Recorded {
    /// `manifest.json`, written by this version of gramflow or an earlier one.
    pub manifest: serde_json::Value,
    /// `records.parquet`.
    pub table: Table,
    /// Each of `arrays.npz`, `weights.npz` and `trajectory.npz` that the folder holds.
    pub arrays: Vec<(&'static str, Arrays)>,
}

impl Recorded {
    /// The name of the table's file.
    pub const TABLE: &str = RECORDS;

    /// The names of the files of arrays that a run can have.
    pub const ARRAYS: [&str; 3] = [ARRAYS, WEIGHTS, TRAJECTORY];

    /// Whether this file of arrays has one entry per record along the first axis, at the time `process/t`, in every array.
    pub fn is_over_time(file: &str) -> bool {
        file == TRAJECTORY
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`FolderError`] if a file that gramflow wrote there, or one that every run has, is missing or cannot be read.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        check_whole(folder)?;
        let manifest = read_manifest(folder)?;
        let (_, run) = load(folder)?;
        let mut arrays = Vec::new();
        for file in Self::ARRAYS {
            let path = folder.join(file);
            if path.is_file() {
                arrays.push((file, npz::read(&path)?));
            }
        }
        Ok(Self { manifest, table: run.table, arrays })
    }
}

/// Fails where a file of results is missing that the folder once had. Earlier versions kept no list of files: then only those that every run
/// has are expected.
fn check_whole(folder: &Path) -> Result<(), FolderError> {
    let expected: Vec<PathBuf> = match List::read(folder) {
        Some(list) => {
            let results = Recorded::ARRAYS.into_iter().chain([RECORDS]);
            results.filter(|file| list.files.contains_key(*file)).map(|file| folder.join(file)).collect()
        }
        None => vec![folder.join(RECORDS)],
    };
    match expected.into_iter().find(|path| !path.is_file()) {
        Some(path) => Err(FolderError::Missing { path, scenario: folder.join("scenario.json") }),
        None => Ok(()),
    }
}
