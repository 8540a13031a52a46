//! A study from its plan to its pictures.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::figure;
use crate::folder::{FolderError, Keep, RateStudy};
use crate::ode::Interrupt;
use crate::publish::Shelf;
use crate::run::Problem;
use crate::scenario::Scenario;
use crate::sweep::{self, Folder, Options, Progress, Report, Shard, Task};

use super::weak::ensembles;
use super::{Ensembles, FinishedRateStudy, LrError, RatePlan, RateStudySettings, finish, flow, samples};

/// A study that was carried out.
pub struct CarriedStudy {
    /// Its folder.
    pub path: PathBuf,
    /// Runs of an optimizer at a rate, over all units.
    pub runs: usize,
    /// Its units.
    pub units: usize,
    /// How the units ended.
    pub report: Report,
    /// The results; `None` if the study was interrupted while units ran.
    pub finished: Option<FinishedRateStudy>,
}

/// Where a study is carried out, and the resources it may take.
#[derive(Debug, Clone, Copy)]
pub struct StudyPlace<'a> {
    /// Its folder; without it `runs/<name>-<hash>-lr`.
    pub path: Option<&'a Path>,
    /// Units run at a time.
    pub jobs: NonZeroUsize,
    /// Bytes of memory that the units may take; without it, what is free.
    pub memory: Option<u64>,
}

/// How far a study is.
#[derive(Debug, Clone, Copy)]
pub enum StudyStage<'a> {
    /// The time that the flow by itself has reached.
    Flow(f64),
    /// The progress of the units.
    Units(&'a Progress),
    /// The share of the ensembles that is done.
    Ensembles(f64),
}

/// Integrates the flow by itself, runs the units that are not finished and the ensembles that are asked for, and writes tables and pictures.
/// `told` is told how far it is.
///
/// # Errors
/// If the settings do not suit the scenario, the folder is another's or cannot be written, or the flow or the ensembles were interrupted.
pub fn carry_out(
    scenario: &Scenario,
    problem: &Problem,
    settings: &RateStudySettings,
    place: StudyPlace,
    interrupt: &Interrupt,
    mut told: impl FnMut(StudyStage),
) -> Result<CarriedStudy, LrError> {
    let plan = RatePlan::new(scenario, samples(scenario)?, settings)?;
    let (sweep, its_plan) = plan.sweep();
    let path = match place.path {
        Some(path) => path.to_path_buf(),
        None => Path::new("runs").join(format!("{}-{}-lr", scenario.name, &plan.hash()[..8])),
    };
    let folder = Folder::open(&path, its_plan)?;
    // Find out before the work whether the results can be written.
    let shelf = Shelf::open(&path).map_err(FolderError::from)?;
    shelf.check(RateStudy::FILES).map_err(FolderError::from)?;

    let flow = flow(scenario, &plan, problem, &folder, interrupt, |t| told(StudyStage::Flow(t)))?;
    let options =
        Options { jobs: place.jobs, keep: Keep { weights: true, arrays: false }, memory: place.memory, checkpoint: None };
    let task = Task { sweep, plan: its_plan, folder: &folder, shard: Shard::default() };
    let report = sweep::run(task, options, interrupt, |progress| told(StudyStage::Units(progress)))?;
    let counts = (plan.runs(), its_plan.units().len());
    let carried = |report, finished| CarriedStudy { path: path.clone(), runs: counts.0, units: counts.1, report, finished };
    if report.interrupted {
        return Ok(carried(report, None));
    }
    let ensembles = match settings.ensemble {
        Some(count) => {
            ensembles(scenario, &plan, count, &folder, place, interrupt, |share| told(StudyStage::Ensembles(share)))?
        }
        None => Ensembles::default(),
    };
    let mut finished = finish(scenario, problem, settings, &plan, &folder, (flow, &ensembles))?;
    let stage = shelf.stage().map_err(FolderError::from)?;
    let pictures = stage.folder("figures").map_err(FolderError::from)?;
    let drawn = figure::draw_rate_study(&finished.study, &scenario.style, &pictures);
    finished.manifest.warnings.extend(drawn.iter().flat_map(|drawn| drawn.warnings.clone()));
    finished.study.write(&stage, scenario, &finished.manifest)?;
    shelf.publish(stage, |name| drawn.is_ok() && name.starts_with("figures/")).map_err(FolderError::from)?;
    // The tables stand even where a picture could not be drawn.
    drawn?;
    Ok(carried(report, Some(finished)))
}
