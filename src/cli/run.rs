//! `gramflow run`: runs a scenario, and writes its records and pictures to a folder.

mod longer;
mod saved;
mod summary;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::figure;
use crate::folder::{Checkpoint, Ending, FolderDraft, final_weights};
use crate::record::Outcome;
use crate::run::{self, Checkpoints, Finished, Problem};
use crate::scenario::Scenario;

use super::interrupt::catch_signals;
use super::meter::Meter;
use super::output::{complain, complain_of_moved, print};
use super::{CliError, Limit, Selection};
use longer::longer;
use saved::Saved;
pub(super) use saved::interval;
use summary::{Spent, summary};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The scenario, a YAML file
    #[arg(required_unless_present = "resume")]
    scenario: Option<PathBuf>,
    /// Replace one value, by its path: `--set flow.rtol=1e-10`, `--set optimizers.0.gd.lr=0.1`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    limit: Limit,
    /// The run folder; an earlier run there is replaced [default: runs/<name>-<first 8 hex digits of the scenario's hash>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Save the whole state every so often, such as 60s, 5m or 1h, and when it is interrupted (also by SIGUSR1): the same command then
    /// goes on from there, and ends with the bytes of a run that was never stopped
    #[arg(long, value_name = "TIME", value_parser = interval)]
    checkpoint: Option<Duration>,
    /// Go on with the run of this folder from its checkpoint, and keep saving its state; with --set flow.t_end=…, extend a finished run
    /// that was started with --checkpoint
    #[arg(long, value_name = "RUN", conflicts_with_all = ["scenario", "out"])]
    resume: Option<PathBuf>,
    /// Exit with status 3 if a claim of the scenario does not hold
    #[arg(long)]
    strict: bool,
    /// Print the manifest instead of the summary
    #[arg(long)]
    json: bool,
}

/// What the same command does after an interrupt.
const GOES_ON: &str = "the same command goes on from there";
const STARTS_AGAIN: &str = "the same command starts again from the beginning, unless the run saves its state: --checkpoint 60s";

/// What is to be run.
struct Job {
    scenario: Scenario,
    problem: Problem,
    folder: PathBuf,
    /// The interval of its checkpoints.
    every: Option<Duration>,
    /// The state of a run over a shorter horizon that it goes on from.
    shorter: Option<Checkpoint>,
}

impl Arguments {
    fn job(&self) -> Result<Job, CliError> {
        if let Some(folder) = &self.resume {
            let (about, shorter) = if self.sets.is_empty() {
                (saved::of_folder(folder)?.about, None)
            } else {
                let shorter = longer(folder, &self.sets)?;
                (shorter.about.clone(), Some(shorter))
            };
            let memory = self.limit.bytes().unwrap_or(u64::MAX);
            // The paths in it are absolute.
            let (scenario, problem) = run::parse(&about.scenario, &folder.join("scenario.json"), &[], memory)?;
            let every = Some(self.checkpoint.unwrap_or(about.every()));
            return Ok(Job { scenario, problem, folder: folder.clone(), every, shorter });
        }
        let scenario = self.scenario.clone().unwrap_or_default();
        let (scenario, problem) = Selection { scenario, sets: self.sets.clone() }.load(&self.limit)?;
        let default = || Path::new("runs").join(format!("{}-{}", scenario.name, &problem.scenario_hash[..8]));
        let folder = self.out.clone().unwrap_or_else(default);
        Ok(Job { scenario, problem, folder, every: self.checkpoint, shorter: None })
    }
}

pub(super) fn run(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let begin = Instant::now();
    let Job { scenario, mut problem, folder, every, shorter } = arguments.job()?;
    // Before the work: a folder that cannot be written is found now. Dropped at once, as an interrupt would leave it behind.
    drop(FolderDraft::new(&folder)?);

    let mut saved = every.map(|every| Saved::of(&folder, &scenario, &problem, every));
    let _hold = saved.as_ref().map(Saved::hold).transpose()?;
    let from = saved.as_mut().map(|saved| saved.state(shorter, &mut problem, quiet)).transpose()?.flatten();
    if saved.is_none() && !quiet {
        saved::point_to(&folder, &problem.scenario_hash);
    }
    let meter = Meter::clock(scenario.flow.t_end, scenario.is_certified(), quiet);
    let interrupt = catch_signals(saved.is_some()).map_err(CliError::Signals)?;
    let began_run = Instant::now();
    let goes_on = from.is_some();
    let mut begins = goes_on;
    let progress = |t| {
        if std::mem::take(&mut begins) {
            meter.goes_on_from(t);
        }
        meter.at(t);
    };
    let mut finished = match (&mut saved, every) {
        (Some(saved), Some(every)) => {
            let checkpoints = Checkpoints { every, from, keep: &mut |state| saved.keep(state) };
            run::run_in_legs(&scenario, &problem, &interrupt, progress, checkpoints)?
        }
        _ => run::run(&scenario, &problem, &interrupt, progress),
    };
    let in_run = began_run.elapsed();
    drop(meter);

    let draft = FolderDraft::new(&folder)?;
    draft.write(&finished.run, &scenario, &final_weights(&finished.weights))?;
    if let Some(trajectory) = &finished.trajectory {
        draft.write_trajectory(trajectory)?;
    }
    if let Some(saved) = &saved {
        finished.manifest.extended_from = saved.extended_from();
        finished.manifest.warnings.extend(saved.warning());
        if let Some(state) = finished.before_the_end.take() {
            draft.write_horizon(&saved.checkpoint(state))?;
        }
    }
    let began_drawing = Instant::now();
    let drawn = figure::draw_all(&finished.run, &scenario.style, &draft.figures()?);
    let in_pictures = began_drawing.elapsed();
    finished.manifest.warnings.extend(drawn.iter().flat_map(|drawn| drawn.warnings.clone()));
    let ending = if finished.is_interrupted() { Ending::Interrupted } else { Ending::Finished };
    let published = draft.publish(&finished.manifest, ending)?;
    complain_of_moved(&published);
    // The folder as the user named it, unless the run had to go beside it.
    let beside = published.path.file_name() != fs::canonicalize(&folder).ok().as_deref().and_then(Path::file_name);
    let stands = beside.then(|| folder.clone());
    let folder = if beside { folder.with_file_name(published.path.file_name().unwrap_or_default()) } else { folder };
    if let Some(saved) = saved.as_ref().filter(|_| !finished.is_interrupted()) {
        saved.remove();
    }
    // The records stand even where a picture could not be drawn.
    drawn?;

    if !quiet {
        finished.manifest.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    let spent = Spent { run: in_run, goes_on, pictures: in_pictures, total: begin.elapsed() };
    print(&if arguments.json { json(&finished, &folder) } else { summary(&finished, &folder, spent, quiet) })?;
    match broken(&finished) {
        _ if finished.is_interrupted() => {
            let again = if saved.is_some() { GOES_ON } else { STARTS_AGAIN };
            Err(match stands {
                Some(stands) => CliError::InterruptedBeside { stands, partial: folder, again },
                None => CliError::Interrupted { again },
            })
        }
        Some(broken) if arguments.strict => Err(CliError::Claims(broken)),
        _ => Ok(()),
    }
}

/// The claims that do not hold, with their verdicts.
fn broken(finished: &Finished) -> Option<String> {
    let broken = finished.manifest.verdicts.iter().filter(|(_, verdict)| verdict.verdict != Outcome::Holds);
    let named: Vec<String> = broken.map(|(claim, verdict)| format!("{claim} ({})", verdict.verdict)).collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// The manifest, and `run_folder`: where it lies.
fn json(finished: &Finished, folder: &Path) -> String {
    let mut manifest = finished.manifest.to_value();
    manifest["run_folder"] = folder.display().to_string().into();
    format!("{manifest:#}\n")
}
