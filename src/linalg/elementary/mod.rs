//! Exponentials and the functions made of them, for loops over slices: without branches, tables or calls, so that the compiler makes
//! vector instructions of them.
//!
//! Additions and multiplications are left apart, not fused, so that every CPU gives the same bits. Each is within 2 units in the last
//! place where its result is a normal number, Φ, zΦ(z) and z·s(z) too, as `tests/references/elementary.py` knows them to sixty digits; NaN
//! gives NaN.

mod error;
mod exponential;
mod slices;

pub use error::{Normal, erf, erf_and_density, normal};
pub use exponential::{exp, sigmoid, softplus, tanh};
pub use slices::{Pointwise, value, value_and_slope, value_slope_and_bend, value_to_twist};

/// c_0 + c_1 x + ⋯ by Horner's rule.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[N - 1];
    let mut index = N - 1;
    while index > 0 {
        index -= 1;
        sum = sum * x + coefficients[index];
    }
    sum
}

/// x without its last 27 bits: products of two such numbers are exact.
#[inline(always)]
fn short(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & 0xffff_ffff_f800_0000)
}

#[cfg(test)]
mod tests;
