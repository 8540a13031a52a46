//! Sufficient statistics: all that the loss of a linear network depends on, of a size independent of the number of samples.

use nalgebra::{DMatrix, DVector};

use crate::linalg::{Svd, SvdError, singular_values};

use super::Dataset;

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

impl Moments {
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
        let modes = singular_values((&optimum * &root_x).as_view()).unwrap_or_else(|_| vec![f64::NAN]);
        Ok(Self {
            sigma_x: data.x.transpose() * &data.x / n,
            sigma_yx: data.y.transpose() * &data.x / n,
            modes,
            root_x,
            optimum,
            min_loss: residual.norm_squared() / (2.0 * n),
        })
    }

    /// What the least ℒ(P) over all P of rank at most `rank` exceeds ℒ_min by: ½Σ_{i > rank} σ_i(P*Σ_x^{1/2})² (Eckart & Young 1936).
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
