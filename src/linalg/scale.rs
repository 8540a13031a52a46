//! Powers of two as units. Multiplying by them rounds nothing, and products, squares and powers of entries near 1 neither underflow nor
//! overflow, whatever the entries were.

use std::borrow::Cow;

use nalgebra::{DMatrix, DVector};

use super::vectorised;

/// Entries between 2^−128 and 2^128 are taken as they are: even their fourth powers are in range.
const ORDINARY: i32 = 128;

/// Numbers below 2^−960 may have lost digits to underflow, in themselves or in the terms that they sum.
pub const FAINT: f64 = f64::from_bits((1023 - 960) << 52);

/// e with 2^e ≤ max |x| < 2^{e+1}; 0 where all are 0 or the largest is infinite. A NaN is passed over.
pub fn exponent(entries: &[f64]) -> i32 {
    let largest = largest(entries);
    if largest == 0.0 || !largest.is_finite() {
        return 0;
    }
    let stored = |x: f64| (x.to_bits() >> 52) as i32 - 1023;
    if largest < f64::MIN_POSITIVE { stored(largest * 2f64.powi(64)) - 64 } else { stored(largest) }
}

vectorised! {
    /// max |x|, 0 of none; a NaN is passed over.
    fn largest(entries: &[f64]) -> f64 {
        let mut most = [0.0f64; 16];
        let (chunks, rest) = entries.as_chunks::<16>();
        for chunk in chunks {
            for (most, x) in most.iter_mut().zip(chunk) {
                *most = if x.abs() > *most { x.abs() } else { *most };
            }
        }
        rest.iter().chain(&most).fold(0.0, |largest: f64, x| largest.max(x.abs()))
    }

    /// x ← factor·x.
    fn multiply(entries: &mut [f64], factor: f64) {
        for x in entries {
            *x *= factor;
        }
    }
}

/// M ← 2^e·M, each entry as [`scale`] scales it.
fn scale_all(matrix: &mut DMatrix<f64>, e: i32) {
    if (-1000..=1000).contains(&e) {
        multiply(matrix.as_mut_slice(), 2f64.powi(e));
    } else {
        matrix.apply(|x| *x = scale(*x, e));
    }
}

/// x·2^e.
pub fn scale(x: f64, mut e: i32) -> f64 {
    let mut scaled = x;
    while e != 0 && scaled != 0.0 && scaled.is_finite() {
        let step = e.clamp(-1000, 1000);
        scaled *= 2f64.powi(step);
        e -= step;
    }
    scaled
}

/// ‖x‖, even where ‖x‖² is out of range.
pub fn norm(x: &DVector<f64>) -> f64 {
    let e = unit(x.as_slice());
    if e == 0 { x.norm() } else { scale(x.map(|x| scale(x, -e)).norm(), e) }
}

/// The exponent of the largest entry if that is very large or very small, else 0.
pub(super) fn unit(entries: &[f64]) -> i32 {
    unless_ordinary(exponent(entries))
}

fn unless_ordinary(e: i32) -> i32 {
    if (-ORDINARY..=ORDINARY).contains(&e) { 0 } else { e }
}

/// The matrix 2^exponent·`matrix`, whose entries themselves may be out of range.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// In units of 2^exponent.
    pub matrix: DMatrix<f64>,
    /// Of the unit.
    pub exponent: i32,
}

impl Scaled {
    /// M in a unit in which its largest entry is near 1; the unit is 1 where the entries are ordinary.
    pub fn new(matrix: DMatrix<f64>) -> Self {
        Self { matrix, exponent: 0 }.normalised()
    }

    /// The same matrix in such a unit.
    pub fn normalised(mut self) -> Self {
        let e = unit(self.matrix.as_slice());
        if e != 0 {
            scale_all(&mut self.matrix, -e);
            self.exponent += e;
        }
        self
    }

    /// The matrix in units of 1: zero or infinite where that is out of range.
    pub fn value(&self) -> DMatrix<f64> {
        self.in_units_of(0).into_owned()
    }

    fn in_units_of(&self, exponent: i32) -> Cow<'_, DMatrix<f64>> {
        scaled(&self.matrix, self.exponent - exponent)
    }

    /// ‖A − B‖_F / max(‖A‖_F, ‖B‖_F), in a unit in which no square is out of range. NaN where both are zero.
    pub fn relative_difference(&self, other: &Self) -> f64 {
        let top = |of: &Self| (of.matrix.amax() != 0.0).then(|| of.exponent + exponent(of.matrix.as_slice()));
        let unit = unless_ordinary(top(self).max(top(other)).unwrap_or(0));
        let (a, b) = (self.in_units_of(unit), other.in_units_of(unit));
        (&*a - &*b).norm() / a.norm().max(b.norm())
    }
}

/// M itself where its largest entry is ordinary, else M over a power of two, so that squares of entries are in range.
pub fn normalised(matrix: &DMatrix<f64>) -> Cow<'_, DMatrix<f64>> {
    scaled(matrix, -unit(matrix.as_slice()))
}

/// 2^e·M, without a copy for e = 0.
fn scaled(matrix: &DMatrix<f64>, e: i32) -> Cow<'_, DMatrix<f64>> {
    let mut matrix = Cow::Borrowed(matrix);
    if e != 0 {
        scale_all(matrix.to_mut(), e);
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn matrices_are_scaled_as_their_entries(entries in prop::collection::vec(prop::num::f64::ANY, 1..70), e in -1200i32..1200) {
            let matrix = DMatrix::from_column_slice(1, entries.len(), &entries);
            let mut scaled = matrix.clone();
            scale_all(&mut scaled, e);
            let bits = |x: &f64| if x.is_nan() { 0 } else { x.to_bits() };
            prop_assert!(scaled.iter().zip(&matrix).all(|(new, old)| bits(new) == bits(&scale(*old, e))));
            let plain = entries.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            prop_assert_eq!(largest(&entries), plain);
        }

        #[test]
        fn exponents_and_scales_are_exact(x in 0.1f64..10.0, e in -1000i32..1000) {
            let own = exponent(&[x]);
            prop_assert!((1.0..2.0).contains(&scale(x, -own)));
            prop_assert_eq!(exponent(&[0.0, -scale(x, e)]), own + e);
            prop_assert_eq!(scale(scale(x, e), -e), x);
        }

        #[test]
        fn norms_and_differences_do_not_depend_on_the_unit(e in -1000i32..1000) {
            let [a, b] = [[3.0, -1.0, 0.5, 2.0], [2.5, 1.0, 0.0, 2.0]];
            let plain = DVector::from_column_slice(&a);
            prop_assert_eq!(norm(&plain.map(|x| scale(x, e))), scale(plain.norm(), e));
            let [a, b] = [a, b].map(|m| DMatrix::from_column_slice(2, 2, &m));
            let moved = |m: &DMatrix<f64>| Scaled::new(m.map(|x| scale(x, e)));
            prop_assert_eq!(moved(&a).relative_difference(&moved(&b)), (&a - &b).norm() / a.norm().max(b.norm()));
            prop_assert_eq!(moved(&a).value(), a.map(|x| scale(x, e)));
        }
    }

    #[test]
    fn subnormal_numbers_have_exponents_and_what_is_far_smaller_counts_as_nothing() {
        assert_eq!(exponent(&[f64::from_bits(1)]), -1074);
        assert_eq!((exponent(&[0.0]), exponent(&[f64::INFINITY]), exponent(&[f64::NAN, 4.0])), (0, 0, 2));
        let one = Scaled { matrix: DMatrix::identity(2, 2), exponent: 0 };
        let tiny = Scaled { exponent: -5000, ..one.clone() };
        assert_eq!((one.relative_difference(&tiny), tiny.relative_difference(&tiny)), (1.0, 0.0));
        let zero = Scaled::new(DMatrix::zeros(2, 2));
        assert_eq!(tiny.relative_difference(&zero), 1.0);
        assert!(zero.relative_difference(&zero).is_nan());
    }
}
