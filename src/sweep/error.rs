//! Why a sweep could not be planned, run or merged. A unit that cannot be run is no such error: it is recorded.

use std::path::PathBuf;

use crate::figure::FigureError;
use crate::folder::FolderError;
use crate::scenario::ScenarioError;

/// Why a sweep stopped or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A unit is not a valid scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The folder of the sweep cannot be written or read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no plan in the folder.
    #[error("{} is not a sweep's folder: it has no plan.json", .0.display())]
    NotASweep(PathBuf),
    /// It is the folder of a job array, and no unit of it has begun.
    #[error("no task of {} has begun: gramflow sweep status {} shows what waits", .0.display(), .0.display())]
    NoTaskBegun(PathBuf),
    /// The folder holds something other than a sweep.
    #[error("{} exists and is not a sweep's folder: choose another --out", .0.display())]
    Occupied(PathBuf),
    /// The folder holds the units of another plan.
    #[error("{} holds another sweep (plan {found}, this one is {wanted}): choose another --out", folder.display())]
    OtherPlan {
        /// The folder.
        folder: PathBuf,
        /// The beginning of the hash of its plan.
        found: String,
        /// The beginning of the hash of the plan to be run.
        wanted: String,
    },
    /// The folders to be merged are not shards of one sweep.
    #[error("{} and {} are of different sweeps: merge them separately", first.display(), other.display())]
    Different {
        /// The first folder.
        first: PathBuf,
        /// The one that does not go with it.
        other: PathBuf,
    },
    /// A picture could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// `pictures.json` is not as gramflow wrote it.
    #[error("{}: {message}: run `gramflow sweep run` with the scenario again, which writes it anew and runs no unit twice", path.display())]
    Pictures {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// `keep.json` is not as gramflow wrote it.
    #[error("{}: {message}: run `gramflow sweep run` with the scenario again, which writes it anew and runs no unit twice", path.display())]
    Noted {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// `job.json` is not as gramflow wrote it.
    #[error("{} does not say what was submitted ({message}): remove it, and submit the sweep again", path.display())]
    Job {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// `plan.json` is not as gramflow wrote it.
    #[error("{} is not a plan of this version ({message}): remove it and run the sweep again", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}
