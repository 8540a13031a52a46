//! MᵀM in double-double, at the speed of four float64 products.
//!
//! Ozaki, Ogita, Oishi & Rump, "Error-free transformations of matrix multiplication by using fast routines of matrix multiplication",
//! Numer. Algorithms 59, 2012: entries cut to b bits on a common grid have products whose sums over k rows fit into 53 bits when
//! 2b + log₂k ≤ 53, so that float64 forms them without rounding, in any order. With M = A + B + T, A and B of b bits each:
//!
//! MᵀM = AᵀA + AᵀB + BᵀA + [AᵀT + TᵀA + (B + T)ᵀ(B + T)]
//!
//! where the first three are exact and the rest is 2^{−2b} of the whole. For k = 200 rows b = 22: entries are right to
//! k·2^{−97}·max|m_ij|².

use nalgebra::DMatrix;

use super::{DoubleDouble, Write, gemm_tn};

/// MᵀM ∈ ℝ^{n × n}, symmetric to the bit, of M = high + low ∈ ℝ^{k × n} with |low| ≤ ulp(high).
///
/// Not finite where M is not, or where an entry of M is above about 1e154; below about 1e-125 underflow takes digits.
pub fn gram_double_double(high: &DMatrix<f64>, low: &DMatrix<f64>) -> DMatrix<DoubleDouble> {
    let (k, n) = high.shape();
    let bits = (53 - k.max(1).next_power_of_two().trailing_zeros()) / 2;
    let grid = above(high.amax()) / 2f64.powi(bits as i32);
    let a = high.map(|x| on_grid(x, grid));
    let rest = high - &a;
    let b = rest.map(|x| on_grid(x, grid / 2f64.powi(bits as i32)));
    let t = (&rest - &b) + low;
    let product = |write, left: &DMatrix<f64>, right: &DMatrix<f64>, into: &mut DMatrix<f64>| {
        gemm_tn(write, left.as_view(), right.as_view(), into.as_view_mut());
    };
    let [mut leading, mut mixed, mut small] = [(); 3].map(|()| DMatrix::zeros(n, n));
    product(Write::Replace, &a, &a, &mut leading);
    product(Write::Replace, &a, &b, &mut mixed);
    product(Write::Replace, &a, &t, &mut small);
    // Half of a square, whose transpose is added below.
    let tail = b + t;
    product(Write::Add, &(&tail * 0.5), &tail, &mut small);
    DMatrix::from_fn(n, n, |i, j| {
        // One order of the terms on both sides of the diagonal.
        let (i, j) = (i.min(j), i.max(j));
        DoubleDouble::sum(mixed[(i, j)], mixed[(j, i)]) + (small[(i, j)] + small[(j, i)]) + leading[(i, j)]
    })
}

/// The least power of two above x ≥ 0; 0 for subnormal x.
fn above(x: f64) -> f64 {
    2.0 * f64::from_bits(x.to_bits() & f64::INFINITY.to_bits())
}

/// x rounded to a multiple of `grid`, a power of two with |x| < 2^51·grid: the sum has an ulp of one grid spacing.
fn on_grid(x: f64, grid: f64) -> f64 {
    let anchor = 1.5 * 2f64.powi(52) * grid;
    (x + anchor) - anchor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    /// Σ_r m_ri m_rj term by term; the product of the low parts is rounded.
    fn summed(high: &DMatrix<f64>, low: &DMatrix<f64>) -> DMatrix<DoubleDouble> {
        let (k, n) = high.shape();
        DMatrix::from_fn(n, n, |i, j| {
            (0..k).fold(DoubleDouble::default(), |sum, r| {
                let (x, y) = ((high[(r, i)], low[(r, i)]), (high[(r, j)], low[(r, j)]));
                sum + DoubleDouble::product(x.0, y.0)
                    + DoubleDouble::product(x.0, y.1)
                    + DoubleDouble::product(x.1, y.0)
                    + x.1 * y.1
            })
        })
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_exact_products(
            k in 1usize..40, n in 1usize..6, exponent in -30i32..30, spread in 0i32..8, seed in 0u64..10_000,
        ) {
            let rng = &mut stream(seed, Purpose::Init);
            let (scale, mut high) = (10f64.powi(exponent), gaussian_matrix(k, n, rng));
            for (index, x) in high.iter_mut().enumerate() {
                *x *= scale * 10f64.powi(-(index as i32 % (spread + 1)));
            }
            let low = high.zip_map(&gaussian_matrix(k, n, rng), |x, g| x * g * 2f64.powi(-56));
            let (fast, slow) = (gram_double_double(&high, &low), summed(&high, &low));
            let bound = k as f64 * 2f64.powi(-95) * high.amax().powi(2);
            prop_assert!(fast.iter().zip(slow.iter()).all(|(x, y)| (*x - *y).high.abs() <= bound));
            prop_assert!(fast.transpose() == fast);
            // Control: float64 alone has sixteen digits (a few entries of very different size may be right by luck).
            let off = (high.transpose() * &high - slow.map(|x| x.high)).amax();
            prop_assert!(spread > 0 || k < 8 || n < 4 || off > 1e-19 * high.amax().powi(2));
        }
    }

    #[test]
    fn zero_subnormal_and_infinite_entries_come_through() {
        let of = |x: f64| gram_double_double(&DMatrix::from_element(2, 1, x), &DMatrix::zeros(2, 1))[(0, 0)].high;
        assert_eq!((of(0.0), of(1e-310), of(3.0)), (0.0, 0.0, 18.0));
        assert!(!of(1e200).is_finite() && !of(f64::NAN).is_finite() && !of(f64::INFINITY).is_finite());
    }
}
