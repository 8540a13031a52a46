//! Extreme eigenvalues of a symmetric matrix A ∈ ℝ^{n × n} and integrals of its spectral measure, from products v ↦ Av alone.
//!
//! After k steps AQ = QT + β·q e_kᵀ with T ∈ ℝ^{k × k} tridiagonal and orthonormal Q. A Ritz value θ_i (an eigenvalue of T) is within
//! |β·s_ki| of an eigenvalue of A, s_ki being the last entry of its eigenvector (Parlett, *The Symmetric Eigenvalue Problem*, 1998, ch. 13).
//! Every basis vector is orthogonalised against all others, twice: without, converged eigenvalues come back as ghosts. That takes n·k
//! numbers of memory and about 4n·k² operations.

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
        // What is left of a vector inside the space is rounding. A NaN ends it too.
        let scale = self.diagonal.iter().fold(size, |a, b| a.max(b.abs()));
        if beta > 100.0 * f64::EPSILON * scale && self.basis.len() < next.len() {
            self.off_diagonal.push(beta);
            self.basis.push(next / beta);
        } else {
            self.off_diagonal.push(0.0);
        }
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
        let eigen = SymmetricEigen::new(self.projection(None));
        let best = match end {
            End::Smallest => eigen.eigenvalues.imin(),
            End::Largest => eigen.eigenvalues.imax(),
        };
        let beta = self.off_diagonal[self.off_diagonal.len() - 1];
        let residual = beta * eigen.eigenvectors[(self.steps() - 1, best)].abs();
        Extreme { value: eigen.eigenvalues[best], residual }
    }

    /// Nodes and weights of the Gauss–Radau quadrature of the start's spectral measure with a node at `left`, below all of the spectrum:
    /// for a completely monotone f, Σ w_i f(x_i) ≥ bᵀf(A)b with b the normalised start (Golub & Meurant, *Matrices, Moments and
    /// Quadrature*, 1994). Exact once the space is invariant.
    pub fn radau(&self, left: f64) -> Vec<(f64, f64)> {
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
