//! Sufficient statistics: all that the loss of a linear network depends on, in a size that does not grow with the number of samples.

use std::path::Path;

use nalgebra::{DMatrix, DVector};

use crate::linalg::{Eigen, Svd, SvdError, singular_values};

use super::file::{Opened, matrix};
use super::{Dataset, DatasetError};

/// Σ_x = XᵀX/n, Σ_yx = YᵀX/n, and the parts of ℒ(P) = ½‖(P − P*)Σ_x^{1/2}‖_F² + ℒ_min for a linear map P ∈ ℝ^{d_L × d_0}.
///
/// The last form is exact where ½tr(PΣ_xPᵀ) − tr(PΣ_yxᵀ) + ½tr Σ_y cancels all digits below 1e-16·tr Σ_y.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Σ_x, d_0 × d_0, uncentred.
    pub sigma_x: DMatrix<f64>,
    /// Σ_yx, d_L × d_0.
    pub sigma_yx: DMatrix<f64>,
    /// Σ_x^{1/2}, symmetric, d_0 × d_0.
    pub root_x: DMatrix<f64>,
    /// P* = Σ_yx Σ_x⁺, the least-squares map of least norm.
    pub optimum: DMatrix<f64>,
    /// ℒ_min = 1/(2n) Σ‖P*x_i − y_i‖².
    pub min_loss: f64,
    /// Singular values of P*Σ_x^{1/2}, largest first: mode i, unlearned, costs ½σ_i². NaN where the labels are too large for them.
    pub modes: Vec<f64>,
}

/// Why matrices are not the moments of any inputs and labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MomentsError {
    /// Σ_x is not its transpose.
    #[error("Sigma_x is not symmetric: entries [{row}, {column}] and [{column}, {row}] are {value:?} and {other:?}")]
    NotSymmetric {
        /// From 0.
        row: usize,
        /// From 0.
        column: usize,
        /// The entry there.
        value: f64,
        /// The entry across the diagonal.
        other: f64,
    },
    /// Σ_x has a negative eigenvalue.
    #[error("Sigma_x has a negative eigenvalue, {least:e} (its largest is {largest:e}): the mean of xxᵀ has none")]
    Indefinite {
        /// The least eigenvalue.
        least: f64,
        /// The largest.
        largest: f64,
    },
    /// Σ_yx is impossible: labels vary along inputs that do not, or more than tr Σ_y allows.
    #[error(
        "tr_Sigma_y is {given:?}, but with this Sigma_x and Sigma_yx it must be at least {least:?}: it is the mean of ‖y‖², not centred"
    )]
    Trace {
        /// What was given.
        given: f64,
        /// tr(Σ_yx Σ_x⁺ Σ_yxᵀ), or what rounding of Σ_x leaves of it.
        least: f64,
    },
    /// Σ_x has no eigendecomposition.
    #[error("the eigenvalues of Sigma_x could not be found: scale it to moderate size")]
    NoEigenvalues,
}

impl Moments {
    /// Sigma_x (d_0, d_0), Sigma_yx (d_L, d_0) and tr_Sigma_y, a number, from an NPZ file.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold moments of inputs and labels.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        const NEEDS: &str = "it needs Sigma_x (d_in, d_in), Sigma_yx (d_out, d_in) and tr_Sigma_y, a number";
        let file = Opened::new(path, &["Sigma_x", "Sigma_yx", "tr_Sigma_y"])?;
        let fail = |name: &str, shape: &[usize]| file.fail(format!("`{name}` has shape {shape:?}: {NEEDS}"));
        let [sigma_x, sigma_yx, trace] =
            [file.finite("Sigma_x", NEEDS)?, file.finite("Sigma_yx", NEEDS)?, file.finite("tr_Sigma_y", NEEDS)?];
        let square = |m: &DMatrix<f64>| m.is_square();
        let x = matrix(sigma_x).filter(square).ok_or_else(|| fail("Sigma_x", &sigma_x.shape))?;
        let yx = matrix(sigma_yx).filter(|m| sigma_yx.shape.len() == 2 && m.ncols() == x.ncols());
        let yx = yx.ok_or_else(|| fail("Sigma_yx", &sigma_yx.shape))?;
        let &[trace] = &trace.data[..] else { return Err(fail("tr_Sigma_y", &trace.shape)) };
        Self::given(x, yx, trace).map_err(|reason| DatasetError::Moments { path: path.into(), reason })
    }

    /// From Σ_x, Σ_yx and tr Σ_y = mean ‖y‖², all uncentred. ℒ_min = ½(tr Σ_y − ‖P*Σ_x^{1/2}‖²) is known to ε·tr Σ_y; ℒ − ℒ_min
    /// keeps its digits.
    ///
    /// # Errors
    /// If these cannot be the moments of inputs and labels, beyond rounding.
    pub fn given(sigma_x: DMatrix<f64>, sigma_yx: DMatrix<f64>, tr_sigma_y: f64) -> Result<Self, MomentsError> {
        let (dim, size) = (sigma_x.nrows(), sigma_x.amax());
        // Those of many samples, summed in whatever order, or of float32.
        let rounding = 1e-6 * size;
        for (row, column) in (0..dim).flat_map(|row| (0..row).map(move |column| (row, column))) {
            let (value, other) = (sigma_x[(row, column)], sigma_x[(column, row)]);
            if (value - other).abs() > rounding {
                return Err(MomentsError::NotSymmetric { row, column, value, other });
            }
        }
        let sigma_x = (&sigma_x + sigma_x.transpose()) * 0.5;
        let Eigen { values, vectors } = Eigen::symmetric(sigma_x.as_view()).ok_or(MomentsError::NoEigenvalues)?;
        let (least, largest) = (values.min(), values.max());
        if least < -rounding || largest < 0.0 {
            return Err(MomentsError::Indefinite { least, largest });
        }
        // An eigenvalue is known to ε·largest, or to what Σ_x itself is: those below are rounding, not variance.
        let floor = (largest * f64::EPSILON * dim as f64).max(-2.0 * least);
        let inverse = values.map(|value| if value > floor { 1.0 / value } else { 0.0 });
        let root = values.map(|value| value.max(0.0).sqrt());
        let root_x = &vectors * DMatrix::from_diagonal(&root) * vectors.transpose();
        // Σ_yx in the eigenvectors of Σ_x: column j is at most √(tr Σ_y·θ_j) long (Cauchy–Schwarz).
        let along = &sigma_yx * &vectors;
        let optimum = &along * DMatrix::from_diagonal(&inverse) * vectors.transpose();
        let explained: f64 =
            (0..dim).map(|j| along.column(j).norm_squared() / values[j].max(floor).max(f64::MIN_POSITIVE)).sum();
        if tr_sigma_y < 0.0 || explained > tr_sigma_y + 1e-6 * tr_sigma_y.abs() {
            return Err(MomentsError::Trace { given: tr_sigma_y, least: explained });
        }
        let min_loss = 0.5 * (tr_sigma_y - (&optimum * &root_x).norm_squared()).max(0.0);
        Ok(Self::of_parts(sigma_x, sigma_yx, root_x, optimum, min_loss))
    }

    /// The moments of a law with E xxᵀ = `root_x`² and labels with E‖y − Px‖² = ‖(P − P*)Σ_x^{1/2}‖² + 2·`min_loss`, P* = `optimum`.
    pub fn of_law(root_x: DMatrix<f64>, optimum: DMatrix<f64>, min_loss: f64) -> Self {
        let sigma_x = &root_x * &root_x;
        let sigma_yx = &optimum * &sigma_x;
        Self::of_parts(sigma_x, sigma_yx, root_x, optimum, min_loss)
    }

    fn of_parts(
        sigma_x: DMatrix<f64>,
        sigma_yx: DMatrix<f64>,
        root_x: DMatrix<f64>,
        optimum: DMatrix<f64>,
        min_loss: f64,
    ) -> Self {
        let modes = singular_values((&optimum * &root_x).as_view()).unwrap_or_else(|_| vec![f64::NAN]);
        Self { sigma_x, sigma_yx, root_x, optimum, min_loss, modes }
    }

    /// The moments of n ≥ 1 samples.
    pub fn new(data: &Dataset) -> Result<Self, SvdError> {
        let n = data.x.nrows() as f64;
        // X/√n = U·diag(s)·Vᵀ gives Σ_x^{1/2} and P* without squaring the condition number.
        let svd = Svd::new((&data.x / n.sqrt()).as_view())?;
        let s = DVector::from_column_slice(&svd.values);
        // The usual numerical rank (numpy's matrix_rank): directions below it hold rounding, not data.
        let floor = s.max() * f64::EPSILON * data.x.nrows().max(data.x.ncols()) as f64;
        let inverse = s.map(|s| if s > floor { 1.0 / s } else { 0.0 });
        let optimum = (data.y.transpose() / n.sqrt()) * &svd.u * DMatrix::from_diagonal(&inverse) * svd.v.transpose();
        let residual = &data.x * optimum.transpose() - &data.y;
        let root_x = &svd.v * DMatrix::from_diagonal(&s) * svd.v.transpose();
        let (sigma_x, sigma_yx) = (data.x.transpose() * &data.x / n, data.y.transpose() * &data.x / n);
        Ok(Self::of_parts(sigma_x, sigma_yx, root_x, optimum, residual.norm_squared() / (2.0 * n)))
    }

    /// The least ℒ(P) − ℒ_min over all P of rank at most `rank`: ½Σ_{i > rank} σ_i(P*Σ_x^{1/2})² (Eckart & Young 1936).
    pub fn rank_excess(&self, rank: usize) -> f64 {
        0.5 * self.modes.iter().skip(rank).map(|s| s * s).sum::<f64>()
    }

    /// ℒ(P) = 1/(2n) Σ‖Px_i − y_i‖².
    pub fn loss(&self, product: &DMatrix<f64>) -> f64 {
        self.excess(product) + self.min_loss
    }

    /// ℒ(P) − ℒ_min, without cancellation.
    pub fn excess(&self, product: &DMatrix<f64>) -> f64 {
        0.5 * ((product - &self.optimum) * &self.root_x).norm_squared()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    fn by_samples(data: &Dataset, p: &DMatrix<f64>) -> f64 {
        (&data.x * p.transpose() - &data.y).norm_squared() / (2.0 * data.x.nrows() as f64)
    }

    /// How far ℒ(P), Σ_x^{1/2} and the stationarity of P* are off, each over ε times what rounding may leave.
    ///
    /// P* is as large as ‖Y‖ over the least singular value of X, and cancels where it is multiplied by Σ_x^{1/2} or X, or by Σ_x. What is
    /// left of that is ε of the factors and not of their product, which an ill-conditioned X makes smaller by the condition number.
    fn misses(n: usize, d: usize, k: usize, seed: u64) -> [f64; 3] {
        let rng = &mut stream(seed, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(n, d, rng), y: gaussian_matrix(n, k, rng) };
        let p = gaussian_matrix(k, d, rng);
        let moments = Moments::new(&data).unwrap();
        let (expected, optimum) = (by_samples(&data, &p), moments.optimum.norm());
        // Of ½r² a δr of the residual r leaves rδr + ½δr².
        let residual = f64::EPSILON * ((p.norm() + optimum) * moments.root_x.norm() + data.y.norm() / (n as f64).sqrt());
        let loss = (moments.loss(&p) - expected).abs() / ((2.0 * expected).sqrt() * residual + residual.powi(2));
        let root = (&moments.root_x * &moments.root_x - &moments.sigma_x).norm() / moments.sigma_x.norm();
        // P* is stationary: P*Σ_x = Σ_yx.
        let gradient = (&moments.optimum * &moments.sigma_x - &moments.sigma_yx).norm();
        let terms = optimum * moments.sigma_x.norm() + data.x.norm() * data.y.norm() / n as f64;
        [loss, root / f64::EPSILON, gradient / terms / f64::EPSILON]
    }

    proptest! {
        /// More and fewer samples than dimensions.
        #[test]
        fn the_loss_is_that_of_the_samples(n in 1usize..30, d in 1usize..8, k in 1usize..5, seed in 0u64..1000) {
            let misses = misses(n, d, k, seed);
            // At most 6.5, 42 and 2.4 over all 812,000 of these cases.
            prop_assert!(misses.iter().all(|miss| *miss <= 100.0), "{misses:?}");
        }
    }

    /// Moments of samples, given as matrices, are those of the samples: with more and fewer samples than dimensions.
    #[test]
    fn moments_that_are_given_are_those_of_the_samples() {
        for n in [40, 3] {
            let rng = &mut stream(4, Purpose::Inputs);
            let data = Dataset { x: gaussian_matrix(n, 5, rng), y: gaussian_matrix(n, 3, rng) };
            let (of_samples, p) = (Moments::new(&data).unwrap(), gaussian_matrix(3, 5, rng));
            let trace = data.y.norm_squared() / n as f64;
            let given = Moments::given(of_samples.sigma_x.clone(), of_samples.sigma_yx.clone(), trace).unwrap();
            assert!((given.loss(&p) - by_samples(&data, &p)).abs() < 1e-7 * trace, "{n}");
            assert!((given.min_loss - of_samples.min_loss).abs() < 1e-13 * trace, "{n}");
            assert!((&given.optimum - &of_samples.optimum).norm() < 1e-12 * of_samples.optimum.norm(), "{n}");
            assert!((given.excess(&p) - of_samples.excess(&p)).abs() < 1e-7 * trace, "{n}");
        }
    }

    #[test]
    fn what_cannot_be_moments_is_refused_with_the_reason() {
        let (two, one) =
            (|entries: [f64; 4]| DMatrix::from_row_slice(2, 2, &entries), DMatrix::from_row_slice(1, 2, &[1.0, 0.0]));
        let given =
            |sigma_x: [f64; 4], trace: f64| Moments::given(two(sigma_x), one.clone(), trace).map(|moments| moments.min_loss);
        assert!(given([2.0, 0.0, 0.0, 1.0], 0.5).unwrap() < 1e-15);
        assert!((given([2.0, 0.0, 0.0, 1.0], 2.5).unwrap() - 1.0).abs() < 1e-15);
        assert_eq!(
            given([2.0, 0.1, 0.0, 1.0], 2.5),
            Err(MomentsError::NotSymmetric { row: 1, column: 0, value: 0.0, other: 0.1 })
        );
        assert!(matches!(given([2.0, 3.0, 3.0, 2.0], 9.0), Err(MomentsError::Indefinite { .. })));
        assert!(matches!(given([-1.0, 0.0, 0.0, -1.0], 9.0), Err(MomentsError::Indefinite { .. })));
        assert!(
            matches!(given([2.0, 0.0, 0.0, 1.0], 0.4), Err(MomentsError::Trace { least, .. }) if (least - 0.5).abs() < 1e-12)
        );
        // Labels that vary with an input that does not.
        assert!(matches!(given([0.0, 0.0, 0.0, 1.0], 1e6), Err(MomentsError::Trace { .. })));
    }

    /// From many starts, descent over P = BA with inner width r ends at the closed form; at r = 3 nothing is lost.
    #[test]
    fn the_least_loss_of_low_rank_is_where_descent_ends() {
        let rng = &mut stream(2, Purpose::Inputs);
        let moments = Moments::new(&Dataset { x: gaussian_matrix(30, 4, rng), y: gaussian_matrix(30, 3, rng) }).unwrap();
        for rank in 1..=3 {
            let (mut a, mut b) = (gaussian_matrix(rank, 4, rng), gaussian_matrix(3, rank, rng));
            for _ in 0..20_000 {
                let r = (&b * &a) * &moments.sigma_x - &moments.sigma_yx;
                (a, b) = (&a - b.transpose() * &r * 0.1, &b - &r * a.transpose() * 0.1);
            }
            let (ended, least) = (moments.excess(&(&b * &a)), moments.rank_excess(rank));
            assert!((ended - least).abs() < 1e-12 * moments.min_loss, "{rank}: {ended} {least}");
        }
        assert_eq!(moments.rank_excess(3), 0.0);
    }

    /// Moments multiplied out stop at 1e-16 of tr Σ_y; this form goes on.
    #[test]
    fn a_loss_of_1e_24_keeps_its_digits() {
        let rng = &mut stream(1, Purpose::Inputs);
        let x = gaussian_matrix(50, 4, rng);
        let a = gaussian_matrix(2, 4, rng);
        let data = Dataset { y: &x * a.transpose(), x };
        let off = gaussian_matrix(2, 4, rng) * 1e-12;
        let expected = (&data.x * off.transpose()).norm_squared() / 100.0;
        let loss = Moments::new(&data).unwrap().loss(&(a + off));
        assert!((loss / expected - 1.0).abs() < 1e-2, "{loss:e} for {expected:e}");
    }
}
