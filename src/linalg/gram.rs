//! Powers of a Gram matrix, (MᵀM)^p, from the singular values of M, or from products where p is an integer.
//!
//! With M = U·diag(σ)·Vᵀ, (MᵀM)^p = V·diag(σ^{2p})·Vᵀ. Powers of eigenvalues of MᵀM would not do: rounding makes its zero
//! modes ε‖M‖², and a power 1/L lifts them to ε^{1/L}. Singular values of M that are zero come out as a few ε·σ_1, which the same
//! power would lift to ε^{2/L} (5e-7 for L = 5); below the numerical rank, max(m, n)·ε·σ_1 as in numpy's `matrix_rank`, they
//! carry no digit and are taken as zero.

use nalgebra::DMatrix;

use super::scale::Scaled;
use super::svd::RightSvd;
use super::symmetric::{gram_matrix, symmetric_product, with_eigenvalues};

/// B = (MᵀM)^p, n × n, positive semidefinite, held by its spectrum: cosines with it need no matrix.
#[derive(Debug, Clone)]
pub struct GramPower<'a> {
    svd: &'a RightSvd,
    /// β_i = σ_i^{2p}, one per column of V; the other n − r eigenvalues are 0.
    eigenvalues: Vec<f64>,
}

impl<'a> GramPower<'a> {
    /// (MᵀM)^p of the decomposed M, for p > 0.
    pub fn new(svd: &'a RightSvd, p: f64) -> Self {
        let size = svd.rows.max(svd.v.nrows()) as f64;
        let floor = size * f64::EPSILON * svd.values.first().copied().unwrap_or(0.0);
        let power = |&s: &f64| if s > floor { s.powf(2.0 * p) } else { 0.0 };
        Self { svd, eigenvalues: svd.values.iter().map(power).collect() }
    }

    /// (MᵀM)^p of M = 2^exponent·U·diag(σ)·Vᵀ for p > 0, in a unit that keeps its entries in range.
    pub fn scaled(svd: &RightSvd, exponent: i32, p: f64) -> Scaled {
        let top = svd.values.first().copied().unwrap_or(0.0);
        // Of the largest eigenvalue to base 2.
        let log = 2.0 * p * (f64::from(exponent) + top.log2());
        if !log.is_finite() || (exponent == 0 && log.abs() < 900.0) {
            return Scaled { matrix: GramPower::new(svd, p).matrix(), exponent: 0 };
        }
        let values = svd.values.iter().map(|s| s / top).collect();
        let shares = RightSvd { rows: svd.rows, values, v: svd.v.clone() };
        let whole = log.round();
        let matrix = GramPower::new(&shares, p).matrix() * (log - whole).exp2();
        Scaled { matrix, exponent: whole as i32 }
    }

    /// The matrix itself.
    pub fn matrix(&self) -> DMatrix<f64> {
        with_eigenvalues(&self.svd.v, &self.eigenvalues)
    }

    /// cos(G, B) = ⟨G, B⟩ / (‖G‖‖B‖) for symmetric G, given ‖G‖ and q_i = v_iᵀGv_i (of [`GramPower::quadratic_form`]).
    /// NaN where one of the two is zero.
    pub fn cosine(&self, q: &[f64], gram_norm: f64) -> f64 {
        // In units of the largest eigenvalue: squares of high powers of a small spectrum underflow. Of a zero spectrum they are NaN.
        let top = self.eigenvalues.first().copied().unwrap_or(0.0);
        let shares: Vec<f64> = self.eigenvalues.iter().map(|b| b / top).collect();
        let inner: f64 = shares.iter().zip(q).map(|(share, q)| share * q).sum();
        let cosine = inner / gram_norm / shares.iter().map(|share| share * share).sum::<f64>().sqrt();
        // What rounding leaves beyond 1 is no cosine.
        cosine.clamp(-1.0, 1.0)
    }

    /// q_i = v_iᵀGv_i over the right singular vectors of M.
    pub fn quadratic_form(svd: &RightSvd, gram: &DMatrix<f64>) -> Vec<f64> {
        let along = gram * &svd.v;
        (0..svd.v.ncols()).map(|i| svd.v.column(i).dot(&along.column(i))).collect()
    }
}

impl Scaled {
    /// MᵀM.
    pub fn gram(&self) -> Self {
        Self { matrix: gram_matrix(self.matrix.as_view()), exponent: 2 * self.exponent }
    }

    /// Gᵏ, k ≥ 1, of a symmetric matrix G, by products: no rounding of its zero modes is lifted.
    ///
    /// # Panics
    /// If the matrix is not square or k is 0.
    pub fn power(&self, k: usize) -> Self {
        assert!(k > 0, "a power k ≥ 1");
        let g = self.clone().normalised();
        let times_g = |power: Self, _| {
            let (matrix, exponent) = (symmetric_product(&power.matrix, &g.matrix), power.exponent + g.exponent);
            Self { matrix, exponent }.normalised()
        };
        (1..k).fold(g.clone(), times_g)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::cosine;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    #[test]
    fn integer_powers_are_products() {
        let m = gaussian_matrix(3, 5, &mut stream(1, Purpose::Init));
        let gram = m.transpose() * &m;
        let svd = RightSvd::new(m.as_view()).unwrap();
        assert!((GramPower::new(&svd, 1.0).matrix() - &gram).norm() < 1e-14 * gram.norm());
        let cube = &gram * &gram * &gram;
        assert!((GramPower::new(&svd, 3.0).matrix() - &cube).norm() < 1e-13 * cube.norm());
    }

    /// By products and by singular values, also where entries of the power are out of range.
    #[test]
    fn integer_powers_of_any_unit_are_powers() {
        let m = gaussian_matrix(3, 5, &mut stream(5, Purpose::Init));
        for exponent in [0, 120, -400, 700] {
            let of = Scaled { matrix: m.clone(), exponent };
            let svd = RightSvd::new(m.as_view()).unwrap();
            for k in 1..=5 {
                let expected = GramPower::scaled(&svd, exponent, k as f64);
                assert!(of.gram().power(k).relative_difference(&expected) < 1e-12, "2^{exponent}, {k}");
            }
        }
    }

    /// A rank-1 M of size 6: ((MᵀM)^{1/5})⁵ = MᵀM, which powers of eigenvalues miss by ε^{1/5} = 7e-4.
    #[test]
    fn a_fractional_power_of_a_low_rank_gram_matrix_has_no_noise_in_its_zero_modes() {
        let rng = &mut stream(2, Purpose::Init);
        let m = gaussian_matrix(6, 1, rng) * gaussian_matrix(1, 6, rng);
        let svd = RightSvd::new(m.as_view()).unwrap();
        let root = GramPower::new(&svd, 0.2).matrix();
        // Rank 1 means that trace and norm agree.
        assert!((root.trace() - root.norm()).abs() < 1e-13 * root.norm());
    }

    /// M in another unit has the same power in another unit, also beyond the range of numbers.
    #[test]
    fn powers_out_of_range_are_powers_in_another_unit() {
        let m = gaussian_matrix(3, 5, &mut stream(3, Purpose::Init));
        let svd = RightSvd::new(m.as_view()).unwrap();
        for p in [0.2, 1.0, 5.0] {
            let plain = GramPower::scaled(&svd, 0, p);
            assert_eq!(plain.matrix, GramPower::new(&svd, p).matrix());
            for exponent in [-400, -1500, 700] {
                let mut other = GramPower::scaled(&svd, exponent, p);
                let shift = 2.0 * p * f64::from(exponent);
                other.exponent -= shift.round() as i32;
                other.matrix *= (shift.round() - shift).exp2();
                assert!(plain.relative_difference(&other) < 1e-12, "{p} {exponent}");
            }
        }
    }

    #[test]
    fn the_cosine_from_the_spectrum_is_that_of_the_matrices() {
        let rng = &mut stream(4, Purpose::Init);
        let (m, w) = (gaussian_matrix(2, 6, rng), gaussian_matrix(6, 6, rng));
        let gram = w.transpose() * &w;
        let svd = RightSvd::new(m.as_view()).unwrap();
        let q = GramPower::quadratic_form(&svd, &gram);
        for p in [0.25, 1.0, 3.0] {
            let power = GramPower::new(&svd, p);
            assert!((power.cosine(&q, gram.norm()) - cosine(&gram, &power.matrix())).abs() < 1e-14);
        }
    }
}
