//! Calls to the operating system.

use std::fs;
use std::io;
use std::path::Path;

use super::fault;

/// Gives `from` the name `to`, which must be free.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    fault::point();
    let renamed = match no_replace(from, to) {
        Some(result) => result,
        // The best that is available elsewhere: somebody may take the name in between.
        None if to.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        None => fs::rename(from, to),
    };
    fault::point();
    renamed
}

/// Replaces the file `to`.
pub(super) fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    fault::point();
    let renamed = fs::rename(from, to);
    fault::point();
    renamed
}

/// Exchanges two folders in one step; `None` where the system or its file system cannot.
pub(super) fn exchange(a: &Path, b: &Path) -> Option<io::Result<()>> {
    fault::point();
    let exchanged = swap(a, b);
    fault::point();
    exchanged
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_with(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> Option<io::Result<()>> {
    use rustix::fs::{CWD, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, flags) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => None,
        result => Some(result.map_err(io::Error::from)),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn no_replace(from: &Path, to: &Path) -> Option<io::Result<()>> {
    rename_with(from, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn swap(a: &Path, b: &Path) -> Option<io::Result<()>> {
    #[cfg(test)]
    if WITHOUT_EXCHANGE.get() {
        return None;
    }
    rename_with(a, b, rustix::fs::RenameFlags::EXCHANGE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn no_replace(_: &Path, _: &Path) -> Option<io::Result<()>> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn swap(_: &Path, _: &Path) -> Option<io::Result<()>> {
    None
}

#[cfg(test)]
thread_local! {
    /// Simulates a file system that cannot exchange.
    pub(super) static WITHOUT_EXCHANGE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether `path` still names this open file.
#[cfg(unix)]
pub(super) fn is_at(file: &fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), path.symlink_metadata()), (Ok(open), Ok(named)) if id(open.clone()) == id(named.clone()))
}

#[cfg(not(unix))]
pub(super) fn is_at(_: &fs::File, path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether `folder` can be renamed within its parent: a mount point cannot.
#[cfg(unix)]
pub(super) fn is_movable(folder: &Path, parent: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    matches!((folder.metadata(), parent.metadata()), (Ok(own), Ok(above)) if own.dev() == above.dev())
}

#[cfg(not(unix))]
pub(super) fn is_movable(_: &Path, _: &Path) -> bool {
    true
}

/// tempfile makes files and folders readable by their owner only: ask for the permissions that any other program would, less the umask.
#[cfg(unix)]
pub(super) fn open_to_all(builder: &mut tempfile::Builder, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
pub(super) fn open_to_all(_: &mut tempfile::Builder, _: u32) {}

/// Makes a write beyond `ulimit -f` fail, like one to a full disk, where the system would kill the process.
#[cfg(unix)]
pub fn write_beyond_limits_fails() {
    use signal_hook::consts::SIGXFSZ;
    // Once the signal is caught, by whatever handler, the write fails. If the handler is refused, the process is killed as before.
    let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default());
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
pub fn write_beyond_limits_fails() {}
