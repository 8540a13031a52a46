//! Folders that appear whole: filled beside their target, then renamed to it or exchanged with what is there.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::list::{Kind, List};
use super::lock::{PARTIAL, Wrapper};
use super::rescue::{remove_listed, rescue, with_suffix};
use super::sync::{sync_folder, sync_tree};
use super::{PublishError, failed, parent, system};

/// What is at the path where a folder is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, or an empty folder.
    Free,
    /// A folder of the same kind that gramflow wrote.
    Ours(List),
    /// Anything else.
    Foreign,
}

/// What is at `target`, for a folder of this kind.
///
/// # Errors
/// [`PublishError`] where nothing can be there, as when its name is too long, or it cannot be read.
pub fn standing(target: &Path, kind: Kind) -> Result<Standing, PublishError> {
    match target.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Free),
        Err(source) => return Err(PublishError::Target { path: target.into(), source }),
        Ok(metadata) if !metadata.is_dir() => return Ok(Standing::Foreign),
        Ok(_) => {}
    }
    match List::read(target) {
        Some(list) if list.kind == kind => return Ok(Standing::Ours(list)),
        Some(_) => return Ok(Standing::Foreign),
        None => {}
    }
    let mut entries = fs::read_dir(target).map_err(failed("read", target))?;
    let empty = entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(PARTIAL)));
    Ok(if empty { Standing::Free } else { Standing::Foreign })
}

/// A folder that is being filled. Dropped before [`Draft::publish`], it leaves nothing.
pub struct Draft {
    wrapper: Wrapper,
    kind: Kind,
}

/// A folder that has been published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its path.
    pub path: PathBuf,
    /// Files of others whose names were needed, under their new names.
    pub moved: Vec<PathBuf>,
}

impl Draft {
    /// Begins a folder beside `target`, and makes its parents.
    ///
    /// # Errors
    /// [`PublishError`] if `target` cannot be made or replaced.
    pub fn new(target: &Path, kind: Kind) -> Result<Self, PublishError> {
        let parent = parent(target);
        let refused = |source| PublishError::Target { path: target.into(), source };
        fs::create_dir_all(parent).map_err(refused)?;
        if target.is_dir() && !system::is_movable(target, parent) {
            return Err(refused(io::Error::other("a mounted file system cannot be replaced")));
        }
        let wrapper = Wrapper::new(parent)?;
        let folder = wrapper.new_folder();
        fs::create_dir(&folder).map_err(failed("make", &folder))?;
        Ok(Self { wrapper, kind })
    }

    /// The folder that is being filled.
    pub fn path(&self) -> PathBuf {
        self.wrapper.new_folder()
    }

    /// Gives the folder the name `target`, next to which it was begun. If something is there, `may_replace` decides; where it says no, the
    /// complete folder is left beside it.
    pub fn publish(mut self, target: &Path, may_replace: impl Fn(&Standing) -> bool) -> Result<Published, PublishError> {
        let draft = self.path();
        List::of(&draft, self.kind)?.write(&draft)?;
        sync_tree(&draft)?;
        match system::rename_new(&draft, target) {
            Ok(()) => {
                sync_folder(parent(target));
                return Ok(Published { path: target.into(), moved: Vec::new() });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(self.put_beside(target, error.to_string())),
        }
        let standing = standing(target, self.kind)?;
        if !may_replace(&standing) {
            return Err(self.put_beside(target, "it must not be replaced".to_string()));
        }
        let list = if let Standing::Ours(list) = standing { list } else { List::new(self.kind) };
        // Links in this folder must not lead anywhere: only the folder itself moves.
        self.note_exchange(target)?;
        if let Err(error) = self.exchange(target) {
            return Err(self.put_beside(target, error.to_string()));
        }
        sync_folder(parent(target));
        let old = self.path();
        let moved = rescue(&old, target, &list).map_err(failed("empty", &old));
        // If files of others are still in it, it stays; the next command tries again.
        let emptied = moved.is_ok() && remove_listed(&old, &list);
        self.wrapper.kept = !emptied;
        Ok(Published { path: target.into(), moved: moved.unwrap_or_default() })
    }

    /// From now on the draft's path may hold the folder that was replaced.
    fn note_exchange(&mut self, target: &Path) -> Result<(), PublishError> {
        let name = target.file_name().unwrap_or_default();
        let lock = &mut self.wrapper.lock;
        let written = lock.write_all(name.as_encoded_bytes()).and_then(|()| lock.sync_all());
        written.map_err(failed("write in", &self.wrapper.path))?;
        sync_folder(&self.wrapper.path);
        Ok(())
    }

    fn exchange(&self, target: &Path) -> io::Result<()> {
        let draft = self.path();
        match system::exchange(&draft, target) {
            Some(result) => result,
            None => {
                // If the process is killed in between, the next command here restores the old folder.
                let old = self.wrapper.old_folder();
                system::rename_new(target, &old)?;
                if let Err(error) = system::rename_new(&draft, target) {
                    system::rename_new(&old, target)?;
                    return Err(error);
                }
                system::rename_new(&old, &draft)
            }
        }
    }

    /// Gives the complete folder the first free name like `target-2`.
    fn put_beside(&mut self, target: &Path, reason: String) -> PublishError {
        let draft = self.path();
        let mut beside = (2..1000).map(|n| with_suffix(target, &format!("-{n}")));
        let path = beside.find(|path| system::rename_new(&draft, path).is_ok());
        self.wrapper.kept = path.is_none();
        PublishError::Beside { path: path.unwrap_or(draft), target: target.into(), reason }
    }
}
