//! Products of matrices that are small or have few rows or columns, formed in registers. A library's packing and planning would cost more
//! than the products themselves.
//!
//! All as C (m × n) ← AB by strides, so that transposes are free. By shape: few columns of contiguous terms (`dots`), or
//! everything else (`tiles`). Each is written once for every width of vectors ([`Lanes`]).

#![allow(clippy::needless_range_loop, reason = "the indices of unrolled registers")]

mod dots;
mod lanes;
mod outer;
#[cfg(test)]
mod tests;
mod tiles;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256d, __m512d};
use std::cell::UnsafeCell;

use lanes::Two;

pub(super) use outer::{AT_ONCE, Onto, OuterProduct, add_outer_products};

#[cfg(target_arch = "x86_64")]
use crate::linalg::Width;

/// Numbers that fit into a packed copy of a part of A or B, on the stack.
const ROOM: usize = 4096;

/// A pointer to the first entry, and the distances of neighbours in a column and in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strided<P> {
    pub(super) at: P,
    pub(super) row: isize,
    pub(super) column: isize,
}

impl<P> Strided<P> {
    #[inline(always)]
    fn transpose(self) -> Self {
        Self { at: self.at, row: self.column, column: self.row }
    }
}

pub(super) type Source = Strided<*const f64>;

/// Where C is, and what the product is added to: a matrix with the strides of C, which may be C itself, or nothing if null.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) at: *mut f64,
    pub(super) onto: *const f64,
    pub(super) row: isize,
    pub(super) column: isize,
}

impl Source {
    /// The same with entry (i, j) as the first.
    #[inline(always)]
    fn from(self, i: usize, j: usize) -> Self {
        Self { at: self.at.wrapping_offset(i as isize * self.row + j as isize * self.column), ..self }
    }
}

impl Target {
    #[inline(always)]
    fn from(self, i: usize, j: usize) -> Self {
        let offset = i as isize * self.row + j as isize * self.column;
        let onto = if self.onto.is_null() { self.onto } else { self.onto.wrapping_offset(offset) };
        Self { at: self.at.wrapping_offset(offset), onto, ..self }
    }

    #[inline(always)]
    fn transpose(self) -> Self {
        Self { row: self.column, column: self.row, ..self }
    }

    /// The entry ← `value` and what it is added to.
    ///
    /// # Safety
    /// `at` must be valid to write, and `onto` null or valid to read.
    #[inline(always)]
    unsafe fn set(self, value: f64) {
        // SAFETY: the caller's.
        unsafe { *self.at = if self.onto.is_null() { value } else { *self.onto + value } }
    }
}

/// What is multiplied: C (m × n) ← AB of k terms, and what C is to be added to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) a: Source,
    pub(super) b: Source,
    pub(super) c: Target,
}

/// Rows, columns or terms that count as few.
const FEW: usize = 6;

/// Whether [`multiply`] is faster than faer, as measured by `benches/products.rs`. For large products it is not: there a library's packing
/// pays off.
pub(super) fn pays(m: usize, n: usize, k: usize) -> bool {
    let (few, small) = (m.min(n) <= FEW, m * n * k <= 4096);
    small || few || k <= FEW
}

/// Forms a product of a shape that [`pays`].
///
/// # Safety
/// m, n and k must be positive. `a`, `b` and `c` must be of matrices of these shapes, with every entry valid to read and those of C to
/// write; no entry of C stands in A or B, and no two entries of C in one place. `c.onto` must be null, C itself, or a matrix with the
/// shape and strides of C.
pub(super) unsafe fn multiply(product: Product) {
    #[cfg(target_arch = "x86_64")]
    match Width::of_cpu() {
        // SAFETY: the caller's, and the CPU has these instructions.
        Width::Avx512 => return unsafe { avx512(product) },
        // SAFETY: likewise.
        Width::Avx2 => return unsafe { avx2(product) },
        Width::Least => {}
    }
    // SAFETY: the caller's.
    unsafe { any::<Two>(product) }
}

/// # Safety
/// As for [`multiply`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(product: Product) {
    // SAFETY: the caller's, and the instructions are there.
    unsafe { any::<__m256d>(product) }
}

/// # Safety
/// As for [`multiply`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
unsafe fn avx512(product: Product) {
    // SAFETY: likewise.
    unsafe { any::<__m512d>(product) }
}

/// # Safety
/// As for [`multiply`], and the CPU must have the instructions of S.
#[inline(always)]
unsafe fn any<S: tiles::Tiles>(given: Product) {
    // SAFETY: the caller's; the transpose of a product is a product of the transposes.
    unsafe {
        // Contiguous vectors run along the rows of C: the longer side, or the one that C is stored along.
        let turned = given.m < given.n && given.m <= FEW || given.c.row != 1 && given.c.column == 1;
        let product = if turned {
            let Product { m, n, k, a, b, c } = given;
            Product { m: n, n: m, k, a: b.transpose(), b: a.transpose(), c: c.transpose() }
        } else {
            given
        };
        if product.k <= FEW && product.c.row == 1 {
            outer::form::<S>(product);
        } else if product.a.row != 1 && product.a.column == 1 && product.n <= FEW {
            dots::form::<S>(product);
        } else {
            tiles::form::<S>(product);
        }
    }
}

thread_local! {
    /// Not on the stack: the compiler would make every call touch its pages.
    static PACKED: UnsafeCell<[f64; ROOM]> = const { UnsafeCell::new([0.0; ROOM]) };
}

/// A copy of a rows × columns part, with entry (i, j) at i + j·stride, valid until the next copy on this thread. Panics if there is no room
/// for it.
///
/// # Safety
/// Rows × columns entries of `from` must be valid to read.
#[inline(always)]
unsafe fn pack(stride: usize, from: Source, rows: usize, columns: usize) -> *const f64 {
    assert!(rows <= stride && columns * stride <= ROOM, "a packed part fits its room");
    PACKED.with(|room| {
        let to = room.get().cast::<f64>();
        for i in 0..rows {
            for j in 0..columns {
                // SAFETY: i + j·stride < columns·stride ≤ ROOM, no reference to the room exists, and what is read is the caller's.
                unsafe { *to.add(i + j * stride) = *from.from(i, j).at };
            }
        }
        to.cast_const()
    })
}
