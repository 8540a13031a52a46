//! Run folders: they appear whole or not at all.
//!
//! A folder is filled under a temporary name beside its own and then renamed, so that a run killed at any moment leaves at most
//! a `.gramflow-partial-…` folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::network::Parameters;
use crate::npz::{self, Arrays, NpzError};
use crate::scenario::Scenario;

use super::{Manifest, Run, TableError, caption, parquet};

/// Why a run folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{} exists and is not a run folder: choose another --out", .0.display())]
    Occupied(PathBuf),
    #[error("{} is not a run folder: it has no manifest.json", .0.display())]
    NotARun(PathBuf),
    #[error("cannot {verb} {}: {source}", path.display())]
    Io { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not a resolved scenario: {source}", path.display())]
    Scenario { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Npz(#[from] NpzError),
    #[error(transparent)]
    Table(#[from] TableError),
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |source| FolderError::Io { verb, path, source }
}

/// A run folder that is being filled. Dropped before [`Draft::publish`], it leaves nothing.
pub struct Draft {
    folder: tempfile::TempDir,
    target: PathBuf,
}

/// Fails where `target` is something that a run may not replace: a file, or a folder with contents that is no run's.
pub fn check_target(target: &Path) -> Result<(), FolderError> {
    let empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if !target.exists() || is_run(target) || (target.is_dir() && empty()) {
        Ok(())
    } else {
        Err(FolderError::Occupied(target.into()))
    }
}

fn is_run(folder: &Path) -> bool {
    folder.join("manifest.json").is_file() && folder.join("records.parquet").is_file()
}

impl Draft {
    /// Begins a folder that will be `target`; makes the folders above it.
    pub fn new(target: &Path) -> Result<Self, FolderError> {
        check_target(target)?;
        // Absolute: a bare name has an empty parent.
        let target = std::path::absolute(target).map_err(io("find", target))?;
        let parent = target.parent().unwrap_or(&target).to_path_buf();
        fs::create_dir_all(&parent).map_err(io("make", &parent))?;
        let folder =
            tempfile::Builder::new().prefix(".gramflow-partial-").tempdir_in(&parent).map_err(io("write in", &parent))?;
        Ok(Self { folder, target })
    }

    /// Where it is being filled.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes everything but the pictures, `weights` being the final weights of each process.
    pub fn write(&self, run: &Run, scenario: &Scenario, weights: &[(String, Parameters)]) -> Result<(), FolderError> {
        self.write_text("scenario.json", &scenario.to_json())?;
        parquet::write(&self.path().join("records.parquet"), &run.table)?;
        npz::write(&self.path().join("arrays.npz"), &run.arrays)?;
        let mut final_weights = Arrays::new();
        for (process, parameters) in weights {
            final_weights.extend(parameters.to_arrays().into_iter().map(|(name, array)| (format!("{process}/{name}"), array)));
        }
        npz::write(&self.path().join("weights.npz"), &final_weights)?;
        Ok(())
    }

    /// Makes `figures/` and returns its path.
    pub fn figures(&self) -> Result<PathBuf, FolderError> {
        let figures = self.path().join("figures");
        fs::create_dir_all(&figures).map_err(io("make", &figures))?;
        Ok(figures)
    }

    /// Writes the manifest and gives the folder its name. An earlier run of that name is replaced.
    pub fn publish(self, manifest: &Manifest) -> Result<PathBuf, FolderError> {
        self.write_text("manifest.json", &format!("{:#}", manifest.to_value()))?;
        // tempfile makes folders for their owner only; a run folder is as open as any other.
        open_to_readers(self.path()).map_err(io("open", self.path()))?;
        let Self { folder, target } = self;
        let mut earlier = None;
        if is_run(&target) {
            let parent = target.parent().unwrap_or(&target);
            let aside =
                tempfile::Builder::new().prefix(".gramflow-partial-").tempdir_in(parent).map_err(io("write in", parent))?;
            fs::rename(&target, aside.path().join("replaced")).map_err(io("replace", &target))?;
            earlier = Some(aside);
        }
        fs::rename(folder.path(), &target).map_err(io("name", &target))?;
        // The folder has moved: there is nothing left under its temporary name to remove.
        let _ = folder.keep();
        drop(earlier);
        Ok(target)
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

/// Reads the records of a finished run.
pub fn read(folder: &Path) -> Result<Run, FolderError> {
    if !is_run(folder) {
        return Err(FolderError::NotARun(folder.into()));
    }
    let path = folder.join("scenario.json");
    let text = fs::read_to_string(&path).map_err(io("read", &path))?;
    let scenario: Scenario = serde_json::from_str(&text).map_err(|source| FolderError::Scenario { path, source })?;
    Ok(Run {
        name: scenario.name.clone(),
        widths: scenario.network.widths.clone(),
        weight_decay: scenario.weight_decay,
        caption: caption(&scenario),
        table: parquet::read(&folder.join("records.parquet"))?,
        arrays: npz::read(&folder.join("arrays.npz"))?,
    })
}
