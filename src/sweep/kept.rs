//! What the units of a sweep keep, by its `keep:` and for its pictures.
//!
//! ```text
//! DIR/keep.json                    what was asked for: merging puts it together; no unit depends on it
//! ```

use std::path::PathBuf;
use std::{fs, io};

use crate::folder::{FolderError, Keep, kept_file};
use crate::publish;
use crate::scenario::{KeptFile, Sweep};

use super::pictures::keep;
use super::{Folder, SweepError, SweepPlan, Unit};

/// What units must keep: what the sweep asks for, and what its pictures need.
pub(super) fn keep_of(sweep: &Sweep) -> Keep {
    let (pictured, asked) = (keep(sweep.pictures()), sweep.keep());
    Keep { weights: asked.contains(&KeptFile::Weights), arrays: pictured.arrays || asked.contains(&KeptFile::Arrays) }
}

fn path_of(folder: &Folder) -> PathBuf {
    folder.path().join("keep.json")
}

/// Notes in the folder of a sweep what is to be kept. If that is nothing but records and always was, no file is written.
pub(super) fn note_kept(folder: &Folder, kept: &[KeptFile]) -> Result<(), SweepError> {
    let path = path_of(folder);
    if kept == [KeptFile::Records] && !path.exists() {
        return Ok(());
    }
    let text = serde_json::to_string(kept).expect("a list of words is JSON");
    Ok(publish::replace_text(&path, &format!("{text}\n")).map_err(FolderError::from)?)
}

/// What is to be kept besides records, as noted in the folder of a sweep.
pub(super) fn noted(folder: &Folder) -> Result<Vec<KeptFile>, SweepError> {
    let path = path_of(folder);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FolderError::io("read", &path)(error).into()),
    };
    let kept: Vec<KeptFile> =
        serde_json::from_str(&text).map_err(|error| SweepError::Noted { path, message: error.to_string() })?;
    Ok(kept.into_iter().filter(|what| *what != KeptFile::Records).collect())
}

/// The finished units that lack something that is to be kept, each kind of it in a warning.
pub(super) fn lacking(folder: &Folder, plan: &SweepPlan, kept: &[KeptFile]) -> Vec<String> {
    let files = kept.iter().filter(|what| !matches!(what, KeptFile::Records | KeptFile::Trajectory));
    let done = || plan.units().into_iter().filter(|unit| folder.is_done(unit.id));
    let lacks = |what: KeptFile, unit: &Unit| !folder.unit(unit.id).join(kept_file(what)).is_file();
    files.filter_map(|&what| lacking_warning(what, done().filter(|unit| lacks(what, unit)).count(), done().count())).collect()
}

/// The warning that so many of the finished units lack a file.
pub(super) fn lacking_warning(what: KeptFile, lacking: usize, done: usize) -> Option<String> {
    let file = kept_file(what);
    (lacking > 0).then(|| {
        format!(
            "{lacking} of {done} units have no {file}: they were run before `keep` asked for it; run the sweep again with another --out"
        )
    })
}
