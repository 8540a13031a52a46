//! C ← AB tile by tile, each kept in registers over all k terms.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256d, __m512d};

use super::lanes::{Lanes, Two};
use super::{Product, Source, Target, pack};

/// Reads the rows of A where they are if they are contiguous, and packs them otherwise.
///
/// # Safety
/// As for [`multiply`](super::multiply), and the CPU must have the instructions of S.
#[inline(always)]
pub(super) unsafe fn form<S: Tiles>(product: Product) {
    let Product { m, n, k, a, b, c } = product;
    // One or two columns leave registers for taller tiles, whose sums run side by side.
    let tallest = if n <= 2 { 4 } else { S::TILE.0 };
    let mut i = 0;
    // SAFETY: rows i to i + rows of A and C, within m, and n ≥ 1 columns; of one or two columns where there are over two vectors of rows.
    unsafe {
        while i < m {
            let rows = (m - i).min(tallest * S::COUNT);
            let part = a.from(i, 0);
            let (mut from, mut stride) = (part.at, part.column);
            if a.row != 1 {
                let height = rows.next_multiple_of(S::COUNT);
                (from, stride) = (pack(height, part, rows, k), height as isize);
            }
            let panel = Operands { n, k, rest: (rows - 1) % S::COUNT + 1, a: from, stride, b, c: c.from(i, 0) };
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

/// V vectors of rows by all columns; of the last vector only `rest` numbers count.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    n: usize,
    k: usize,
    rest: usize,
    a: *const f64,
    stride: isize,
    b: Source,
    c: Target,
}

/// A tile of V vectors of rows by N columns, compiled as a function of its own. If all tiles were in one function, every product would prepare
/// the addresses of each: a quarter of the time of a product of 10 × 10 matrices.
pub(super) trait Tiles: Lanes {
    /// The columns j to j + N of `panel`.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type. The panel must have these columns and V vectors of rows, of the last of which
    /// `rest` numbers, in 1 to L, belong to its matrices.
    unsafe fn tile<const V: usize, const N: usize>(panel: &Operands, j: usize);
}

impl Tiles for Two {
    unsafe fn tile<const V: usize, const N: usize>(panel: &Operands, j: usize) {
        // SAFETY: the caller's.
        unsafe { panel.sums::<Self, V, N>(j) }
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! tiles {
    ($lanes:ty, $features:literal) => {
        impl Tiles for $lanes {
            #[inline(always)]
            unsafe fn tile<const V: usize, const N: usize>(panel: &Operands, j: usize) {
                /// # Safety
                /// As for [`Tiles::tile`].
                #[inline(never)]
                #[target_feature(enable = $features)]
                unsafe fn apart<const V: usize, const N: usize>(panel: &Operands, j: usize) {
                    // SAFETY: the caller's.
                    unsafe { panel.sums::<$lanes, V, N>(j) }
                }
                // SAFETY: the caller's, and the instructions are there.
                unsafe { apart::<V, N>(panel, j) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
tiles!(__m256d, "avx2,fma");
#[cfg(target_arch = "x86_64")]
tiles!(__m512d, "avx2,fma,avx512f,avx512dq,avx512vl");

impl Operands {
    /// Shares the columns evenly among tiles of at most [`Lanes::TILE`].
    ///
    /// # Safety
    /// As for [`Tiles::tile`], for all of its columns.
    #[inline(always)]
    unsafe fn form<S: Tiles, const V: usize>(self) {
        let tiles = self.n.div_ceil(S::TILE.1);
        let mut j = 0;
        for tile in 0..tiles {
            let columns = (self.n - j).div_ceil(tiles - tile);
            // SAFETY: the caller's, and j + columns ≤ n.
            unsafe {
                match columns {
                    1 => S::tile::<V, 1>(&self, j),
                    2 => S::tile::<V, 2>(&self, j),
                    3 => S::tile::<V, 3>(&self, j),
                    4 => S::tile::<V, 4>(&self, j),
                    5 if S::TILE.1 > 4 => S::tile::<V, 5>(&self, j),
                    _ if S::TILE.1 > 4 => S::tile::<V, 6>(&self, j),
                    _ => {}
                }
            }
            j += columns;
        }
    }

    /// The same for one or two columns.
    ///
    /// # Safety
    /// As for [`Tiles::tile`], for all of its columns, of which there must be one or two.
    #[inline(always)]
    unsafe fn form_narrow<S: Tiles, const V: usize>(self) {
        debug_assert!((1..=2).contains(&self.n));
        // SAFETY: the caller's.
        unsafe { if self.n == 1 { S::tile::<V, 1>(&self, 0) } else { S::tile::<V, 2>(&self, 0) } }
    }

    /// # Safety
    /// As for [`Tiles::tile`].
    #[inline(always)]
    unsafe fn sums<S: Lanes, const V: usize, const N: usize>(&self, j: usize) {
        let &Self { k, rest, stride, .. } = self;
        let (mut a, mut b, c) = (self.a, self.b.from(0, j).at, self.c.from(0, j));
        let whole = |v: usize| v + 1 < V || rest == S::COUNT;
        // SAFETY: the caller's.
        unsafe {
            let mut sum = [[S::splat(0.0); V]; N];
            for _ in 0..k {
                let mut x = [S::splat(0.0); V];
                for v in 0..V {
                    let from = a.add(v * S::COUNT);
                    x[v] = if v + 1 < V { S::load(from) } else { S::load_first(from, rest) };
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
                        sum[j][v] = if v + 1 < V { S::load(onto) } else { S::load_first(onto, rest) }.add(sum[j][v]);
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
