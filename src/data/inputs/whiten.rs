//! Samples with mean 0 and sample covariance I to rounding.

use nalgebra::DMatrix;

use crate::linalg::{Svd, SvdError};

/// Why samples cannot be whitened.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum WhitenError {
    /// They have no singular value decomposition.
    #[error(transparent)]
    Svd(#[from] SvdError),
    /// The centred samples do not vary in some direction, as may happen with corners of a cube: no map gives it a variance.
    #[error("the inputs span {rank} of {dim} dimensions and cannot be whitened: take more samples")]
    Singular {
        /// The numerical rank of the centred samples.
        rank: usize,
        /// d_0.
        dim: usize,
    },
}

/// √n times the polar factor of the centred rows of `z`, n > d: the nearest inputs with mean 0 and XᵀX/n = I. And the rows of `other`
/// mapped by the same affine map, (x − mean)·V·diag(√n/σ)·Vᵀ with the centred z = U·diag(σ)·Vᵀ.
pub(in crate::data) fn whiten(
    mut z: DMatrix<f64>,
    mut other: DMatrix<f64>,
) -> Result<(DMatrix<f64>, DMatrix<f64>), WhitenError> {
    let mean = z.row_mean();
    for mut row in z.row_iter_mut() {
        row -= &mean;
    }
    let svd = Svd::new(z.as_view())?;
    let root_n = (z.nrows() as f64).sqrt();
    // The usual numerical rank, as in `Moments`.
    let floor = svd.values.first().copied().unwrap_or(0.0) * f64::EPSILON * z.nrows().max(z.ncols()) as f64;
    let rank = svd.values.iter().filter(|&&s| s > floor).count();
    if rank < z.ncols() {
        return Err(WhitenError::Singular { rank, dim: z.ncols() });
    }
    if other.nrows() > 0 {
        for mut row in other.row_iter_mut() {
            row -= &mean;
        }
        let scaled = DMatrix::from_fn(z.ncols(), rank, |i, j| svd.v[(i, j)] * root_n / svd.values[j]);
        other *= scaled * svd.v.transpose();
    }
    Ok((svd.u * svd.v.transpose() * root_n, other))
}
