//! Why a finished run does not go on over a longer horizon.

use std::path::PathBuf;

use super::horizon_of;

/// The key that may be set: the end of the horizon.
pub const LONGER_KEY: &str = "flow.t_end";

/// Why a run does not go on over another horizon.
#[derive(Debug, thiserror::Error)]
pub enum LongerError {
    /// Another key is set.
    #[error(
        "--resume goes on with the same run, of which only {LONGER_KEY} may be set, not `{0}`: run the scenario with it from the start"
    )]
    Key(String),
    /// The run has not ended.
    #[error("{} is there: the run has not ended; first go on with it, by gramflow run --resume {}", path.display(), folder.display())]
    Unfinished {
        /// Its checkpoint.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// It keeps no state.
    #[error(
        "{} does not exist: only a run with --checkpoint keeps the state from which a longer horizon goes on; run {}/scenario.json with \
         --set {LONGER_KEY}=… from the start",
        horizon_of(.0).display(), .0.display()
    )]
    NoState(PathBuf),
    /// The horizon is not longer.
    #[error("{LONGER_KEY} must be greater than {end:?}, where the run in {} ends, got {t_end:?}", folder.display())]
    NotLonger {
        /// The folder of the run.
        folder: PathBuf,
        /// Where it ends.
        end: f64,
        /// Where it is to end.
        t_end: f64,
    },
    /// Files of the scenario are others by now.
    #[error("the files that the scenario of {} names have changed since it was run: run it from the start", .0.display())]
    Files(PathBuf),
    /// Optimizers would be recorded at other steps before the end of the shorter run.
    #[error(
        "over the horizon to {t_end:?} optimizers of {} are recorded at other steps from the start on: run {}/scenario.json with \
         --set {LONGER_KEY}={t_end:?}",
        folder.display(), folder.display()
    )]
    Steps {
        /// The folder of the run.
        folder: PathBuf,
        /// Where it is to end.
        t_end: f64,
    },
}
