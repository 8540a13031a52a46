//! Writes everything to the disk before it gets its name: a rename may reach the disk before the bytes do.

use std::fs::{self, File};
use std::path::Path;

use super::{PublishError, failed, fault};

/// Syncs every file and folder below `folder`, and `folder` itself.
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

/// Syncs the names in a folder. Some systems cannot: the names then reach the disk in their own time.
pub(super) fn sync_folder(folder: &Path) {
    fault::point();
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
