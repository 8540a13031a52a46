//! C ← AB, AᵀB, ABᵀ or the same added to C, without allocation after the first call.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{DMatrixView, DMatrixViewMut};

use super::parallel::in_blocks;
use super::small::{self, Product};

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
    assert!(a.nrows() == rows && b.ncols() == columns && a.ncols() == b.nrows(), "shapes of a product and its target agree");
    if small::pays(rows, columns, a.ncols()) {
        let source = |m: MatRef<f64>| small::Strided { at: m.as_ptr(), row: m.row_stride(), column: m.col_stride() };
        let target = small::Strided { at: c.as_mut_ptr(), row: 1, column: stride };
        let add = write == Write::Add;
        let product = Product { m: rows, n: columns, k: a.ncols(), a: source(a), b: source(b), c: target, add };
        // SAFETY: the pointers, shapes and strides are those of views, and that of C is borrowed mutably.
        return unsafe { small::multiply(product) };
    }
    // SAFETY: the pointer, shape and strides are those of a view borrowed mutably for as long as `target` lives.
    let target = unsafe { MatMut::from_raw_parts_mut(c.as_mut_ptr(), rows, columns, 1, stride) };
    let accumulate = match write {
        Write::Replace => Accum::Replace,
        Write::Add => Accum::Add,
    };
    in_blocks(a, b, target, &|a, b, c| {
        // A block on one thread: how faer would share it out depends on their number.
        matmul(c, accumulate, a, b, 1.0, Par::Seq);
        leave_avx();
    });
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
        /// One row or column, a few, many more than a register or a block holds; views of larger matrices; all forms, replaced and added.
        #[test]
        fn products_agree_with_sums_of_products((m, k, n) in shapes(), gap in 0usize..3, seed in 0u64..1000) {
            let rng = &mut stream(seed, Purpose::Init);
            // The first rows of taller matrices.
            let mut stored = |rows: usize, columns: usize| gaussian_matrix(rows + gap, columns, rng);
            let (a, b, c) = (stored(m, k), stored(k, n), stored(m, n));
            let (a_view, b_view) = (a.rows(0, m), b.rows(0, k));
            let expected = DMatrix::from_fn(m, n, |i, j| (0..k).map(|l| a[(i, l)] * b[(l, j)]).sum::<f64>());
            // k terms of size about 1, each rounded.
            let close = |x: DMatrixView<f64>, y: &DMatrix<f64>| (x - y).amax() <= 1e-15 * 16.0 * (1 + k) as f64 * (1.0 + y.amax());
            let taller = |x: DMatrix<f64>| x.insert_rows(0, gap, 7.0);
            let (at, bt) = (taller(a_view.transpose()), taller(b_view.transpose()));
            let (at_view, bt_view) = (at.rows(gap, k), bt.rows(gap, n));
            for (write, expected) in [(Write::Replace, expected.clone()), (Write::Add, c.rows(0, m) + &expected)] {
                for form in 0..3 {
                    let mut out = c.clone();
                    let mut rows = out.rows_mut(0, m);
                    match form {
                        0 => gemm_nn(write, a_view.as_view(), b_view.as_view(), rows.as_view_mut()),
                        1 => gemm_tn(write, at_view.as_view(), b_view.as_view(), rows.as_view_mut()),
                        _ => gemm_nt(write, a_view.as_view(), bt_view.as_view(), rows.as_view_mut()),
                    }
                    prop_assert!(close(out.rows(0, m).as_view(), &expected), "{write:?} {form}");
                    prop_assert_eq!(out.rows(m, gap), c.rows(m, gap));
                }
            }
        }
    }

    fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
        prop_oneof![
            (1usize..24, 1usize..24, 1usize..24),
            (1usize..9, 1usize..140, 1usize..140),
            (1usize..140, 1usize..140, 1usize..9),
            (1usize..140, 1usize..9, 1usize..140),
            (60usize..140, 60usize..300, 60usize..140),
        ]
    }
}
