use proptest::prelude::*;

use super::{FEW, Product, Source, Target, Two};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::rng::{Purpose, gaussian_matrix, stream};

type Multiply = unsafe fn(Product);

/// Every width that this CPU has.
fn widths() -> Vec<(&'static str, Multiply)> {
    let mut widths: Vec<(&'static str, Multiply)> = vec![("two", super::any::<Two>)];
    #[cfg(target_arch = "x86_64")]
    {
        use crate::linalg::Width;
        // SAFETY: called on a CPU that has these instructions.
        let (avx2, avx512): (Multiply, Multiply) = (|product| unsafe { avx2(product) }, |product| unsafe { avx512(product) });
        if Width::of_cpu() != Width::Least {
            widths.push(("avx2", avx2));
        }
        if Width::of_cpu() == Width::Avx512 {
            widths.push(("avx512", avx512));
        }
    }
    widths
}

proptest! {
    /// Small and thin ones, each matrix stored along either side with a gap, beside which nothing is read or written.
    #[test]
    fn every_width_agrees_with_sums_of_products(
        (m, n, k) in prop_oneof![(1usize..20, 1usize..20, 1usize..10), (1usize..7, 1usize..80, 1usize..90), (1usize..80, 1usize..7, 1usize..90),
            (1usize..4, 1usize..12, 650usize..1400), (1usize..80, 1usize..40, 1usize..7), (650usize..1500, 1usize..4, 1usize..7)],
        turned in turns(), gap in 0usize..3, add in prop::bool::ANY, seed in 0u64..1000,
    ) {
        prop_assume!(m.min(n) <= FEW || k <= FEW || m * n * k <= 4096);
        let rng = &mut stream(seed, Purpose::Init);
        // Stored as columns of a matrix whose last rows are NaN.
        let mut stored = |rows: usize, columns: usize, turned: bool| {
            let (r, c) = if turned { (columns, rows) } else { (rows, columns) };
            let mut matrix = gaussian_matrix(r + gap, c, rng);
            matrix.rows_mut(r, gap).fill(f64::NAN);
            matrix
        };
        let (a, b, c) = (stored(m, k, turned[0]), stored(k, n, turned[1]), stored(m, n, turned[2]));
        let entry = |x: &nalgebra::DMatrix<f64>, turned: bool, i: usize, j: usize| if turned { x[(j, i)] } else { x[(i, j)] };
        let strides = |x: &nalgebra::DMatrix<f64>, turned: bool| {
            let stride = x.nrows() as isize;
            if turned { (stride, 1) } else { (1, stride) }
        };
        let source = |x: &nalgebra::DMatrix<f64>, turned: bool| {
            let (row, column) = strides(x, turned);
            Source { at: x.as_ptr(), row, column }
        };
        for (name, multiply) in widths() {
            let mut out = c.clone();
            let (row, column) = strides(&out, turned[2]);
            let at = out.as_mut_ptr();
            let onto = if add { at.cast_const() } else { std::ptr::null() };
            let target = Target { at, onto, row, column };
            // SAFETY: shapes and strides are those of the matrices.
            unsafe { multiply(Product { m, n, k, a: source(&a, turned[0]), b: source(&b, turned[1]), c: target }) };
            for i in 0..m {
                for j in 0..n {
                    let terms = (0..k).map(|l| entry(&a, turned[0], i, l) * entry(&b, turned[1], l, j));
                    let start = if add { entry(&c, turned[2], i, j) } else { 0.0 };
                    let (expected, size) = terms.fold((start, start.abs()), |(sum, size), x| (sum + x, size + x.abs()));
                    let miss = (entry(&out, turned[2], i, j) - expected).abs();
                    prop_assert!(miss <= 4.0 * f64::EPSILON * (2 + k) as f64 * size, "{name} {i} {j}: {miss:e}");
                }
            }
            let (r, c) = if turned[2] { (n, m) } else { (m, n) };
            prop_assert!((0..c).all(|j| (r..r + gap).all(|i| out[(i, j)].is_nan())), "{name} writes beside C");
        }
    }
}

fn turns() -> impl Strategy<Value = [bool; 3]> {
    prop::array::uniform3(prop::bool::ANY)
}
