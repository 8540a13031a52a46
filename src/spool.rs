//! Long vectors whose entries lie on disk: what a run records need not fit into memory.
//!
//! A [`Spooled`] vector grows in memory up to 256 KiB. Beyond that its full blocks of 64 KiB go to a temporary file, and only what follows
//! them stays: a short run never touches the disk, and a long one takes as much memory as a short one. The file has no name, so that it goes
//! with the process, however that ends; all vectors of a process share it, and blocks that nobody needs any longer are written over. It lies
//! in the folder that `TMPDIR` names, otherwise in `/var/tmp`, which is on disk where `/tmp` is not, or else in the system's folder of
//! temporary files.
//!
//! Where the file cannot be made or written, entries stay in memory and [`Spooled::complaint`] says why.
//!
//! ```
//! use gramflow::spool::Spooled;
//!
//! let squares: Spooled<f64> = (0..100_000).map(|i| f64::from(i).powi(2)).collect();
//! assert!(squares.in_memory() < 100_000);
//! assert_eq!(squares.slice(1..4)[..], [1.0, 4.0, 9.0]);
//! assert_eq!(squares.values().map(f64::sqrt).sum::<f64>(), 4_999_950_000.0);
//! ```

mod file;
mod traits;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use file::{BLOCK, Block, Spool};

/// What a spooled vector can hold: numbers of at most 8 bytes.
pub trait SpoolItem: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// Bytes of an entry in the file: 1, 2, 4 or 8.
    const SIZE: usize;

    /// Adds the bytes of this entry.
    fn put(self, bytes: &mut Vec<u8>);

    /// The entry of these bytes, [`SpoolItem::SIZE`] of them.
    fn take(bytes: &[u8]) -> Self;
}

/// A vector of which only the end is in memory once it is long. It is read in pieces ([`Spooled::pieces`], [`Spooled::slice`]) or entry by
/// entry ([`Spooled::values`]).
///
/// It can also be read as a slice: a long one is then loaded as a whole, and stays so until it changes or goes.
///
/// # Panics
/// Reading panics if the temporary file, which nobody else can reach, can no longer be read: the disk has failed.
pub struct Spooled<T: SpoolItem> {
    spool: Option<Arc<Spool>>,
    /// Full blocks, in order.
    blocks: Vec<Arc<Block>>,
    /// What follows them.
    tail: Vec<T>,
    /// All of it, where it was asked for as a slice.
    whole: OnceLock<Box<[T]>>,
    /// Why blocks stay in the tail.
    complaint: Option<Arc<str>>,
}

impl<T: SpoolItem> Spooled<T> {
    /// A vector that is shorter is in memory as a whole.
    pub const SHORT: usize = 4 * BLOCK / T::SIZE;

    /// Entries of a block.
    const PER_BLOCK: usize = BLOCK / T::SIZE;

    /// An empty one.
    pub const fn new() -> Self {
        Self::of(Vec::new())
    }

    /// One with these entries, which stay in memory until more are added.
    const fn of(tail: Vec<T>) -> Self {
        Self { spool: None, blocks: Vec::new(), tail, whole: OnceLock::new(), complaint: None }
    }

    /// An empty one whose blocks go to this file.
    #[cfg(test)]
    fn within(spool: &Arc<Spool>) -> Self {
        Self { spool: Some(Arc::clone(spool)), ..Self::new() }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.blocks.len() * Self::PER_BLOCK + self.tail.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of its entries are in memory.
    pub fn in_memory(&self) -> usize {
        self.tail.len() + self.whole.get().map_or(0, |whole| whole.len())
    }

    /// Why entries that should be in the file are in memory, if they are.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: T) {
        self.whole.take();
        self.tail.push(entry);
        if self.tail.len() >= self.most() {
            self.store();
        }
    }

    /// Adds these entries.
    pub fn extend_from_slice(&mut self, mut entries: &[T]) {
        self.whole.take();
        while !entries.is_empty() {
            let room = self.most().saturating_sub(self.tail.len()).clamp(1, entries.len());
            let (now, later) = entries.split_at(room);
            self.tail.extend_from_slice(now);
            entries = later;
            if self.tail.len() >= self.most() {
                self.store();
            }
        }
    }

    /// Adds this entry so many times.
    pub fn extend_by(&mut self, count: usize, entry: T) {
        (0..count).for_each(|_| self.push(entry));
    }

    /// The length of the tail at which it goes to the file.
    fn most(&self) -> usize {
        match (&self.complaint, self.blocks.is_empty()) {
            (Some(_), _) => usize::MAX,
            (None, true) => Self::SHORT,
            (None, false) => Self::PER_BLOCK,
        }
    }

    /// Moves full blocks from the tail to the file.
    fn store(&mut self) {
        let spool = self.spool.get_or_insert_with(Spool::of_process);
        let (mut stored, mut bytes) = (0, Vec::with_capacity(BLOCK));
        for block in self.tail.chunks_exact(Self::PER_BLOCK) {
            bytes.clear();
            block.iter().for_each(|entry| entry.put(&mut bytes));
            match spool.store(&bytes) {
                Ok(block) => self.blocks.push(block),
                Err(error) => {
                    self.complaint = Some(error.to_string().into());
                    break;
                }
            }
            stored += 1;
        }
        self.tail.drain(..stored * Self::PER_BLOCK);
        if self.complaint.is_none() {
            self.tail.shrink_to(Self::PER_BLOCK);
        }
    }

    /// The entries in this range: where they are in memory, as they lie there.
    ///
    /// # Panics
    /// If the range goes beyond the end, as for a slice.
    pub fn slice(&self, range: Range<usize>) -> Cow<'_, [T]> {
        if let Some(whole) = self.loaded() {
            return Cow::Borrowed(&whole[range]);
        }
        let before = self.blocks.len() * Self::PER_BLOCK;
        if range.start >= before {
            return Cow::Borrowed(&self.tail[range.start - before..range.end - before]);
        }
        let mut entries = Vec::with_capacity(range.len());
        let mut at = range.start;
        while at < range.end.min(before) {
            let (block, first) = (&self.blocks[at / Self::PER_BLOCK], at % Self::PER_BLOCK);
            let count = (Self::PER_BLOCK - first).min(range.end - at);
            entries.extend(Self::read(block, first, count));
            at += count;
        }
        entries.extend_from_slice(&self.tail[..range.end.saturating_sub(before)]);
        Cow::Owned(entries)
    }

    /// The entry at this place, if there is one.
    pub fn at(&self, index: usize) -> Option<T> {
        (index < self.len()).then(|| self.slice(index..index + 1)[0])
    }

    /// All entries in pieces of at most 64 KiB, in order.
    pub fn pieces(&self) -> impl Iterator<Item = Cow<'_, [T]>> {
        let (stored, tail) = match self.loaded() {
            Some(whole) => (&[][..], whole),
            None => (&self.blocks[..], &self.tail[..]),
        };
        let stored = stored.iter().map(|block| Cow::Owned(Self::read(block, 0, Self::PER_BLOCK)));
        stored.chain(tail.chunks(Self::PER_BLOCK).map(Cow::Borrowed))
    }

    /// All entries, in order.
    pub fn values(&self) -> impl Iterator<Item = T> {
        self.pieces().flat_map(|piece| piece.into_owned())
    }

    /// All entries in memory, to be changed there.
    pub fn to_mut(&mut self) -> &mut Vec<T> {
        if !self.blocks.is_empty() {
            self.tail = self.slice(0..self.len()).into_owned();
            self.blocks.clear();
        }
        self.whole.take();
        &mut self.tail
    }

    /// All entries in memory.
    pub fn into_vec(mut self) -> Vec<T> {
        std::mem::take(self.to_mut())
    }

    /// All of it, if it is in memory.
    fn loaded(&self) -> Option<&[T]> {
        if self.blocks.is_empty() { Some(&self.tail) } else { self.whole.get().map(|whole| &**whole) }
    }

    fn whole(&self) -> &[T] {
        match self.loaded() {
            Some(whole) => whole,
            None => self.whole.get_or_init(|| self.slice(0..self.len()).into()),
        }
    }

    fn read(block: &Block, first: usize, count: usize) -> Vec<T> {
        let mut bytes = vec![0; count * T::SIZE];
        if let Err(error) = block.load(first * T::SIZE, &mut bytes) {
            panic!("the temporary file of what was recorded cannot be read any longer: {error}");
        }
        bytes.chunks_exact(T::SIZE).map(T::take).collect()
    }
}

#[cfg(test)]
mod tests;
