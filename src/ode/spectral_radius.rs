//! The spectral radius ρ of the Jacobian J along a trajectory, from its products with vectors.
//!
//! ‖Jv‖ of a unit vector never exceeds ‖J‖, which is ρ where J is symmetric, as for gradient flows. An estimate is the largest ‖Jv‖
//! in a small space (Rayleigh–Ritz on JᵀJ), which grows by the image of its best vector until the estimate settles. A power iteration
//! alone settles too early: where it passes from one eigenvalue to the next, ‖Jv‖ stands still 30 % below ρ.
//!
//! From one estimate to the next two directions are kept, and each takes a step of power iteration on its way: the best one, and a second
//! one with a little of every direction mixed in, which finds an eigenvalue before it overtakes the largest. Most estimates take these two
//! products (Sommeijer, Shampine & Verwer 1998 warm-start a power iteration; the second direction is ours).

use nalgebra::{DVector, SMatrix, SymmetricEigen};

use crate::rng::{Purpose, gaussian_matrix, stream};

use super::VectorField;
use super::method::fit;
use super::rhs::{NotFinite, Rhs};

/// An estimate that moves by less from product to product has settled.
const SETTLED: f64 = 0.01;
/// The second direction has settled if its ‖Jv‖ moves by less than this share of the estimate: one that rises will soon be the first.
const SECOND_SETTLED: f64 = 0.02;
/// What is added for what an estimate that has settled may still be short of.
const SAFETY: f64 = 1.05;
/// The share of a random direction in the second one.
const MIXED: f64 = 0.05;
/// Products in one estimate, at most: a spectrum without a gap at its end settles before.
const PRODUCTS: usize = 60;
/// Products in the first estimate, at least: it starts from nothing.
const FIRST_PRODUCTS: usize = 12;
/// The dimension of the space, at most.
const MOST: usize = 5;
/// The dimension to which it is cut before it grows.
const KEPT: usize = 4;
/// Directions whose ‖Jv‖ is a smaller share of the largest hold nothing, and images less than this outside the space add nothing.
const NOTHING: f64 = 1e-6;

/// ρ of the Jacobian of `field` at (t, θ), a twentieth on the safe side; `None` where products with it are not finite.
pub fn spectral_radius(field: &dyn VectorField, t: f64, theta: &DVector<f64>) -> Option<f64> {
    let mut radius = SpectralRadius::new();
    radius.update(&Rhs::new(field), t, theta).ok()?;
    Some(radius.value())
}

/// An estimate of ρ that is kept up to date.
pub(super) struct SpectralRadius {
    /// An orthonormal basis of the space: its first `dimension` vectors.
    basis: [DVector<f64>; MOST],
    /// J times the basis.
    images: [DVector<f64>; MOST],
    /// 0 before the first estimate.
    dimension: usize,
    random: DVector<f64>,
    /// The largest and the second ‖Jv‖ of the space.
    estimate: [f64; 2],
}

impl SpectralRadius {
    pub(super) fn new() -> Self {
        let none = || std::array::from_fn(|_| DVector::zeros(0));
        Self { basis: none(), images: none(), dimension: 0, random: DVector::zeros(0), estimate: [0.0; 2] }
    }

    /// The last estimate with its safety factor.
    pub(super) fn value(&self) -> f64 {
        SAFETY * self.estimate[0]
    }

    /// Estimates ρ anew at (t, θ).
    pub(super) fn update(&mut self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>) -> Result<(), NotFinite> {
        let first = self.random.len() != theta.len();
        if first {
            // Always the same numbers: an integration has no seed, and its result must not depend on one.
            let draw = gaussian_matrix(theta.len(), 1, &mut stream(0, Purpose::SpectralRadius));
            self.random = draw.column(0).normalize();
            fit(&mut self.basis, theta.len());
            fit(&mut self.images, theta.len());
            self.dimension = 0;
        }
        if self.dimension == 0 {
            self.basis[0].copy_from(&self.random);
            self.dimension = 1;
        }
        for (v, image) in self.basis.iter().zip(&mut self.images).take(self.dimension) {
            rhs.jacobian_vector(t, theta, v, image)?;
        }
        let least = if first { FIRST_PRODUCTS } else { 1 };
        let mut last = self.estimate;
        for products in self.dimension.. {
            self.rotate();
            let moved = |i: usize| (self.estimate[i] - last[i]).abs() / self.estimate[0];
            let settled = moved(0) <= SETTLED;
            // J = 0, as at θ = 0 of three layers and more, moves by NaN.
            if self.estimate[0] == 0.0
                || (settled && moved(1) <= SECOND_SETTLED && products >= least)
                || products >= PRODUCTS
                || !self.grow(usize::from(settled && moved(1) > SECOND_SETTLED))
            {
                break;
            }
            last = self.estimate;
            let new = self.dimension - 1;
            rhs.jacobian_vector(t, theta, &self.basis[new], &mut self.images[new])?;
        }
        self.move_on();
        Ok(())
    }

    /// Makes the basis the one in which (JV)ᵀJV is diagonal, the largest first, and cuts it.
    fn rotate(&mut self) {
        let m = self.dimension;
        // Rows and columns beyond the space are zero, and their eigenvalues the smallest.
        let mut gram = SMatrix::<f64, MOST, MOST>::zeros();
        for i in 0..m {
            for j in 0..=i {
                gram[(i, j)] = self.images[i].dot(&self.images[j]);
                gram[(j, i)] = gram[(i, j)];
            }
        }
        let eigen = SymmetricEigen::new(gram);
        let mut order: [usize; MOST] = std::array::from_fn(|i| i);
        order.sort_unstable_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let lengths = order.map(|i| eigen.eigenvalues[i].max(0.0).sqrt());
        let kept = (1..m.min(KEPT)).find(|&i| lengths[i] <= NOTHING * lengths[0]).unwrap_or(m.min(KEPT));
        if lengths[0] > 0.0 {
            let weights = order.map(|k| std::array::from_fn(|i| eigen.eigenvectors[(i, k)]));
            combine(&mut self.basis[..m], &weights[..kept]);
            combine(&mut self.images[..m], &weights[..kept]);
            self.dimension = kept;
        }
        self.estimate = [lengths[0], if kept > 1 { lengths[1] } else { 0.0 }];
    }

    /// Adds what the image of basis vector `of` has outside the space. Whether it has.
    fn grow(&mut self, of: usize) -> bool {
        let m = self.dimension;
        let (basis, rest) = self.basis.split_at_mut(m);
        // A space of MOST dimensions was cut to KEPT.
        let new = &mut rest[0];
        let Some(image) = self.images[..m].get(of) else { return false };
        new.copy_from(image);
        let length = new.norm();
        if !orthonormalise(new, basis, NOTHING * length) {
            return false;
        }
        self.dimension += 1;
        true
    }

    /// Keeps the image of the best direction, and that of the second with a little of every direction, for the next estimate.
    fn move_on(&mut self) {
        let [best, second, ..] = &mut self.basis;
        let held = self.dimension;
        self.dimension = 0;
        if self.estimate[0] == 0.0 {
            return;
        }
        best.copy_from(&self.images[0]);
        best.unscale_mut(self.estimate[0]);
        let best = std::slice::from_ref(best);
        second.fill(0.0);
        if held > 1 {
            second.copy_from(&self.images[1]);
            // What is zero but for rounding is left out.
            if !orthonormalise(second, best, NOTHING * self.estimate[0]) {
                second.fill(0.0);
            }
        }
        second.axpy(MIXED, &self.random, 1.0);
        self.dimension = if orthonormalise(second, best, NOTHING) { 2 } else { 1 };
    }
}

/// The first vectors ← their combinations with these weights, a block of rows at a time in place: a pass over memory that the compiler
/// vectorises.
fn combine(vectors: &mut [DVector<f64>], weights: &[[f64; MOST]]) {
    const BLOCK: usize = 128;
    // Rows beyond the last vector stay zero.
    let mut old = [[0.0; BLOCK]; MOST];
    let n = vectors[0].len();
    for start in (0..n).step_by(BLOCK) {
        let rows = start..n.min(start + BLOCK);
        for (old, v) in old.iter_mut().zip(vectors.iter()) {
            old[..rows.len()].copy_from_slice(&v.as_slice()[rows.clone()]);
        }
        for (v, weights) in vectors.iter_mut().zip(weights) {
            for (row, new) in v.as_mut_slice()[rows.clone()].iter_mut().enumerate() {
                let mut sum = 0.0;
                for (weight, old) in weights.iter().zip(&old) {
                    sum += weight * old[row];
                }
                *new = sum;
            }
        }
    }
}

/// v ← its part outside the span of orthonormal vectors, of length 1; false, and v is of no use, if that part is no longer than `least`.
fn orthonormalise(v: &mut DVector<f64>, basis: &[DVector<f64>], least: f64) -> bool {
    // Twice is enough (Parlett, *The Symmetric Eigenvalue Problem*, 6.9).
    for _ in 0..2 {
        for b in basis {
            v.axpy(-b.dot(v), b, 1.0);
        }
    }
    let length = v.norm();
    v.unscale_mut(length);
    length > least
}

#[cfg(test)]
mod tests;
