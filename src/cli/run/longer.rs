//! `--resume RUN --set flow.t_end=…`: a finished run goes on over a longer horizon, from the state that it kept before its end counted.

use std::path::{Path, PathBuf};

use crate::cli::CliError;
use crate::folder::{Checkpoint, CheckpointAbout, Shorter, horizon_of};
use crate::run;
use crate::scenario;

use super::saved;

/// The key that may be set.
const KEY: &str = "flow.t_end";

/// Why a run does not go on over another horizon.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum LongerError {
    /// Another key is set.
    #[error(
        "--resume goes on with the same run, of which only {KEY} may be set, not `{0}`: run the scenario with it from the start"
    )]
    Key(String),
    /// The run has not ended.
    #[error("{} is there: the run has not ended; first go on with it, by gramflow run --resume {}", path.display(), folder.display())]
    Unfinished { path: PathBuf, folder: PathBuf },
    /// It keeps no state.
    #[error(
        "{} does not exist: only a run with --checkpoint keeps the state from which a longer horizon goes on; run {}/scenario.json with \
         --set {KEY}=… from the start",
        horizon_of(.0).display(), .0.display()
    )]
    NoState(PathBuf),
    /// The horizon is not longer.
    #[error("{KEY} must be greater than {end:?}, where the run in {} ends, got {t_end:?}", folder.display())]
    NotLonger { folder: PathBuf, end: f64, t_end: f64 },
    /// Files of the scenario are others by now.
    #[error("the files that the scenario of {} names have changed since it was run: run it from the start", .0.display())]
    Files(PathBuf),
    /// Optimizers would be recorded at other steps before the end of the shorter run.
    #[error(
        "over the horizon to {t_end:?} optimizers of {} are recorded at other steps from the start on: run {}/scenario.json with \
         --set {KEY}={t_end:?}",
        folder.display(), folder.display()
    )]
    Steps { folder: PathBuf, t_end: f64 },
}

/// The checkpoint from which the finished run in `folder` goes on with these values set, as if it had always had the longer horizon.
pub(super) fn longer(folder: &Path, sets: &[String]) -> Result<Checkpoint, CliError> {
    let key = |set: &String| set.split_once('=').map_or(set.as_str(), |(key, _)| key).trim().to_string();
    if let Some(other) = sets.iter().map(key).find(|key| key != KEY) {
        return Err(LongerError::Key(other).into());
    }
    let unfinished = saved::path_of(folder);
    let not_ended = || LongerError::Unfinished { path: unfinished.clone(), folder: folder.into() };
    let Some(Checkpoint { about, state }) = Checkpoint::read(&horizon_of(folder))? else {
        let error = if unfinished.exists() { not_ended() } else { LongerError::NoState(folder.into()) };
        return Err(error.into());
    };
    let path = folder.join("scenario.json");
    let read = |text: &str, sets: &[String]| Ok::<_, CliError>(scenario::parse(text, &path, sets)?.0);
    let shorter = read(&about.scenario, &[])?;
    if shorter.hash()? != about.scenario_hash {
        return Err(LongerError::Files(folder.into()).into());
    }
    let (end, t_end) = (shorter.flow.t_end, read(&about.scenario, sets)?.flow.t_end);
    if t_end <= end {
        return Err(LongerError::NotLonger { folder: folder.into(), end, t_end }.into());
    }
    let mut before = about.shorter.unwrap_or_else(|| Shorter { first: about.scenario.clone(), ends: Vec::new() });
    let scenario = shorter.lengthened(&read(&before.first, &[])?, t_end);
    if !run::begins_alike(&shorter, &scenario) {
        return Err(LongerError::Steps { folder: folder.into(), t_end }.into());
    }
    before.ends.push(end);
    let (text, scenario_hash) = (scenario.to_json(), scenario.hash()?);
    // One of its own is that of the same command, which was interrupted.
    if Checkpoint::read(&unfinished)?.is_some_and(|found| found.about.scenario_hash != scenario_hash) {
        return Err(not_ended().into());
    }
    let about = CheckpointAbout { scenario_hash, scenario: text, shorter: Some(before), ..about };
    Ok(Checkpoint { about, state })
}
