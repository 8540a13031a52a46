//! C ← AB, AᵀB, ABᵀ or the same added to C, without allocation after the first call.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

use super::parallel::in_blocks;
use super::small::{self, Product, Target};

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
    gemm(write.into(), view(&a), view(&b), c);
}

/// C ← AB + D; A is m × k, B is k × n, C and D are m × n. Other shapes panic.
pub fn gemm_nn_onto(d: &DMatrix<f64>, a: DMatrixView<f64>, b: DMatrixView<f64>, c: &mut DMatrix<f64>) {
    gemm(Addend::Other(d), view(&a), view(&b), c.as_view_mut());
}

/// C ← AᵀB (+ C); A is k × m, B is k × n, C is m × n. Other shapes panic.
pub fn gemm_tn(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write.into(), view(&a).transpose(), view(&b), c);
}

/// C ← ABᵀ (+ C); A is m × k, B is n × k, C is m × n. Other shapes panic.
pub fn gemm_nt(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write.into(), view(&a), view(&b).transpose(), c);
}

#[cfg(test)]
thread_local! {
    /// Operations of all products on this thread: what a formula for the cost is held against.
    pub(crate) static FLOPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// What a product is added to.
#[derive(Clone, Copy)]
enum Addend<'a> {
    Nothing,
    Itself,
    Other(&'a DMatrix<f64>),
}

impl From<Write> for Addend<'_> {
    fn from(write: Write) -> Self {
        match write {
            Write::Replace => Self::Nothing,
            Write::Add => Self::Itself,
        }
    }
}

fn gemm(addend: Addend<'_>, a: MatRef<f64>, b: MatRef<f64>, mut c: DMatrixViewMut<f64>) {
    #[cfg(test)]
    FLOPS.set(FLOPS.get() + 2 * (a.nrows() * a.ncols() * b.ncols()) as u64);
    let (rows, columns) = c.shape();
    let stride = c.strides().1 as isize;
    assert!(a.nrows() == rows && b.ncols() == columns && a.ncols() == b.nrows(), "shapes of a product and its target agree");
    if let Addend::Other(d) = addend {
        assert!(d.shape() == c.shape() && stride == rows as isize, "shapes of a product and what it is added to agree");
    }
    if small::pays(rows, columns, a.ncols()) {
        let source = |m: MatRef<f64>| small::Strided { at: m.as_ptr(), row: m.row_stride(), column: m.col_stride() };
        let at = c.as_mut_ptr();
        let onto = match addend {
            Addend::Nothing => std::ptr::null(),
            Addend::Itself => at.cast_const(),
            Addend::Other(d) => d.as_ptr(),
        };
        let target = Target { at, onto, row: 1, column: stride };
        let product = Product { m: rows, n: columns, k: a.ncols(), a: source(a), b: source(b), c: target };
        // SAFETY: the pointers, shapes and strides are those of views, that of C is borrowed mutably, and D is stored like C.
        return unsafe { small::multiply(product) };
    }
    if let Addend::Other(d) = addend {
        c.copy_from(d);
    }
    // SAFETY: the pointer, shape and strides are those of a view borrowed mutably for as long as `target` lives.
    let target = unsafe { MatMut::from_raw_parts_mut(c.as_mut_ptr(), rows, columns, 1, stride) };
    let accumulate = if let Addend::Nothing = addend { Accum::Replace } else { Accum::Add };
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
            let (d, mut out) = (c.rows(0, m).into_owned(), DMatrix::from_element(m, n, f64::NAN));
            gemm_nn_onto(&d, a_view.as_view(), b_view.as_view(), &mut out);
            prop_assert!(close(out.as_view(), &(&d + &expected)), "onto another");
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
