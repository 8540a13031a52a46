//! The folders of runs and studies: they appear whole or not at all.
//!
//! A folder is filled under a temporary name beside its own and then renamed, so that a run killed at any moment leaves at most
//! a `.gramflow-partial-…` folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::network::Parameters;
use crate::npz::{self, Arrays, NpzError};
use crate::scenario::Scenario;

use super::atomic::PARTIAL;
use super::manifest::to_value;
use super::{Run, Study, Table, TableError, caption, parquet};

/// Why a run folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// What stands at the target may not be replaced: a file, a dangling link, or a folder with other contents than an earlier run's
    /// or study's.
    #[error("{} exists and holds something else: choose another --out", .0.display())]
    Occupied(PathBuf),
    /// The folder to be read lacks `manifest.json` or `records.parquet`.
    #[error("{} is not a run folder: it has no manifest.json", .0.display())]
    NotARun(PathBuf),
    /// A file or folder could not be made, read, written, renamed or opened to readers.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried, as it follows “cannot”.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The folder is complete, but could not be given its name.
    #[error("cannot name {}: {source}; the run lies in {}", target.display(), path.display())]
    Unnamed {
        /// Where it lies, under its temporary name.
        path: PathBuf,
        /// The name that it should have.
        target: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// `scenario.json` is not a resolved scenario of this version's format.
    #[error("{} is not a resolved scenario: {source}", path.display())]
    Scenario {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// `manifest.json` is not JSON, or not what gramflow wrote.
    #[error("{} is not a manifest: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// `arrays.npz` or `weights.npz` could not be written or read.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// `records.parquet` or `study.parquet` could not be written or read.
    #[error(transparent)]
    Table(#[from] TableError),
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::Io { verb, path, source }
}

/// The file of a run's records.
pub(super) const RECORDS: &str = "records.parquet";
/// The file of vectors over time and matrices at the end.
pub(super) const ARRAYS: &str = "arrays.npz";
/// The file of final weights.
pub(super) const WEIGHTS: &str = "weights.npz";
/// The file of a study's table.
const STUDY: &str = "study.parquet";

/// A folder of a run or a study that is being filled. Dropped before [`Draft::publish`], it leaves nothing.
pub struct Draft {
    folder: tempfile::TempDir,
    target: PathBuf,
    /// [`RECORDS`] or [`STUDY`]: tells an earlier folder of the same kind, which is replaced, from all others.
    table: &'static str,
}

/// A new folder beside `target`, which is absolute; the folders above it are made.
fn temporary(target: &Path) -> Result<tempfile::TempDir, FolderError> {
    let parent = target.parent().unwrap_or(target);
    fs::create_dir_all(parent).map_err(io("make", parent))?;
    tempfile::Builder::new().prefix(PARTIAL).tempdir_in(parent).map_err(io("write in", parent))
}

/// Fails where `target` is something that may not be replaced: a file, or a folder with contents that is not of this kind.
fn check_target(target: &Path, table: &str) -> Result<(), FolderError> {
    let empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if !target.exists() || holds(target, table) || (target.is_dir() && empty()) {
        Ok(())
    } else {
        Err(FolderError::Occupied(target.into()))
    }
}

fn is_run(folder: &Path) -> bool {
    holds(folder, RECORDS)
}

fn holds(folder: &Path, table: &str) -> bool {
    folder.join("manifest.json").is_file() && folder.join(table).is_file()
}

impl Draft {
    /// Begins a run folder that will be `target`; makes the folders above it.
    pub fn new(target: &Path) -> Result<Self, FolderError> {
        Self::begin(target, RECORDS)
    }

    /// Begins the folder of a study.
    pub fn of_study(target: &Path) -> Result<Self, FolderError> {
        Self::begin(target, STUDY)
    }

    fn begin(target: &Path, table: &'static str) -> Result<Self, FolderError> {
        let target = match fs::canonicalize(target) {
            // Behind links: the folder is replaced, not a link to it.
            Ok(existing) => existing,
            Err(_) if target.is_symlink() => return Err(FolderError::Occupied(target.into())),
            // Absolute: a bare name has an empty parent.
            Err(_) => std::path::absolute(target).map_err(io("find", target))?,
        };
        check_target(&target, table)?;
        Ok(Self { folder: temporary(&target)?, target, table })
    }

    /// Where it is being filled.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes everything but the pictures, `weights` being the final weights of each process.
    pub fn write(&self, run: &Run, scenario: &Scenario, weights: &[(String, Parameters)]) -> Result<(), FolderError> {
        self.write_text("scenario.json", &scenario.to_json())?;
        parquet::write(&self.path().join(RECORDS), &run.table)?;
        npz::write(&self.path().join(ARRAYS), &run.arrays)?;
        npz::write(&self.path().join(WEIGHTS), &final_weights(weights))?;
        Ok(())
    }

    /// Writes everything of a study but the pictures.
    pub fn write_study(&self, study: &Study, scenario: &Scenario) -> Result<(), FolderError> {
        self.write_text("scenario.json", &scenario.to_json())?;
        parquet::write(&self.path().join(STUDY), &study.table)?;
        Ok(())
    }

    /// Makes `figures/` and returns its path.
    pub fn figures(&self) -> Result<PathBuf, FolderError> {
        let figures = self.path().join("figures");
        fs::create_dir_all(&figures).map_err(io("make", &figures))?;
        Ok(figures)
    }

    /// Writes the manifest and gives the folder its name. An earlier run (study) of that name is replaced.
    pub fn publish(self, manifest: &impl Serialize) -> Result<PathBuf, FolderError> {
        self.write_text("manifest.json", &format!("{:#}", to_value(manifest)))?;
        // tempfile makes folders for their owner only; a run folder is as open as any other.
        open_to_readers(self.path()).map_err(io("open", self.path()))?;
        let earlier = if holds(&self.target, self.table) { Some(temporary(&self.target)?) } else { None };
        let replaced = earlier.as_ref().map(|aside| aside.path().join("replaced"));
        if let Some(replaced) = &replaced {
            fs::rename(&self.target, replaced).map_err(io("replace", &self.target))?;
        }
        if let Err(source) = fs::rename(self.path(), &self.target) {
            // The earlier run goes back to its place; if even that fails, it is kept where it is, and so is the new one.
            let back = replaced.is_none_or(|replaced| fs::rename(replaced, &self.target).is_ok());
            if let Some(aside) = earlier.filter(|_| !back) {
                let _ = aside.keep();
            }
            return Err(FolderError::Unnamed { path: self.folder.keep(), target: self.target, source });
        }
        // The folder has moved: there is nothing left under its temporary name to remove.
        let _ = self.folder.keep();
        Ok(self.target)
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let path = self.path().join(name);
        fs::write(&path, format!("{text}\n")).map_err(io("write", &path))
    }
}

#[cfg(unix)]
fn open_to_readers(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn open_to_readers(_: &Path) -> io::Result<()> {
    Ok(())
}

/// `process/W1`, … of each process.
pub(super) fn final_weights(weights: &[(String, Parameters)]) -> Arrays {
    let of = |(process, parameters): &(String, Parameters)| {
        let arrays = parameters.to_arrays().into_iter();
        arrays.map(|(name, array)| (format!("{process}/{name}"), array)).collect::<Vec<_>>()
    };
    weights.iter().flat_map(of).collect()
}

/// Reads the records of a finished run.
pub fn read(folder: &Path) -> Result<Run, FolderError> {
    Ok(read_with_scenario(folder)?.1)
}

/// The same, with what was run.
pub fn read_with_scenario(folder: &Path) -> Result<(Scenario, Run), FolderError> {
    if is_run(folder) { load(folder) } else { Err(FolderError::NotARun(folder.into())) }
}

/// What was run and recorded in the folder of a run or of a unit, which may lack arrays.
pub(super) fn load(folder: &Path) -> Result<(Scenario, Run), FolderError> {
    let scenario = read_scenario(folder)?;
    let arrays = folder.join(ARRAYS);
    let run = Run {
        name: scenario.name.clone(),
        widths: scenario.network.widths.clone(),
        weight_decay: scenario.weight_decay,
        caption: caption(&scenario),
        table: parquet::read(&folder.join(RECORDS))?,
        arrays: if arrays.is_file() { npz::read(&arrays)? } else { Arrays::new() },
    };
    Ok((scenario, run))
}

/// Reads the scenario, every default filled in, of a finished run or unit.
pub fn read_scenario(folder: &Path) -> Result<Scenario, FolderError> {
    let path = folder.join("scenario.json");
    let text = fs::read_to_string(&path).map_err(io("read", &path))?;
    serde_json::from_str(&text).map_err(|source| FolderError::Scenario { path, source })
}

/// Reads the manifest of a finished run, study or unit.
pub fn read_manifest(folder: &Path) -> Result<serde_json::Value, FolderError> {
    let path = folder.join("manifest.json");
    let text = fs::read_to_string(&path).map_err(io("read", &path))?;
    serde_json::from_str(&text).map_err(|source| FolderError::Manifest { path, source })
}

/// Reads the table of a finished study.
pub fn read_study(folder: &Path) -> Result<Table, FolderError> {
    Ok(parquet::read(&folder.join(STUDY))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Manifest;
    use std::collections::BTreeMap;

    const TEXT: &str = "
name: tiny
data: {synthetic: {inputs: {dim: 2, samples: 5}, target: {low_rank: {rank: 1, outputs: 1}}}}
network: {widths: [2, 1]}
flow: {t_end: 1.0}
";

    fn filled(target: &Path) -> Draft {
        let (scenario, _) = crate::scenario::parse(TEXT, Path::new("tiny.yaml"), &[]).unwrap();
        let (table, arrays) = (crate::record::table(&[]), Arrays::new());
        let run = Run { name: "tiny".into(), widths: vec![2, 1], weight_decay: 0.0, caption: String::new(), table, arrays };
        let draft = Draft::new(target).unwrap();
        draft.write(&run, &scenario, &[]).unwrap();
        draft.figures().unwrap();
        draft
    }

    fn manifest(seed: u64) -> Manifest {
        Manifest::new(String::new(), seed, BTreeMap::new())
    }

    fn entries(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn the_folder_stands_only_once_it_is_published_and_a_dropped_draft_leaves_nothing() {
        let at = tempfile::tempdir().unwrap();
        let target = at.path().join("deep/run");
        drop(filled(&target));
        assert_eq!(entries(&at.path().join("deep")), 0);
        let draft = filled(&target);
        assert!(!target.exists());
        draft.publish(&manifest(0)).unwrap();
        assert!(is_run(&target) && target.join("scenario.json").exists());
        assert_eq!(entries(&at.path().join("deep")), 1);
    }

    #[test]
    fn an_earlier_run_stands_until_the_new_one_replaces_it() {
        let at = tempfile::tempdir().unwrap();
        let target = at.path().join("run");
        let is_second = || fs::read_to_string(target.join("manifest.json")).unwrap().contains("\"seed\": 2");
        filled(&target).publish(&manifest(1)).unwrap();
        let draft = filled(&target);
        assert!(is_run(&target) && !is_second());
        draft.publish(&manifest(2)).unwrap();
        assert!(is_run(&target) && is_second());
        assert_eq!(entries(at.path()), 1);
    }

    #[test]
    fn what_is_no_run_is_not_replaced() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("file"), "").unwrap();
        assert!(matches!(Draft::new(&at.path().join("file")), Err(FolderError::Occupied(_))));
        assert!(matches!(Draft::new(at.path()), Err(FolderError::Occupied(_))));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at.path().join("nowhere"), at.path().join("link")).unwrap();
            assert!(matches!(Draft::new(&at.path().join("link")), Err(FolderError::Occupied(_))));
        }
        // An empty folder is nobody's.
        fs::create_dir(at.path().join("empty")).unwrap();
        filled(&at.path().join("empty")).publish(&manifest(0)).unwrap();
    }
}
