//! Extreme eigenvalues of a symmetric matrix A ∈ ℝ^{n × n} and integrals of its spectral measure, from products v ↦ Av alone.
//!
//! After k steps AQ = QT + β_k q_{k+1} e_kᵀ with T ∈ ℝ^{k × k} tridiagonal and orthonormal Q. A Ritz value θ_i (an eigenvalue of T) is within
//! |β_k s_ki| of an eigenvalue of A, s_ki being the last entry of its eigenvector (Parlett, *The Symmetric Eigenvalue Problem*, 1998, ch.
//! 13). Every basis vector is orthogonalised against all others, twice: without, converged eigenvalues come back as ghosts. That takes n·k
//! numbers of memory and about 4n·k² operations.
//!
//! # What a small residual does not tell
//!
//! It says that *some* eigenvalue is near, not that it is the extreme one: a start without a part in the extreme eigenvector never finds
//! it, and one with a small part finds it late. A random start has a part in every eigenvector, and how small it may be is known. With
//! p_k(x) = det(x − T)/(β_1⋯β_k) the new basis vector is q_{k+1} = p_k(A)q_1, of length 1. So the start's share γ in the eigenvector of an
//! eigenvalue λ is at most 1/|p_k(λ)|, and beyond the extreme Ritz value |p_k| only grows. Uniformly from the sphere, |γ| ≤ δ is drawn with
//! a probability of at most δ√(2n/π). So once |p_k(b)| reaches √(2n/π)/ε there is no eigenvalue beyond b, but for a probability of ε (van
//! Dorsselaer, Hochstenbach & van der Vorst, SIAM J. Matrix Anal. Appl. 22, 2001). It takes no product that the iteration does not take
//! anyway. At worst some ln(1.6√n/ε)/(2√η) steps bring b within η·(λ_1 − λ_n) of the extreme eigenvalue (Kuczyński & Woźniakowski, SIAM J.
//! Matrix Anal. Appl. 13, 1992); where a few eigenvalues stand out, a dozen.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// v ← its part outside the span of orthonormal vectors.
pub(super) fn orthogonalise(v: &mut DVector<f64>, basis: &[DVector<f64>]) {
    // Twice is enough (Parlett, 6.9).
    for _ in 0..2 {
        for q in basis {
            v.axpy(-q.dot(v), q, 1.0);
        }
    }
}

/// An eigenvalue estimate from a Krylov space.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extreme {
    /// The extreme Ritz value: never beyond the extreme eigenvalue.
    pub value: f64,
    /// The norm ‖Ay − θy‖ of its Ritz vector: an eigenvalue lies within this of `value`.
    pub residual: f64,
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
    fn sign(self) -> f64 {
        match self {
            Self::Smallest => -1.0,
            Self::Largest => 1.0,
        }
    }
}

/// A Krylov space of A that grows step by step.
pub struct Lanczos<A> {
    apply: A,
    basis: Vec<DVector<f64>>,
    diagonal: Vec<f64>,
    /// β_1, …, β_k: the last leads out of the space, 0 once it is invariant.
    off_diagonal: Vec<f64>,
}

impl<A: FnMut(&DVector<f64>, &mut DVector<f64>)> Lanczos<A> {
    /// The space of `start`, which must not be zero; `apply(v, out)` writes Av to `out`.
    pub fn new(start: &DVector<f64>, apply: A) -> Self {
        Self { apply, basis: vec![start.normalize()], diagonal: Vec::new(), off_diagonal: Vec::new() }
    }

    /// k, the number of products so far.
    pub fn steps(&self) -> usize {
        self.diagonal.len()
    }

    /// Whether the space is invariant, so that its Ritz values are eigenvalues and there is nothing to add.
    pub fn is_exhausted(&self) -> bool {
        self.off_diagonal.last() == Some(&0.0)
    }

    /// Grows the space to `steps` dimensions, or until it is invariant.
    pub fn grow_to(&mut self, steps: usize) {
        while self.steps() < steps && !self.is_exhausted() {
            self.step();
        }
    }

    fn step(&mut self) {
        let last = &self.basis[self.basis.len() - 1];
        let mut next = DVector::zeros(last.len());
        (self.apply)(last, &mut next);
        let size = next.norm();
        self.diagonal.push(next.dot(last));
        orthogonalise(&mut next, &self.basis);
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
        while outside - inside > f64::EPSILON * size {
            let middle = 0.5 * (inside + outside);
            if self.pivots(end, sign * middle).all(|pivot| pivot > 0.0) {
                outside = middle;
            } else {
                inside = middle;
            }
        }
        sign * inside
    }

    /// Whether A has no eigenvalue beyond `bound` at that end, but for a probability of at most `chance` over starts that are uniform on the
    /// sphere, such as the direction of a Gaussian vector. Of an invariant space: whether no Ritz value is.
    pub fn excludes(&self, end: End, bound: f64, chance: f64) -> bool {
        if self.diagonal.is_empty() {
            return false;
        }
        let dim = self.basis[0].len() as f64;
        let needed = ((2.0 * dim / std::f64::consts::PI).sqrt() / chance).ln();
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
        let coupling = std::iter::once(0.0).chain(self.off_diagonal.iter().map(|beta| beta * beta));
        self.diagonal.iter().zip(coupling).scan(f64::INFINITY, move |before, (entry, coupling)| {
            if *before <= 0.0 {
                return None;
            }
            *before = sign * (x - entry) - coupling / *before;
            Some(*before)
        })
    }

    /// T, with one more row and column of diagonal entry `corner` if given.
    fn projection(&self, corner: Option<f64>) -> DMatrix<f64> {
        let diagonal: Vec<f64> = self.diagonal.iter().copied().chain(corner).collect();
        let mut t = DMatrix::from_diagonal(&DVector::from_vec(diagonal));
        for (i, &beta) in self.off_diagonal.iter().enumerate().take(t.nrows() - 1) {
            t[(i, i + 1)] = beta;
            t[(i + 1, i)] = beta;
        }
        t
    }

    /// The estimate of the eigenvalue at one end.
    pub fn extreme(&self, end: End) -> Extreme {
        if self.has_overflowed() {
            return Extreme { value: f64::NAN, residual: f64::NAN };
        }
        let eigen = SymmetricEigen::new(self.projection(None));
        let best = match end {
            End::Smallest => eigen.eigenvalues.imin(),
            End::Largest => eigen.eigenvalues.imax(),
        };
        let beta = self.off_diagonal[self.off_diagonal.len() - 1];
        let residual = beta * eigen.eigenvectors[(self.steps() - 1, best)].abs();
        Extreme { value: eigen.eigenvalues[best], residual }
    }

    /// The Ritz values of the largest modulus with their vectors, each of length 1; as many as `count` and the space allow.
    pub fn foremost(&self, count: usize) -> Vec<(f64, DVector<f64>)> {
        let eigen = SymmetricEigen::new(self.projection(None));
        let mut order: Vec<usize> = (0..self.steps()).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].abs().total_cmp(&eigen.eigenvalues[i].abs()));
        let vector = |i: usize| {
            let mut y = DVector::zeros(self.basis[0].len());
            for (q, weight) in self.basis.iter().zip(eigen.eigenvectors.column(i).iter()) {
                y.axpy(*weight, q, 1.0);
            }
            (eigen.eigenvalues[i], y)
        };
        order.into_iter().take(count).map(vector).collect()
    }

    /// Nodes and weights of the Gauss–Radau quadrature of the start's spectral measure with a node at `left`, below all of the spectrum:
    /// for a completely monotone f, Σ w_i f(x_i) ≥ bᵀf(A)b with b the normalised start (Golub & Meurant, *Matrices, Moments and
    /// Quadrature*, 1994). Exact once the space is invariant, NaN after an overflow.
    pub fn radau(&self, left: f64) -> Vec<(f64, f64)> {
        if self.has_overflowed() {
            return vec![(f64::NAN, 1.0)];
        }
        let corner = (!self.is_exhausted()).then(|| {
            let eigen = SymmetricEigen::new(self.projection(None));
            let (last, beta) = (self.steps() - 1, self.off_diagonal[self.off_diagonal.len() - 1]);
            let resolvent = |i: usize| eigen.eigenvectors[(last, i)].powi(2) / (eigen.eigenvalues[i] - left);
            left + beta * beta * (0..=last).map(resolvent).sum::<f64>()
        });
        let eigen = SymmetricEigen::new(self.projection(corner));
        (0..eigen.eigenvalues.len()).map(|i| (eigen.eigenvalues[i], eigen.eigenvectors[(0, i)].powi(2))).collect()
    }
}

/// Sizes of the space at which estimates are worth their cost: up by half each time, `most` at last.
pub fn stages(most: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(8.min(most)), move |&k| (k < most).then(|| (k + k / 2).min(most)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};
    use proptest::prelude::*;

    fn with_spectrum(values: &[f64], seed: u64) -> (DMatrix<f64>, DVector<f64>) {
        let rng = &mut stream(seed, Purpose::Init);
        let q = orthonormal_columns(values.len(), values.len(), rng);
        let start = gaussian_matrix(values.len(), 1, rng).column(0).into_owned();
        (&q * DMatrix::from_diagonal(&DVector::from_column_slice(values)) * q.transpose(), start)
    }

    proptest! {
        /// Run to exhaustion, and at every stage: an eigenvalue within the residual, and none beaten.
        #[test]
        fn estimates_are_as_good_as_they_say(values in prop::collection::vec(-3.0f64..3.0, 1..40), seed in 0u64..1000) {
            let (a, start) = with_spectrum(&values, seed);
            let (least, most) = (values.iter().copied().fold(9.0, f64::min), values.iter().copied().fold(-9.0, f64::max));
            let mut lanczos = Lanczos::new(&start, |v, out| out.gemv(1.0, &a, v, 0.0));
            for k in stages(values.len()) {
                lanczos.grow_to(k);
                for (end, exact) in [(End::Smallest, least), (End::Largest, most)] {
                    let Extreme { value, residual } = lanczos.extreme(end);
                    prop_assert!((least - 1e-12..=most + 1e-12).contains(&value));
                    prop_assert!(values.iter().any(|v| (v - value).abs() <= residual + 1e-12));
                    prop_assert!(!lanczos.is_exhausted() || (value - exact).abs() < 1e-10, "{value} {exact}");
                }
            }
            prop_assert!(lanczos.is_exhausted());
        }

        /// The extreme Ritz value by bisection is that of T, and what is excluded is not there.
        #[test]
        fn nothing_lies_beyond_what_is_excluded(
            values in prop::collection::vec(prop_oneof![-3.0f64..3.0, Just(1.0), Just(-3.0)], 1..60), seed in 0u64..1000,
        ) {
            let (a, start) = with_spectrum(&values, seed);
            let (least, most) = (values.iter().copied().fold(9.0, f64::min), values.iter().copied().fold(-9.0, f64::max));
            let mut lanczos = Lanczos::new(&start, |v, out| out.gemv(1.0, &a, v, 0.0));
            for k in 1..=values.len() {
                lanczos.grow_to(k);
                let (low, high) = (lanczos.ritz(End::Smallest), lanczos.ritz(End::Largest));
                prop_assert!((low - lanczos.extreme(End::Smallest).value).abs() < 1e-13);
                prop_assert!((high - lanczos.extreme(End::Largest).value).abs() < 1e-13);
                for margin in [1e-6, 1e-3, 0.1] {
                    prop_assert!(!lanczos.excludes(End::Largest, high + margin, 1e-6) || most <= high + margin);
                    prop_assert!(!lanczos.excludes(End::Smallest, low - margin, 1e-6) || least >= low - margin);
                }
                prop_assert!(!lanczos.excludes(End::Largest, high - 1e-6, 1e-6), "a Ritz value is there");
            }
            prop_assert!(lanczos.excludes(End::Largest, most + 1e-9, 1e-6) && lanczos.excludes(End::Smallest, least - 1e-9, 1e-6));
        }

        /// Radau from below overestimates the integral of e^{-2x}, and finds it in the end.
        #[test]
        fn the_quadrature_bounds_the_integral(values in prop::collection::vec(0.0f64..5.0, 2..30), seed in 0u64..1000) {
            let (a, start) = with_spectrum(&values, seed);
            let eigen = SymmetricEigen::new(a.clone());
            let shares = eigen.eigenvectors.transpose() * start.normalize();
            let exact: f64 = (0..values.len()).map(|i| shares[i].powi(2) * (-2.0 * eigen.eigenvalues[i]).exp()).sum();
            let mut lanczos = Lanczos::new(&start, |v, out| out.gemv(1.0, &a, v, 0.0));
            for k in stages(values.len()) {
                lanczos.grow_to(k);
                let bound: f64 = lanczos.radau(-1e-3).iter().map(|(x, w)| w * (-2.0 * x).exp()).sum();
                prop_assert!(bound >= exact - 1e-12, "{bound} {exact}");
                prop_assert!(!lanczos.is_exhausted() || bound - exact < 1e-10);
            }
        }
    }

    /// A quarter of all directions have an eigenvalue of nearly 1, and a single one has 1.02: three steps find the many, with a residual of
    /// less than a thousandth. How little of the single one a start may hold is what tells that it may be there.
    #[test]
    fn a_small_residual_is_no_exclusion() {
        let n = 4000;
        let values = (0..n).map(|i| {
            if i == 0 {
                1.02
            } else if i % 4 == 0 {
                1.0 - 1e-4 * f64::from(i) / 4000.0
            } else {
                0.0
            }
        });
        let diagonal = DVector::from_iterator(4000, values);
        let mut fooled = 0;
        for seed in 0..20 {
            let start = gaussian_matrix(4000, 1, &mut stream(seed, Purpose::Noise)).column(0).into_owned();
            let mut lanczos = Lanczos::new(&start, |v: &DVector<f64>, out| v.component_mul(&diagonal).clone_into(out));
            let by_residual = (1..100).find_map(|k| {
                lanczos.grow_to(k);
                let found = lanczos.extreme(End::Largest);
                (found.residual < 1e-3).then_some(found.value)
            });
            fooled += u32::from(by_residual.unwrap() < 1.01);
            let certain = (1..100).find_map(|k| {
                lanczos.grow_to(k);
                let value = lanczos.ritz(End::Largest);
                lanczos.excludes(End::Largest, value + 1e-3, 1e-6).then_some(value)
            });
            assert!((certain.unwrap() - 1.02).abs() < 1e-3, "{seed}: {certain:?}");
        }
        assert!(fooled > 10, "{fooled} of 20");
    }

    #[test]
    fn after_an_overflow_nothing_is_known() {
        let start = DVector::from_element(4, 1.0);
        for bad in [f64::NAN, f64::INFINITY, 1e200] {
            let mut lanczos =
                Lanczos::new(&start, |_, out: &mut DVector<f64>| out.copy_from_slice(&[bad, -bad, bad, 0.5 * bad]));
            lanczos.grow_to(3);
            assert!(
                lanczos.has_overflowed()
                    && lanczos.ritz(End::Largest).is_nan()
                    && lanczos.extreme(End::Smallest).value.is_nan()
            );
            assert!(!lanczos.excludes(End::Largest, 1e300, 1e-6) && lanczos.radau(-1.0)[0].0.is_nan());
        }
    }

    /// One eigenvalue of −9e-5 beside many of 0 and a few of up to 10: 20 steps miss it, and their residual says so.
    #[test]
    fn a_small_negative_eigenvalue_is_found_once_the_residual_is_below_it() {
        let mut values: Vec<f64> = (0..200).map(|i| 10.0 * (f64::from(i) / 199.0).powi(6)).collect();
        values[0] = -9e-5;
        let (a, start) = with_spectrum(&values, 1);
        let mut lanczos = Lanczos::new(&start, |v, out| out.gemv(1.0, &a, v, 0.0));
        lanczos.grow_to(20);
        let early = lanczos.extreme(End::Smallest);
        assert!(early.value > -1e-5 && early.residual > 1e-3, "{early:?}");
        let found = stages(200).find_map(|k| {
            lanczos.grow_to(k);
            let extreme = lanczos.extreme(End::Smallest);
            (extreme.residual < 1e-5).then_some(extreme)
        });
        assert!((found.unwrap().value + 9e-5).abs() < 1e-6, "{found:?}");
    }
}
