//! `gramflow verify`: runs the scenario of a run folder again, in memory, and compares every value with what the folder holds.

mod entries;
mod origin;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::folder::{FinishedStudyFolder, FolderError, Recorded, final_weights, is_interrupted};
use crate::npz::Arrays;
use crate::record::Repetition;
use crate::run::{self, Finished};
use crate::scenario;
use crate::session::declared_arrays;

use super::interrupt::catch_signals;
use super::meter::Meter;
use super::output::{complain, print};
use super::{CliError, Limit};
use report::Verification;

#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 all values have the same bits; 1 some differ; 2 the folder holds no finished run.")]
pub(super) struct Arguments {
    /// The folder of a finished run, or of a unit of a sweep
    run_dir: PathBuf,
    #[command(flatten)]
    limit: Limit,
    /// Print a JSON object: `same`, what differs in each file, and `may_explain`
    #[arg(long)]
    json: bool,
}

pub(super) fn verify(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let folder = &arguments.run_dir;
    check_kind(folder)?;
    let path = folder.join("scenario.json");
    let text = scenario::text_of(&path)?;
    let recorded = Recorded::read(folder)?;
    if is_interrupted(&recorded.manifest) {
        return Err(CliError::VerifyInterrupted(folder.clone()));
    }
    let (scenario, problem) = run::parse(&text, &path, &[], arguments.limit.bytes().unwrap_or(u64::MAX))?;
    let may_explain = origin::may_explain(&recorded.manifest, &problem.scenario_hash);
    if !quiet {
        may_explain.iter().for_each(|reason| complain(&format!("note: {reason}")));
    }

    let meter = Meter::clock(scenario.flow.t_end, scenario.is_certified(), quiet);
    let interrupt = catch_signals(false).map_err(CliError::Signals)?;
    let finished = run::run(&scenario, &problem, &interrupt, |t| meter.at(t));
    drop(meter);
    if finished.is_interrupted() {
        return Err(CliError::Interrupted { again: "the same command starts again from the beginning" });
    }

    let found = compared(folder, &recorded, &finished, may_explain);
    print(&if arguments.json { format!("{:#}\n", found.to_json()) } else { found.to_text() })?;
    if found.is_same() { Ok(()) } else { Err(CliError::NotTheSameBits(folder.clone())) }
}

/// Fails for a folder of many runs or of none.
fn check_kind(folder: &Path) -> Result<(), CliError> {
    if folder.join("plan.json").is_file() {
        let units = fs::read_dir(folder.join("units")).into_iter().flatten().flatten().map(|unit| unit.path());
        let unit = units.filter(|unit| unit.join("manifest.json").is_file()).min();
        return Err(CliError::VerifySweep { sweep: folder.into(), unit: unit.unwrap_or_else(|| folder.join("units/<id>")) });
    }
    if FinishedStudyFolder::is_at(folder) {
        return Err(CliError::VerifyStudy(folder.into()));
    }
    let is_run = folder.join("manifest.json").is_file();
    if is_run { Ok(()) } else { Err(FolderError::NotARun(folder.into()).into()) }
}

fn compared(folder: &Path, recorded: &Recorded, finished: &Finished, may_explain: Vec<String>) -> Verification {
    let mut files = vec![(Recorded::TABLE, "columns", Repetition::of_tables(&recorded.table, &finished.run.table))];
    let (weights, none) = (final_weights(&finished.weights), Arrays::new());
    let again = [&finished.run.arrays, &weights, finished.trajectory.as_ref().unwrap_or(&none)];
    for (file, before) in &recorded.arrays {
        let after = Recorded::ARRAYS.iter().zip(again).find(|(name, _)| *name == file).map_or(&none, |(_, after)| after);
        let t = |key: &str, row: usize| {
            let timed = Recorded::is_over_time(file) || is_over_time(key);
            let (process, _) = key.split_once('/')?;
            before.get(&format!("{process}/t")).filter(|_| timed)?.data.get(row).copied()
        };
        files.push((file, "arrays", Repetition::of_arrays(before, after, t)));
    }
    let manifest = entries::changes(&recorded.manifest, &finished.manifest.to_value());
    Verification { folder: folder.into(), files, manifest, may_explain }
}

/// Whether an array of `arrays.npz` has one entry per record along its first axis.
fn is_over_time(key: &str) -> bool {
    let name = key.split_once('/').map_or(key, |(_, name)| name);
    let matches = |declared: &str| match declared.split_once('{') {
        Some((stem, _)) => name.starts_with(stem),
        None => name == declared,
    };
    // T is the number of records.
    declared_arrays().any(|(_, array)| array.shape.starts_with('T') && matches(array.name))
}
