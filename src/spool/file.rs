//! The temporary file of blocks.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::RefUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Bytes of a block.
pub(super) const BLOCK: usize = 1 << 16;

/// How a file is made.
type Make = dyn Fn() -> io::Result<File> + Send + Sync + RefUnwindSafe;

/// A file of blocks, made when the first is stored.
pub(super) struct Spool {
    state: Mutex<State>,
    make: Box<Make>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    /// Blocks that the file has.
    blocks: u64,
    /// Those of them that nobody needs.
    free: Vec<u64>,
}

/// A block in a file, for as long as somebody needs it.
pub(super) struct Block {
    spool: Arc<Spool>,
    index: u64,
}

impl Spool {
    /// One whose file `make` makes.
    pub fn new(make: impl Fn() -> io::Result<File> + Send + Sync + RefUnwindSafe + 'static) -> Self {
        Self { state: Mutex::default(), make: Box::new(make) }
    }

    /// The one of this process.
    pub fn of_process() -> Arc<Self> {
        static SPOOL: OnceLock<Arc<Spool>> = OnceLock::new();
        Arc::clone(SPOOL.get_or_init(|| Arc::new(Self::new(temporary))))
    }

    /// Stores a block.
    ///
    /// # Errors
    /// If the file cannot be made or written.
    pub fn store(self: &Arc<Self>, bytes: &[u8]) -> io::Result<Arc<Block>> {
        let mut state = self.lock();
        let index = state.free.last().copied().unwrap_or(state.blocks);
        if state.file.is_none() {
            state.file = Some((self.make)()?);
        }
        let file = state.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(index * BLOCK as u64))?;
        file.write_all(bytes)?;
        if state.free.pop().is_none() {
            state.blocks += 1;
        }
        Ok(Arc::new(Block { spool: Arc::clone(self), index }))
    }

    /// A thread that panicked has not left half a block behind: its index was not handed out yet.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that the file has.
    #[cfg(test)]
    pub fn size(&self) -> u64 {
        self.lock().blocks * BLOCK as u64
    }

    /// Reads and writes another file from now on.
    #[cfg(test)]
    pub fn turn_to(&self, file: File) {
        self.lock().file = Some(file);
    }
}

impl Block {
    /// Reads what begins at this byte of the block.
    pub fn load(&self, first: usize, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.spool.lock();
        let file = state.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(self.index * BLOCK as u64 + first as u64))?;
        file.read_exact(bytes)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut state = self.spool.lock();
        state.free.push(self.index);
        if state.free.len() as u64 == state.blocks {
            // Its room on the disk is given back; where that fails, it is written over later.
            if state.file.as_ref().is_some_and(|file| file.set_len(0).is_ok()) {
                state.blocks = 0;
                state.free = Vec::new();
            }
        }
    }
}

/// A file without a name in the first folder that takes one.
fn temporary() -> io::Result<File> {
    let named = env::var_os("TMPDIR").map(PathBuf::from);
    let usual = if named.is_none() && cfg!(unix) { Some(PathBuf::from("/var/tmp")) } else { None };
    let first = named.or(usual).and_then(|folder| tempfile::tempfile_in(folder).ok());
    first.map_or_else(tempfile::tempfile, Ok)
}
