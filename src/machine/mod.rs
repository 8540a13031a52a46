//! What the machine provides: regular files, read up to a bound, and free memory.

mod bytes;
mod file;
mod memory;

pub use bytes::{Bytes, SizeError};
pub(crate) use file::{open, read_text};
pub use memory::free_memory;
