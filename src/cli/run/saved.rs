//! `--checkpoint` and `--resume`: a run that goes on where it was stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::folder::{Checkpoint, CheckpointAbout, CheckpointError, checkpoint_of, horizon_of};
use crate::ode::short;
use crate::publish::Hold;
use crate::run::Problem;
use crate::scenario::Scenario;
use crate::spool::Spooled;

use crate::cli::CliError;
use crate::cli::output::complain;

/// A time such as `60s`, `5m`, `1.5h`.
pub(in crate::cli) fn interval(text: &str) -> Result<Duration, String> {
    let right = || format!("`{text}` is not a time such as 60s, 5m or 1h");
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(right)?);
    let seconds = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(right()),
    };
    let number: f64 = number.trim().parse().map_err(|_| right())?;
    Duration::try_from_secs_f64(seconds * number).map_err(|_| right())
}

/// The checkpoint of one run folder.
pub(super) struct Saved {
    path: PathBuf,
    about: CheckpointAbout,
    /// Why the last state that could not be kept was not.
    failure: Option<String>,
}

impl Saved {
    /// Of the run of a scenario that is to be in `folder`.
    pub(super) fn of(folder: &Path, scenario: &Scenario, problem: &Problem, every: Duration) -> Self {
        let about = CheckpointAbout::of(scenario, &problem.scenario_hash, every);
        Self { path: path_of(folder), about, failure: None }
    }

    /// Keeps other commands from its checkpoint.
    pub(super) fn hold(&self) -> Result<Hold, CliError> {
        Ok(Hold::of(&self.path)?.ok_or_else(|| CheckpointError::Held(self.path.clone()))?)
    }

    /// The state to go on from, if there is one: that of this run or, if it has not begun, of a `shorter` one. The problem is to warn of what
    /// may differ.
    pub(super) fn state(
        &mut self,
        shorter: Option<Checkpoint>,
        problem: &mut Problem,
        quiet: bool,
    ) -> Result<Option<Spooled<u8>>, CheckpointError> {
        let Some(found) = Checkpoint::read(&self.path)?.or(shorter) else { return Ok(None) };
        let Checkpoint { about, state } = found.check(&self.path, &self.about.scenario_hash)?;
        problem.notes.extend(about.warning());
        if !quiet {
            complain(&match about.shorter.as_ref().and_then(|shorter| shorter.ends.last()) {
                Some(end) if !self.path.exists() => format!("goes on from the run to t = {}", short(*end, 6)),
                _ => format!("goes on from {}", self.path.display()),
            });
        }
        self.about.shorter = about.shorter;
        Ok(Some(state))
    }

    /// A state of this run.
    pub(super) fn checkpoint(&self, state: Spooled<u8>) -> Checkpoint {
        Checkpoint { about: self.about.clone(), state }
    }

    /// Where the horizons ended of the runs that it goes on from.
    pub(super) fn extended_from(&self) -> Vec<f64> {
        self.about.shorter.iter().flat_map(|shorter| shorter.ends.clone()).collect()
    }

    /// Keeps a state in the place of the one before. The run goes on even where that fails.
    pub(super) fn keep(&mut self, state: Spooled<u8>) {
        if let Err(error) = self.checkpoint(state).write(&self.path) {
            // Now, while something can be done about it.
            complain(&format!("warning: no checkpoint: {error}"));
            self.failure = Some(error.to_string());
        }
    }

    /// A warning if a state could not be kept.
    pub(super) fn warning(&self) -> Option<String> {
        self.failure.as_ref().map(|error| format!("no checkpoint was kept for a while: {error}"))
    }

    /// Removes it: the run has ended.
    pub(super) fn remove(&self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                complain(&format!("warning: cannot remove {}, which nobody needs any longer: {error}", self.path.display()));
            }
            _ => {}
        }
    }
}

/// The checkpoint of a run folder.
pub(super) fn of_folder(folder: &Path) -> Result<Checkpoint, CheckpointError> {
    let path = path_of(folder);
    Checkpoint::read(&path)?.ok_or_else(|| {
        let ended = horizon_of(folder).is_file();
        if ended { CheckpointError::Ended(folder.into()) } else { CheckpointError::Missing(path) }
    })
}

/// Says what a run without checkpoints leaves unused: the state of a run of the same scenario could go on.
pub(super) fn point_to(folder: &Path, scenario_hash: &str) {
    let path = path_of(folder);
    if !path.exists() {
        return;
    }
    // One that cannot be read is not gone on from either.
    let found = Checkpoint::read(&path).ok().flatten();
    let of_this = found.is_some_and(|found| found.check(&path, scenario_hash).is_ok());
    complain(&if of_this {
        format!("{} is there: with --checkpoint 60s, this command goes on from it", path.display())
    } else {
        format!("{} is there, but not of this run, which leaves it alone", path.display())
    });
}

/// Beside the folder itself, where that is a link.
pub(super) fn path_of(folder: &Path) -> PathBuf {
    checkpoint_of(&fs::canonicalize(folder).or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_path_buf()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units() {
        for (text, seconds) in [("60s", 60.0), ("5m", 300.0), ("1.5h", 5400.0), ("0s", 0.0), ("2 min", 120.0)] {
            assert_eq!(interval(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["60", "s", "", "-1s", "1d", "nans", "1e400s"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }
}
