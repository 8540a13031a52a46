//! Files that appear whole or not at all: written under a temporary name beside their own, then renamed.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::FolderError;

/// What files and folders are called while they are being written. Killed at that moment, one is left behind and harmless.
pub const PARTIAL: &str = ".gramflow-partial-";

/// Writes the file at `path` by `fill`; an earlier one is replaced, and stands until then.
pub(super) fn replace<E: From<FolderError>>(path: &Path, fill: impl FnOnce(&File) -> Result<(), E>) -> Result<(), E> {
    let failed = |verb| move |source| FolderError::Io { verb, path: path.to_path_buf(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    open_to_all(builder.prefix(PARTIAL), 0o666);
    let file = builder.tempfile_in(folder).map_err(failed("write"))?;
    fill(file.as_file())?;
    file.persist(path).map_err(|error| failed("name")(error.error))?;
    Ok(())
}

/// Replaces the text file at `path`.
pub fn replace_text(path: &Path, text: &str) -> Result<(), FolderError> {
    replace_bytes(path, text.as_bytes())
}

/// Replaces the file at `path`.
pub fn replace_bytes(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let write = |mut file: &File| -> io::Result<()> { file.write_all(bytes) };
    replace(path, |file| write(file).map_err(|source| FolderError::Io { verb: "write", path: path.to_path_buf(), source }))
}

/// tempfile makes files and folders for their owner only: ask for what any other program would, less the umask.
#[cfg(unix)]
pub(super) fn open_to_all(builder: &mut tempfile::Builder, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
pub(super) fn open_to_all(_: &mut tempfile::Builder, _: u32) {}
