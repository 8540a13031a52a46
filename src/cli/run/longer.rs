//! `--resume RUN --set flow.t_end=…`: a finished run goes on over a longer horizon, from the state that it kept before its end counted.

use std::path::Path;

use crate::cli::CliError;
use crate::folder::{Checkpoint, CheckpointAbout, LONGER_KEY, LongerError, Shorter, horizon_of};
use crate::run;
use crate::scenario;

use super::saved;

/// The checkpoint from which the finished run in `folder` goes on with these values set, as if it had always had the longer horizon.
pub(super) fn longer(folder: &Path, sets: &[String]) -> Result<Checkpoint, CliError> {
    let key = |set: &String| set.split_once('=').map_or(set.as_str(), |(key, _)| key).trim().to_string();
    if let Some(other) = sets.iter().map(key).find(|key| key != LONGER_KEY) {
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
