//! `data.sensing`: measurements y_k = ⟨A_k, W_L⋯W_1⟩ of the end-to-end matrix.

use std::path::Path;

use nalgebra::DMatrix;

use super::DatasetError;
use super::file::Opened;

/// m linear measurements of a matrix P ∈ ℝ^{d_L × d_0}: y_k = ⟨A_k, P⟩ = Σ_ij (A_k)_ij P_ij.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensing {
    /// vec(A_k), column by column of A_k, as column k: d_L·d_0 × m.
    pub maps: DMatrix<f64>,
    /// y_k, 1 × m.
    pub values: DMatrix<f64>,
    /// (d_L, d_0).
    pub shape: (usize, usize),
}

impl Sensing {
    /// From A_1, …, A_m of one shape and y.
    ///
    /// # Panics
    /// If there are none, their shapes differ, or y is not as long.
    pub fn new(maps: &[DMatrix<f64>], values: &[f64]) -> Self {
        assert_eq!(maps.len(), values.len(), "one value for each A_k");
        let shape = maps[0].shape();
        assert!(maps.iter().all(|map| map.shape() == shape), "every A_k has the shape of P");
        let maps = DMatrix::from_fn(shape.0 * shape.1, maps.len(), |i, k| maps[k].as_slice()[i]);
        Self { maps, values: DMatrix::from_row_slice(1, values.len(), values), shape }
    }

    /// A of shape (m, d_L, d_0) and y of shape (m).
    ///
    /// # Errors
    /// If the file cannot be read or does not hold these.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        const NEEDS: &str = "it needs A, of shape (m, d_out, d_in), and y, of shape (m)";
        let file = Opened::new(path, &["A", "y"])?;
        let (maps, values) = (file.finite("A", NEEDS)?, file.finite("y", NEEDS)?);
        let fail = |name: &str, shape: &[usize]| file.fail(format!("`{name}` has shape {shape:?}: {NEEDS}"));
        let [m, outputs, inputs] = maps.shape[..] else { return Err(fail("A", &maps.shape)) };
        if maps.data.is_empty() {
            return Err(fail("A", &maps.shape));
        }
        if !matches!(values.shape[..], [count] | [count, 1] if count == m) {
            return Err(file.fail(format!("A has {m} measurements and `y` has shape {:?}: {NEEDS}", values.shape)));
        }
        // In C order the entry (i, j) of A_k is at (k·d_L + i)·d_0 + j; columns hold it at j·d_L + i.
        let entry = |at: usize, k: usize| maps.data[(k * outputs + at % outputs) * inputs + at / outputs];
        Ok(Self {
            maps: DMatrix::from_fn(outputs * inputs, m, entry),
            values: DMatrix::from_row_slice(1, m, &values.data),
            shape: (outputs, inputs),
        })
    }

    /// ℒ of the zero map, 1/(2m) Σ_k y_k².
    pub fn zero_loss(&self) -> f64 {
        self.values.norm_squared() / (2.0 * self.values.len() as f64)
    }
}
