//! Samples (x_i, y_i), drawn as a scenario says or read from its file.

use std::path::PathBuf;

use nalgebra::DMatrix;

use crate::linalg::SvdError;
use crate::npz::NpzError;
use crate::rng::{Purpose, gaussian_matrix, stream};
use crate::scenario;

use super::{file, inputs, target};

/// n samples as rows: X ∈ ℝ^{n × d_0}, Y ∈ ℝ^{n × d_L}.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The inputs, one per row.
    pub x: DMatrix<f64>,
    /// The labels, one per row.
    pub y: DMatrix<f64>,
}

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The data file cannot be read as NPZ.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// The data file lacks X or Y, or they are no samples: their shapes do not fit, or an entry is NaN or infinite.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is wanted.
        reason: String,
    },
    /// The inputs cannot be whitened: they have no singular value decomposition.
    #[error(transparent)]
    Svd(#[from] SvdError),
}

/// The samples of a scenario: y_i = f*(x_i) + noise·ξ_i with ξ_i ~ N(0, I), or those of its file.
pub fn dataset(data: &scenario::Data, seed: u64) -> Result<Dataset, DatasetError> {
    match data {
        scenario::Data::File(from) => file::read(&from.path),
        scenario::Data::Synthetic(law) => {
            let x = inputs::draw(&law.inputs, seed)?;
            let scenario::Target::LowRank(map) = &law.target;
            let a = target::low_rank(map, law.inputs.dim, &mut stream(seed, Purpose::Target));
            let mut y = &x * a.transpose();
            if law.noise > 0.0 {
                y += gaussian_matrix(y.nrows(), y.ncols(), &mut stream(seed, Purpose::Noise)) * law.noise;
            }
            Ok(Dataset { x, y })
        }
    }
}
