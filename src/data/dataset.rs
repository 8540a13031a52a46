//! Samples (x_i, y_i), drawn as a scenario says or read from its file.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;

use crate::data::{Data, Synthetic};
use crate::loss::Loss;
use crate::npz::NpzError;
use crate::rng::{Purpose, gaussian_matrix, named_stream, stream};

use super::inputs::{Law, WhitenError, whiten};
use super::labels::{LabelError, of_file, of_target};
use super::moments::MomentsError;
use super::{file, target};

/// n samples as rows: X ∈ ℝ^{n × d_0}, Y ∈ ℝ^{n × d_L}.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The inputs, one per row.
    pub x: DMatrix<f64>,
    /// The labels, one per row; NaN where a label was not observed, which has no term in the loss.
    pub y: DMatrix<f64>,
}

impl Dataset {
    /// Whether every label was observed.
    pub fn is_complete(&self) -> bool {
        self.y.iter().all(|y| !y.is_nan())
    }
}

/// The samples that are trained on, and others of the same law.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What the loss and the AGOP are means over.
    pub train: Dataset,
    /// `None` where the scenario asks for none.
    pub test: Option<Dataset>,
    /// Whether the values of a drawn target were turned into classes: its signs for `logistic`, its largest entries for `cross_entropy`.
    pub classified: bool,
}

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The data file cannot be read as NPZ.
    #[error(transparent)]
    Npz(#[from] NpzError),
    /// The data file lacks an array, or one does not fit: by its shape, an entry that is NaN or infinite, or a mask with other entries than 0 and 1.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is wanted.
        reason: String,
    },
    /// The inputs cannot be whitened.
    #[error(transparent)]
    Whiten(#[from] WhitenError),
    /// The inputs of a file cannot be whitened.
    #[error("{}: `X`: {reason}, store only columns that vary independently, or leave whiten out", path.display())]
    WhitenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: WhitenError,
    },
    /// The labels do not suit the loss.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// What a file holds cannot be the moments of anything.
    #[error("{}: {reason}", path.display())]
    Moments {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: MomentsError,
    },
    /// The expectations over a population are not known in closed form.
    #[error(
        "there is no closed form of E[yxᵀ] and E‖y‖² for this target: use low_rank or single_index with the link identity, or, on gaussian \
         inputs, with any link but tanh; or a number of samples"
    )]
    NoClosedForm,
    /// The data are measurements or moments.
    #[error("{key} holds no samples of inputs and labels")]
    NoSamples {
        /// The key of the scenario.
        key: &'static str,
    },
}

/// The samples, y_i = f*(x_i) + noise·ξ_i with ξ_i ~ N(0, I), or those of a file. The labels are what `loss` needs for d_L = `outputs`: those of
/// a file are used as they are or refused, those of a target are turned into classes for a classifier.
///
/// Test samples are drawn from streams of their own: the others are the same with and without them.
pub fn split(data: &Data, loss: Loss, outputs: usize, seed: u64) -> Result<Split, DatasetError> {
    match data {
        _ if data.is_moments() => Err(DatasetError::NoSamples { key: data.key() }),
        Data::Sensing(_) | Data::Moments(_) => Err(DatasetError::NoSamples { key: data.key() }),
        Data::File(from) => {
            let (Dataset { x, y }, test) = file::read(&from.path)?;
            let (test_x, test_y) = test.map(|test| (test.x, test.y)).unzip();
            let (y, test_y) = of_file(y, test_y, loss, outputs)?;
            let (x, test_x) = if from.whiten { whitened(&from.path, x, test_x)? } else { (x, test_x) };
            let test = test_x.zip(test_y).map(|(x, y)| Dataset { x, y });
            Ok(Split { train: Dataset { x, y }, test, classified: false })
        }
        Data::Synthetic(data) => {
            let (train, test) = draw(data, seed)?;
            let mut classified = false;
            let mut labelled = |Dataset { x, y }: Dataset| {
                let (y, changed) = of_target(y, loss);
                classified |= changed;
                Dataset { x, y }
            };
            let (train, test) = (labelled(train), test.map(&mut labelled));
            Ok(Split { train, test, classified })
        }
    }
}

/// X and X_test of a file by the map that whitens X.
fn whitened(
    path: &Path,
    x: DMatrix<f64>,
    test: Option<DMatrix<f64>>,
) -> Result<(DMatrix<f64>, Option<DMatrix<f64>>), DatasetError> {
    let has_test = test.is_some();
    let test = test.unwrap_or_else(|| DMatrix::zeros(0, x.ncols()));
    let (x, test) = whiten(x, test).map_err(|reason| DatasetError::WhitenFile { path: path.into(), reason })?;
    Ok((x, has_test.then_some(test)))
}

fn draw(data: &Synthetic, seed: u64) -> Result<(Dataset, Option<Dataset>), DatasetError> {
    let (x, other) = Law::new(&data.inputs, seed).draw(data.test)?;
    let target = target::target(&data.target, data.inputs.dim, seed);
    let labelled = |x: DMatrix<f64>, mut noise: ChaCha8Rng| {
        let mut y = target.values(&x);
        if data.noise > 0.0 {
            y += gaussian_matrix(y.nrows(), y.ncols(), &mut noise) * data.noise;
        }
        Dataset { x, y }
    };
    let test = (data.test > 0).then(|| labelled(other, named_stream(seed, Purpose::Noise, "test")));
    Ok((labelled(x, stream(seed, Purpose::Noise)), test))
}
