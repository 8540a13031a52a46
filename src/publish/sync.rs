//! On to the disk, before anything gets its name: a rename may reach it before the bytes do.

use std::fs::{self, File};
use std::path::Path;

use super::{PublishError, failed, fault};

/// Syncs every file and folder below `folder`, and itself.
pub(super) fn sync_tree(folder: &Path) -> Result<(), PublishError> {
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        let path = entry.map_err(failed("read", folder))?.path();
        let metadata = path.symlink_metadata().map_err(failed("read", &path))?;
        if metadata.is_dir() {
            sync_tree(&path)?;
        } else if metadata.is_file() {
            sync_file(&path)?;
        }
    }
    sync_folder(folder);
    Ok(())
}

pub(super) fn sync_file(path: &Path) -> Result<(), PublishError> {
    fault::point();
    // Windows syncs only what is open for writing.
    let file = File::options().read(true).write(cfg!(windows)).open(path).map_err(failed("open", path))?;
    file.sync_all().map_err(failed("sync", path))
}

/// The names in a folder. Some systems have no such thing: the names come to the disk when they do.
pub(super) fn sync_folder(folder: &Path) {
    fault::point();
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
