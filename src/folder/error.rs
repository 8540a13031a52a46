//! Why a folder could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

use crate::npz::NpzError;
use crate::publish::PublishError;
use crate::scenario::ScenarioError;

use super::TableError;

/// Why a run folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder could not be published, or its target belongs to somebody else.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The folder to be read is not there, or lacks `manifest.json`.
    #[error("{}", not_a_run(.0))]
    NotARun(PathBuf),
    /// A file that gramflow wrote is no longer there.
    #[error("{} is missing, so that this is no longer the whole run: gramflow run {} makes it again", path.display(), scenario.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The scenario of the run.
        scenario: PathBuf,
    },
    /// A file or folder could not be made, read, written, renamed or made readable.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// The verb that follows “cannot” in the message.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// `scenario.json` is not a valid scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// `records.parquet` lacks a column that every run has.
    #[error("{} is not a table of a run's records: it has no column `{column}`", path.display())]
    NotRecords {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
    },
    /// `manifest.json` is not JSON, or not as gramflow wrote it.
    #[error("{} is not a manifest: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// `arrays.npz` or `weights.npz` could not be written or read.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// `records.parquet` or `study.parquet` could not be written or read.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl FolderError {
    /// Turns a cause into the error that says what could not be done with `path`.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { verb, path, source }
    }
}

/// Why `path` is no run folder.
fn not_a_run(path: &Path) -> String {
    let shown = path.display();
    match path.metadata() {
        Err(_) => format!("there is no folder {shown}: name one that gramflow has written"),
        Ok(found) if !found.is_dir() => format!("{shown} is a file: name a folder that gramflow has written"),
        Ok(_) => format!("{shown} is not a run folder: it has no manifest.json"),
    }
}
