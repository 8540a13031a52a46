//! Singular value decompositions, faer's. Values alone are those of faer's bidiagonal form, by sweeps of our own: together 0.9 and 2.0 ms for
//! matrices of 128 and 200 rows and columns, where faer's own take 1.5 and 3.8 ms, nearly as long as with vectors.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::bidiag::{BidiagParams, bidiag_in_place, bidiag_in_place_scratch};
use faer::linalg::svd::{ComputeSvdVectors, SvdParams, svd, svd_scratch};
use faer::{Auto, Mat, Par};
use nalgebra::{DMatrix, DMatrixView};

use super::bidiagonal::bidiagonal_singular_values;
use super::product::{leave_avx, view};
use super::qr::triangular_factor;
use super::scale::{scale, unit};

/// M = U·diag(σ)·Vᵀ with r = min(m, n) columns in U and V.
#[derive(Debug, Clone)]
pub struct Svd {
    /// Left singular vectors, m × r.
    pub u: DMatrix<f64>,
    /// Singular values σ₁ ≥ … ≥ σ_r ≥ 0.
    pub values: Vec<f64>,
    /// Right singular vectors, n × r.
    pub v: DMatrix<f64>,
}

/// The σ and V of M = U·diag(σ)·Vᵀ: enough for powers of MᵀM, in three quarters of the time.
#[derive(Debug, Clone)]
pub struct RightSvd {
    /// m, the number of rows of M.
    pub rows: usize,
    /// Singular values σ₁ ≥ … ≥ σ_r ≥ 0, r = min(m, n).
    pub values: Vec<f64>,
    /// Right singular vectors, n × r.
    pub v: DMatrix<f64>,
}

/// Why a matrix has no singular value decomposition here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SvdError {
    /// An entry is NaN or infinite: faer is not asked.
    #[error("a {rows}×{columns} matrix with NaN or infinite entries has no singular values")]
    NotFinite {
        /// m, the number of rows.
        rows: usize,
        /// n, the number of columns.
        columns: usize,
    },
    /// faer's iteration gave up.
    #[error("the singular values of a {rows}×{columns} matrix did not converge")]
    NoConvergence {
        /// m, the number of rows.
        rows: usize,
        /// n, the number of columns.
        columns: usize,
    },
}

impl RightSvd {
    /// The decomposition of an unknown m × n matrix: NaN throughout.
    pub fn unknown(rows: usize, columns: usize) -> Self {
        let r = rows.min(columns);
        Self { rows, values: vec![f64::NAN; r], v: DMatrix::from_element(columns, r, f64::NAN) }
    }

    /// The thin decomposition of an m × n matrix.
    ///
    /// # Errors
    /// [`SvdError`], where an entry is not finite or the iteration gives up.
    pub fn new(m: DMatrixView<f64>) -> Result<Self, SvdError> {
        let (rows, columns) = m.shape();
        check_finite(m)?;
        let (unit, m) = in_unit(m);
        let r = rows.min(columns);
        let (mut sigma, mut v) = (Mat::<f64>::zeros(r, 1), Mat::<f64>::zeros(columns, r));
        let (none, thin) = (ComputeSvdVectors::No, ComputeSvdVectors::Thin);
        // By halves down to 32 rows, where faer's own 128 would leave most networks to QR sweeps: a tenth faster at 100 rows.
        let params = SvdParams { recursion_threshold: 32, ..Auto::<f64>::auto() }.into();
        let mut memory = MemBuffer::new(svd_scratch::<f64>(rows, columns, none, thin, Par::Seq, params));
        let (diagonal, stack) = (sigma.as_mut().col_mut(0).as_diagonal_mut(), MemStack::new(&mut memory));
        let done = svd(view(&m.as_view()), diagonal, None, Some(v.as_mut()), Par::Seq, stack, params);
        leave_avx();
        done.map_err(|_| SvdError::NoConvergence { rows, columns })?;
        let values = (0..r).map(|i| scale(sigma[(i, 0)], unit)).collect();
        Ok(Self { rows, values, v: DMatrix::from_fn(columns, r, |i, j| v[(i, j)]) })
    }
}

impl Svd {
    /// The thin decomposition of an m × n matrix.
    pub fn new(m: DMatrixView<f64>) -> Result<Self, SvdError> {
        let (rows, columns) = m.shape();
        check_finite(m)?;
        let (unit, m) = in_unit(m);
        let svd = view(&m.as_view()).thin_svd();
        leave_avx();
        let svd = svd.map_err(|_| SvdError::NoConvergence { rows, columns })?;
        let to_nalgebra = |a: faer::MatRef<f64>| DMatrix::from_fn(a.nrows(), a.ncols(), |i, j| a[(i, j)]);
        let values = svd.S().column_vector().iter().map(|&s| scale(s, unit)).collect();
        Ok(Self { u: to_nalgebra(svd.U()), values, v: to_nalgebra(svd.V()) })
    }
}

/// The min(m, n) singular values of an m × n matrix, largest first.
///
/// # Errors
/// [`SvdError`], where an entry is not finite or the iteration gives up.
pub fn singular_values(m: DMatrixView<f64>) -> Result<Vec<f64>, SvdError> {
    let (rows, columns) = m.shape();
    check_finite(m)?;
    let (unit, m) = in_unit(m);
    // Upright, and of many rows no more than the triangular factor, which has the same singular values.
    let upright = if rows < columns { m.transpose() } else { m };
    let reduced = if upright.nrows() > 2 * upright.ncols() { triangular_factor(upright.as_view()) } else { upright };
    let (diagonal, above) = bidiagonal_form(reduced.as_view());
    let values = bidiagonal_singular_values(&diagonal, &above).ok_or(SvdError::NoConvergence { rows, columns })?;
    Ok(values.into_iter().map(|s| scale(s, unit)).collect())
}

/// The diagonal of UᵀMV, and what stands above it, for the orthogonal U and V that leave nothing else of an m × n matrix with m ≥ n.
fn bidiagonal_form(m: DMatrixView<f64>) -> (Vec<f64>, Vec<f64>) {
    let (rows, columns) = m.shape();
    let mut form: Mat<f64> = view(&m).to_owned();
    let [mut left, mut right] = [columns, columns.saturating_sub(1)].map(|n| Mat::<f64>::zeros(1, n));
    let params = <BidiagParams as Auto<f64>>::auto().into();
    let mut memory = MemBuffer::new(bidiag_in_place_scratch::<f64>(rows, columns, Par::Seq, params));
    bidiag_in_place(form.as_mut(), left.as_mut(), right.as_mut(), Par::Seq, MemStack::new(&mut memory), params);
    leave_avx();
    ((0..columns).map(|i| form[(i, i)]).collect(), (1..columns).map(|i| form[(i - 1, i)]).collect())
}

/// M = 2^e·M̂, with the largest entry of M̂ near 1 and e = 0 where M is ordinary: squares of its entries neither underflow nor overflow. Rounds
/// nothing.
fn in_unit(m: DMatrixView<f64>) -> (i32, DMatrix<f64>) {
    let m = m.into_owned();
    let e = unit(m.as_slice());
    (e, if e == 0 { m } else { m.map(|x| scale(x, -e)) })
}

/// Whether all entries are finite numbers: [`SvdError::NotFinite`] otherwise.
pub fn check_finite(m: DMatrixView<f64>) -> Result<(), SvdError> {
    let (rows, columns) = m.shape();
    if m.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(SvdError::NotFinite { rows, columns }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    /// The matrix that nalgebra 0.34 decomposes wrongly: σ₁ = 5.73 there.
    #[test]
    fn ones_have_one_singular_value_of_n() {
        let values = singular_values(DMatrix::from_element(5, 5, 1.0).as_view()).unwrap();
        assert!((values[0] - 5.0).abs() < 1e-14);
        assert!(values[1..].iter().all(|&s| s < 1e-14));
    }

    #[test]
    fn small_and_large_matrices_have_singular_values_in_proportion() {
        let m = gaussian_matrix(5, 4, &mut stream(0, Purpose::Init));
        let svd = Svd::new(m.as_view()).unwrap();
        for factor in [2f64.powi(-900), 2f64.powi(-520), 2f64.powi(900)] {
            let small = &m * factor;
            let other = Svd::new(small.as_view()).unwrap();
            assert!((&other.u - &svd.u).norm() < 1e-13 && (&other.v - &svd.v).norm() < 1e-13);
            assert!(other.values.iter().zip(&svd.values).all(|(a, b)| (a / factor - b).abs() < 1e-14));
            assert!(
                singular_values(small.as_view()).unwrap().iter().zip(&svd.values).all(|(a, b)| (a / factor - b).abs() < 1e-14)
            );
        }
    }

    #[test]
    fn nan_is_an_error() {
        let m = DMatrix::from_element(3, 2, f64::NAN);
        assert_eq!(Svd::new(m.as_view()).unwrap_err(), SvdError::NotFinite { rows: 3, columns: 2 });
        assert_eq!(singular_values(m.as_view()).unwrap_err(), SvdError::NotFinite { rows: 3, columns: 2 });
    }

    /// Large enough to be halved: of low rank, with many equal singular values, with singular values over twelve powers of ten, of parts, and zero.
    #[test]
    fn large_matrices_have_orthogonal_right_vectors_whatever_their_spectrum() {
        for (m, n) in [(33, 33), (40, 100), (101, 100), (64, 70), (130, 65)] {
            let rng = &mut stream(n as u64, Purpose::Init);
            let (left, right) = (gaussian_matrix(m, 3, rng), gaussian_matrix(3, n, rng));
            let full = gaussian_matrix(m, n, rng);
            let graded = DMatrix::from_fn(m, n, |i, j| full[(i, j)] * 10f64.powf(-12.0 * j as f64 / n as f64));
            let parts = DMatrix::from_fn(m, n, |i, j| if (i < m / 2) == (j < n / 2) { full[(i, j)] } else { 0.0 });
            let near_one = DMatrix::identity(m, n) + &full * 1e-10;
            let ones = DMatrix::from_element(m, n, 1.0);
            let simple = [DMatrix::identity(m, n), near_one, DMatrix::zeros(m, n), ones];
            for (k, a) in simple.into_iter().chain([left * right, full, graded, parts]).enumerate() {
                let RightSvd { values, v, .. } = RightSvd::new(a.as_view()).unwrap();
                let (r, size) = (m.min(n), a.norm());
                assert!((v.transpose() * &v - DMatrix::identity(r, r)).norm() < 1e-12, "{m} × {n}, {k}");
                let image = &a * &v;
                let off = |i: usize| (image.column(i).norm() - values[i]).abs();
                assert!((0..r).all(|i| off(i) <= 1e-14 * size), "{m} × {n}, {k}");
                let gram = image.transpose() * &image;
                let squares = DMatrix::from_diagonal(&nalgebra::DVector::from_iterator(r, values.iter().map(|s| s * s)));
                assert!((gram - squares).norm() <= 1e-13 * size * size, "{m} × {n}, {k}");
                assert!((values.iter().map(|s| s * s).sum::<f64>() - size * size).abs() <= 1e-13 * size * size);
                let alone = singular_values(a.as_view()).unwrap();
                assert!(values.iter().zip(&alone).all(|(x, y)| (x - y).abs() <= 1e-14 * size), "{m} × {n}, {k}");
            }
        }
    }

    proptest! {
        #[test]
        fn factors_reproduce_low_rank_matrices(m in 1usize..24, n in 1usize..24, rank in 1usize..4, seed in 0u64..10_000) {
            let rng = &mut stream(seed, Purpose::Init);
            let a = gaussian_matrix(m, rank, rng) * gaussian_matrix(rank, n, rng);
            let svd = Svd::new(a.as_view()).unwrap();
            let sigma = DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(&svd.values));
            prop_assert!((&svd.u * sigma * svd.v.transpose() - &a).norm() <= 1e-13 * a.norm());
            let r = m.min(n);
            prop_assert!((svd.u.transpose() * &svd.u - DMatrix::identity(r, r)).norm() < 1e-13);
            prop_assert!((svd.v.transpose() * &svd.v - DMatrix::identity(r, r)).norm() < 1e-13);
            let right = RightSvd::new(a.as_view()).unwrap();
            prop_assert!((&right.v - &svd.v).amax() == 0.0 && right.values == svd.values && right.rows == m);
            let alone = singular_values(a.as_view()).unwrap();
            prop_assert!(svd.values.iter().zip(&alone).all(|(x, y)| (x - y).abs() <= 1e-13 * svd.values[0]));
        }
    }
}
