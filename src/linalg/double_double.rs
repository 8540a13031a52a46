//! Double-double arithmetic: a number as the unevaluated sum of two float64, of 106 bits.
//!
//! Joldes, Muller & Popescu, "Tight and rigorous error bounds for basic building blocks of double-word arithmetic", ACM Trans. Math.
//! Softw. 44(2), 2017. Sums and products by a float64 are right to 2^{−104} of the result where it does not underflow.
//!
//! Only sums and scalings are needed: products of matrices are float64 products of split ones ([`super::gram_double_double`]). The
//! crate `twofloat` (0.8, maintained, after the same paper) has 3,500 lines where these forty are enough.

use std::ops::{Add, Mul, Neg, Sub};

/// high + low with |low| ≤ ulp(high)/2, so that `high` is the number rounded to float64.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DoubleDouble {
    /// The number rounded to float64.
    pub high: f64,
    /// What the rounding left.
    pub low: f64,
}

impl DoubleDouble {
    /// a + b, exactly (Knuth's two-sum).
    pub fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// a · b, exactly. `mul_add` rounds once with or without hardware for it.
    pub fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    /// a + b for |a| ≥ |b| or a = 0, exactly (Dekker's fast two-sum).
    fn ordered_sum(a: f64, b: f64) -> Self {
        let high = a + b;
        Self { high, low: b - (high - a) }
    }
}

impl From<f64> for DoubleDouble {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl Add<f64> for DoubleDouble {
    type Output = Self;

    fn add(self, other: f64) -> Self {
        let sum = Self::sum(self.high, other);
        Self::ordered_sum(sum.high, sum.low + self.low)
    }
}

impl Add for DoubleDouble {
    type Output = Self;

    /// Algorithm 6, the accurate sum: the short one loses all bits of a difference of close numbers, and a decayed imbalance is one.
    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.high, other.high), Self::sum(self.low, other.low));
        let carried = Self::ordered_sum(high.high, high.low + low.high);
        Self::ordered_sum(carried.high, carried.low + low.low)
    }
}

impl Neg for DoubleDouble {
    type Output = Self;

    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

impl Sub for DoubleDouble {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul<f64> for DoubleDouble {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        let product = Self::product(self.high, factor);
        Self::ordered_sum(product.high, self.low.mul_add(factor, product.low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// n as high + low; exact for |n| < 2^106.
    fn from_integer(n: i128) -> DoubleDouble {
        let high = n as f64;
        DoubleDouble { high, low: (n - high as i128) as f64 }
    }

    fn to_integer(x: DoubleDouble) -> i128 {
        x.high as i128 + x.low as i128
    }

    /// |a − b| ≤ 2^{−104}·|b|.
    fn close(a: i128, b: i128) -> bool {
        (a - b).unsigned_abs() <= b.unsigned_abs() >> 104
    }

    const BOUND: i128 = 1 << 105;

    proptest! {
        #[test]
        fn sums_and_differences_are_those_of_integers(a in -BOUND..BOUND, b in -BOUND..BOUND, shift in 0u32..100) {
            let b = b >> shift;
            prop_assert!(close(to_integer(from_integer(a) + from_integer(b)), a + b));
            prop_assert!(close(to_integer(from_integer(a) - from_integer(b)), a - b));
        }

        /// The leading 53 bits cancel: what is left is exact.
        #[test]
        fn a_difference_of_close_numbers_keeps_its_bits(a in -BOUND..BOUND, small in -(1i128 << 50)..(1 << 50)) {
            prop_assert_eq!(to_integer(from_integer(a + small) - from_integer(a)), small);
        }

        #[test]
        fn products_are_those_of_integers(a in -(1i128 << 74)..(1 << 74), b in -(1i64 << 52)..(1 << 52)) {
            prop_assert!(close(to_integer(from_integer(a) * b as f64), a * i128::from(b)));
            let (x, y) = (a >> 22, i128::from(b));
            prop_assert_eq!(to_integer(DoubleDouble::product(x as f64, y as f64)), x * y);
        }

        #[test]
        fn the_high_part_is_the_rounded_number(a in -BOUND..BOUND, b in -(1i64 << 60)..(1 << 60)) {
            let b = b as f64;
            let sum = from_integer(a) + b;
            prop_assert!(close(to_integer(sum), a + b as i128));
            prop_assert_eq!(sum.high + sum.low, sum.high);
        }
    }
}
