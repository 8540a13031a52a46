//! What can go wrong, and the exit status that says so.

use std::io;
use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::figure::FigureError;
use crate::folder::{CheckpointError, FolderError, LongerError};
use crate::paper::PaperError;
use crate::publish::PublishError;
use crate::report::ReportError;
use crate::scenario::ScenarioError;
use crate::study::integrators::StudyError;
use crate::study::lr::LrError;
use crate::sweep::SweepError;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The problems of `wrong` of the `files` are already printed.
    #[error("{wrong} of {files} scenarios cannot run")]
    Wrong { wrong: usize, files: usize },
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Figure(#[from] FigureError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Lr(#[from] LrError),
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(transparent)]
    Paper(#[from] PaperError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(
        "{} is a sweep without pictures: add `pictures:` to its scenario and run `gramflow sweep run` again, which keeps the finished units",
        .0.display()
    )]
    NoPictures(PathBuf),
    #[error("{failed} units failed, and their figures were drawn without them; the same command tries them again")]
    FigureUnitsFailed { failed: usize },
    #[error("{failed} units failed: gramflow sweep status {} says why; the same command tries them again", folder.display())]
    UnitsFailed { failed: usize, folder: PathBuf },
    #[error("interrupted with {left} units to go: the same command resumes, and finished units are kept")]
    SweepInterrupted { left: usize },
    #[error("interrupted with {left} figures to draw: the same command resumes")]
    DrawingInterrupted { left: usize },
    #[error("incomplete: {missing} units are missing and {failed} failed: run the sweep again, then merge again")]
    UnitsMissing { failed: usize, missing: usize },
    #[error("{}: stop: not allowed in a study, which compares all processes at t_end: remove it", .0.display())]
    StopOfStudy(PathBuf),
    #[error(
        "{} was submitted as {before} tasks, and with this --units-per-task there are {now}: keep that option as it was, or choose another --out",
        folder.display()
    )]
    OtherTasks { folder: PathBuf, before: usize, now: usize },
    #[error("cannot submit with sbatch: {0}: run this on a machine of the cluster, or print the script with --dry-run")]
    Sbatch(io::Error),
    #[error("{0:?} cannot be an option of sbatch: it contains a line break")]
    Directive(String),
    #[error("no {what} matches `{pattern}`{suggestion}")]
    NoColumn { what: &'static str, pattern: String, suggestion: String },
    #[error("`{0}` is not a scenario's name: use a-z, 0-9 and -")]
    Name(String),
    #[error("{} exists: choose another name", .0.display())]
    Exists(PathBuf),
    #[error("cannot make the folder {}: {source}: choose another --out", path.display())]
    Folderless { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("{}: run again, it does not have the same bits", .0.display())]
    NotTheSameBits(PathBuf),
    #[error(
        "{} was interrupted, and where it stopped cannot be repeated: gramflow run {}/scenario.json makes the whole run",
        .0.display(),
        .0.display()
    )]
    VerifyInterrupted(PathBuf),
    #[error("{} is a sweep: verify its units one by one, as in gramflow verify {}", sweep.display(), unit.display())]
    VerifySweep { sweep: PathBuf, unit: PathBuf },
    #[error("{} is a study, of which only the table is kept: run the study again with another --out and compare the tables", .0.display())]
    VerifyStudy(PathBuf),
    #[error("these claims do not hold: {0}; the run folder says why")]
    Claims(String),
    #[error("interrupted: {again}")]
    Interrupted { again: &'static str },
    #[error("interrupted: the finished run in {} is kept, the partial one is in {}; {again}", stands.display(), partial.display())]
    InterruptedBeside { stands: PathBuf, partial: PathBuf, again: &'static str },
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Longer(#[from] LongerError),
    #[error("cannot go on from the checkpoint: {0}; remove it to start again")]
    State(#[from] ArchiveError),
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// 1 the run failed, 2 the command line or the scenario is wrong, 3 a claim did not hold, 75 incomplete, the same command resumes it.
    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::Scenario(_) | Self::Wrong { .. } | Self::Name(_) | Self::Exists(_) | Self::Directive(_) => 2,
            Self::NoColumn { .. } | Self::Folderless { .. } | Self::NoPictures(_) | Self::StopOfStudy(_) => 2,
            Self::Folder(error)
            | Self::Sweep(SweepError::Folder(error))
            | Self::Paper(PaperError::Sweep(SweepError::Folder(error))) => of_folder(error),
            Self::Report(ReportError::Folder(error) | ReportError::Sweep(SweepError::Folder(error))) => of_folder(error),
            Self::Lr(LrError::Folder(error)) => of_folder(error),
            Self::Publish(error) | Self::Paper(PaperError::Publish(error)) => of_publish(error),
            Self::Checkpoint(CheckpointError::Io { .. }) => 1,
            Self::Checkpoint(_) | Self::State(_) | Self::Longer(_) => 2,
            Self::VerifyInterrupted(_) | Self::VerifySweep { .. } | Self::VerifyStudy(_) => 2,
            Self::NotTheSameBits(_) => 1,
            Self::OtherTasks { .. } => 2,
            Self::Sweep(SweepError::NoTaskBegun(_)) | Self::Report(ReportError::Sweep(SweepError::NoTaskBegun(_))) => 75,
            Self::Claims(_) => 3,
            Self::Study(StudyError::NoReference { .. }) | Self::UnitsFailed { .. } | Self::FigureUnitsFailed { .. } => 1,
            Self::Sweep(SweepError::Figure(_)) | Self::Paper(PaperError::Sweep(SweepError::Figure(_))) => 1,
            Self::Report(ReportError::Nothing(_)) => 2,
            Self::Report(_) => 1,
            Self::Paper(PaperError::Io { .. } | PaperError::Figure(_)) => 1,
            Self::Paper(_) => 2,
            Self::Lr(LrError::Unreadable { .. }) => 1,
            Self::Lr(LrError::Figure(_)) => 1,
            Self::Lr(LrError::Interrupted) => 75,
            Self::Lr(_) => 2,
            Self::Sweep(_) => 2,
            Self::SweepInterrupted { .. } | Self::DrawingInterrupted { .. } | Self::UnitsMissing { .. } => 75,
            Self::Figure(_) | Self::Signals(_) | Self::Output(_) | Self::Sbatch(_) => 1,
            Self::Study(StudyError::Interrupted) | Self::Interrupted { .. } | Self::InterruptedBeside { .. } => 75,
        }
    }
}

fn of_folder(error: &FolderError) -> u8 {
    match error {
        FolderError::NotARun(_) | FolderError::Missing { .. } | FolderError::Scenario(_) => 2,
        FolderError::Publish(error) => of_publish(error),
        _ => 1,
    }
}

fn of_publish(error: &PublishError) -> u8 {
    if error.is_refusal() { 2 } else { 1 }
}
