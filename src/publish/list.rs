//! The list of the files that gramflow wrote into a folder. Anybody may have edited it: a list with a name that leads out of the folder is
//! not trusted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::file::replace_text;
use super::{PublishError, failed};

/// The file of the list, in the folder itself.
pub const LIST: &str = ".gramflow.json";

/// The kind of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The folder of one run.
    Run,
    /// The folder of a study of integrators.
    Study,
    /// The folder of one unit of a sweep.
    Unit,
    /// A folder to which gramflow adds files beside those of others: of a sweep, of figures, …
    Shared,
}

/// The files that gramflow wrote into a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// The kind of the folder.
    pub kind: Kind,
    /// Their names, relative to the folder and with `/` between parts, and sizes in bytes; the list itself is left out.
    pub files: BTreeMap<String, u64>,
}

impl List {
    /// An empty list.
    pub fn new(kind: Kind) -> Self {
        Self { kind, files: BTreeMap::new() }
    }

    /// The list of `folder`; `None` if there is none that can be trusted.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(LIST);
        if !path.symlink_metadata().ok()?.is_file() {
            return None;
        }
        let list: Self = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        list.files.keys().all(|name| is_inside(name)).then_some(list)
    }

    /// Writes the list into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), PublishError> {
        let text = serde_json::to_string_pretty(self).expect("a map with text keys is JSON");
        replace_text(&folder.join(LIST), &format!("{text}\n"))
    }

    /// The list of all files below `folder`.
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

    /// Whether all files exist, at their listed sizes.
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
