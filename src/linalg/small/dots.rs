//! C ← AB as scalar products, where the terms of each are contiguous and B has few columns: A is read once.

use super::lanes::Lanes;
use super::{FEW, Product, ROOM, Source, Target, pack};

/// C ← AB for a B of at most [`FEW`] columns.
///
/// # Safety
/// As for [`multiply`](super::multiply); also, the rows of A must be contiguous, and the CPU must have the instructions of S.
#[inline(always)]
pub(super) unsafe fn form<S: Lanes>(product: Product) {
    let Product { k, a, b, mut c, .. } = product;
    if b.row == 1 {
        // SAFETY: the caller's.
        return unsafe { columns::<S>(product) };
    }
    // As many terms at a time as a packed part of B has room for.
    let mut begun = 0;
    while begun < k {
        let terms = (k - begun).min(ROOM / FEW);
        // SAFETY: terms begun to begun + terms, within k, of which there is room for FEW columns.
        unsafe {
            let packed = Source { at: pack(terms, b.from(begun, 0), terms, product.n), row: 1, column: terms as isize };
            columns::<S>(Product { k: terms, a: a.from(0, begun), b: packed, c, ..product });
            c.onto = c.at;
        }
        begun += terms;
    }
}

/// The same where the terms of B are contiguous as well.
///
/// # Safety
/// As for [`form`].
#[inline(always)]
unsafe fn columns<S: Lanes>(product: Product) {
    let Product { m, n, k, a, b, c } = product;
    // SAFETY: rows i and columns j within m and n: blocks are as large as what is left or smaller.
    unsafe {
        let mut j = 0;
        while j < n {
            let (b, c) = (b.from(0, j), c.from(0, j));
            macro_rules! columns {
                ($at_once:literal, $columns:literal) => {{
                    let mut i = 0;
                    while i + $at_once <= m {
                        block::<S, $at_once, $columns>(k, a.from(i, 0), b, c.from(i, 0));
                        i += $at_once;
                    }
                    while i < m {
                        block::<S, 1, $columns>(k, a.from(i, 0), b, c.from(i, 0));
                        i += 1;
                    }
                    j += $columns;
                }};
            }
            // As even as they come: 5 as 3 and 2, 6 as 3 and 3.
            match if n > 4 { (n - j).min(3) } else { n - j } {
                1 => columns!(4, 1),
                2 => columns!(4, 2),
                3 => columns!(3, 3),
                _ => columns!(2, 4),
            }
        }
    }
}

/// M × N scalar products of k terms.
///
/// # Safety
/// `a` must have M rows of k contiguous terms, `b` N columns of them, and `c` M × N entries; the CPU must have the instructions of S.
#[inline(always)]
unsafe fn block<S: Lanes, const M: usize, const N: usize>(k: usize, a: Source, b: Source, c: Target) {
    // SAFETY: the caller's.
    unsafe {
        let (whole, rest) = (k - k % S::COUNT, k % S::COUNT);
        // The terms are contiguous: no products of strides in the loop.
        let (row, column) = (a.row, b.column);
        let (mut x, mut y) = (a.at, b.at);
        let end = x.wrapping_add(whole);
        let mut sum = [[S::splat(0.0); N]; M];
        while x != end {
            let mut terms = [S::splat(0.0); N];
            for j in 0..N {
                terms[j] = S::load(y.wrapping_offset(j as isize * column));
            }
            for i in 0..M {
                let x = S::load(x.wrapping_offset(i as isize * row));
                for j in 0..N {
                    sum[i][j] = sum[i][j].plus(x, terms[j]);
                }
            }
            (x, y) = (x.wrapping_add(S::COUNT), y.wrapping_add(S::COUNT));
        }
        if rest > 0 {
            for i in 0..M {
                let x = S::load_first(x.wrapping_offset(i as isize * row), rest);
                for j in 0..N {
                    sum[i][j] = sum[i][j].plus(x, S::load_first(y.wrapping_offset(j as isize * column), rest));
                }
            }
        }
        for i in 0..M {
            for j in 0..N {
                c.from(i, j).set(sum[i][j].sum());
            }
        }
    }
}
