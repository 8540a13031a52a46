//! Cleans up in folders: moves files of others to where they belong, and finishes and removes the drafts of killed processes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::fault;
use super::list::{Kind, LIST, List};
use super::lock::{LOCK, PARTIAL, remove_wrapper};
use super::system::{self, is_at};

/// `path` with `suffix` appended to its name: `run-2` from `run`.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

/// Moves everything in `old` that is not listed to the same place in `target`. Where a name is taken, the file gets another, which is
/// returned.
pub(super) fn rescue(old: &Path, target: &Path, list: &List) -> io::Result<Vec<PathBuf>> {
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
                // The new folder has no files of ours there; those of others keep their place.
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

/// Moves `from` to `to`, or to `to` with `.kept`, `.kept-2`, … appended.
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

/// Removes the listed files in `folder`, the list, and folders that are then empty. Returns whether nothing is left.
pub(super) fn remove_listed(folder: &Path, list: &List) -> bool {
    for name in list.files.keys() {
        fault::point();
        let _ = fs::remove_file(folder.join(name));
    }
    fault::point();
    // The list goes last: without it, a remaining file would count as somebody else's.
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

/// Finishes what a killed process was doing in its draft, whose lock we hold. Returns whether all that is left in it may be removed.
fn recover(wrapper: &Path, mut lock: &File) -> bool {
    let mut name = Vec::new();
    if lock.seek(SeekFrom::Start(0)).is_err() || lock.read_to_end(&mut name).is_err() {
        return false;
    }
    if name.is_empty() {
        // Not yet exchanged: everything belongs to the process that was killed.
        return true;
    }
    let Some(target) = target_of(wrapper, &name) else { return false };
    let (new, old) = (wrapper.join("new"), wrapper.join("old"));
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    if exists(&old) && !exists(&target) {
        // Killed between two renames.
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
        // Somebody has removed the target since: files that are not listed have no other place.
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

/// Removes the drafts that killed processes have left in `folder`, and finishes their exchanges. Whatever cannot be removed is left for the
/// next command.
pub fn remove_stale(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            remove_if_stale(&entry.path());
        }
    }
}

fn remove_if_stale(path: &Path) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    if metadata.is_file() {
        if let Ok(file) = File::options().read(true).write(true).open(path)
            && file.try_lock().is_ok()
            && is_at(&file, path)
        {
            let _ = fs::remove_file(path);
        }
    } else if metadata.is_dir() {
        match File::options().read(true).write(true).open(path.join(LOCK)) {
            Ok(lock) => {
                if lock.try_lock().is_ok() && is_at(&lock, &path.join(LOCK)) && recover(path, &lock) {
                    remove_wrapper(path);
                }
            }
            // Killed before it was locked: it is empty. Anything else is not ours, and is not removed.
            Err(_) => drop(fs::remove_dir(path)),
        }
    }
}
