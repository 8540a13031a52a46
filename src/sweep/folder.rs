//! The folder of a sweep, and the state of each unit in it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::json;

use crate::folder::{FolderError, checkpoint_of, is_whole_unit};
use crate::publish::{PARTIAL, PublishError, remove_stale, replace_text};

use super::{Id, SweepError, SweepPlan};

/// What is read of the record of a unit that failed.
#[derive(Debug, Deserialize)]
struct Failure {
    reason: String,
}

/// A sweep's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// Units whose files have been checked and found complete.
    whole: Arc<Mutex<HashSet<Id>>>,
}

impl Folder {
    /// The folder at `path` for the units of `plan`: new, empty, or already of the same plan.
    ///
    /// # Errors
    /// [`SweepError`] if the folder holds something else or another plan, or cannot be made.
    pub fn open(path: &Path, plan: &SweepPlan) -> Result<Self, SweepError> {
        // The name may be too long, or a parent may be a file.
        if let Err(source) = path.symlink_metadata()
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(FolderError::from(PublishError::Target { path: path.into(), source }).into());
        }
        let folder = Self::at(path);
        let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|e| is_draft(&e))));
        let found = match Self::read(path) {
            // Another command may have written its plan since: the folder is then that sweep's.
            Err(SweepError::NotASweep(_)) if path.symlink_metadata().is_ok() && !empty() => {
                Self::read(path).map_err(|error| match error {
                    SweepError::NotASweep(folder) => SweepError::Occupied(folder),
                    other => other,
                })
            }
            found => found,
        };
        match found {
            Ok((_, earlier)) if earlier == *plan => {}
            Ok((_, earlier)) => {
                let short = |plan: &SweepPlan| plan.hash()[..8].to_string();
                return Err(SweepError::OtherPlan { folder: path.into(), found: short(&earlier), wanted: short(plan) });
            }
            Err(SweepError::NotASweep(_)) => {
                // The folder must be complete before its plan says what it is.
                folder.make()?;
                replace_text(&folder.plan_path(), &format!("{}\n", plan.to_json())).map_err(FolderError::from)?;
            }
            Err(other) => return Err(other),
        }
        folder.make()?;
        for drafts in [folder.path.clone(), folder.path.join("units"), folder.path.join("failed")] {
            remove_stale(&drafts);
        }
        Ok(folder)
    }

    fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), whole: Arc::default() }
    }

    fn make(&self) -> Result<(), FolderError> {
        for folder in [self.path.join("units"), self.path.join("failed")] {
            fs::create_dir_all(&folder).map_err(FolderError::io("make", &folder))?;
        }
        Ok(())
    }

    /// The folder of an earlier sweep, and its plan.
    pub fn read(path: &Path) -> Result<(Self, SweepPlan), SweepError> {
        let folder = Self::at(path);
        let file = folder.plan_path();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(SweepError::NotASweep(path.into()));
            }
            Err(error) => return Err(FolderError::io("read", &file)(error).into()),
        };
        let plan = SweepPlan::from_json(&text).map_err(|message| SweepError::Plan { path: file, message })?;
        Ok((folder, plan))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn plan_path(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// The folder of a unit, which exists once the unit is finished.
    pub fn unit(&self, id: Id) -> PathBuf {
        self.path.join("units").join(id.to_string())
    }

    /// The file with the state of a unit that is not finished, where units keep checkpoints.
    pub(super) fn checkpoint(&self, id: Id) -> PathBuf {
        checkpoint_of(&self.unit(id))
    }

    /// Whether the unit is finished: an empty or damaged folder, or one of another scenario, does not count.
    pub fn is_done(&self, id: Id) -> bool {
        let whole = || self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole().contains(&id) {
            return true;
        }
        let found = is_whole_unit(&self.unit(id), &id.to_string());
        if found {
            whole().insert(id);
        }
        found
    }

    fn failure_path(&self, id: Id) -> PathBuf {
        self.path.join("failed").join(format!("{id}.json"))
    }

    /// Why the last attempt to run the unit failed, if it did; of a record that cannot be read, that it cannot.
    pub fn failure(&self, id: Id) -> Option<String> {
        let path = self.failure_path(id);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            text => text,
        };
        let failure = text.and_then(|text| Ok(serde_json::from_str::<Failure>(&text)?));
        let unknown = |error: io::Error| format!("its reason is not known, as {} cannot be read ({error})", path.display());
        Some(failure.map_or_else(unknown, |failure| failure.reason))
    }

    /// Records why the unit cannot be run.
    pub(super) fn fail(&self, id: Id, reason: &str) -> Result<(), FolderError> {
        Ok(replace_text(&self.failure_path(id), &format!("{:#}\n", json!({"unit": id, "reason": reason})))?)
    }

    /// Forgets earlier failures and the state of a unit that is now finished.
    pub(super) fn forgive(&self, id: Id) {
        // Usually there are no such files, and if they were to stay, the unit would still count as finished.
        let _ = fs::remove_file(self.failure_path(id));
        let _ = fs::remove_file(self.checkpoint(id));
    }
}

/// Whether an entry was left by a command that was killed, or made by one that is just beginning.
fn is_draft(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name == "units" || name == "failed" || name.to_string_lossy().starts_with(PARTIAL)
}
