//! C ← AB, AᵀB, ABᵀ or the same added to C, without allocation after the first call.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{DMatrixView, DMatrixViewMut};

/// What becomes of the entries that stand in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// C ← product.
    Replace,
    /// C ← C + product.
    Add,
}

/// C ← AB (+ C); A is m × k, B is k × n, C is m × n. Other shapes panic.
pub fn gemm_nn(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write, view(&a), view(&b), c);
}

/// C ← AᵀB (+ C); A is k × m, B is k × n, C is m × n. Other shapes panic.
pub fn gemm_tn(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write, view(&a).transpose(), view(&b), c);
}

/// C ← ABᵀ (+ C); A is m × k, B is n × k, C is m × n. Other shapes panic.
pub fn gemm_nt(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write, view(&a), view(&b).transpose(), c);
}

#[cfg(test)]
thread_local! {
    /// Operations of all products on this thread: what a formula for the cost is held against.
    pub(crate) static FLOPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn gemm(write: Write, a: MatRef<f64>, b: MatRef<f64>, mut c: DMatrixViewMut<f64>) {
    #[cfg(test)]
    FLOPS.set(FLOPS.get() + 2 * (a.nrows() * a.ncols() * b.ncols()) as u64);
    let (rows, columns) = c.shape();
    let stride = c.strides().1 as isize;
    // SAFETY: the pointer, shape and strides are those of a view borrowed mutably for as long as `target` lives.
    let target = unsafe { MatMut::from_raw_parts_mut(c.as_mut_ptr(), rows, columns, 1, stride) };
    let accumulate = match write {
        Write::Replace => Accum::Replace,
        Write::Add => Accum::Add,
    };
    // Sequential: the same bits whatever the number of threads.
    matmul(target, accumulate, a, b, 1.0, Par::Seq);
    leave_avx();
}

/// nalgebra's view as faer's, without a copy.
pub(super) fn view<'a>(m: &DMatrixView<'a, f64>) -> MatRef<'a, f64> {
    let (row_stride, column_stride) = m.strides();
    // SAFETY: the pointer, shape and strides are those of a view that is valid for 'a.
    unsafe { MatRef::from_raw_parts(m.as_ptr(), m.nrows(), m.ncols(), row_stride as isize, column_stride as isize) }
}

/// To be called after everything of faer's: 0.24 returns with the upper halves of the AVX registers dirty, which makes later SSE2 code
/// up to five times slower.
#[inline]
pub(super) fn leave_avx() {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx")]
        fn zero_upper() {
            std::arch::x86_64::_mm256_zeroupper();
        }
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the CPU has AVX.
            unsafe { zero_upper() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_agree_with_sums_of_products(m in 1usize..12, k in 1usize..12, n in 1usize..12, seed in 0u64..1000) {
            let rng = &mut stream(seed, Purpose::Init);
            let (a, b, c) = (gaussian_matrix(m, k, rng), gaussian_matrix(k, n, rng), gaussian_matrix(m, n, rng));
            let expected = DMatrix::from_fn(m, n, |i, j| (0..k).map(|l| a[(i, l)] * b[(l, j)]).sum::<f64>());
            // k terms of size about 1, each rounded.
            let close = |x: &DMatrix<f64>, y: &DMatrix<f64>| (x - y).amax() <= 1e-15 * 16.0 * k as f64 * (1.0 + y.amax());
            let (at, bt) = (a.transpose(), b.transpose());
            let mut out = c.clone();
            gemm_nn(Write::Replace, a.as_view(), b.as_view(), out.as_view_mut());
            prop_assert!(close(&out, &expected));
            gemm_tn(Write::Replace, at.as_view(), b.as_view(), out.as_view_mut());
            prop_assert!(close(&out, &expected));
            out.copy_from(&c);
            gemm_nt(Write::Add, a.as_view(), bt.as_view(), out.as_view_mut());
            prop_assert!(close(&out, &(&c + &expected)));
        }
    }
}
