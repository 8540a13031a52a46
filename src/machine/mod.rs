//! What the machine provides: its CPU, regular files, read up to a bound, and free memory.

mod bytes;
mod cpu;
mod file;
mod memory;

pub use bytes::{Bytes, SizeError};
pub(crate) use cpu::{cpu_features, cpu_model};
pub(crate) use file::{open, read_text};
pub use memory::free_memory;
