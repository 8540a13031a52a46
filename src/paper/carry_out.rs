//! Figures from their scenarios to their files: one pool of workers runs the units that are not finished, then everything is drawn.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::folder::Keep;
use crate::ode::Interrupt;
use crate::publish::Shelf;
use crate::scenario::style::Formats;
use crate::scenario::{KeptFile, Picture};
use crate::sweep::{self, Folder, Options, Progress, Report, Shard, SweepError, Task};

use super::{Figure, FigureFiles, PaperError, draw, shelf};

/// A figure that was made.
#[derive(Debug)]
pub struct Made {
    /// The folder of its sweep.
    pub folder: PathBuf,
    /// What came of its units.
    pub report: Report,
    /// What was drawn.
    pub drawn: FigureFiles,
    /// The time that drawing took.
    pub drawing: Duration,
}

/// The outcome of [`carry_out`].
#[derive(Debug)]
pub enum CarriedFigures {
    /// All were made, in the order given; and the folder of their files.
    Made(Vec<Made>, Shelf),
    /// Interrupted with this many units left to run.
    UnitsLeft(usize),
    /// Interrupted with this many figures left to draw.
    FiguresLeft(usize),
}

/// Where figures are made, and the resources that they may take.
#[derive(Debug, Clone, Copy)]
pub struct FigurePlace<'a> {
    /// Where pictures, manifests and the table of claims go.
    pub out: &'a Path,
    /// The folder of the figures' runs; units finished there are not run again.
    pub runs: &'a Path,
    /// Units that run at a time.
    pub jobs: NonZeroUsize,
    /// Bytes of memory that these may take; `None`: what is free.
    pub memory: Option<u64>,
}

/// Makes `figures`. `kept`: the pictures of each as its scenario has them, which are stored beside its units. `replaced`: the formats in
/// which earlier pictures of a figure are removed. `progress` is called with the progress of the units.
///
/// # Errors
/// If a folder belongs to another sweep, or cannot be written. A unit that cannot be run is no error: see [`Report::failures`].
pub fn carry_out(
    figures: &[Figure],
    kept: &[Vec<Picture>],
    replaced: impl Fn(&Figure) -> Formats,
    place: FigurePlace,
    interrupt: &Interrupt,
    progress: impl FnMut(&Progress),
) -> Result<CarriedFigures, PaperError> {
    // Before the work: files that cannot be written are found now.
    let shelf = shelf(figures, place.out)?;
    let folders: Vec<Folder> = figures
        .iter()
        .map(|figure| Folder::open(&figure.folder(place.runs), &figure.plan))
        .collect::<Result<_, SweepError>>()?;
    for (pictures, folder) in kept.iter().zip(&folders) {
        sweep::keep_pictures(folder, pictures)?;
    }
    let tasks: Vec<Task> = figures
        .iter()
        .zip(&folders)
        .map(|(Figure { sweep, plan, .. }, folder)| Task { sweep, plan, folder, shard: Shard::default() })
        .collect();
    let weights = figures.iter().any(|figure| figure.sweep.keep().contains(&KeptFile::Weights));
    let options = Options { jobs: place.jobs, keep: Keep { weights, arrays: true }, memory: place.memory, checkpoint: None };
    let reports = sweep::run_all(&tasks, options, interrupt, progress)?;
    let left = reports.iter().map(|report| report.progress.left()).sum();
    if left > 0 {
        return Ok(CarriedFigures::UnitsLeft(left));
    }
    let mut made = Vec::new();
    for ((figure, folder), report) in figures.iter().zip(&folders).zip(reports) {
        let begin = Instant::now();
        let drawn = draw(figure, folder, &shelf, place.out, &replaced(figure))?;
        made.push(Made { folder: folder.path().to_path_buf(), report, drawn, drawing: begin.elapsed() });
        if interrupt.is_raised() && made.len() < figures.len() {
            return Ok(CarriedFigures::FiguresLeft(figures.len() - made.len()));
        }
    }
    Ok(CarriedFigures::Made(made, shelf))
}
