//! The folder of a sweep, and what it says of each unit.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::folder::{FolderError, is_whole_unit};
use crate::publish::{PARTIAL, PublishError, remove_stale, replace_text};

use super::{Id, SweepError, SweepPlan};

/// A sweep's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// Units whose files have been looked at and found whole.
    whole: Arc<Mutex<HashSet<Id>>>,
}

impl Folder {
    /// The folder at `path` for the units of `plan`: new or empty, or one of the same plan.
    pub fn open(path: &Path, plan: &SweepPlan) -> Result<Self, SweepError> {
        // A name that is too long, or a file among the folders above it.
        if let Err(source) = path.symlink_metadata()
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(FolderError::from(PublishError::Target { path: path.into(), source }).into());
        }
        let folder = Self::at(path);
        let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.all(|entry| entry.is_ok_and(|e| is_draft(&e))));
        let found = match Self::read(path) {
            // Another command may have written its plan since: what fills the folder is then that sweep.
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
                // What the folder is said to be must be true of it before its plan says so.
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

    /// An earlier sweep's folder, and its plan.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn plan_path(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// The folder of a unit, there once the unit is finished.
    pub fn unit(&self, id: Id) -> PathBuf {
        self.path.join("units").join(id.to_string())
    }

    /// Whether the unit is finished: a folder of its name that is empty, damaged or of another scenario does not count.
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

    /// Why the unit could not be run when that was last tried.
    pub fn failure(&self, id: Id) -> Option<String> {
        let text = fs::read_to_string(self.failure_path(id)).ok()?;
        let record: Value = serde_json::from_str(&text).ok()?;
        Some(record["reason"].as_str()?.to_string())
    }

    /// Records why the unit cannot be run.
    pub(super) fn fail(&self, id: Id, reason: &str) -> Result<(), FolderError> {
        Ok(replace_text(&self.failure_path(id), &format!("{:#}\n", json!({"unit": id, "reason": reason})))?)
    }

    /// The unit is finished: what failed before no longer counts.
    pub(super) fn forgive(&self, id: Id) {
        // As a rule there is nothing; and were it to stay, a finished unit counts as finished.
        let _ = fs::remove_file(self.failure_path(id));
    }
}

/// What an earlier command that was killed has left, or one that is just beginning.
fn is_draft(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name == "units" || name == "failed" || name.to_string_lossy().starts_with(PARTIAL)
}
