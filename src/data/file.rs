//! Samples from an NPZ file: X of shape (n, d_0) and Y of shape (n, d_L), or (n,) for d_L = 1.

use std::path::Path;

use nalgebra::DMatrix;

use crate::npz::{self, Array};

use super::{Dataset, DatasetError};

pub(super) fn read(path: &Path) -> Result<Dataset, DatasetError> {
    let fail = |reason: String| DatasetError::File { path: path.into(), reason };
    let arrays = npz::read_those(path, |name| name == "X" || name == "Y")?;
    let samples = |name: &str| {
        let array = arrays
            .get(name)
            .ok_or_else(|| fail(format!("there is no array `{name}`: it needs X and Y, one sample per row")))?;
        let matrix =
            matrix(array).ok_or_else(|| fail(format!("`{name}` has shape {:?}: one sample per row is wanted", array.shape)))?;
        if matrix.iter().all(|v| v.is_finite()) {
            Ok(matrix)
        } else {
            Err(fail(format!("`{name}` has an entry that is NaN or infinite")))
        }
    };
    let (x, y) = (samples("X")?, samples("Y")?);
    if x.nrows() != y.nrows() {
        return Err(fail(format!("X has {} samples and Y has {}", x.nrows(), y.nrows())));
    }
    Ok(Dataset { x, y })
}

/// A vector is one column. No rows or no columns are no samples.
fn matrix(array: &Array) -> Option<DMatrix<f64>> {
    let (rows, columns) = match array.shape[..] {
        [rows] => (rows, 1),
        [rows, columns] => (rows, columns),
        _ => return None,
    };
    (rows > 0 && columns > 0).then(|| DMatrix::from_row_slice(rows, columns, &array.data))
}
