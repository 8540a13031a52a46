//! Why figures could not be made. A unit that cannot be run is no such reason: the figure is drawn without it.

use std::io;
use std::path::PathBuf;

use crate::figure::FigureError;
use crate::publish::PublishError;
use crate::scenario::ScenarioError;
use crate::sweep::SweepError;

/// Why `gramflow figures` did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// There is no folder of scenarios, or no scenario in it.
    #[error("no figures in {}: run this in a clone of gramflow's repository, or name the folder of their scenarios with --scenarios DIR", .0.display())]
    NoFigures(PathBuf),
    /// A figure that was asked for is not there.
    #[error("there is no figure `{name}`{suggestion}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// What may have been meant, and what there is.
        suggestion: String,
    },
    /// The name of a scenario is not that of its file.
    #[error("{}: name: must be `{}`, like the name of the file, got `{found}`", path.display(), path.file_stem().unwrap_or_default().display())]
    Name {
        /// The scenario's file.
        path: PathBuf,
        /// What it is called.
        found: String,
    },
    /// A scenario has no pictures.
    #[error("{}: pictures: missing: list what to draw of its units", .0.display())]
    NoPictures(PathBuf),
    /// Two pictures would be written to the same file.
    #[error("two pictures are called `{picture}`, in {first} and in {second}: give one of them another name")]
    Clash {
        /// Their name.
        picture: String,
        /// The figure of the first.
        first: String,
        /// The figure of the second.
        second: String,
    },
    /// A file could not be read, written, copied or removed.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried, as it follows “cannot”.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A scenario cannot be read, or is no sweep.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A sweep cannot be planned, or its folder cannot be used.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// A file of a figure could not be written, or is not to be overwritten.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A picture could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
}

impl PaperError {
    pub(super) fn io(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { verb, path, source }
    }
}
