//! The spectral radius ρ of the Jacobian J along a trajectory, from its products with vectors.
//!
//! ‖Jv‖ of a unit vector v never exceeds ‖J‖, which is ρ if J is symmetric, as for gradient flows. An estimate is the largest ‖Jv‖ in a
//! small space (Rayleigh–Ritz on JᵀJ), which grows by the image of its best vector until the estimate settles. A power iteration alone
//! settles too early: where it passes from one eigenvalue to the next, ‖Jv‖ stagnates 30 % below ρ.
//!
//! Between estimates two directions are kept, each advanced by one step of power iteration: the best one, and a second one with a little of
//! a new random direction mixed in, which finds a growing eigenvalue before it is the largest. Most estimates take only these two products
//! (Sommeijer, Shampine & Verwer 1998 warm-start a power iteration; the second direction is ours).
//!
//! The kept directions miss an eigenvalue if they are orthogonal to its eigenvector, as in a block-diagonal Jacobian, and a ρ that is too
//! small is not always rejected: steps beyond the stability limit jitter at the size of the tolerance, and drift. So the first estimate,
//! and now and then a later one, is a **search** from a new random vector: a [`Lanczos`] iteration until, with probability 1 − 1e-6, no
//! eigenvalue of a symmetric J exceeds the largest one found by more than a fifth. It takes six products where a few eigenvalues stand out,
//! and twenty where none does. It is repeated so rarely that it is a fiftieth of the work.
//!
//! Six digits of ρ are more than enough: where a product costs more than an evaluation of a smooth field, a one-sided difference takes its
//! place.

use nalgebra::{DVector, SMatrix, SymmetricEigen};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{Lanczos, add_scaled, sum_over, vectorised, vectors_that_fit};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::method::fit;
use super::rhs::{Base, NotFinite, Rhs, norm};
use super::{OdeError, VectorField};

/// An estimate has settled if it changes by less than this, relatively, from product to product.
const SETTLED: f64 = 0.01;
/// The second direction has settled if its ‖Jv‖ changes by less than this fraction of the estimate: a rising one will soon be the first.
const SECOND_SETTLED: f64 = 0.02;
/// The factor for what a settled estimate may still lack.
const SAFETY: f64 = 1.05;
/// The fraction of a random direction in the second one.
const MIXED: f64 = 0.05;
/// The most products in one estimate: even a spectrum without a gap at its end settles earlier. A search takes no more vectors than fit in
/// memory, but `FEWEST` in any case.
const PRODUCTS: usize = 60;
const FEWEST: usize = 16;
/// By which fraction an eigenvalue may exceed what a search finds: with the factor `SAFETY`, tsit5's cap of 3/ρ is still within the 3.5 of its
/// stability interval.
const UNSEEN: f64 = 0.2;
/// Estimates between two searches, for every product of the first.
const ESTIMATES_PER_PRODUCT: usize = 2;
/// The largest dimension of the space.
const MOST: usize = 4;
/// The dimension to which a full space is cut.
const KEPT: usize = 2;
/// Directions with a ‖Jv‖ below this fraction of the largest are negligible, as are images with a smaller part outside the space.
const NOTHING: f64 = 1e-6;
/// A vector of which orthogonalisation leaves less than this fraction is orthogonalised once more: otherwise the loss of orthogonality
/// could grow by more than the inverse of this with every vector.
const CANCELLED: f64 = 0.5;

/// The spectral radius ρ of the Jacobian of `field` at (t, θ), with a safety margin of 5 %; 0 for a field without components.
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
    let (mut radius, mut dtheta) = (SpectralRadius::new(), DVector::zeros(found));
    field.eval(t, theta, &mut dtheta);
    radius
        .update(&Rhs::new(field), &Base { t, theta, dtheta: &dtheta })
        .map_err(|NotFinite| OdeError::JacobianNotFinite { t })?;
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
    /// Every estimate draws a new vector. The seed is fixed: an integration has none, and its result must not depend on one.
    rng: ChaCha8Rng,
    /// Estimates until the next search.
    until_search: usize,
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

    /// How many of the first `most` directions are not negligible.
    fn held(&self, most: usize) -> usize {
        (0..most).find(|&i| self.lengths[i] <= NOTHING * self.lengths[0]).unwrap_or(most)
    }
}

impl SpectralRadius {
    pub(super) fn new() -> Self {
        let none = || std::array::from_fn(|_| DVector::zeros(0));
        Self {
            basis: none(),
            images: none(),
            gram: Gram::zeros(),
            dimension: 0,
            rng: stream(0, Purpose::SpectralRadius),
            until_search: 0,
            estimate: [0.0; 2],
        }
    }

    /// The last estimate with its safety factor.
    pub(super) fn value(&self) -> f64 {
        SAFETY * self.estimate[0]
    }

    /// Estimates ρ anew at the base of a step.
    pub(super) fn update(&mut self, rhs: &Rhs<'_>, base: &Base<'_>) -> Result<(), NotFinite> {
        self.fit(base.theta.len());
        self.gram.fill(0.0);
        if self.dimension == 0 || self.until_search == 0 {
            self.search(rhs, base)?;
        } else {
            self.until_search -= 1;
            for i in 0..self.dimension {
                self.apply(rhs, base, i)?;
            }
        }
        self.settle(rhs, base)
    }

    /// Takes or replaces the kept directions; their images are formed anew.
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        let mut dim = self.basis[0].len();
        archive.item(&mut dim)?;
        self.fit(dim);
        archive.item(&mut self.dimension)?;
        self.basis.iter_mut().take(self.dimension).try_for_each(|direction| archive.item(direction))?;
        archive.item(&mut self.rng)?;
        archive.item(&mut self.until_search)?;
        archive.item(&mut self.estimate)
    }

    /// Makes room for vectors of this length.
    fn fit(&mut self, dim: usize) {
        if self.basis[0].len() != dim {
            fit(&mut self.basis, dim);
            fit(&mut self.images, dim);
            self.dimension = 0;
        }
    }

    /// Replaces the space by the two foremost Ritz vectors of a Lanczos iteration from a random vector.
    fn search(&mut self, rhs: &Rhs<'_>, base: &Base<'_>) -> Result<(), NotFinite> {
        let dim = base.theta.len();
        self.dimension = 0;
        if dim == 0 {
            return Ok(());
        }
        let start = gaussian_matrix(dim, 1, &mut self.rng).column(0).into_owned();
        let mut lanczos = Lanczos::new(&start, |v: &DVector<f64>, out: &mut DVector<f64>| {
            if rhs.rough_jacobian_vector(base, v, out).is_err() {
                out.fill(f64::NAN);
            }
        });
        let most = vectors_that_fit(dim, 1).clamp(FEWEST, PRODUCTS);
        let bound = |[smallest, largest]: [f64; 2]| (1.0 + UNSEEN) * largest.abs().max(smallest.abs());
        lanczos.search(most, |ritz| [-bound(ritz), bound(ritz)]).ok_or(NotFinite)?;
        self.until_search = ESTIMATES_PER_PRODUCT * lanczos.steps();
        self.estimate = [0.0; 2];
        for (i, foremost) in lanczos.foremost(2).into_iter().enumerate() {
            self.estimate[i] = foremost.value.abs();
            self.basis[i].copy_from(&foremost.vector);
            self.images[i].copy_from(&foremost.image);
            self.dimension = i + 1;
            self.gather(i);
        }
        Ok(())
    }

    /// Grows the space, whose images are known, until the estimate settles.
    fn settle(&mut self, rhs: &Rhs<'_>, base: &Base<'_>) -> Result<(), NotFinite> {
        let mut last = self.estimate;
        for products in self.dimension.. {
            let ritz = Ritz::of(&self.gram);
            self.estimate = [ritz.lengths[0], ritz.lengths[1]];
            let moved = |i: usize| (self.estimate[i] - last[i]).abs() / self.estimate[0];
            let (first, second) = (moved(0) <= SETTLED, moved(1) <= SECOND_SETTLED);
            // For J = 0, as at θ = 0 of three layers and more, `moved` is NaN.
            if self.estimate[0] == 0.0
                || (first && second)
                || products >= PRODUCTS
                || !self.grow(&ritz, usize::from(first && !second))
            {
                self.move_on();
                return Ok(());
            }
            last = self.estimate;
            self.apply(rhs, base, self.dimension - 1)?;
        }
        Ok(())
    }

    /// The image of basis vector `i`, and its products with those before.
    fn apply(&mut self, rhs: &Rhs<'_>, base: &Base<'_>, i: usize) -> Result<(), NotFinite> {
        rhs.rough_jacobian_vector(base, &self.basis[i], &mut self.images[i])?;
        self.gather(i);
        Ok(())
    }

    /// The products of image `i` with itself and those before.
    fn gather(&mut self, i: usize) {
        for (j, product) in dots(self.images[i].as_slice(), &self.images[..=i]).into_iter().enumerate() {
            self.gram[(i, j)] = product;
            self.gram[(j, i)] = product;
        }
    }

    /// Adds the part of the image of Ritz vector `of` outside the space, which is cut first if it is full. Returns whether there is such a
    /// part.
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

    /// Keeps for the next estimate the image of the best direction, and that of the second with a little of a random one.
    fn move_on(&mut self) {
        let held = self.dimension;
        self.dimension = 0;
        if self.estimate[0] == 0.0 {
            return;
        }
        // The Ritz vectors of the space as it is now: growing may have cut it.
        combine(&mut self.images[..held], &Ritz::of(&self.gram).weights[..held.min(2)]);
        let [best, second, ..] = &mut self.basis;
        best.copy_from(&self.images[0]);
        best.unscale_mut(self.estimate[0]);
        let best = std::slice::from_ref(best);
        second.fill(0.0);
        if held > 1 {
            second.copy_from(&self.images[1]);
            // A remainder that is only rounding error is left out.
            if !orthonormalise(second, best, NOTHING * self.estimate[0]) {
                second.fill(0.0);
            }
        }
        add_random(second, MIXED, &mut self.rng);
        self.dimension = if orthonormalise(second, best, NOTHING) { 2 } else { 1 };
    }
}

/// v ← v + w, with w of norm `size` and random signs: cheaper than Gaussian entries, and as good where the next draw makes up for what this
/// one misses.
fn add_random(v: &mut DVector<f64>, size: f64, rng: &mut ChaCha8Rng) {
    let entry = size / (v.len() as f64).sqrt();
    for entries in v.as_mut_slice().chunks_mut(64) {
        let mut signs = rng.next_u64();
        for v in entries {
            *v += if signs & 1 == 0 { entry } else { -entry };
            signs >>= 1;
        }
    }
}

/// Rows per block: what the vectors share stays in the nearest cache.
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

/// v ← its component orthogonal to an orthonormal `basis`, normalised; false, with v of no use, if that component is no longer than
/// `least`. Takes all vectors at once, a block of rows at a time: faster than [`Lanczos`], which takes one after another, and rounded
/// differently.
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
