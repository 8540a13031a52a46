//! Everything that gets a final name gets it here: whole or not at all, and never over somebody else's file.
//!
//! - A file or a folder is filled under a temporary name beside its own (a *draft*), synced, and renamed. An existing folder is exchanged
//!   with the draft in one step, so that its name refers to a whole folder at every moment.
//! - A folder keeps a list of the files that gramflow wrote into it ([`LIST`]). Only these are replaced or removed. All other files in the
//!   folder stay, and a folder without a list is refused.
//! - What one process may have at a time is held by the lock of a file beside it ([`Hold`]).
//! - A live draft is locked. What a killed process left is found unlocked by the next command that writes there, and removed.
//!
//! ```text
//! DIR/.gramflow.json               the list of DIR: its kind, and the size of each file
//! .gramflow-partial-XXXXXX         a draft of a file, locked
//! .gramflow-partial-hold-XXXXXX    locked by the process that holds something beside it
//! .gramflow-partial-XXXXXX/lock    the lock of a draft of a folder; during an exchange, the state of that and the name of the target
//! .gramflow-partial-XXXXXX/new     the draft; after an exchange, the folder that was replaced
//! ```

mod draft;
mod fault;
mod file;
mod list;
mod lock;
mod rescue;
mod shelf;
mod sync;
mod system;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

pub use draft::{Draft, Published, Standing, standing};
pub use file::{create_text, replace, replace_text, write_whole};
pub use list::{Kind, LIST, List};
pub use lock::{Hold, PARTIAL};
pub use rescue::remove_stale;
pub use shelf::{Shelf, Stage};
pub use system::write_beyond_limits_fails;

/// Why something could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// What exists at the target is not gramflow's, or is of another kind.
    #[error("{} exists and holds something else: choose another --out", .0.display())]
    Occupied(PathBuf),
    /// The folder holds the files of a run or a study, but no list of them.
    #[error(
        "{} has no list of the files that gramflow wrote ({LIST}), as in earlier versions: move it away, or choose another --out",
        .0.display()
    )]
    Unlisted(PathBuf),
    /// A file that gramflow has no record of writing would be overwritten.
    #[error("{} exists, and gramflow has no record of writing it: move it away, or choose another --out", .0.display())]
    NotOurs(PathBuf),
    /// There is a link or a file where gramflow needs a folder of its own.
    #[error("{} is a link or a file, not a folder: move it away", .0.display())]
    NotAFolder(PathBuf),
    /// The target cannot exist: its name is too long, a folder above it is a file, …
    #[error("cannot write to {}: {source}: choose another --out", path.display())]
    Target {
        /// The target.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Nothing can be made in the folder of the target.
    #[error("cannot write in {}: {source}: choose another --out, or make that folder writable", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file or folder could not be made, written, synced, renamed or removed.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// The verb that follows "cannot" in the message.
        verb: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The folder is complete, but could not be given its name.
    #[error("cannot replace {}: {reason}; the complete folder is {}", target.display(), path.display())]
    Beside {
        /// Where it is instead.
        path: PathBuf,
        /// The name that it should have.
        target: PathBuf,
        /// The cause.
        reason: String,
    },
}

impl PublishError {
    /// Whether the user must choose another target or move something away; nothing has been written then.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Occupied(_) | Self::Unlisted(_) | Self::NotOurs(_) | Self::NotAFolder(_) | Self::Target { .. })
    }
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_path_buf();
    move |source| PublishError::Io { verb, path, source }
}

/// That no draft can be made in `folder`, which the user has chosen.
fn unwritable(folder: &Path, source: io::Error) -> PublishError {
    // tempfile's error goes on with the name of the draft, which tells a user nothing.
    let text = source.to_string();
    let cause = text.split(" at path \"").next().unwrap_or_default();
    PublishError::Unwritable { path: folder.to_path_buf(), source: io::Error::new(source.kind(), cause) }
}

/// The parent folder of `path`: `.` for a bare name.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
