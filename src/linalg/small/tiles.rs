//! C ← AB tile by tile, each kept in registers over all k terms.

use super::lanes::Lanes;
use super::{Product, Source, Target, pack};

/// A's rows are read where they stand if contiguous, else packed.
#[inline(always)]
pub(super) unsafe fn form<S: Lanes>(product: Product) {
    let Product { m, n, k, a, b, c } = product;
    // One or two columns leave registers for taller tiles, whose sums run side by side.
    let tallest = if n <= 2 { 4 } else { S::TILE.0 };
    let mut i = 0;
    // SAFETY: all within the product's matrices.
    unsafe {
        while i < m {
            let rows = (m - i).min(tallest * S::COUNT);
            let part = a.from(i, 0);
            let (mut from, mut stride) = (part.at, part.column);
            if a.row != 1 {
                let height = rows.next_multiple_of(S::COUNT);
                (from, stride) = (pack(height, part, rows, k), height as isize);
            }
            let panel = Panel { n, k, rest: rows % S::COUNT, a: from, stride, b, c: c.from(i, 0) };
            match rows.div_ceil(S::COUNT) {
                1 => panel.form::<S, 1>(),
                2 => panel.form::<S, 2>(),
                3 => panel.form_narrow::<S, 3>(),
                _ => panel.form_narrow::<S, 4>(),
            }
            i += rows;
        }
    }
}

/// V vectors of rows, of the last only `rest` numbers unless 0, by all columns.
#[derive(Clone, Copy)]
struct Panel {
    n: usize,
    k: usize,
    rest: usize,
    a: *const f64,
    stride: isize,
    b: Source,
    c: Target,
}

impl Panel {
    /// Columns shared out evenly over tiles of at most [`Lanes::TILE`].
    #[inline(always)]
    unsafe fn form<S: Lanes, const V: usize>(self) {
        let tiles = self.n.div_ceil(S::TILE.1);
        let mut j = 0;
        for tile in 0..tiles {
            let columns = (self.n - j).div_ceil(tiles - tile);
            // SAFETY: the caller's.
            unsafe {
                match columns {
                    1 => self.tile::<S, V, 1>(j),
                    2 => self.tile::<S, V, 2>(j),
                    3 => self.tile::<S, V, 3>(j),
                    4 => self.tile::<S, V, 4>(j),
                    5 if S::TILE.1 > 4 => self.tile::<S, V, 5>(j),
                    _ if S::TILE.1 > 4 => self.tile::<S, V, 6>(j),
                    _ => {}
                }
            }
            j += columns;
        }
    }

    /// Of one or two columns.
    #[inline(always)]
    unsafe fn form_narrow<S: Lanes, const V: usize>(self) {
        // SAFETY: the caller's.
        unsafe { if self.n == 1 { self.tile::<S, V, 1>(0) } else { self.tile::<S, V, 2>(0) } }
    }

    #[inline(always)]
    unsafe fn tile<S: Lanes, const V: usize, const N: usize>(self, j: usize) {
        // SAFETY: the caller's.
        unsafe {
            if self.rest == 0 {
                self.sums::<S, V, N, true>(j);
            } else {
                self.sums::<S, V, N, false>(j);
            }
        }
    }

    #[inline(always)]
    unsafe fn sums<S: Lanes, const V: usize, const N: usize, const WHOLE: bool>(self, j: usize) {
        let Self { k, rest, stride, .. } = self;
        let (mut a, mut b, c) = (self.a, self.b.from(0, j).at, self.c.from(0, j));
        let whole = |v: usize| WHOLE || v + 1 < V;
        // SAFETY: the caller's.
        unsafe {
            let mut sum = [[S::splat(0.0); V]; N];
            for _ in 0..k {
                let mut x = [S::splat(0.0); V];
                for v in 0..V {
                    let from = a.add(v * S::COUNT);
                    x[v] = if whole(v) { S::load(from) } else { S::load_first(from, rest) };
                }
                for j in 0..N {
                    let y = S::splat(*b.offset(j as isize * self.b.column));
                    for v in 0..V {
                        sum[j][v] = sum[j][v].plus(x[v], y);
                    }
                }
                a = a.wrapping_offset(stride);
                b = b.wrapping_offset(self.b.row);
            }
            if c.row != 1 {
                // A copy, as indices in a loop keep what they index from staying in registers.
                let sum = sum;
                for j in 0..N {
                    for v in 0..V {
                        let mut numbers = [0.0; 8];
                        sum[j][v].store(numbers.as_mut_ptr());
                        for (i, number) in numbers[..if whole(v) { S::COUNT } else { rest }].iter().enumerate() {
                            c.from(v * S::COUNT + i, j).set(*number);
                        }
                    }
                }
                return;
            }
            // Loops without a choice, which are unrolled, so that the sums stay in registers.
            if !c.onto.is_null() {
                for j in 0..N {
                    for v in 0..V {
                        let onto = c.onto.offset(j as isize * c.column).add(v * S::COUNT);
                        sum[j][v] = if whole(v) { S::load(onto) } else { S::load_first(onto, rest) }.add(sum[j][v]);
                    }
                }
            }
            for j in 0..N {
                for v in 0..V {
                    let to = c.at.offset(j as isize * c.column).add(v * S::COUNT);
                    if whole(v) { sum[j][v].store(to) } else { sum[j][v].store_first(to, rest) }
                }
            }
        }
    }
}
