//! Semi-orthogonal weights (Saxe, McClelland & Ganguli 2014), as `torch.nn.init.orthogonal_`.

use nalgebra::DMatrix;
use rand::Rng;

use crate::network::{Architecture, Parameters};
use crate::rng::orthonormal_columns;

/// W_l = gain·Q with QᵀQ = I or QQᵀ = I, whichever the shape allows, Q uniform (Haar); biases 0.
pub fn orthogonal(architecture: &Architecture, gain: f64, rng: &mut impl Rng) -> Parameters {
    Parameters::from_shapes(architecture, |rows, columns| weight(rows, columns, gain, rng))
}

pub(super) fn weight(rows: usize, columns: usize, gain: f64, rng: &mut impl Rng) -> DMatrix<f64> {
    let q = if rows >= columns {
        orthonormal_columns(rows, columns, rng)
    } else {
        orthonormal_columns(columns, rows, rng).transpose()
    };
    q * gain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn rows_or_columns_are_orthonormal_times_the_gain() {
        let start = orthogonal(&Architecture::new(&[3, 8, 8, 2]), 1.5, &mut stream(0, Purpose::Init));
        for l in 1..=3 {
            let w = start.weight(l).into_owned() / 1.5;
            let gram = if w.nrows() >= w.ncols() { w.transpose() * &w } else { &w * w.transpose() };
            assert!((&gram - DMatrix::identity(gram.nrows(), gram.nrows())).norm() < 1e-14);
        }
    }
}
