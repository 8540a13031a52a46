//! Files in a folder that others may use too: each is replaced in one step, and only if gramflow wrote the existing one.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::list::{Kind, LIST, List, is_inside};
use super::lock::Wrapper;
use super::rescue::remove_stale;
use super::sync::{sync_folder, sync_tree};
use super::system::{rename_new, rename_over};
use super::{PublishError, failed, fault};

/// A folder to which gramflow adds files.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

/// New files of a shelf while they are written, in a folder inside it. Dropped, it leaves nothing.
pub struct Stage {
    wrapper: Wrapper,
}

impl Stage {
    /// The folder for the files, under the names that they will have on the shelf.
    pub fn path(&self) -> PathBuf {
        self.wrapper.new_folder()
    }

    /// Makes a folder in it.
    pub fn folder(&self, name: &str) -> Result<PathBuf, PublishError> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).map_err(failed("make", &path))?;
        Ok(path)
    }

    /// Writes a text file into it.
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), PublishError> {
        let path = self.path().join(name);
        fs::write(&path, text).map_err(failed("write", &path))
    }
}

impl Shelf {
    /// The shelf at `folder`, which is made if need be, and cleared of what killed processes have left.
    ///
    /// # Errors
    /// [`PublishError::Target`] if the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, PublishError> {
        fs::create_dir_all(folder).map_err(|source| PublishError::Target { path: folder.into(), source })?;
        remove_stale(folder);
        Ok(Self { folder: folder.into() })
    }

    /// Checks that files of these names can be published.
    ///
    /// # Errors
    /// [`PublishError`] if a file of such a name exists that gramflow did not write, or cannot exist.
    pub fn check<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<(), PublishError> {
        let list = self.list();
        names.into_iter().try_for_each(|name| self.check_name(name, &list))
    }

    fn check_name(&self, name: &str, list: &List) -> Result<(), PublishError> {
        let path = self.folder.join(name);
        if !is_inside(name) || name == LIST {
            return Err(PublishError::NotOurs(path));
        }
        self.check_folders(name)?;
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(PublishError::Target { path, source }),
            Ok(found) if found.is_file() && list.files.contains_key(name) => Ok(()),
            Ok(_) => Err(PublishError::NotOurs(path)),
        }
    }

    /// The folders between the shelf and a file must be inside the shelf: what a link leads to is somebody else's.
    fn check_folders(&self, name: &str) -> Result<(), PublishError> {
        for above in Path::new(name).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()) {
            let path = self.folder.join(above);
            if path.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                return Err(PublishError::NotAFolder(path));
            }
        }
        Ok(())
    }

    /// The files that gramflow wrote there.
    pub fn list(&self) -> List {
        List::read(&self.folder).unwrap_or_else(|| List::new(Kind::Shared))
    }

    /// Begins a set of new files.
    pub fn stage(&self) -> Result<Stage, PublishError> {
        let wrapper = Wrapper::new(&self.folder)?;
        let stage = Stage { wrapper };
        fs::create_dir(stage.path()).map_err(failed("make", &stage.path()))?;
        Ok(stage)
    }

    /// Gives the files of a stage their names, each replacing an earlier one in one step; then removes those earlier files of the shelf
    /// that are `stale`. Returns the paths of the new files, in the order of their names.
    pub fn publish(&self, stage: Stage, stale: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, PublishError> {
        let _alone = self.lock();
        let (from, new) = (stage.path(), List::of(&stage.path(), Kind::Shared)?);
        let mut list = self.list();
        new.files.keys().try_for_each(|name| self.check_name(name, &list))?;
        sync_tree(&from)?;
        // Listed before they exist: if this process is killed in between, the next command knows whose they are.
        let earlier = list.clone();
        list.files.extend(new.files.clone());
        list.write(&self.folder)?;
        let mut published = Vec::new();
        for name in new.files.keys() {
            let to = self.folder.join(name);
            if let Some(above) = to.parent() {
                fs::create_dir_all(above).map_err(failed("make", above))?;
            }
            let rename = if earlier.files.contains_key(name) { rename_over } else { rename_new };
            match rename(&from.join(name), &to) {
                Ok(()) => published.push(to),
                // Somebody else has taken the name since.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(PublishError::NotOurs(to)),
                Err(error) => return Err(failed("name", &to)(error)),
            }
        }
        let gone: Vec<String> =
            list.files.keys().filter(|name| !new.files.contains_key(*name) && stale(name)).cloned().collect();
        for name in gone {
            self.remove(&name)?;
            list.files.remove(&name);
        }
        // Names that a killed command listed but did not get to.
        list.files.retain(|name, _| self.folder.join(name).symlink_metadata().is_ok());
        list.write(&self.folder)?;
        sync_folder(&self.folder);
        Ok(published)
    }

    fn remove(&self, name: &str) -> Result<(), PublishError> {
        self.check_folders(name)?;
        let path = self.folder.join(name);
        if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            fault::point();
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Keeps two commands in one folder from losing each other's entries in its list. Held until it is dropped; `None` where the system has
    /// no such lock.
    fn lock(&self) -> Option<File> {
        let folder = File::open(&self.folder).ok()?;
        folder.lock().ok()?;
        Some(folder)
    }
}
