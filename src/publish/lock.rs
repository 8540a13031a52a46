//! Drafts: unique names, locked as long as their process lives.

use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::system::{is_at, open_to_all};
use super::{PublishError, failed, fault, parent, unwritable};

/// The prefix of files and folders that are being written.
pub const PARTIAL: &str = ".gramflow-partial-";

/// The lock file inside a folder's draft.
pub(super) const LOCK: &str = "lock";

/// Another process that cleans up may remove a draft between its creation and its locking: then another is made.
const TRIES: usize = 100;

/// Where the file system has no locks, nothing is ever cleaned up, so nothing needs a lock.
fn try_lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// A draft of a file. Dropped before it has its name, it leaves nothing.
pub(super) struct FileDraft {
    pub file: File,
    pub path: PathBuf,
}

impl FileDraft {
    pub fn new(folder: &Path) -> Result<Self, PublishError> {
        let mut builder = tempfile::Builder::new();
        open_to_all(builder.prefix(PARTIAL), 0o666);
        for _ in 0..TRIES {
            let made = builder.tempfile_in(folder).map_err(|source| unwritable(folder, source))?;
            let (file, path) = made.keep().map_err(|error| failed("write in", folder)(error.error))?;
            fault::point();
            if try_lock(&file) && is_at(&file, &path) {
                return Ok(Self { file, path });
            }
        }
        Err(failed("write in", folder)(io::Error::other("other processes keep removing the draft")))
    }
}

impl Drop for FileDraft {
    fn drop(&mut self) {
        // Once it has its name, nothing is left at this path.
        if !fault::dead() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Keeps other processes from something that one may have at a time, as long as it lives.
pub struct Hold {
    _file: FileDraft,
}

impl Hold {
    /// Of `path`, which need not exist; `None` if another process has it. What a killed process held is free.
    ///
    /// # Errors
    /// [`PublishError`] if nothing can be written beside it.
    pub fn of(path: &Path) -> Result<Option<Self>, PublishError> {
        let folder = parent(path);
        // The name itself may be as long as names can be.
        let mut hasher = DefaultHasher::new();
        path.file_name().hash(&mut hasher);
        let own = folder.join(format!("{PARTIAL}hold-{:016x}", hasher.finish()));
        for _ in 0..TRIES {
            let opened = File::options().read(true).write(true).create(true).truncate(false).open(&own);
            let file = opened.map_err(failed("write in", folder))?;
            if !try_lock(&file) {
                return Ok(None);
            }
            if is_at(&file, &own) {
                return Ok(Some(Self { _file: FileDraft { file, path: own } }));
            }
        }
        Err(failed("write in", folder)(io::Error::other("other processes keep removing the draft")))
    }
}

/// A locked folder around the draft of a folder. When dropped, it is removed with all that is in it.
pub(super) struct Wrapper {
    pub path: PathBuf,
    pub lock: File,
    /// Whether it stays when it is dropped: it holds something that is not ours to remove.
    pub kept: bool,
}

impl Wrapper {
    pub fn new(parent: &Path) -> Result<Self, PublishError> {
        let mut builder = tempfile::Builder::new();
        open_to_all(builder.prefix(PARTIAL), 0o777);
        for _ in 0..TRIES {
            let path = builder.tempdir_in(parent).map_err(|source| unwritable(parent, source))?.keep();
            fault::point();
            let lock = match File::options().read(true).write(true).create_new(true).open(path.join(LOCK)) {
                Ok(lock) => lock,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed("write in", &path)(error)),
            };
            fault::point();
            if try_lock(&lock) && is_at(&lock, &path.join(LOCK)) {
                return Ok(Self { path, lock, kept: false });
            }
        }
        Err(failed("write in", parent)(io::Error::other("other processes keep removing the draft")))
    }

    /// The draft itself.
    pub fn new_folder(&self) -> PathBuf {
        self.path.join("new")
    }

    /// Where a folder is kept between two renames, if it cannot be exchanged in one step.
    pub fn old_folder(&self) -> PathBuf {
        self.path.join("old")
    }
}

impl Drop for Wrapper {
    fn drop(&mut self) {
        if !self.kept && !fault::dead() {
            remove_wrapper(&self.path);
        }
    }
}

/// The lock goes last: while it exists, the rest can be told apart from files of others.
pub(super) fn remove_wrapper(path: &Path) {
    for folder in ["new", "old"] {
        fault::point();
        let _ = fs::remove_dir_all(path.join(folder));
    }
    fault::point();
    let _ = fs::remove_file(path.join(LOCK));
    fault::point();
    let _ = fs::remove_dir(path);
}
