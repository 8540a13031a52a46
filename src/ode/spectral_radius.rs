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

use crate::linalg::{add_scaled, sum_over, vectorised};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::method::fit;
use super::rhs::{NotFinite, Rhs, norm};
use super::{OdeError, VectorField};

/// An estimate that moves by less from product to product has settled.
const SETTLED: f64 = 0.01;
/// The second direction has settled if its ‖Jv‖ moves by less than this share of the estimate: one that rises will soon be the first.
const SECOND_SETTLED: f64 = 0.02;
/// The same where a rough estimate is enough: 3/0.9 is still within the 3.5 of tsit5's interval of stability.
const ROUGHLY: f64 = 0.1;
/// What is added for what an estimate that has settled may still be short of.
const SAFETY: f64 = 1.05;
/// The share of a random direction in the second one.
const MIXED: f64 = 0.05;
/// Products in one estimate, at most: a spectrum without a gap at its end settles before.
const PRODUCTS: usize = 60;
/// Products in the first estimate, at least: it starts from nothing.
const FIRST_PRODUCTS: usize = 8;
/// The dimension of the space, at most.
const MOST: usize = 4;
/// The dimension to which it is cut where it would grow beyond.
const KEPT: usize = 2;
/// Directions whose ‖Jv‖ is a smaller share of the largest hold nothing, and images less than this outside the space add nothing.
const NOTHING: f64 = 1e-6;
/// A vector of which less than this share is left outside a space is made orthogonal to it once more: what the space lacks of being
/// orthogonal would else grow by more than its inverse with every vector.
const CANCELLED: f64 = 0.5;

/// ρ of the Jacobian of `field` at (t, θ), a twentieth on the safe side; 0 of a field without components.
///
/// # Errors
/// If θ is not of the field's dimension, or products with the Jacobian are not finite.
pub fn spectral_radius(field: &dyn VectorField, t: f64, theta: &DVector<f64>) -> Result<f64, OdeError> {
    let (found, wanted) = (theta.len(), field.dim());
    if found != wanted {
        return Err(OdeError::StateLength { found, wanted });
    }
    if wanted == 0 {
        return Ok(0.0);
    }
    let mut radius = SpectralRadius::new();
    radius.update(&Rhs::new(field), t, theta).map_err(|NotFinite| OdeError::JacobianNotFinite { t })?;
    Ok(radius.value())
}

/// An estimate of ρ that is kept up to date.
pub(super) struct SpectralRadius {
    /// An orthonormal basis V of the space: its first `dimension` vectors.
    basis: [DVector<f64>; MOST],
    /// JV.
    images: [DVector<f64>; MOST],
    /// (JV)ᵀJV. Rows and columns beyond the space are zero, and their eigenvalues the smallest.
    gram: Gram,
    /// 0 before the first estimate.
    dimension: usize,
    random: DVector<f64>,
    /// The largest and the second ‖Jv‖ of the space.
    estimate: [f64; 2],
}

type Gram = SMatrix<f64, MOST, MOST>;

/// The directions in which (JV)ᵀJV is diagonal, the largest first.
struct Ritz {
    /// ‖Jv‖.
    lengths: [f64; MOST],
    /// v as a combination of the basis.
    weights: [[f64; MOST]; MOST],
}

impl Ritz {
    fn of(gram: &Gram) -> Self {
        let eigen = SymmetricEigen::new(*gram);
        let mut order: [usize; MOST] = std::array::from_fn(|i| i);
        order.sort_unstable_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        Self {
            lengths: order.map(|i| eigen.eigenvalues[i].max(0.0).sqrt()),
            weights: order.map(|k| std::array::from_fn(|i| eigen.eigenvectors[(i, k)])),
        }
    }

    /// How many of the first `most` directions hold something.
    fn held(&self, most: usize) -> usize {
        (0..most).find(|&i| self.lengths[i] <= NOTHING * self.lengths[0]).unwrap_or(most)
    }
}

impl SpectralRadius {
    pub(super) fn new() -> Self {
        let none = || std::array::from_fn(|_| DVector::zeros(0));
        Self { basis: none(), images: none(), gram: Gram::zeros(), dimension: 0, random: DVector::zeros(0), estimate: [0.0; 2] }
    }

    /// The last estimate with its safety factor.
    pub(super) fn value(&self) -> f64 {
        SAFETY * self.estimate[0]
    }

    /// Estimates ρ anew at (t, θ).
    pub(super) fn update(&mut self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>) -> Result<(), NotFinite> {
        let first = self.fit(theta.len());
        if self.dimension == 0 {
            self.basis[0].copy_from(&self.random);
            self.dimension = 1;
        }
        self.settle(rhs, t, theta, SETTLED, if first { FIRST_PRODUCTS } else { 1 })
    }

    /// A first estimate at (t, θ) from a direction in which the fastest components have a large part: short of ρ by a tenth or so.
    pub(super) fn update_roughly(
        &mut self,
        rhs: &Rhs<'_>,
        t: f64,
        theta: &DVector<f64>,
        direction: DVector<f64>,
    ) -> Result<(), NotFinite> {
        self.fit(theta.len());
        let [first, second, ..] = &mut self.basis;
        // In the place of the one that stood there: vectors may be as large as memory allows.
        *first = direction;
        first.unscale_mut(first.norm());
        second.copy_from(&self.random);
        self.dimension = if orthonormalise(second, std::slice::from_ref(first), NOTHING) { 2 } else { 1 };
        self.settle(rhs, t, theta, ROUGHLY, 1)
    }

    /// Makes room for vectors of this length. Whether there was none.
    fn fit(&mut self, dim: usize) -> bool {
        if self.random.len() == dim {
            return false;
        }
        // Always the same numbers: an integration has no seed, and its result must not depend on one.
        let draw = gaussian_matrix(dim, 1, &mut stream(0, Purpose::SpectralRadius));
        self.random = draw.column(0).normalize();
        fit(&mut self.basis, dim);
        fit(&mut self.images, dim);
        self.dimension = 0;
        true
    }

    /// Lets the space grow until the estimate moves by no more than `settled`, for `least` products at least.
    fn settle(&mut self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>, settled: f64, least: usize) -> Result<(), NotFinite> {
        self.gram.fill(0.0);
        for i in 0..self.dimension {
            self.apply(rhs, t, theta, i)?;
        }
        let mut last = self.estimate;
        for products in self.dimension.. {
            let ritz = Ritz::of(&self.gram);
            self.estimate = [ritz.lengths[0], ritz.lengths[1]];
            let moved = |i: usize| (self.estimate[i] - last[i]).abs() / self.estimate[0];
            let (first, second) = (moved(0) <= settled, moved(1) <= SECOND_SETTLED.max(settled));
            // J = 0, as at θ = 0 of three layers and more, moves by NaN.
            if self.estimate[0] == 0.0
                || (first && second && products >= least)
                || products >= PRODUCTS
                || !self.grow(&ritz, usize::from(first && !second))
            {
                self.move_on();
                return Ok(());
            }
            last = self.estimate;
            self.apply(rhs, t, theta, self.dimension - 1)?;
        }
        Ok(())
    }

    /// The image of basis vector `i`, and its products with those before.
    fn apply(&mut self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>, i: usize) -> Result<(), NotFinite> {
        rhs.jacobian_vector(t, theta, &self.basis[i], &mut self.images[i])?;
        for (j, product) in dots(self.images[i].as_slice(), &self.images[..=i]).into_iter().enumerate() {
            self.gram[(i, j)] = product;
            self.gram[(j, i)] = product;
        }
        Ok(())
    }

    /// Adds what the image of Ritz vector `of` has outside the space, cut before if it is full. Whether it has.
    fn grow(&mut self, ritz: &Ritz, of: usize) -> bool {
        let held = ritz.held(self.dimension);
        if of >= held {
            return false;
        }
        let cut = held.min(KEPT);
        let weights = if self.dimension == MOST || held < self.dimension {
            combine(&mut self.basis[..self.dimension], &ritz.weights[..cut]);
            combine(&mut self.images[..self.dimension], &ritz.weights[..cut]);
            self.dimension = cut;
            self.gram.fill(0.0);
            for i in 0..cut {
                self.gram[(i, i)] = ritz.lengths[i].powi(2);
            }
            std::array::from_fn(|i| f64::from(u8::from(i == of)))
        } else {
            ritz.weights[of]
        };
        let (basis, rest) = self.basis.split_at_mut(self.dimension);
        let new = &mut rest[0];
        new.fill(0.0);
        add(new.as_mut_slice(), &self.images[..self.dimension], weights);
        let grown = orthonormalise(new, basis, NOTHING * ritz.lengths[of]);
        self.dimension += usize::from(grown);
        grown
    }

    /// Keeps the image of the best direction, and that of the second with a little of every direction, for the next estimate.
    fn move_on(&mut self) {
        let held = self.dimension;
        self.dimension = 0;
        if self.estimate[0] == 0.0 {
            return;
        }
        // Of the space as it is now: growing may have cut it.
        combine(&mut self.images[..held], &Ritz::of(&self.gram).weights[..held.min(2)]);
        let [best, second, ..] = &mut self.basis;
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

/// Rows that are passed over at once: what vectors share stays in the nearest cache.
const BLOCK: usize = 256;

vectorised! {
    /// The first vectors ← their combinations with these weights, a block of rows at a time in place.
    fn combine(vectors: &mut [DVector<f64>], weights: &[[f64; MOST]]) {
        // Rows beyond the last vector stay zero.
        let mut old = [[0.0; BLOCK]; MOST];
        let n = vectors[0].len();
        for start in (0..n).step_by(BLOCK) {
            let rows = start..n.min(start + BLOCK);
            for (old, v) in old.iter_mut().zip(vectors.iter()) {
                old[..rows.len()].copy_from_slice(&v.as_slice()[rows.clone()]);
            }
            let [a, b, c, d] = &old;
            for (v, [w_a, w_b, w_c, w_d]) in vectors.iter_mut().zip(weights) {
                let v = &mut v.as_mut_slice()[rows.clone()];
                for row in 0..v.len() {
                    v[row] = w_a * a[row] + w_b * b[row] + w_c * c[row] + w_d * d[row];
                }
            }
        }
    }

    /// ⟨v, v_i⟩ of each vector, zero beyond the last.
    fn dots(v: &[f64], vectors: &[DVector<f64>]) -> [f64; MOST] {
        let mut sums = [0.0; MOST];
        for start in (0..v.len()).step_by(BLOCK) {
            let rows = start..v.len().min(start + BLOCK);
            for (sum, other) in sums.iter_mut().zip(vectors) {
                *sum += sum_over(&v[rows.clone()], &other.as_slice()[rows.clone()], #[inline(always)] |a, b| a * b);
            }
        }
        sums
    }

    /// v ← v + Σ w_i v_i.
    fn add(v: &mut [f64], vectors: &[DVector<f64>], weights: [f64; MOST]) {
        let n = v.len();
        for start in (0..n).step_by(BLOCK) {
            let rows = start..n.min(start + BLOCK);
            for (other, weight) in vectors.iter().zip(weights) {
                add_scaled(&mut v[rows.clone()], weight, &other.as_slice()[rows.clone()]);
            }
        }
    }
}

/// v ← its part outside the span of orthonormal vectors, of length 1; false, and v is of no use, if that part is no longer than `least`.
fn orthonormalise(v: &mut DVector<f64>, basis: &[DVector<f64>], least: f64) -> bool {
    let mut length = norm(v);
    // Twice is enough (Parlett, *The Symmetric Eigenvalue Problem*, 6.9).
    for _ in 0..2 {
        let before = length;
        let inside = dots(v.as_slice(), basis);
        add(v.as_mut_slice(), basis, inside.map(|c| -c));
        length = norm(v);
        if length > CANCELLED * before {
            break;
        }
    }
    v.scale_mut(length.recip());
    length > least
}

#[cfg(test)]
mod tests;
