//! The list of the files that gramflow wrote into a folder. It is read from a file that anybody may have edited: a list with a name that
//! leads out of the folder is no list.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::file::replace_text;
use super::{PublishError, failed};

/// The file of the list, in the folder itself.
pub const LIST: &str = ".gramflow.json";

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Of one run.
    Run,
    /// Of a study of integrators.
    Study,
    /// Of one unit of a sweep.
    Unit,
    /// One that gramflow adds files to, beside those of others: of a sweep, of figures, …
    Shared,
}

/// The names of files, relative to the folder and with `/` between parts, and their sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What the folder is.
    pub kind: Kind,
    /// Which files gramflow wrote into it, itself apart.
    pub files: BTreeMap<String, u64>,
}

impl List {
    /// An empty one.
    pub fn new(kind: Kind) -> Self {
        Self { kind, files: BTreeMap::new() }
    }

    /// That of `folder`; none if there is none that can be trusted.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(LIST);
        if !path.symlink_metadata().ok()?.is_file() {
            return None;
        }
        let list: Self = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        list.files.keys().all(|name| is_inside(name)).then_some(list)
    }

    /// Writes it into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), PublishError> {
        let text = serde_json::to_string_pretty(self).expect("a map with text keys is JSON");
        replace_text(&folder.join(LIST), &format!("{text}\n"))
    }

    /// All files below `folder`.
    pub(super) fn of(folder: &Path, kind: Kind) -> Result<Self, PublishError> {
        let mut list = Self::new(kind);
        list.add_below(folder, "")?;
        list.files.remove(LIST);
        Ok(list)
    }

    fn add_below(&mut self, folder: &Path, prefix: &str) -> Result<(), PublishError> {
        for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
            let entry = entry.map_err(failed("read", folder))?;
            let metadata = entry.metadata().map_err(failed("read", &entry.path()))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if metadata.is_dir() {
                self.add_below(&entry.path(), &format!("{name}/"))?;
            } else {
                self.files.insert(name, metadata.len());
            }
        }
        Ok(())
    }

    /// Whether all files are there, as long as they were.
    pub fn is_whole(&self, folder: &Path) -> bool {
        self.files.iter().all(|(name, bytes)| {
            let found = folder.join(name).symlink_metadata();
            found.is_ok_and(|found| found.is_file() && found.len() == *bytes)
        })
    }

    /// Whether a file in the folder called `name`, or below it, is listed.
    pub(super) fn has_below(&self, name: &str) -> bool {
        let prefix = format!("{name}/");
        self.files.keys().any(|file| file.starts_with(&prefix))
    }
}

/// Whether `name` is the path of something inside a folder: not absolute, without `..`.
pub(super) fn is_inside(name: &str) -> bool {
    let path = Path::new(name);
    !name.is_empty() && !name.contains('\\') && path.components().all(|part| matches!(part, Component::Normal(_)))
}
