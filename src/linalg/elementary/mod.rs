//! Exponentials and the functions made of them, for loops over slices: without branches, tables or calls, so that the compiler makes
//! vector instructions of them.
//!
//! Multiplications and additions are fused only where it is written, so that every CPU gives the same bits. Each is within 2 units in the
//! last place where its result is a normal number, Φ, zΦ(z) and z·s(z) too, as `tests/references/elementary.py` knows them to sixty digits;
//! NaN gives NaN.

mod error;
mod exponential;
pub mod one;
mod slices;

pub use error::{Normal, erf, erf_and_density, normal};
pub use exponential::{exp, sides, sigmoid, softplus, tanh};
pub use slices::{Pointwise, exp_less, value, value_and_slope, value_slope_and_bend, value_to_twist};

/// c_0 + c_1 x + ⋯, four coefficients at a time and these by Horner's rule in x⁴: a chain of operations that wait for each other a third as
/// long as Horner's in x, which is what the time goes into.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let square = x * x;
    let pair = |first: usize| {
        if first + 1 < N { x.mul_add(coefficients[first + 1], coefficients[first]) } else { coefficients[first] }
    };
    let four = |first: usize| if first + 2 < N { square.mul_add(pair(first + 2), pair(first)) } else { pair(first) };
    let mut group = (N - 1) / 4;
    let mut sum = four(4 * group);
    while group > 0 {
        group -= 1;
        sum = (square * square).mul_add(sum, four(4 * group));
    }
    sum
}

#[cfg(test)]
mod tests;
