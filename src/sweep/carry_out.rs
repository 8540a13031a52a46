//! A sweep from its plan to its pictures: the units that are not finished are run, and once all are there what it asks for is drawn.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

use crate::figure::Drawn;
use crate::ode::Interrupt;
use crate::scenario::Sweep;
use crate::scenario::style::Formats;

use super::{
    Folder, Options, Progress, Report, Shard, Status, SweepError, SweepPlan, Task, check_pictures, draw_pictures, keep,
    keep_pictures, keep_scenario, run,
};

/// What has come of a sweep, or of a shard of it.
#[derive(Debug)]
pub struct CarriedSweep {
    /// Its folder.
    pub folder: Folder,
    /// What came of its units.
    pub report: Report,
    /// Whether all units of the sweep are finished.
    pub whole: bool,
    /// The pictures that were drawn: none unless it is whole.
    pub drawn: Drawn,
}

/// The plan of a sweep, every unit and every picture of it read and found right.
///
/// # Errors
/// If one is not.
pub fn planned(sweep: &Sweep) -> Result<SweepPlan, SweepError> {
    let plan = SweepPlan::new(sweep)?;
    check_pictures(sweep)?;
    Ok(plan)
}

/// Where a sweep goes unless somebody says otherwise.
pub fn default_folder(plan: &SweepPlan) -> PathBuf {
    PathBuf::from("runs").join(format!("{}-{}-sweep", plan.name, &plan.hash()[..8]))
}

/// Units at a time: as many as asked for, or one per core.
pub fn jobs(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.unwrap_or_else(|| thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
}

/// Where a sweep is carried out, which part of it, and what it may take.
#[derive(Debug, Clone, Copy)]
pub struct SweepPlace<'a> {
    /// Its folder.
    pub path: &'a Path,
    /// Which units.
    pub shard: Shard,
    /// Units at a time.
    pub jobs: NonZeroUsize,
    /// Bytes of memory that they may take; without it, what is free.
    pub memory: Option<u64>,
}

/// Runs the units of `sweep` that are not finished, and draws its pictures once all units are there. `progress` and `interrupt` as of [`run()`].
///
/// # Errors
/// If the folder is another's, or cannot be written. That a unit cannot be run is no error: [`Report::failures`].
pub fn carry_out(
    sweep: &Sweep,
    plan: &SweepPlan,
    place: SweepPlace,
    interrupt: &Interrupt,
    progress: impl FnMut(&Progress),
) -> Result<CarriedSweep, SweepError> {
    let SweepPlace { path, shard, jobs, memory } = place;
    let folder = Folder::open(path, plan)?;
    keep_pictures(&folder, sweep.pictures())?;
    keep_scenario(&folder, sweep)?;
    let options = Options { jobs, keep: keep(sweep.pictures()), memory };
    let report = run(Task { sweep, plan, folder: &folder, shard }, options, interrupt, progress)?;
    // Of a part of the units there are no pictures: they are drawn once all parts are there.
    let folders = std::slice::from_ref(&folder);
    let whole = Status::of(plan, folders).missing.is_empty();
    let drawn = if whole { draw_pictures(folders, plan, sweep.pictures(), path, &Formats::all())? } else { Drawn::default() };
    Ok(CarriedSweep { folder, report, whole, drawn })
}
