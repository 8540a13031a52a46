//! A sweep from its plan to its pictures: runs the units that are not finished, and draws the pictures once all are.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::figure::Drawn;
use crate::ode::Interrupt;
use crate::scenario::Sweep;
use crate::scenario::style::Formats;

use super::{
    Folder, Options, Progress, Report, Shard, Status, SweepError, SweepPlan, Task, check_pictures, draw_pictures,
    keep_pictures, keep_scenario, kept, run,
};

/// The result of a sweep, or of a shard of it.
#[derive(Debug)]
pub struct CarriedSweep {
    /// Its folder.
    pub folder: Folder,
    /// The outcome of its units.
    pub report: Report,
    /// Whether all units of the sweep are finished.
    pub whole: bool,
    /// The pictures that were drawn; none unless it is whole.
    pub drawn: Drawn,
    /// Warnings about finished units that lack what the sweep is to keep.
    pub lacking: Vec<String>,
}

/// The plan of a sweep, with every unit and every picture read and validated.
///
/// # Errors
/// [`SweepError`] if a unit or a picture is invalid.
pub fn planned(sweep: &Sweep) -> Result<SweepPlan, SweepError> {
    let plan = SweepPlan::new(sweep)?;
    check_pictures(sweep)?;
    Ok(plan)
}

/// The folder of a sweep if no other is given.
pub fn default_folder(plan: &SweepPlan) -> PathBuf {
    PathBuf::from("runs").join(format!("{}-{}-sweep", plan.name, &plan.hash()[..8]))
}

/// How many units run at a time: as many as asked for, or one per core.
pub fn jobs(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.unwrap_or_else(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

/// Where a sweep is carried out, which part of it, and with what resources.
#[derive(Debug, Clone, Copy)]
pub struct SweepPlace<'a> {
    /// Its folder.
    pub path: &'a Path,
    /// The units to be run.
    pub shard: Shard,
    /// How many units run at a time.
    pub jobs: NonZeroUsize,
    /// The bytes of memory that they may take together; `None` for what is free.
    pub memory: Option<u64>,
    /// The wall time from one checkpoint of a unit to the next, if units keep any.
    pub checkpoint: Option<Duration>,
}

/// Runs the units of `sweep` that are not finished, and draws its pictures once all are. `progress` and `interrupt` are those of [`run()`].
///
/// # Errors
/// [`SweepError`] if the folder belongs to something else or cannot be written. A unit that cannot be run is no error:
/// [`Report::failures`].
pub fn carry_out(
    sweep: &Sweep,
    plan: &SweepPlan,
    place: SweepPlace,
    interrupt: &Interrupt,
    progress: impl FnMut(&Progress),
) -> Result<CarriedSweep, SweepError> {
    let SweepPlace { path, shard, jobs, memory, checkpoint } = place;
    let folder = Folder::open(path, plan)?;
    keep_pictures(&folder, sweep.pictures())?;
    keep_scenario(&folder, sweep)?;
    kept::note_kept(&folder, sweep.keep())?;
    let options = Options { jobs, keep: kept::keep_of(sweep), memory, checkpoint };
    let report = run(Task { sweep, plan, folder: &folder, shard }, options, interrupt, progress)?;
    // Pictures show all units: none are drawn while some are missing.
    let folders = std::slice::from_ref(&folder);
    let whole = Status::of(plan, folders).missing.is_empty();
    let drawn = if whole { draw_pictures(folders, plan, sweep.pictures(), path, &Formats::all())? } else { Drawn::default() };
    let lacking = kept::lacking(&folder, plan, sweep.keep());
    Ok(CarriedSweep { folder, report, whole, drawn, lacking })
}
