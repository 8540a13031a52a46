//! Extreme eigenvalues of a symmetric matrix A ∈ ℝ^{n × n} and integrals of its spectral measure, from products v ↦ Av alone.
//!
//! After k steps AQ = QT + β_k q_{k+1} e_kᵀ with T ∈ ℝ^{k × k} tridiagonal and orthonormal Q. A Ritz value θ_i (an eigenvalue of T) is within
//! |β_k s_ki| of an eigenvalue of A, s_ki being the last entry of its eigenvector (Parlett, *The Symmetric Eigenvalue Problem*, 1998, ch.
//! 13). Every basis vector is orthogonalised against all others, twice: otherwise converged eigenvalues come back as ghosts. That takes n·k
//! numbers of memory and about 4n·k² operations.
//!
//! # What a small residual does not tell
//!
//! It says that *some* eigenvalue is near, not that it is the extreme one: a start without a component along the extreme eigenvector
//! never finds it, and one with a small component finds it late. A random start has a component along every eigenvector, and it is known how
//! small that may be. With
//! p_k(x) = det(x − T)/(β_1⋯β_k) the new basis vector is q_{k+1} = p_k(A)q_1, of length 1. So the start's share γ in the eigenvector of an
//! eigenvalue λ is at most 1/|p_k(λ)|, and beyond the extreme Ritz value |p_k| only grows. For a start that is uniform on the sphere, |γ| ≤ δ
//! has a probability of at most δ√(2n/π). So once |p_k(b)| reaches √(2n/π)/ε there is no eigenvalue beyond b, except with a probability of ε (van
//! Dorsselaer, Hochstenbach & van der Vorst, SIAM J. Matrix Anal. Appl. 22, 2001). It costs no product beyond those
//! of the iteration. At worst some ln(1.6√n/ε)/(2√η) steps bring b within η·(λ_1 − λ_n) of the extreme eigenvalue (Kuczyński & Woźniakowski, SIAM J.
//! Matrix Anal. Appl. 13, 1992); where a few eigenvalues stand out, a dozen.

use nalgebra::{DMatrix, DVector, Dyn, SymmetricEigen};

use super::loops::{add_scaled, sum_over};
use super::vectorised;

/// ε, the probability that an exclusion is wrong.
const MISSED: f64 = 1e-6;
/// Numbers that the bases of one task may hold together: 256 MiB.
const NUMBERS: usize = 1 << 25;

/// How many vectors of ℝⁿ each of `bases` ≥ 1 bases may hold, so that all of them together fit in 256 MiB.
pub(crate) fn vectors_that_fit(n: usize, bases: usize) -> usize {
    NUMBERS / (bases * n.max(1))
}

/// v ← its part outside the span of orthonormal vectors.
pub(crate) fn orthogonalise(v: &mut DVector<f64>, basis: &[DVector<f64>]) {
    take_away(v, basis, &mut vec![0.0; basis.len()]);
}

/// The same; adds the coefficients of what is taken away to `inside`.
fn take_away(v: &mut DVector<f64>, basis: &[DVector<f64>], inside: &mut [f64]) {
    // Twice is enough (Parlett, 6.9).
    for _ in 0..2 {
        for (q, inside) in basis.iter().zip(inside.iter_mut()) {
            *inside += take_one_away(v.as_mut_slice(), q.as_slice());
        }
    }
}

vectorised! {
    /// v ← v − qqᵀv; returns qᵀv.
    fn take_one_away(v: &mut [f64], q: &[f64]) -> f64 {
        let along = sum_over(q, v, #[inline(always)] |q, v| q * v);
        add_scaled(v, -along, q);
        along
    }
}

/// Which end of the spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The smallest eigenvalue.
    Smallest,
    /// The largest eigenvalue.
    Largest,
}

impl End {
    /// Of the direction that leads out of the spectrum.
    pub(super) fn sign(self) -> f64 {
        match self {
            Self::Smallest => -1.0,
            Self::Largest => 1.0,
        }
    }
}

/// An approximate eigenpair θ, y of A in a Krylov space.
#[derive(Debug, Clone)]
pub(crate) struct RitzPair {
    /// θ.
    pub value: f64,
    /// ‖Ay − θy‖: some eigenvalue of A is within it of θ.
    pub residual: f64,
    /// y as a combination of the basis.
    weights: Vec<f64>,
}

/// One of the Ritz pairs θ, y ∈ ℝⁿ of A ∈ ℝ^{n × n} of the largest modulus, as [`Lanczos::foremost`] finds them.
#[derive(Debug, Clone)]
pub struct Foremost {
    /// θ.
    pub value: f64,
    /// y.
    pub vector: DVector<f64>,
    /// Ay, also if A is not symmetric.
    pub image: DVector<f64>,
}

/// A Krylov space of A that grows step by step.
pub struct Lanczos<A> {
    apply: A,
    basis: Vec<DVector<f64>>,
    /// Aq_k along q_1, …, q_k, for one k after another: of a symmetric A all but the last two are 0.
    inside: Vec<f64>,
    diagonal: Vec<f64>,
    /// β_1, …, β_k: the last leads out of the space, 0 once it is invariant.
    off_diagonal: Vec<f64>,
}

impl<A: FnMut(&DVector<f64>, &mut DVector<f64>)> Lanczos<A> {
    /// The space of `start` ∈ ℝⁿ, which must not be zero; `apply(v, out)` writes Av to `out`, both of n entries.
    pub fn new(start: &DVector<f64>, apply: A) -> Self {
        Self { apply, basis: vec![start.normalize()], inside: Vec::new(), diagonal: Vec::new(), off_diagonal: Vec::new() }
    }

    /// Grows the space to `steps` dimensions, or until it is invariant.
    pub fn grow_to(&mut self, steps: usize) {
        while self.steps() < steps && !self.is_exhausted() {
            self.step();
        }
    }

    /// Grows the space one product at a time until [`Lanczos::excludes`] all eigenvalues outside the interval [a, b] = `within`([θ_min,
    /// θ_max]) of the extreme Ritz values, or the space is invariant, or it has `most` dimensions. Returns the last interval, and whether
    /// it ended for one of the first two reasons. An infinite bound excludes nothing. `None` where a product overflows.
    pub(crate) fn search(&mut self, most: usize, within: impl Fn([f64; 2]) -> [f64; 2]) -> Option<([f64; 2], bool)> {
        loop {
            self.grow_to(self.steps() + 1);
            if self.has_overflowed() {
                return None;
            }
            let ritz = [End::Smallest, End::Largest].map(|end| self.ritz(end));
            let [low, high] = within(ritz);
            // The invariant space of a random vector holds every eigenvalue.
            let settled = self.is_exhausted() || (self.excludes(End::Largest, high) && self.excludes(End::Smallest, low));
            if settled || self.steps() >= most {
                return Some((ritz, settled));
            }
        }
    }

    fn step(&mut self) {
        let last = &self.basis[self.basis.len() - 1];
        let mut next = DVector::zeros(last.len());
        (self.apply)(last, &mut next);
        let size = next.norm();
        self.diagonal.push(next.dot(last));
        let before = self.inside.len();
        self.inside.resize(before + self.basis.len(), 0.0);
        take_away(&mut next, &self.basis, &mut self.inside[before..]);
        let beta = next.norm();
        if !beta.is_finite() {
            // Squares of its entries may overflow where the product with `last` does not.
            self.diagonal.fill(f64::NAN);
        }
        // What is left of a vector inside the space is rounding. A NaN ends it too.
        let scale = self.diagonal.iter().fold(size, |a, b| a.max(b.abs()));
        if beta > 100.0 * f64::EPSILON * scale && self.basis.len() < next.len() {
            self.off_diagonal.push(beta);
            self.basis.push(next / beta);
        } else {
            self.off_diagonal.push(0.0);
        }
    }
}

impl<A> Lanczos<A> {
    /// n.
    pub(crate) fn dimension(&self) -> usize {
        self.basis[0].len()
    }

    /// k, the number of products so far.
    pub fn steps(&self) -> usize {
        self.diagonal.len()
    }

    /// Whether the space is invariant, so that its Ritz values are eigenvalues and there is nothing to add.
    pub fn is_exhausted(&self) -> bool {
        self.off_diagonal.last() == Some(&0.0)
    }

    /// Whether a product was infinite or NaN: then nothing is known.
    pub fn has_overflowed(&self) -> bool {
        self.diagonal.last().is_some_and(|entry| entry.is_nan())
    }

    /// The extreme Ritz value: never beyond the extreme eigenvalue. NaN after an overflow, and before the first step.
    pub fn ritz(&self, end: End) -> f64 {
        if self.diagonal.is_empty() || self.has_overflowed() {
            return f64::NAN;
        }
        let sign = end.sign();
        let beside = |i: usize| self.off_diagonal[i].abs();
        let discs = self.diagonal.iter().enumerate().map(|(i, entry)| {
            let after = if i + 1 < self.steps() { beside(i) } else { 0.0 };
            sign * entry + after + if i > 0 { beside(i - 1) } else { 0.0 }
        });
        // Rayleigh from inside, Gershgorin from outside.
        let mut inside = self.diagonal.iter().map(|entry| sign * entry).fold(f64::NEG_INFINITY, f64::max);
        let mut outside = discs.fold(inside, f64::max);
        let size = inside.abs().max(outside.abs());
        let rounding = f64::EPSILON * size;
        // Laguerre's steps from outside, which never pass the outermost of real roots; by halves where rounding leaves them nowhere to go.
        while outside - inside > rounding {
            let step = size * self.laguerre(end, sign * outside, size);
            if step <= 2.0 * rounding {
                return sign * (outside - step).max(inside);
            }
            let near = outside - step + rounding;
            let next = if near > inside && near < outside { near } else { 0.5 * (inside + outside) };
            if self.pivots(end, sign * next).all(|pivot| pivot > 0.0) {
                outside = next;
            } else {
                inside = next;
            }
        }
        sign * inside
    }

    /// How far inside x, beyond all Ritz values, Laguerre's method for det(x − T) looks for the first of them, in units of `size`; NaN where x is not
    /// beyond them.
    fn laguerre(&self, end: End, x: f64, size: f64) -> f64 {
        // p′/p and (p′/p)² − p″/p of p = det(x − T), the product of the pivots, by the same of each pivot, in units of 1/size and its square.
        let (mut first, mut second) = (0.0, 0.0);
        let (mut before, mut slope, mut bend) = (1.0, 0.0, 0.0);
        for (pivot, coupling) in self.pivots(end, x).zip(self.couplings()) {
            if pivot <= 0.0 {
                return f64::NAN;
            }
            let share = coupling / before;
            bend = share * (bend - 2.0 * slope * slope) / pivot;
            slope = (size + share * slope) / pivot;
            before = pivot;
            first += slope;
            second += slope * slope - bend;
        }
        let n = self.steps() as f64;
        n / (first + ((n - 1.0) * (n * second - first * first)).max(0.0).sqrt())
    }

    /// Whether A has no eigenvalue beyond `bound` at that end, but for a probability of at most ε = 1e-6 over starts that are uniform on the
    /// sphere, such as the direction of a Gaussian vector. In an invariant space: whether no Ritz value is beyond it. False before the first step and
    /// after an overflow.
    pub fn excludes(&self, end: End, bound: f64) -> bool {
        if self.diagonal.is_empty() {
            return false;
        }
        let dim = self.basis[0].len() as f64;
        let needed = ((2.0 * dim / std::f64::consts::PI).sqrt() / MISSED).ln();
        let mut growth = 0.0;
        for (pivot, beta) in self.pivots(end, bound).zip(&self.off_diagonal) {
            // A NaN is no exclusion.
            if pivot.is_nan() || pivot <= 0.0 {
                return false;
            }
            growth += (pivot / beta).ln();
        }
        growth >= needed
    }

    /// The pivots of x − T, or of T − x at the lower end, up to the first that is not positive: all are, where x is beyond all Ritz values.
    fn pivots(&self, end: End, x: f64) -> impl Iterator<Item = f64> {
        let sign = end.sign();
        self.diagonal.iter().zip(self.couplings()).scan(f64::INFINITY, move |before, (entry, coupling)| {
            if *before <= 0.0 {
                return None;
            }
            *before = sign * (x - entry) - coupling / *before;
            Some(*before)
        })
    }

    /// β² of each row of T and the row before it.
    fn couplings(&self) -> impl Iterator<Item = f64> {
        std::iter::once(0.0).chain(self.off_diagonal.iter().map(|beta| beta * beta))
    }

    /// The eigenvalues and eigenvectors of T, with one more row and column of diagonal entry `corner` if given.
    fn eigen(&self, corner: Option<f64>) -> SymmetricEigen<f64, Dyn> {
        let diagonal: Vec<f64> = self.diagonal.iter().copied().chain(corner).collect();
        let mut t = DMatrix::from_diagonal(&DVector::from_vec(diagonal));
        for (i, &beta) in self.off_diagonal.iter().enumerate().take(t.nrows() - 1) {
            t[(i, i + 1)] = beta;
            t[(i + 1, i)] = beta;
        }
        SymmetricEigen::new(t)
    }

    /// The Ritz values θ of the largest modulus with their vectors y ∈ ℝⁿ, each of length 1, and Ay, which takes no product; as many as
    /// `count` and the space allow. Not to be called after an overflow.
    ///
    /// # Panics
    /// Before the first step.
    pub fn foremost(&self, count: usize) -> Vec<Foremost> {
        let eigen = self.eigen(None);
        let mut order: Vec<usize> = (0..self.steps()).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].abs().total_cmp(&eigen.eigenvalues[i].abs()));
        let of = |i: usize| {
            let weights = eigen.eigenvectors.column(i);
            let (mut image, mut rest) = (vec![0.0; self.steps() + 1], self.inside.as_slice());
            for (k, weight) in weights.iter().enumerate() {
                let (inside, after) = rest.split_at(k + 1);
                image.iter_mut().zip(inside).for_each(|(image, inside)| *image += weight * inside);
                image[k + 1] += weight * self.off_diagonal[k];
                rest = after;
            }
            Foremost { value: eigen.eigenvalues[i], vector: self.combined(weights.as_slice()), image: self.combined(&image) }
        };
        order.into_iter().take(count).map(of).collect()
    }

    /// Σ w_i q_i ∈ ℝⁿ.
    fn combined(&self, weights: &[f64]) -> DVector<f64> {
        let mut y = DVector::zeros(self.basis[0].len());
        for (q, weight) in self.basis.iter().zip(weights) {
            y.axpy(*weight, q, 1.0);
        }
        y
    }

    /// All Ritz values in ascending order, each with its residual ‖Ay − θy‖ = |β_k s_ki|. Not to be called after an overflow.
    pub(crate) fn ritz_pairs(&self) -> Vec<RitzPair> {
        let eigen = self.eigen(None);
        let last = self.steps().saturating_sub(1);
        let beta = self.off_diagonal.last().copied().unwrap_or(0.0);
        let pair = |i: usize| RitzPair {
            value: eigen.eigenvalues[i],
            residual: (beta * eigen.eigenvectors[(last, i)]).abs(),
            weights: eigen.eigenvectors.column(i).as_slice().to_vec(),
        };
        let mut pairs: Vec<RitzPair> = (0..self.steps()).map(pair).collect();
        pairs.sort_by(|a, b| a.value.total_cmp(&b.value));
        pairs
    }

    /// The vector y ∈ ℝⁿ of a pair, of length 1.
    pub(crate) fn vector(&self, pair: &RitzPair) -> DVector<f64> {
        self.combined(&pair.weights)
    }

    /// f(A)b in the space of b = q_1: Q f(T) e_1, of the normalised start; with it β_k|e_kᵀf(T)e_1|, the length of the part of A·f(A)b that leads
    /// out of the space. Not to be called after an overflow.
    ///
    /// # Panics
    /// Before the first step.
    pub(crate) fn applied(&self, f: impl Fn(f64) -> f64) -> (DVector<f64>, f64) {
        let eigen = self.eigen(None);
        let factors = eigen.eigenvalues.map(f).component_mul(&eigen.eigenvectors.row(0).transpose());
        let weights = &eigen.eigenvectors * factors;
        let last = self.steps() - 1;
        (self.combined(weights.as_slice()), (self.off_diagonal[last] * weights[last]).abs())
    }

    /// Nodes and weights of the Gauss quadrature of the start's spectral measure, in ascending order: Σ w_i f(x_i) = bᵀf(A)b for polynomials of
    /// degree below 2k, b the normalised start (Golub & Meurant, *Matrices, Moments and Quadrature*, 1994). Exact for every f once the space is
    /// invariant. Not to be called after an overflow.
    ///
    /// # Panics
    /// Before the first step.
    pub fn gauss(&self) -> Vec<(f64, f64)> {
        self.ritz_pairs().iter().map(|pair| (pair.value, pair.weights[0].powi(2))).collect()
    }

    /// Nodes and weights of the Gauss–Radau quadrature of the start's spectral measure with a node at `left`, below all of the spectrum:
    /// for a completely monotone f, Σ w_i f(x_i) ≥ bᵀf(A)b with b the normalised start (Golub & Meurant, *Matrices, Moments and
    /// Quadrature*, 1994). Exact once the space is invariant, NaN after an overflow.
    ///
    /// # Panics
    /// Before the first step.
    pub fn radau(&self, left: f64) -> Vec<(f64, f64)> {
        if self.has_overflowed() {
            return vec![(f64::NAN, 1.0)];
        }
        let corner = (!self.is_exhausted()).then(|| {
            let eigen = self.eigen(None);
            let (last, beta) = (self.steps() - 1, self.off_diagonal[self.off_diagonal.len() - 1]);
            let resolvent = |i: usize| eigen.eigenvectors[(last, i)].powi(2) / (eigen.eigenvalues[i] - left);
            left + beta * beta * (0..=last).map(resolvent).sum::<f64>()
        });
        let eigen = self.eigen(corner);
        (0..eigen.eigenvalues.len()).map(|i| (eigen.eigenvalues[i], eigen.eigenvectors[(0, i)].powi(2))).collect()
    }
}

/// Sizes of the space at which estimates are worth their cost: up by half each time, `most` at last.
pub fn stages(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(8.min(most)), move |&k| (k < most).then(|| (k + k / 2).min(most)))
}

#[cfg(test)]
mod tests;
