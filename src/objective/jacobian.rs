//! Jacobians of a network over its samples: their mean and the deviations from it.

use nalgebra::DMatrix;

use crate::linalg::{FAINT, Scaled, triangular_factor};

/// J_l(x_i) = ∂f/∂h_{l−1} ∈ ℝ^{d_L × d_{l−1}} of one layer over all n samples, held so that every power of their Gram matrices can go
/// through a singular value decomposition: eigenvalues of a Gram matrix that is zero to rounding would carry ε^α into its powers α < 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Jacobian {
    /// J̄ = (1/n) Σ_i J_l(x_i), d_L × d_{l−1}.
    pub mean: DMatrix<f64>,
    /// C with CᵀC = (1/n) Σ_i (J_l(x_i) − J̄)ᵀ(J_l(x_i) − J̄), d_{l−1} columns; no rows where J_l does not depend on x. Formed without
    /// subtracting J̄ᵀJ̄ from anything: small deviations keep their digits.
    pub centred: DMatrix<f64>,
    /// Both are in units of 2^exponent: those of layers of very small or large weights would underflow or overflow.
    pub exponent: i32,
    /// Whether the entries mean nothing: underflow took their digits, or they are not known.
    pub lost: bool,
}

/// Samples whose Jacobians differ by no more than this share of their largest entry have the same, computed with different rounding.
const SAME: f64 = 64.0 * f64::EPSILON;

impl Jacobian {
    /// The Jacobian of a layer of which the output is a linear function: J_l is the same at every sample.
    pub fn constant(mean: DMatrix<f64>) -> Self {
        let centred = DMatrix::zeros(0, mean.ncols());
        let Scaled { matrix: mean, exponent } = Scaled::new(mean);
        Self { mean, centred, exponent, lost: false }
    }

    /// A Jacobian that may vary over the samples. It is lost if `bound` ≥ ‖J_l(x_i)‖_F, or the result, is so small that products on the way
    /// may have underflowed. Deviations of no more than the share `rounding` of the largest entry are those of a constant Jacobian: they have
    /// a direction by chance, which a power 1/L of CᵀC would compare with the weights.
    pub(super) fn varying(mean: DMatrix<f64>, mut centred: DMatrix<f64>, bound: f64, rounding: f64) -> Self {
        let largest = mean.amax().max(centred.amax());
        if centred.amax() <= rounding * mean.amax() {
            centred = DMatrix::zeros(0, mean.ncols());
        }
        Self { mean, centred, exponent: 0, lost: bound < FAINT || (largest > 0.0 && largest < FAINT) }
    }

    /// From the samples themselves: row i·d_L + k of `rows` is row k of J_l(x_i), k = 0, …, d_L − 1, for d_L = `outputs` ≥ 1 and one sample at
    /// least.
    pub fn of_samples(rows: &DMatrix<f64>, outputs: usize) -> Self {
        let samples = rows.nrows() / outputs;
        // From the first sample, not from the mean: the mean of equal numbers is off by more, the more there are.
        let first = rows.rows(0, outputs);
        let same = |i: usize| (rows.rows(i * outputs, outputs) - first).iter().all(|off| off.abs() <= SAME * first.amax());
        if (1..samples).all(same) {
            return Self::constant(first.into_owned());
        }
        let mut mean = DMatrix::zeros(outputs, rows.ncols());
        for i in 0..samples {
            mean += rows.rows(i * outputs, outputs);
        }
        mean /= samples as f64;
        let mut deviations = rows.clone();
        for i in 0..samples {
            let mut one = deviations.rows_mut(i * outputs, outputs);
            one -= &mean;
        }
        let centred = triangular_factor(deviations.as_view()) / (samples as f64).sqrt();
        Self::varying(mean, centred, f64::INFINITY, 0.0)
    }

    /// A Jacobian d_L × d_{l−1} that nothing is known of.
    pub fn unknown(outputs: usize, inputs: usize) -> Self {
        Self { mean: DMatrix::zeros(outputs, inputs), centred: DMatrix::zeros(0, inputs), exponent: 0, lost: true }
    }

    /// R = [J̄; C], for which RᵀR = (1/n) Σ_i J_l(x_i)ᵀJ_l(x_i), uncentred: J_l itself where it is constant. In the same units.
    pub fn factor(&self) -> DMatrix<f64> {
        let (above, below) = (self.mean.nrows(), self.centred.nrows());
        let mut factor = DMatrix::zeros(above + below, self.mean.ncols());
        factor.rows_mut(0, above).copy_from(&self.mean);
        factor.rows_mut(above, below).copy_from(&self.centred);
        factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// Three samples with two outputs.
    #[test]
    fn samples_are_reduced_to_their_mean_and_the_gram_matrix_of_what_deviates_from_it() {
        let rows = gaussian_matrix(6, 4, &mut stream(1, Purpose::Inputs));
        let jacobian = Jacobian::of_samples(&rows, 2);
        let factor = jacobian.factor();
        let gram = rows.transpose() * &rows / 3.0;
        assert!((factor.transpose() * &factor - &gram).norm() < 1e-14 * gram.norm());
        let mean = (rows.rows(0, 2) + rows.rows(2, 2) + rows.rows(4, 2)) / 3.0;
        assert!((&jacobian.mean - mean).amax() < 1e-15 && !jacobian.lost && jacobian.centred.nrows() > 0);
    }

    /// Equal to rounding, as those of a linear network may be.
    #[test]
    fn equal_samples_have_a_constant_jacobian() {
        let one = gaussian_matrix(2, 4, &mut stream(2, Purpose::Inputs));
        let rows = DMatrix::from_fn(6, 4, |i, j| one[(i % 2, j)] * (1.0 + (i / 2) as f64 * f64::EPSILON));
        let jacobian = Jacobian::of_samples(&rows, 2);
        assert_eq!((jacobian.centred.nrows(), jacobian.lost), (0, false));
        let rows = DMatrix::from_fn(6, 4, |i, j| one[(i % 2, j)] * (1.0 + (i / 2) as f64 * 1e-12));
        assert!(Jacobian::of_samples(&rows, 2).centred.nrows() > 0);
        // The sum of so many is off by 1e-13 of itself.
        let rows = DMatrix::from_fn(20_000, 4, |i, j| one[(i % 2, j)]);
        assert_eq!(Jacobian::of_samples(&rows, 2), Jacobian::constant(one.clone()));
        // What is not known is not equal.
        let rows = DMatrix::from_fn(6, 4, |i, j| if i == 5 { f64::NAN } else { one[(i % 2, j)] });
        assert!(Jacobian::of_samples(&rows, 2).mean.iter().any(|x| x.is_nan()));
    }
}
