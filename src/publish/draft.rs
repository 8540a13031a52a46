//! Folders that appear whole: filled beside their target, then renamed to it or exchanged with what stands there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use super::list::{Kind, LIST, List};
use super::lock::{PARTIAL, Wrapper, remove_stale};
use super::sync::{sync_folder, sync_tree};
use super::{PublishError, failed, fault, parent, system};

/// What stands where a folder is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing, or an empty folder.
    Free,
    /// A folder of the same kind that gramflow wrote.
    Ours(List),
    /// Anything else.
    Foreign,
}

/// What stands at `target`, for a folder of this kind. An error where nothing can stand there: its name is too long, for instance.
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
    /// Where.
    pub path: PathBuf,
    /// Files of somebody else whose names were needed, under their new names.
    pub moved: Vec<PathBuf>,
}

impl Draft {
    /// Begins a folder beside `target`; makes the folders above it.
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

    /// Where it is being filled.
    pub fn path(&self) -> PathBuf {
        self.wrapper.new_folder()
    }

    /// Gives it the name `target`, in the folder that it was begun for. `may_replace` is asked of a folder that stands there; where
    /// it says no, the complete folder is left beside it.
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
            return Err(self.put_beside(target, "it is not to be replaced".to_string()));
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
        // If something of somebody else is still in it, it stays; the next command tries again.
        let emptied = moved.is_ok() && remove_listed(&old, &list);
        self.wrapper.kept = !emptied;
        Ok(Published { path: target.into(), moved: moved.unwrap_or_default() })
    }

    /// From now on what lies in the draft's place may be the folder that was replaced.
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
                // Killed between the two, the next command here puts the old one back.
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

    /// The complete folder takes the first free name like `target-2`.
    fn put_beside(&mut self, target: &Path, reason: String) -> PublishError {
        let draft = self.path();
        let mut beside = (2..1000).map(|n| with_suffix(target, &format!("-{n}")));
        let path = beside.find(|path| system::rename_new(&draft, path).is_ok());
        self.wrapper.kept = path.is_none();
        PublishError::Beside { path: path.unwrap_or(draft), target: target.into(), reason }
    }
}

/// `run-2` of `run`.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// Moves whatever in `old` is not listed to `target`, at the same place. Where the name is taken, it gets another, which is returned.
fn rescue(old: &Path, target: &Path, list: &List) -> io::Result<Vec<PathBuf>> {
    remove_stale(old);
    let mut moved = Vec::new();
    rescue_below(old, target, "", list, &mut moved)?;
    Ok(moved)
}

fn rescue_below(from: &Path, to: &Path, prefix: &str, list: &List, moved: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if is_ours(&name, kind, list) {
            continue;
        }
        let there = to.join(entry.file_name());
        let folder_there = there.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if kind.is_dir() && (folder_there || list.has_below(&name)) {
            if !folder_there && holds_others(&path, &format!("{name}/"), list)? {
                // Its own files are gone from the new folder; those of others stay where they were.
                match fs::create_dir(&there) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        move_aside(&path, &there, moved)?;
                        continue;
                    }
                    made => made?,
                }
            }
            rescue_below(&path, &there, &format!("{name}/"), list, moved)?;
        } else {
            move_aside(&path, &there, moved)?;
        }
    }
    Ok(())
}

fn is_ours(name: &str, kind: fs::FileType, list: &List) -> bool {
    kind.is_file() && (name == LIST || list.files.contains_key(name))
}

/// Whether `folder` holds anything that is not listed.
fn holds_others(folder: &Path, prefix: &str, list: &List) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        let other = match kind.is_dir() && list.has_below(&name) {
            true => holds_others(&entry.path(), &format!("{name}/"), list)?,
            false => !is_ours(&name, kind, list),
        };
        if other {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves `from` to `to`, or to `to` with `.kept`, `.kept-2`, … behind it.
fn move_aside(from: &Path, to: &Path, moved: &mut Vec<PathBuf>) -> io::Result<()> {
    let names = std::iter::once(String::new()).chain(std::iter::once(".kept".to_string()));
    for suffix in names.chain((2..1000).map(|n| format!(".kept-{n}"))) {
        let to = with_suffix(to, &suffix);
        match system::rename_new(from, &to) {
            Ok(()) => {
                if !suffix.is_empty() {
                    moved.push(to);
                }
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes the listed files in `folder`, the list, and what folders are empty then. Whether nothing is left.
fn remove_listed(folder: &Path, list: &List) -> bool {
    for name in list.files.keys() {
        fault::point();
        let _ = fs::remove_file(folder.join(name));
    }
    fault::point();
    // The list last: a file that it does not name would be somebody else's.
    let others = fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().filter(|entry| entry.file_name() != LIST).any(|entry| !remove_empty(&entry.path()))
    });
    if others {
        return false;
    }
    let _ = fs::remove_file(folder.join(LIST));
    fault::point();
    fs::remove_dir(folder).is_ok()
}

/// Removes a folder of empty folders.
fn remove_empty(folder: &Path) -> bool {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
        }
    }
    fs::remove_dir(folder).is_ok()
}

/// Ends what a killed process was about in its draft, whose lock we hold. Whether all that is left in it may be removed.
pub(super) fn recover(wrapper: &Path, mut lock: &File) -> bool {
    let mut name = Vec::new();
    if lock.seek(SeekFrom::Start(0)).is_err() || lock.read_to_end(&mut name).is_err() {
        return false;
    }
    if name.is_empty() {
        // Not yet exchanged: all is of the process that was killed.
        return true;
    }
    let Some(target) = target_of(wrapper, &name) else { return false };
    let (new, old) = (wrapper.join("new"), wrapper.join("old"));
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    if exists(&old) && !exists(&target) {
        // Between two renames.
        if system::rename_new(&old, &target).is_err() {
            return false;
        }
    }
    let replaced = if exists(&old) { old } else { new };
    if !exists(&replaced) {
        return true;
    }
    let list = List::read(&replaced).unwrap_or_else(|| List::new(Kind::Shared));
    match exists(&target) {
        true => rescue(&replaced, &target, &list).is_ok() && remove_listed(&replaced, &list),
        // Somebody has removed the target since: what is not listed has no other place.
        false => holds_others(&replaced, "", &list).is_ok_and(|others| !others),
    }
}

/// The folder beside `wrapper` that a lock's file names.
fn target_of(wrapper: &Path, name: &[u8]) -> Option<PathBuf> {
    let name = os_string(name)?;
    let mut parts = Path::new(&name).components();
    let single = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == OsStr::new(&name));
    single.then(|| wrapper.with_file_name(&name))
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> Option<OsString> {
    String::from_utf8(bytes.to_vec()).ok().map(OsString::from)
}
