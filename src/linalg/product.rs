//! C ← AB, AᵀB, ABᵀ or the same added to C, without allocation after the first call.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

use super::parallel::in_blocks;
use super::small::{self, Product, Target};
use super::turned::turned;

/// What happens to the present entries of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// C ← product.
    Replace,
    /// C ← C + product.
    Add,
}

/// C ← AB (+ C); A is m × k, B is k × n, C is m × n. Any of m, n and k may be 0.
///
/// # Panics
/// If the shapes do not agree.
pub fn gemm_nn(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write.into(), view(&a), view(&b), c);
}

/// C ← AB + D; A is m × k, B is k × n, C and D are m × n. Any of m, n and k may be 0.
///
/// # Panics
/// If the shapes do not agree.
pub fn gemm_nn_onto(d: &DMatrix<f64>, a: DMatrixView<f64>, b: DMatrixView<f64>, c: &mut DMatrix<f64>) {
    gemm(Addend::Other(d), view(&a), view(&b), c.as_view_mut());
}

/// C ← AᵀB (+ C); A is k × m, B is k × n, C is m × n. Any of m, n and k may be 0.
///
/// # Panics
/// If the shapes do not agree.
pub fn gemm_tn(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write.into(), view(&a).transpose(), view(&b), c);
}

/// C ← ABᵀ (+ C); A is m × k, B is n × k, C is m × n. Any of m, n and k may be 0.
///
/// # Panics
/// If the shapes do not agree.
pub fn gemm_nt(write: Write, a: DMatrixView<f64>, b: DMatrixView<f64>, c: DMatrixViewMut<f64>) {
    gemm(write.into(), view(&a), view(&b).transpose(), c);
}

#[cfg(test)]
thread_local! {
    /// Operations of all products on this thread, with which tests compare formulas for the cost.
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
    if rows == 0 || columns == 0 {
        return;
    }
    if a.ncols() == 0 {
        return match addend {
            Addend::Nothing => c.fill(0.0),
            Addend::Itself => {}
            Addend::Other(d) => c.copy_from(d),
        };
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
        // SAFETY: pointers, shapes and strides are those of views, no extent is 0, C is borrowed mutably by a view whose entries nalgebra
        // keeps apart, and D has the shape and strides of C.
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
        turned(c.nrows(), b, |b| matmul(c, accumulate, a, b, 1.0, Par::Seq));
        leave_avx();
    });
}

/// nalgebra's view as faer's, without a copy.
pub(super) fn view<'a>(m: &DMatrixView<'a, f64>) -> MatRef<'a, f64> {
    let (row_stride, column_stride) = m.strides();
    // SAFETY: the pointer, shape and strides are those of a view that is valid for 'a.
    unsafe { MatRef::from_raw_parts(m.as_ptr(), m.nrows(), m.ncols(), row_stride as isize, column_stride as isize) }
}

/// To be called after every call of faer: 0.24 returns with the upper halves of the AVX registers dirty, which makes later SSE2 code
/// up to five times slower.
#[inline]
pub(super) fn leave_avx() {
    #[cfg(target_arch = "x86_64")]
    {
        /// # Safety
        /// The CPU must have AVX.
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

    /// A rows × columns view into a larger matrix of NaN, `gap` of them on every side, filled by `entries`.
    fn embedded(entries: &DMatrix<f64>, gap: usize) -> DMatrix<f64> {
        let (rows, columns) = entries.shape();
        let mut whole = DMatrix::from_element(rows + 2 * gap, columns + 2 * gap, f64::NAN);
        whole.view_mut((gap, gap), (rows, columns)).copy_from(entries);
        whole
    }

    proptest! {
        /// No row, column or term, one, a few, many more than a register or a block holds; views of larger matrices, beside which nothing
        /// is read or written; all forms, replaced and added.
        #[test]
        fn products_agree_with_sums_of_products((m, k, n) in shapes(), gap in 0usize..3, seed in 0u64..1000) {
            let rng = &mut stream(seed, Purpose::Init);
            let [a, b, d] = [(m, k), (k, n), (m, n)].map(|(rows, columns)| gaussian_matrix(rows, columns, rng));
            let [at, bt] = [&a, &b].map(|x| embedded(&x.transpose(), gap));
            let expected = DMatrix::from_fn(m, n, |i, j| (0..k).map(|l| a[(i, l)] * b[(l, j)]).sum::<f64>());
            // k terms of size about 1, each rounded.
            let largest = |x: &DMatrix<f64>| x.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            let bound = 1e-15 * 16.0 * (1 + k) as f64 * (1.0 + largest(&expected) + largest(&d));
            let close = |x: &DMatrix<f64>, y: &DMatrix<f64>| (x - y).iter().all(|x| x.abs() <= bound);
            let [a, b, c] = [&a, &b, &d].map(|x| embedded(x, gap));
            let inner = (gap, gap);
            for (write, expected) in [(Write::Replace, expected.clone()), (Write::Add, &d + &expected)] {
                for form in 0..3 {
                    let mut out = c.clone();
                    let target = out.view_mut(inner, (m, n));
                    match form {
                        0 => gemm_nn(write, a.view(inner, (m, k)), b.view(inner, (k, n)), target),
                        1 => gemm_tn(write, at.view(inner, (k, m)), b.view(inner, (k, n)), target),
                        _ => gemm_nt(write, a.view(inner, (m, k)), bt.view(inner, (n, k)), target),
                    }
                    prop_assert!(close(&out.view(inner, (m, n)).into_owned(), &expected), "{write:?} {form}");
                    let outside = out.iter().filter(|x| x.is_nan()).count();
                    prop_assert_eq!(outside, out.len() - m * n, "{:?} {} writes beside C", write, form);
                }
            }
            let mut out = DMatrix::from_element(m, n, f64::NAN);
            gemm_nn_onto(&d, a.view(inner, (m, k)), b.view(inner, (k, n)), &mut out);
            prop_assert!(close(&out, &(&d + &expected)), "onto another");
        }
    }

    /// Of a right factor that lies row by row a copy is multiplied; in two blocks and three.
    #[test]
    fn large_factors_by_rows_give_the_products_of_their_copies() {
        for (m, k, n) in [(260, 330, 320), (70, 40, 1024), (512, 60, 512)] {
            let rng = &mut stream(1, Purpose::Init);
            let (a, bt) = (gaussian_matrix(m, k, rng), gaussian_matrix(n, k, rng));
            let [mut by_rows, mut by_columns] = [DMatrix::zeros(m, n), DMatrix::zeros(m, n)];
            gemm_nt(Write::Replace, a.as_view(), bt.as_view(), by_rows.as_view_mut());
            gemm_nn(Write::Replace, a.as_view(), bt.transpose().as_view(), by_columns.as_view_mut());
            assert!((by_rows - by_columns).amax() < 1e-13 * k as f64, "{m} {k} {n}");
        }
    }

    fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
        prop_oneof![
            (0usize..4, 0usize..4, 0usize..4),
            (0usize..24, 0usize..24, 0usize..24),
            (0usize..9, 0usize..140, 0usize..140),
            (0usize..140, 0usize..140, 0usize..9),
            (0usize..140, 0usize..9, 0usize..140),
            (60usize..140, 60usize..300, 60usize..140),
            (60usize..80, 7usize..20, Just(512)),
        ]
    }

    /// Views of nothing at the edge of live columns, which must stay.
    #[test]
    fn a_product_without_entries_writes_nothing() {
        let (a, b) = (DMatrix::from_element(40, 30, 1.0), DMatrix::from_element(30, 4, 1.0));
        let live = DMatrix::from_fn(40, 4, |i, j| (i + 100 * j) as f64);
        for write in [Write::Replace, Write::Add] {
            let mut c = live.clone();
            gemm_nn(write, a.as_view(), b.columns(0, 0), c.columns_mut(1, 0));
            gemm_tn(write, b.columns(1, 0), b.as_view(), c.view_mut((7, 0), (0, 4)));
            assert_eq!(c, live);
        }
        let mut c = live.clone();
        gemm_nn(Write::Add, a.columns(3, 0), b.rows(3, 0), c.as_view_mut());
        assert_eq!(c, live);
        gemm_nt(Write::Replace, a.columns(3, 0), b.transpose().columns(0, 0), c.as_view_mut());
        assert!(c.iter().all(|x| *x == 0.0), "a sum without terms is 0");
    }
}
