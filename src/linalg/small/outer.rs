//! C ← sB + Σ_j w_j u_jv_jᵀ for a few terms, in one pass over C: the u stay in registers, three vectors of rows at a time.

use super::lanes::Lanes;
use super::{FEW, Product, ROOM, Source, Target, pack};

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256d, __m512d};

#[cfg(target_arch = "x86_64")]
use crate::linalg::Width;

/// w·uvᵀ.
#[derive(Debug, Clone, Copy)]
pub(in crate::linalg) struct OuterProduct<'a> {
    pub(in crate::linalg) weight: f64,
    pub(in crate::linalg) u: &'a [f64],
    pub(in crate::linalg) v: &'a [f64],
}

/// What outer products are added to.
#[derive(Debug, Clone, Copy)]
pub(in crate::linalg) enum Onto<'a> {
    /// 0.
    Nothing,
    /// s·B.
    Scaled(f64, &'a [f64]),
    /// The present entries of C.
    Itself,
}

/// Terms of one pass: as many u as there are registers for.
pub(in crate::linalg) const AT_ONCE: usize = 7;

/// So many entries of C stay in the nearest cache, together with what is added to them.
const NEAR: usize = 2048;

/// C, of contiguous columns of `rows` ≥ 1 entries, ← `onto` + Σ_j w_j u_jv_jᵀ.
///
/// # Panics
/// If `rows` is 0, or B, a u or a v has another length, or there are more than [`AT_ONCE`] terms.
pub(in crate::linalg) fn add_outer_products(c: &mut [f64], rows: usize, onto: Onto<'_>, terms: &[OuterProduct<'_>]) {
    let columns = c.len() / rows;
    let fits = |term: &OuterProduct<'_>| term.u.len() == rows && term.v.len() == columns;
    assert!(c.len() == rows * columns && terms.len() <= AT_ONCE && terms.iter().all(fits), "shapes of outer products agree");
    let to = c.as_mut_ptr();
    let (scale, from) = match onto {
        Onto::Nothing => (1.0, std::ptr::null()),
        Onto::Scaled(scale, base) => {
            assert_eq!(base.len(), c.len(), "a sum is as long as its parts");
            (scale, base.as_ptr())
        }
        Onto::Itself => (1.0, to.cast_const()),
    };
    let sum = Sum { rows, columns, scale, from, to, strides: [rows as isize; 2], v_stride: 1 };
    let mut pointers = [Term { weight: 0.0, u: from, v: from }; AT_ONCE];
    for (pointer, term) in pointers.iter_mut().zip(terms) {
        *pointer = Term { weight: term.weight, u: term.u.as_ptr(), v: term.v.as_ptr() };
    }
    let terms = &pointers[..terms.len()];
    #[cfg(target_arch = "x86_64")]
    match Width::of_cpu() {
        // SAFETY: the shapes agree, B is C itself or as long, and the CPU has these instructions.
        Width::Avx512 => return unsafe { avx512(sum, terms) },
        // SAFETY: likewise.
        Width::Avx2 => return unsafe { avx2(sum, terms) },
        Width::Least => {}
    }
    // SAFETY: the shapes agree, B is C itself or as long.
    unsafe { sum.of::<super::Two>(terms) }
}

/// # Safety
/// As for [`Sum::of`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(sum: Sum, terms: &[Term]) {
    // SAFETY: the caller's, and the instructions are there.
    unsafe { sum.of::<__m256d>(terms) }
}

/// # Safety
/// As for [`Sum::of`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512dq,avx512vl")]
unsafe fn avx512(sum: Sum, terms: &[Term]) {
    // SAFETY: likewise.
    unsafe { sum.of::<__m512d>(terms) }
}

/// C ← AB with at most [`FEW`] terms in each entry; the columns of C are contiguous.
///
/// # Safety
/// As for [`multiply`](super::multiply), and the CPU must have the instructions of S.
#[inline(always)]
pub(super) unsafe fn form<S: Lanes>(product: Product) {
    let Product { m, n, k, a, b, c } = product;
    // As many rows at a time as a packed part of A has room for.
    let most = if a.row == 1 { m } else { ROOM / FEW };
    let mut i = 0;
    // SAFETY: rows i to i + rows, within m, of which there is room for FEW terms; strides are the product's.
    unsafe {
        while i < m {
            let rows = (m - i).min(most);
            let mut u = a.from(i, 0);
            if u.row != 1 {
                u = Source { at: pack(rows, u, rows, k), row: 1, column: rows as isize };
            }
            let Target { at: to, onto: from, .. } = c.from(i, 0);
            let sum = Sum { rows, columns: n, scale: 1.0, from, to, strides: [c.column; 2], v_stride: b.column };
            let mut terms = [Term { weight: 1.0, u: u.at, v: b.at }; FEW];
            for j in 0..k {
                (terms[j].u, terms[j].v) = (u.from(0, j).at, b.from(j, 0).at);
            }
            sum.of::<S>(&terms[..k]);
            i += rows;
        }
    }
}

/// w, and where u and v begin.
#[derive(Debug, Clone, Copy)]
struct Term {
    weight: f64,
    u: *const f64,
    v: *const f64,
}

/// Where a sum stands, and what the terms are added to: nothing if `from` is null.
#[derive(Debug, Clone, Copy)]
struct Sum {
    rows: usize,
    columns: usize,
    scale: f64,
    from: *const f64,
    to: *mut f64,
    /// From column to column of both.
    strides: [isize; 2],
    /// From entry to entry of every v.
    v_stride: isize,
}

impl Sum {
    /// Forms the sum of at most [`AT_ONCE`] terms.
    ///
    /// # Safety
    /// The CPU must have the instructions of S. `rows` × `columns` entries must be valid to write at `to` and, unless it is null, to read at
    /// `from`, in contiguous columns; `rows` numbers must be valid to read at every u, and `columns` by their stride at every v.
    #[inline(always)]
    unsafe fn of<S: Lanes>(self, terms: &[Term]) {
        // SAFETY: the caller's.
        unsafe {
            match *terms {
                [] => self.strips::<S, 0>([]),
                [a] => self.strips::<S, 1>([a]),
                [a, b] => self.strips::<S, 2>([a, b]),
                [a, b, c] => self.strips::<S, 3>([a, b, c]),
                [a, b, c, d] => self.strips::<S, 4>([a, b, c, d]),
                [a, b, c, d, e] => self.strips::<S, 5>([a, b, c, d, e]),
                [a, b, c, d, e, f] => self.strips::<S, 6>([a, b, c, d, e, f]),
                [a, b, c, d, e, f, g, ..] => self.strips::<S, 7>([a, b, c, d, e, f, g]),
            }
        }
    }

    /// Takes as many columns at a time as stay in the nearest cache, and goes over them strip by strip of rows.
    ///
    /// # Safety
    /// As for [`Sum::of`].
    #[inline(always)]
    unsafe fn strips<S: Lanes, const N: usize>(self, terms: [Term; N]) {
        // Few products need the division, which takes as long as a column.
        let at_once = if self.rows * self.columns <= NEAR { self.columns } else { (NEAR / self.rows).max(4) };
        let mut begun = 0;
        while begun < self.columns {
            let columns = at_once.min(self.columns - begun);
            let part = Self { columns, ..self.from(0, begun) };
            let along = begun as isize * self.v_stride;
            let mut i = 0;
            while i < self.rows {
                let left = self.rows - i;
                let strip = part.from(i, 0);
                let mut terms = terms;
                for term in &mut terms {
                    (term.u, term.v) = (term.u.wrapping_add(i), term.v.wrapping_offset(along));
                }
                // SAFETY: rows i to i + left and columns begun to begun + columns, within the sum; `rest` is in 1 to L.
                unsafe {
                    match left.div_ceil(S::COUNT) {
                        1 => strip.strip::<S, N, 1>(left, terms),
                        2 => strip.strip::<S, N, 2>(left - S::COUNT, terms),
                        _ => strip.strip::<S, N, 3>((left - 2 * S::COUNT).min(S::COUNT), terms),
                    }
                }
                i += 3 * S::COUNT;
            }
            begun += columns;
        }
    }

    /// The part of it that begins at entry (i, j).
    #[inline(always)]
    fn from(self, i: usize, j: usize) -> Self {
        let at = |stride: isize| i as isize + j as isize * stride;
        let from = if self.from.is_null() { self.from } else { self.from.wrapping_offset(at(self.strides[0])) };
        Self { from, to: self.to.wrapping_offset(at(self.strides[1])), ..self }
    }

    /// V vectors of rows; of the last one only `rest` numbers count.
    ///
    /// # Safety
    /// As for [`Sum::of`], with (V − 1)L + `rest` rows, `rest` in 1 to L.
    #[inline(always)]
    unsafe fn strip<S: Lanes, const N: usize, const V: usize>(self, rest: usize, terms: [Term; N]) {
        let Self { columns, scale, mut from, mut to, strides, v_stride, .. } = self;
        // SAFETY: the caller's.
        unsafe {
            let zero = S::splat(0.0);
            let mut u = [[zero; V]; N];
            for j in 0..N {
                let weight = S::splat(terms[j].weight);
                for v in 0..V {
                    u[j][v] = zero.plus(load::<S, V>(terms[j].u, v, rest), weight);
                }
            }
            let scale = S::splat(scale);
            for column in 0..columns as isize {
                let mut sum = [zero; V];
                if !from.is_null() {
                    for v in 0..V {
                        sum[v] = zero.plus(load::<S, V>(from, v, rest), scale);
                    }
                    from = from.wrapping_offset(strides[0]);
                }
                for j in 0..N {
                    let entry = S::splat(*terms[j].v.offset(column * v_stride));
                    for v in 0..V {
                        sum[v] = sum[v].plus(u[j][v], entry);
                    }
                }
                for v in 0..V {
                    let to = to.add(v * S::COUNT);
                    if v + 1 < V || rest == S::COUNT { sum[v].store(to) } else { sum[v].store_first(to, rest) }
                }
                to = to.wrapping_offset(strides[1]);
            }
        }
    }
}

/// Vector `v` of V.
///
/// # Safety
/// The CPU must have the instructions of S, and `from` as many numbers as [`Sum::strip`] has rows.
#[inline(always)]
unsafe fn load<S: Lanes, const V: usize>(from: *const f64, v: usize, rest: usize) -> S {
    // SAFETY: the caller's.
    unsafe {
        let from = from.add(v * S::COUNT);
        if v + 1 < V { S::load(from) } else { S::load_first(from, rest) }
    }
}
