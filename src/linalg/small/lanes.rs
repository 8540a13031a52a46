//! Vectors of numbers that a CPU multiplies at once.

/// L numbers side by side. Every method but the constants needs the instructions of its type.
pub(super) trait Lanes: Copy {
    /// L.
    const COUNT: usize;
    /// Vectors of C that a tile keeps, a column of it at a time: as many as the registers hold.
    const TILE: (usize, usize);
    /// L times x.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type.
    unsafe fn splat(x: f64) -> Self;
    /// The L numbers from here on.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type, and L numbers must be valid to read.
    unsafe fn load(from: *const f64) -> Self;
    /// The first `count` numbers, followed by zeros; no more is read.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type, `count` ≤ L, and `count` numbers must be valid to read.
    unsafe fn load_first(from: *const f64, count: usize) -> Self;
    /// Writes all L.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type, and L numbers must be valid to write.
    unsafe fn store(self, to: *mut f64);
    /// Writes the first `count`, and nothing after them.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type, `count` ≤ L, and `count` numbers must be valid to write.
    unsafe fn store_first(self, to: *mut f64, count: usize);
    /// self + x·y, rounded once where the CPU can.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type.
    unsafe fn plus(self, x: Self, y: Self) -> Self;
    /// self + x.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type.
    unsafe fn add(self, x: Self) -> Self;
    /// The sum of its numbers, neighbours of halves first.
    ///
    /// # Safety
    /// The CPU must have the instructions of this type.
    unsafe fn sum(self) -> f64;
}

#[derive(Clone, Copy)]
pub(super) struct Two([f64; 2]);

impl Lanes for Two {
    const COUNT: usize = 2;
    const TILE: (usize, usize) = (2, 3);
    #[inline(always)]
    unsafe fn splat(x: f64) -> Self {
        Self([x; 2])
    }
    #[inline(always)]
    unsafe fn load(from: *const f64) -> Self {
        // SAFETY: the caller's.
        Self(unsafe { from.cast::<[f64; 2]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f64, count: usize) -> Self {
        match count {
            0 => Self([0.0; 2]),
            // SAFETY: the caller's.
            1 => Self([unsafe { *from }, 0.0]),
            // SAFETY: the caller's.
            _ => unsafe { Self::load(from) },
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f64) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f64; 2]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f64, count: usize) {
        match count {
            0 => {}
            // SAFETY: the caller's.
            1 => unsafe { *to = self.0[0] },
            // SAFETY: the caller's.
            _ => unsafe { self.store(to) },
        }
    }
    #[inline(always)]
    unsafe fn plus(self, x: Self, y: Self) -> Self {
        Self([self.0[0] + x.0[0] * y.0[0], self.0[1] + x.0[1] * y.0[1]])
    }
    #[inline(always)]
    unsafe fn add(self, x: Self) -> Self {
        Self([self.0[0] + x.0[0], self.0[1] + x.0[1]])
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        self.0[0] + self.0[1]
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// Ones below `count`, at index 4 − count on.
    static MASKS: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

    /// # Safety
    /// `count` ≤ 4, and the CPU must have AVX.
    #[inline(always)]
    unsafe fn first_of_four(count: usize) -> __m256i {
        // SAFETY: the caller's: four masks from index 4 − count ≥ 0 on stand in the table, and the CPU has AVX.
        unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(4 - count).cast()) }
    }

    impl Lanes for __m256d {
        const COUNT: usize = 4;
        const TILE: (usize, usize) = (2, 4);
        #[inline(always)]
        unsafe fn splat(x: f64) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm256_set1_pd(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f64) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm256_loadu_pd(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f64, count: usize) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm256_maskload_pd(from, first_of_four(count)) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f64) {
            // SAFETY: the caller's.
            unsafe { _mm256_storeu_pd(to, self) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f64, count: usize) {
            // SAFETY: the caller's.
            unsafe { _mm256_maskstore_pd(to, first_of_four(count), self) }
        }
        #[inline(always)]
        unsafe fn plus(self, x: Self, y: Self) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm256_fmadd_pd(x, y, self) }
        }
        #[inline(always)]
        unsafe fn add(self, x: Self) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm256_add_pd(self, x) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f64 {
            // SAFETY: the caller's.
            unsafe {
                let half = _mm_add_pd(_mm256_castpd256_pd128(self), _mm256_extractf128_pd::<1>(self));
                _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)))
            }
        }
    }

    /// Ones below `count` ≤ 8.
    #[inline(always)]
    fn first_of_eight(count: usize) -> __mmask8 {
        ((1u32 << count) - 1) as __mmask8
    }

    impl Lanes for __m512d {
        const COUNT: usize = 8;
        const TILE: (usize, usize) = (2, 6);
        #[inline(always)]
        unsafe fn splat(x: f64) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm512_set1_pd(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f64) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm512_loadu_pd(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f64, count: usize) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm512_maskz_loadu_pd(first_of_eight(count), from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f64) {
            // SAFETY: the caller's.
            unsafe { _mm512_storeu_pd(to, self) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f64, count: usize) {
            // SAFETY: the caller's.
            unsafe { _mm512_mask_storeu_pd(to, first_of_eight(count), self) }
        }
        #[inline(always)]
        unsafe fn plus(self, x: Self, y: Self) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm512_fmadd_pd(x, y, self) }
        }
        #[inline(always)]
        unsafe fn add(self, x: Self) -> Self {
            // SAFETY: the caller's.
            unsafe { _mm512_add_pd(self, x) }
        }
        #[inline(always)]
        unsafe fn sum(self) -> f64 {
            // SAFETY: the caller's.
            unsafe { _mm256_add_pd(_mm512_castpd512_pd256(self), _mm512_extractf64x4_pd::<1>(self)).sum() }
        }
    }
}
