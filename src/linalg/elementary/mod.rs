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
pub use exponential::{exp, sigmoid, softplus, tanh, tanh_of_block};
pub use slices::{BLOCK, NumberBlock, Pointwise, value, value_and_slope, value_slope_and_bend, value_to_twist};

/// c_0 + c_1 x + ⋯, four coefficients at a time and these by Horner's rule in x⁴: a chain of operations that wait for each other a third as
/// long as Horner's in x, which is what the time goes into.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let square = x * x;
    let pair = |first: usize| {
        if first + 1 < N { coefficients[first] + x * coefficients[first + 1] } else { coefficients[first] }
    };
    let four = |first: usize| if first + 2 < N { pair(first) + square * pair(first + 2) } else { pair(first) };
    let mut group = (N - 1) / 4;
    let mut sum = four(4 * group);
    while group > 0 {
        group -= 1;
        sum = four(4 * group) + (square * square) * sum;
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
