//! The state of a computation as bytes, and back: what a checkpoint consists of.
//!
//! A type that has a state names its parts once, in a function `archive(&mut self, &mut Archive)` that serves both directions: an archive
//! that is written takes the parts, one that is read replaces them. So the directions cannot disagree. What follows from settings is no part
//! of a state: a state is read back onto an object of the same settings. Numbers come back bit for bit, NaN included.
//!
//! ```
//! use gramflow::archive::Archive;
//! use gramflow::ode::{field, tsit5, Limits, Tolerance};
//! use nalgebra::DVector;
//!
//! let decay = || field(1, |_t, theta: &DVector<f64>, dtheta: &mut DVector<f64>| dtheta[0] = -theta[0]);
//! let make = || tsit5(decay(), Tolerance { rtol: 1e-8, atol: 1e-11 }, Limits::default());
//! let (mut first, mut theta) = (make()?, DVector::from_element(1, 1.0));
//! first.advance(0.0, 1.0, &mut theta)?;
//! let mut written = Archive::written();
//! first.archive(&mut written)?;
//!
//! let (mut second, mut there) = (make()?, theta.clone());
//! second.archive(&mut Archive::read(written.into_bytes()))?;
//! first.advance(1.0, 2.0, &mut theta)?;
//! second.advance(1.0, 2.0, &mut there)?;
//! assert_eq!(theta, there);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod flavors;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::spool::Spooled;

use flavors::{Sink, Source};

/// A state that is being written or read. Of a long one, most is on disk.
#[derive(Debug)]
pub struct Archive {
    bytes: Spooled<u8>,
    /// How much has been read; `None` while it is written.
    read: Option<usize>,
}

/// Why a state cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The bytes are not those of such a state.
    #[error("the saved state is damaged: {0}")]
    Damaged(String),
    /// The state is that of an object with other settings.
    #[error("the saved state is that of another {0}")]
    Another(&'static str),
    /// Something of the user's own whose state nobody can know.
    #[error("{what} may have a state, which no checkpoint would hold: run without checkpoints, or without it")]
    Stateful {
        /// What it is.
        what: &'static str,
    },
    /// Something of the user's own that does not say what its state is.
    #[error("{what} does not save its state: implement `{method}` for it")]
    Unsaved {
        /// What it is.
        what: String,
        /// What it lacks.
        method: &'static str,
    },
}

impl Archive {
    /// An empty one, to be written.
    pub fn written() -> Self {
        Self { bytes: Spooled::new(), read: None }
    }

    /// One that was written before, to be read.
    pub fn read(bytes: impl Into<Spooled<u8>>) -> Self {
        Self { bytes: bytes.into(), read: Some(0) }
    }

    /// Whether it is read, so that parts are replaced.
    pub fn is_read(&self) -> bool {
        self.read.is_some()
    }

    /// What was written.
    pub fn into_bytes(self) -> Spooled<u8> {
        self.bytes
    }

    /// Takes or replaces one part.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if there is no such part to be read.
    pub fn item<T: Serialize + DeserializeOwned>(&mut self, part: &mut T) -> Result<(), ArchiveError> {
        let damaged = |error: postcard::Error| ArchiveError::Damaged(error.to_string());
        match &mut self.read {
            None => postcard::serialize_with_flavor(&*part, Sink(&mut self.bytes)).map_err(damaged)?,
            Some(read) => {
                let mut source = postcard::Deserializer::from_flavor(Source::new(&self.bytes, *read));
                *part = T::deserialize(&mut source).map_err(damaged)?;
                *read = source.finalize().map_err(damaged)?;
            }
        }
        Ok(())
    }

    /// Takes a value that follows from the settings, or checks that it is the same: `what` says of what it is a property.
    ///
    /// # Errors
    /// [`ArchiveError::Another`] if it is not the same.
    pub fn same<T: Serialize + DeserializeOwned>(&mut self, what: &'static str, mut value: T) -> Result<(), ArchiveError> {
        if !self.is_read() {
            return self.item(&mut value);
        }
        let expected = postcard::to_stdvec(&value);
        self.item(&mut value)?;
        if expected == postcard::to_stdvec(&value) { Ok(()) } else { Err(ArchiveError::Another(what)) }
    }

    /// A word of a fixed list, by its place in it.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] if it is none of them.
    pub fn word(&mut self, word: &mut &'static str, list: &[&'static str]) -> Result<(), ArchiveError> {
        let mut index = list.iter().position(|known| known == word).unwrap_or(list.len()) as u64;
        self.item(&mut index)?;
        *word = list.get(index as usize).ok_or_else(|| ArchiveError::Damaged("an unknown word".into()))?;
        Ok(())
    }
}
