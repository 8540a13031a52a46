//! A start read from an NPZ file with the arrays W1, …, WL.

use std::path::Path;

use crate::network::{Architecture, Parameters, WeightsError};
use crate::npz::{self, NpzError};

/// Why a file holds no start for this network.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error(transparent)]
    Npz(#[from] NpzError),
    #[error("{}: {source}", path.display())]
    Weights { path: std::path::PathBuf, source: WeightsError },
}

/// The weights in the NPZ file `path`, each of shape (d_l, d_{l−1}).
pub fn file(architecture: &Architecture, path: &Path) -> Result<Parameters, FileError> {
    let arrays = npz::read(path)?;
    Parameters::from_arrays(architecture, &arrays).map_err(|source| FileError::Weights { path: path.into(), source })
}
