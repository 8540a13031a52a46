//! Single files, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::lock::FileDraft;
use super::sync::sync_folder;
use super::system::{rename_new, rename_over};
use super::{PublishError, failed, fault, parent};

/// Writes the file at `path` by `fill`. An earlier file stays until the new one is complete.
pub fn replace<E: From<PublishError>>(path: &Path, fill: impl FnOnce(&File) -> Result<(), E>) -> Result<(), E> {
    let draft = FileDraft::new(parent(path))?;
    fill(&draft.file)?;
    fault::point();
    draft.file.sync_all().map_err(failed("write", path))?;
    rename_over(&draft.path, path).map_err(failed("name", path))?;
    sync_folder(parent(path));
    Ok(())
}

/// Replaces the text file at `path`.
pub fn replace_text(path: &Path, text: &str) -> Result<(), PublishError> {
    let write = |mut file: &File| file.write_all(text.as_bytes());
    replace(path, |file| write(file).map_err(failed("write", path)))
}

/// Writes the text file at `path`, which must not exist.
///
/// # Errors
/// [`PublishError::Io`], of the kind `AlreadyExists` if the file exists.
pub fn create_text(path: &Path, text: &str) -> Result<(), PublishError> {
    let mut draft = FileDraft::new(parent(path))?;
    draft.file.write_all(text.as_bytes()).and_then(|()| draft.file.sync_all()).map_err(failed("write", path))?;
    rename_new(&draft.path, path).map_err(failed("write", path))?;
    sync_folder(parent(path));
    Ok(())
}

/// Writes a file of a draft. If that fails, no part of it stays: everything in a draft is published.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = fs::write(path, bytes);
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}
