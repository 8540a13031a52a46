//! The largest eigenvalue of a symmetric matrix A ∈ ℝ^{n × n}, from products v ↦ Av alone.
//!
//! A [`Lanczos`] iteration from a random vector, which ends once no eigenvalue exceeds the one that was found by more than a tolerance,
//! except with a probability of 1e-6 ([`Lanczos::excludes`]).
//!
//! For a matrix that changes, every look starts from a new random vector and keeps nothing of the last look. The last eigenvector would be a
//! good start for the same eigenvalue, but useless for one that has overtaken it: in a block-diagonal matrix the Krylov space never leaves the
//! block of its start, however small the residuals are.
//!
//! That costs little. A dozen products are enough where a few eigenvalues stand out, as they do in the Hessians of networks, and the value
//! is then good to ten digits. A spectrum without gaps takes a hundred.

use nalgebra::DVector;

use super::lanczos::{End, Lanczos, vectors_that_fit};

/// Products of one look, at most. The most that theory asks for, of a million parameters and a tolerance of 1e-3, are 470.
const PRODUCTS: usize = 500;
/// So many are allowed in any case, whatever memory they take.
const FEWEST: usize = 48;

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Largest {
    /// The largest Ritz value: never above the largest eigenvalue.
    pub value: f64,
    /// How far above it the largest eigenvalue may be, except with a probability of 1e-6: no further than was asked for, unless the limit of
    /// products came first. Infinite where nothing is known.
    pub margin: f64,
    /// The largest |Ritz value| ≤ ‖A‖.
    pub size: f64,
    /// Products that it took.
    pub products: usize,
}

/// The largest eigenvalue of A, where `apply(v, out)` writes Av to `out`, to within `tolerance`·‖A‖. The entries of `start` ∈ ℝⁿ must be
/// independent standard normal numbers that were used for nothing else. `None` where a product overflows, and of no dimension at all.
pub fn largest_eigenvalue(
    start: &DVector<f64>,
    tolerance: f64,
    apply: impl FnMut(&DVector<f64>, &mut DVector<f64>),
) -> Option<Largest> {
    within(vectors_that_fit(start.len(), 1).clamp(FEWEST, PRODUCTS), start, tolerance, apply)
}

/// The same by at most as many products.
fn within(
    most: usize,
    start: &DVector<f64>,
    tolerance: f64,
    apply: impl FnMut(&DVector<f64>, &mut DVector<f64>),
) -> Option<Largest> {
    if start.is_empty() {
        return None;
    }
    let size = |[smallest, largest]: [f64; 2]| largest.abs().max(smallest.abs());
    let mut lanczos = Lanczos::new(start, apply);
    let (ritz, settled) = lanczos.search(most, |ritz| [f64::NEG_INFINITY, ritz[1] + tolerance * size(ritz)])?;
    let (value, size) = (ritz[1], size(ritz));
    let margin = if settled { tolerance * size } else { margin_of(&lanczos, value, size) };
    Some(Largest { value, margin, size, products: lanczos.steps() })
}

/// How far above `value` an eigenvalue may be, rounded up by a tenth at most.
fn margin_of<A>(lanczos: &Lanczos<A>, value: f64, size: f64) -> f64 {
    // In steps of a tenth, from a margin that no tolerance asks for to one that is no knowledge.
    let mut margins = std::iter::successors(Some(1e-6 * size), |margin| Some(1.1 * margin)).take(400);
    margins.find(|margin| lanczos.excludes(End::Largest, value + margin)).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests;
