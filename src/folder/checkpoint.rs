//! `RUN.checkpoint`: the state of a run that has not ended, beside the folder that it will have. `RUN/horizon.checkpoint`: the state of one
//! that has, before its end counted, from which it goes on over a longer horizon.
//!
//! The first line says which gramflow wrote it, whatever follows. The second is JSON: the scenario and its hash, the interval, and the length
//! and the SHA-256 of the state, which is the rest of the file ([`Archive`](crate::archive::Archive)).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::publish::{self, PublishError};
use crate::record::{REVISION, VERSION};
use crate::scenario::Scenario;
use crate::spool::Spooled;

use super::FolderError;

/// How the first line begins.
const FIRST_WORDS: &str = "gramflow checkpoint of version ";
/// Bytes that it has at most: what is longer is another file.
const LONGEST_FIRST: u64 = 1 << 10;
/// Bytes of a file that are read together.
const PIECE: usize = 1 << 16;

/// The state of a run, and of what run.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What was run.
    pub about: CheckpointAbout,
    /// The state, as a session keeps it.
    pub state: Spooled<u8>,
}

/// What a checkpoint belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointAbout {
    /// The hash of the scenario, including the contents of its files.
    pub scenario_hash: String,
    /// The scenario with every default filled in, as JSON.
    pub scenario: String,
    /// Seconds from one checkpoint to the next.
    pub every: f64,
    /// The kind of CPU: on another, products may round differently.
    pub cpu: String,
    /// The runs over shorter horizons that it goes on from, if it does.
    pub shorter: Option<Shorter>,
}

/// Runs that were extended, one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shorter {
    /// The scenario of the first, as JSON.
    pub first: String,
    /// Their ends, in order.
    pub ends: Vec<f64>,
}

/// What stands before a state.
#[derive(Serialize, Deserialize)]
struct Head {
    about: CheckpointAbout,
    length: usize,
    sha256: String,
}

/// Why a checkpoint cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is none.
    #[error("{} does not exist: a run leaves it while it has not ended, if it was started with --checkpoint", .0.display())]
    Missing(PathBuf),
    /// Another command writes it.
    #[error("another command runs into the same folder, and saves its state in {}: let it end, or choose another --out", .0.display())]
    Held(PathBuf),
    /// The run has ended, and could go on over a longer horizon.
    #[error("the run in {} has ended: to go on beyond its end, give a later one by --set flow.t_end=…", .0.display())]
    Ended(PathBuf),
    /// The file is not a checkpoint.
    #[error("{} is not a checkpoint of gramflow: move it away, or choose another --out", .0.display())]
    Foreign(PathBuf),
    /// The file is that of another version.
    #[error(
        "{} is a checkpoint of gramflow {found}, and this is {VERSION} ({REVISION}): go on with that version, or remove the file to start \
         again",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that wrote it.
        found: String,
    },
    /// The file is that of another scenario.
    #[error(
        "{} is a checkpoint of another scenario (hash {}, here {}): choose another --out, or remove the file to start again",
        path.display(), &found[..8.min(found.len())], &wanted[..8.min(wanted.len())]
    )]
    Scenario {
        /// The file.
        path: PathBuf,
        /// The hash in it.
        found: String,
        /// That of the scenario to be run.
        wanted: String,
    },
    /// The file was changed since it was written.
    #[error("{} is damaged: remove it to start again", .0.display())]
    Damaged(PathBuf),
    /// The file cannot be read or removed.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// The verb that follows "cannot" in the message.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// `RUN.checkpoint` of the run folder `RUN`.
pub fn checkpoint_of(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".checkpoint");
    folder.with_file_name(name)
}

/// The state in the folder of a finished run from which a longer horizon goes on.
pub fn horizon_of(folder: &Path) -> PathBuf {
    folder.join("horizon.checkpoint")
}

/// The kind of this CPU, as far as products depend on it.
fn cpu() -> String {
    let mut words = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    {
        let found = [
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ];
        words.extend(found.into_iter().filter(|(_, there)| *there).map(|(name, _)| name));
    }
    words.join(" ")
}

impl Checkpoint {
    /// Replaces the file at `path`: at every moment it holds a whole checkpoint, this one or the one before.
    ///
    /// # Errors
    /// [`FolderError`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), FolderError> {
        let failed = |source| FolderError::from(PublishError::Io { verb: "write", path: path.into(), source });
        publish::replace(path, |file| self.write_to(file).map_err(failed))
    }

    /// Writes it to `file`.
    ///
    /// # Errors
    /// As for writing to `file`.
    pub fn write_to(&self, mut file: impl Write) -> io::Result<()> {
        let (length, sha256) = (self.state.len(), digest(&self.state));
        let head = serde_json::to_string(&Head { about: self.about.clone(), length, sha256 });
        let head = head.map_err(io::Error::other)?;
        file.write_all(format!("{FIRST_WORDS}{}\n{head}\n", this_version()).as_bytes())?;
        self.state.pieces().try_for_each(|piece| file.write_all(&piece))
    }

    /// The checkpoint at `path`; `None` if there is none.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is another version's, damaged, or no checkpoint at all.
    pub fn read(path: &Path) -> Result<Option<Self>, CheckpointError> {
        let failed = |source| CheckpointError::Io { verb: "read", path: path.into(), source };
        let mut file = match File::open(path) {
            Ok(file) => BufReader::with_capacity(PIECE, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let mut first = Vec::new();
        file.by_ref().take(LONGEST_FIRST).read_until(b'\n', &mut first).map_err(failed)?;
        let first = std::str::from_utf8(&first).ok().and_then(|line| line.strip_prefix(FIRST_WORDS));
        let Some(found) = first else { return Err(CheckpointError::Foreign(path.into())) };
        let found = found.trim_end_matches('\n');
        if found != this_version() {
            return Err(CheckpointError::Version { path: path.into(), found: found.into() });
        }
        let damaged = || CheckpointError::Damaged(path.into());
        let mut second = Vec::new();
        file.read_until(b'\n', &mut second).map_err(failed)?;
        let head: Head = serde_json::from_slice(&second).map_err(|_| damaged())?;
        let mut state = Spooled::new();
        loop {
            let piece = file.fill_buf().map_err(failed)?;
            if piece.is_empty() || state.len() > head.length {
                break;
            }
            state.extend_from_slice(piece);
            let read = piece.len();
            file.consume(read);
        }
        if state.len() != head.length || digest(&state) != head.sha256 {
            return Err(damaged());
        }
        Ok(Some(Self { about: head.about, state }))
    }

    /// Fails if it is not that of the scenario with the hash `wanted`; it was read from `path`.
    ///
    /// # Errors
    /// [`CheckpointError::Scenario`].
    pub fn check(self, path: &Path, wanted: &str) -> Result<Self, CheckpointError> {
        if self.about.scenario_hash == wanted {
            return Ok(self);
        }
        Err(CheckpointError::Scenario { path: path.into(), found: self.about.scenario_hash, wanted: wanted.into() })
    }
}

impl CheckpointAbout {
    /// Of the run of a scenario with this hash, on this machine.
    pub fn of(scenario: &Scenario, scenario_hash: &str, every: Duration) -> Self {
        Self {
            scenario_hash: scenario_hash.to_string(),
            scenario: scenario.to_json(),
            every: every.as_secs_f64(),
            cpu: cpu(),
            shorter: None,
        }
    }

    /// A warning for the records of a run that was begun on another kind of CPU.
    pub fn warning(&self) -> Option<String> {
        let here = cpu();
        (self.cpu != here).then(|| {
            format!(
                "the run was begun on another kind of CPU ({}, here {here}): its records may differ from those of a run on one machine by \
                 rounding",
                self.cpu
            )
        })
    }

    /// The interval.
    pub fn every(&self) -> Duration {
        Duration::try_from_secs_f64(self.every).unwrap_or_default()
    }
}

fn this_version() -> String {
    format!("{VERSION} ({REVISION})")
}

fn digest(state: &Spooled<u8>) -> String {
    let mut digest = Sha256::new();
    state.pieces().for_each(|piece| digest.update(&piece));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn checkpoint() -> Checkpoint {
        let about =
            CheckpointAbout { scenario_hash: "ab".repeat(32), scenario: "{}".into(), every: 0.1, cpu: cpu(), shorter: None };
        // Line breaks are bytes like others in a state.
        Checkpoint { about, state: (0..=255).chain([b'\n', b'\n', 0]).collect() }
    }

    #[test]
    fn what_was_written_is_read_and_what_was_changed_is_refused() {
        let at = tempfile::tempdir().unwrap();
        let path = checkpoint_of(&at.path().join("my.run"));
        assert_eq!(path, at.path().join("my.run.checkpoint"));
        assert!(Checkpoint::read(&path).unwrap().is_none());
        checkpoint().write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), Some(checkpoint()));
        let bytes = fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            Checkpoint::read(&path).unwrap_err()
        };
        for end in 0..bytes.len() {
            let error = refused(&bytes[..end]);
            assert!(!matches!(error, CheckpointError::Io { .. } | CheckpointError::Missing(_)), "{end}: {error}");
        }
        for at in [bytes.len() - 1, bytes.len() - 200] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(matches!(refused(&changed), CheckpointError::Damaged(_)), "{at}");
        }
        let text = String::from_utf8_lossy(&bytes).replacen(VERSION, "9.9.9", 1);
        let error = refused(text.as_bytes()).to_string();
        assert!(error.contains("of gramflow 9.9.9 (") && error.contains("remove the file"), "{error}");
        assert!(matches!(refused(b"my notes\n"), CheckpointError::Foreign(_)));
    }
}
