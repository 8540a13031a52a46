//! `report.html`: one page of a run, of a study, of a sweep or of a set of figures, that needs no other file and no network. Without its own
//! script it lacks only the curves and the sorting.
//!
//! It gives the claims and their verdicts first, then how the processes ended, then curves and pictures, then how to repeat it.

mod captions;
mod command;
mod curves;
mod figures;
mod frame;
mod html;
mod pictures;
mod rate_study;
mod run;
mod study;
mod sweep;
mod verdicts;
mod warnings;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::folder::{AnyStudy, FinishedStudyFolder, FolderError};
use crate::sweep::{SweepError, is_sweep};

use command::ANOTHER_STUDY;
pub(crate) use command::shell_word;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds nothing to report.
    #[error(
        "{} is not the folder of a run (manifest.json, records.parquet), of a study (study.parquet), of a sweep (plan.json) or of figures \
         (their .json files)",
        .0.display()
    )]
    Nothing(PathBuf),
    /// A file of the folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The run's folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The sweep's folder cannot be read.
    #[error(transparent)]
    Sweep(#[from] SweepError),
}

/// Whether the file at `path` is a page that gramflow wrote.
pub fn is_page(path: &Path) -> bool {
    let head = || -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        File::open(path)?.take(1024).read_to_end(&mut head)?;
        Ok(head)
    };
    path.is_file() && head().is_ok_and(|head| String::from_utf8_lossy(&head).contains(html::GENERATOR))
}

/// The page of the run, the study, the sweep or the figures in `folder`, as HTML.
///
/// # Errors
/// [`ReportError`] if the folder holds none of these, or if a file in it cannot be read.
pub fn page(folder: &Path) -> Result<String, ReportError> {
    if folder.join("manifest.json").is_file() && folder.join("records.parquet").is_file() {
        return run::page(folder);
    }
    if FinishedStudyFolder::is_at(folder) {
        let FinishedStudyFolder { scenario, manifest, study } = FinishedStudyFolder::read(folder)?;
        return match &study {
            AnyStudy::Integrators(study) => study::page(folder, study, &scenario, &manifest),
            AnyStudy::Rates(study) => rate_study::page(folder, study, &scenario, &manifest),
        };
    }
    if is_sweep(folder) {
        return sweep::page(folder);
    }
    let manifests = figures::manifests(folder)?;
    if manifests.is_empty() { Err(ReportError::Nothing(folder.into())) } else { figures::page(folder, &manifests) }
}
