//! A start read from an NPZ file with the arrays W1, …, WL, and b1, … where layers have a bias. It may be a file of `gramflow
//! export`.

use std::path::Path;

use crate::network::{Architecture, Parameters, WeightsError};
use crate::npz::{self, NpzError};

/// Why a file holds no start for this network.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read as NPZ.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// The arrays are not the weights of this network.
    #[error("{}: {source}", path.display())]
    Weights {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        source: WeightsError,
    },
}

/// The weights in the NPZ file `path`, each of shape (d_l, d_{l−1}), and the biases, each of shape (d_l,).
pub fn file(architecture: &Architecture, path: &Path) -> Result<Parameters, FileError> {
    // An export of gramflow's holds data and batches beside the start.
    let of_data = |name: &str| ["X", "Y", "X_test", "Y_test"].contains(&name);
    let beside = |name: &str| of_data(name) || name.starts_with("batches/") || name.starts_with("export/");
    let arrays = npz::read_those(path, |name| !beside(name))?;
    Parameters::from_arrays(architecture, &arrays).map_err(|source| FileError::Weights { path: path.into(), source })
}
