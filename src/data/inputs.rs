//! Gaussian inputs: x_i ~ N(0, C), C = U·diag(c)·Uᵀ with c log-spaced from 1 to 1/condition, U uniform (Haar).

use nalgebra::{DMatrix, DVector};

use crate::linalg::{Svd, SvdError};
use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};
use crate::scenario::Inputs;

/// X ∈ ℝ^{samples × dim}. With `whiten`, centred and mapped so that XᵀX/n = I to rounding.
pub(super) fn draw(inputs: &Inputs, seed: u64) -> Result<DMatrix<f64>, SvdError> {
    let z = gaussian_matrix(inputs.samples, inputs.dim, &mut stream(seed, Purpose::Inputs));
    if inputs.whiten {
        return whiten(z);
    }
    // With condition 1 every U gives C = I: none is drawn, none enters the rounding.
    Ok(if inputs.condition == 1.0 { z } else { z * root_covariance(inputs.dim, inputs.condition, seed) })
}

/// C^{1/2} = U·diag(√c)·Uᵀ. With a single dimension c = 1.
fn root_covariance(dim: usize, condition: f64, seed: u64) -> DMatrix<f64> {
    let u = orthonormal_columns(dim, dim, &mut stream(seed, Purpose::Covariance));
    let spacing = (dim - 1).max(1) as f64;
    let roots = DVector::from_fn(dim, |j, _| condition.powf(-0.5 * j as f64 / spacing));
    &u * DMatrix::from_diagonal(&roots) * u.transpose()
}

/// √n times the polar factor of the centred samples: the nearest inputs with mean 0 and XᵀX/n = I. Needs n > d.
fn whiten(mut z: DMatrix<f64>) -> Result<DMatrix<f64>, SvdError> {
    let mean = z.row_mean();
    for mut row in z.row_iter_mut() {
        row -= &mean;
    }
    let svd = Svd::new(z.as_view())?;
    Ok(svd.u * svd.v.transpose() * (z.nrows() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::singular_values;
    use crate::scenario::Distribution;

    fn settings(dim: usize, samples: usize, condition: f64, whiten: bool) -> Inputs {
        Inputs { dim, samples, distribution: Distribution::Gaussian, condition, whiten }
    }

    #[test]
    fn whitened_inputs_have_the_identity_as_covariance_to_rounding() {
        for (dim, samples) in [(1, 2), (7, 8), (20, 500)] {
            let x = draw(&settings(dim, samples, 1.0, true), 5).unwrap();
            let n = samples as f64;
            assert!((x.transpose() * &x / n - DMatrix::identity(dim, dim)).amax() < 1e-14);
            assert!(x.row_mean().amax() < 1e-14);
        }
    }

    #[test]
    fn conditioned_inputs_have_log_spaced_variances() {
        let root = root_covariance(5, 1e4, 0);
        let sigma = singular_values(root.as_view()).unwrap();
        for (j, s) in sigma.iter().enumerate() {
            assert!((s * s - 10f64.powi(-(j as i32))).abs() < 1e-14);
        }
        // And the samples follow it: the sample covariance in C's own metric has relative errors √(d/n).
        let x = draw(&settings(5, 20_000, 1e4, false), 0).unwrap();
        let white = x * root.try_inverse().unwrap();
        assert!((white.transpose() * &white / 20_000.0 - DMatrix::identity(5, 5)).amax() < 0.05);
    }
}
