//! The largest eigenvalue of a symmetric matrix A ∈ ℝ^{n × n} that changes from one estimate to the next, from products v ↦ Av alone.
//!
//! An estimate is the largest Ritz value θ of a small space, with Ritz vector y. Some eigenvalue is within ‖Ay − θy‖ of θ (Parlett, *The
//! Symmetric Eigenvalue Problem*, 1998, ch. 4), and where the next one is at a distance γ the error is ‖Ay − θy‖²/γ (ch. 11). Until
//! that residual is small enough the space grows by it: from one vector that is the Krylov space of [`Lanczos`](super::Lanczos).
//!
//! A small residual does not tell that no larger eigenvalue is near: an eigenvector that was the first one has no residual when another
//! overtakes it, and the Krylov space of it never finds the other. So the next estimate starts from the first two Ritz vectors and a
//! third direction: the eigenvalue that overtakes is the second one, known before it does; and the third direction, which takes a step of
//! power iteration from estimate to estimate with a little of every direction mixed in, meets one from further below on its way up. Of
//! a matrix that hardly changes these three products are all that an estimate takes.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::lanczos::orthogonalise;

/// The second Ritz vector's residual may be so many times the first's: it only has to point the right way.
const SECOND: f64 = 10.0;
/// Products of the first estimate, at least: it knows nothing, and a space of few vectors may settle by accident.
const FIRST: usize = 12;
/// The dimension at which the space is cut to its best vectors and grows anew. It holds twice as many vectors.
const MOST: usize = 24;
/// The vectors that are kept then.
const KEPT: usize = 6;
/// Products of one estimate, at most: reached only where the top of the spectrum is a continuum to the tolerance, and every vector of
/// it good.
const PRODUCTS: usize = 200;
/// The share of a random direction in the third one.
const MIXED: f64 = 0.05;
/// What is left of a vector outside the space is rounding below this share of it.
const NOTHING: f64 = 1e-10;

/// The largest eigenvalue, kept up to date.
pub struct LargestEigenvalue {
    /// A direction that favours none.
    random: DVector<f64>,
    /// The residual that an estimate may have, as a share of the largest |Ritz value|.
    tolerance: f64,
    /// Where the next estimate starts: the first two Ritz vectors of the last and a third direction; none before the first.
    known: Vec<DVector<f64>>,
    products: u64,
}

impl LargestEigenvalue {
    /// Finds it to a residual of `tolerance`·‖A‖, from the direction `random`, which must not be zero.
    pub fn new(random: &DVector<f64>, tolerance: f64) -> Self {
        Self { random: random.normalize(), tolerance, known: Vec::new(), products: 0 }
    }

    /// Products so far, over all estimates.
    pub fn products(&self) -> u64 {
        self.products
    }

    /// The largest eigenvalue of A, where `apply(v, out)` writes Av to `out`: exceeded by the estimate by rounding only. `None` where
    /// products overflow; the next estimate then starts anew.
    pub fn update(&mut self, apply: impl FnMut(&DVector<f64>, &mut DVector<f64>)) -> Option<f64> {
        let least = if self.known.is_empty() { FIRST } else { 0 };
        let mut space = Space::new(apply);
        let found = self.search(&mut space, least);
        self.products += space.products as u64;
        let (largest, smallest) = found?;
        self.known = self.next(space, -smallest.min(0.0));
        Some(largest)
    }

    /// Where the next estimate starts, from a space cut to its first Ritz vectors; `shift` makes A positive, as far as the space tells.
    fn next<A>(&self, space: Space<A>, shift: f64) -> Vec<DVector<f64>> {
        let Space { mut basis, images, .. } = space;
        let mut third = self.random.clone();
        if let (Some(y), Some(image)) = (basis.get(2), images.get(2)) {
            let climbed = image + y * shift;
            let size = climbed.norm();
            if size > 0.0 {
                third.axpy(1.0 / size, &climbed, MIXED);
            }
        }
        basis.truncate(2);
        basis.push(third);
        basis
    }

    /// The largest and the smallest Ritz value; the space is then cut to its first three Ritz vectors.
    fn search<A>(&mut self, space: &mut Space<A>, least: usize) -> Option<(f64, f64)>
    where
        A: FnMut(&DVector<f64>, &mut DVector<f64>),
    {
        if self.known.is_empty() {
            self.known.push(self.random.clone());
        }
        for start in self.known.drain(..) {
            space.enter(start);
        }
        loop {
            let ritz = space.ritz()?;
            let allowed = self.tolerance * ritz.eigenvalues.amax();
            let first = space.residual(&ritz, 0);
            let next = if first.norm() > allowed || space.products < least {
                Some(first)
            } else {
                (space.dimension() > 1).then(|| space.residual(&ritz, 1)).filter(|second| second.norm() > SECOND * allowed)
            };
            // A space that does not grow is invariant, and its Ritz values eigenvalues.
            if space.products >= PRODUCTS || !next.is_some_and(|next| space.enter(next)) {
                space.cut(&ritz, 3);
                return Some((ritz.eigenvalues[0], ritz.eigenvalues[ritz.eigenvalues.len() - 1]));
            }
            if space.dimension() == MOST {
                space.ritz().map(|ritz| space.cut(&ritz, KEPT))?;
            }
        }
    }
}

/// A space and its image under A.
struct Space<A> {
    apply: A,
    /// Orthonormal.
    basis: Vec<DVector<f64>>,
    images: Vec<DVector<f64>>,
    /// VᵀAV, in its first rows and columns.
    projection: DMatrix<f64>,
    products: usize,
}

impl<A: FnMut(&DVector<f64>, &mut DVector<f64>)> Space<A> {
    fn new(apply: A) -> Self {
        Self { apply, basis: Vec::new(), images: Vec::new(), projection: DMatrix::zeros(MOST, MOST), products: 0 }
    }

    fn dimension(&self) -> usize {
        self.basis.len()
    }

    /// Adds what `v` has outside the space. Whether it has.
    fn enter(&mut self, mut v: DVector<f64>) -> bool {
        let size = v.norm();
        orthogonalise(&mut v, &self.basis);
        let left = v.norm();
        if !(left > NOTHING * size && self.dimension() < v.len()) {
            return false;
        }
        v.unscale_mut(left);
        let mut image = DVector::zeros(v.len());
        (self.apply)(&v, &mut image);
        self.products += 1;
        self.basis.push(v);
        self.images.push(image);
        let new = self.dimension() - 1;
        for i in 0..=new {
            let entry = self.basis[i].dot(&self.images[new]);
            self.projection[(i, new)] = entry;
            self.projection[(new, i)] = entry;
        }
        true
    }

    /// Ritz values and the coefficients of their vectors, the largest first; `None` if they are not finite.
    fn ritz(&self) -> Option<SymmetricEigen<f64, nalgebra::Dyn>> {
        let m = self.dimension();
        let projection = self.projection.view((0, 0), (m, m)).into_owned();
        if !projection.iter().all(|entry| entry.is_finite()) {
            return None;
        }
        let eigen = SymmetricEigen::new(projection);
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&i, &j| eigen.eigenvalues[j].total_cmp(&eigen.eigenvalues[i]));
        let eigenvalues = DVector::from_iterator(m, order.iter().map(|&i| eigen.eigenvalues[i]));
        Some(SymmetricEigen { eigenvalues, eigenvectors: eigen.eigenvectors.select_columns(&order) })
    }

    /// Ay − θy of Ritz vector `index`.
    fn residual(&self, ritz: &SymmetricEigen<f64, nalgebra::Dyn>, index: usize) -> DVector<f64> {
        let (theta, weights) = (ritz.eigenvalues[index], ritz.eigenvectors.column(index));
        let mut residual = DVector::zeros(self.basis[0].len());
        for ((v, image), weight) in self.basis.iter().zip(&self.images).zip(weights.iter()) {
            residual.axpy(*weight, image, 1.0);
            residual.axpy(-theta * weight, v, 1.0);
        }
        residual
    }

    /// The space of its first `kept` Ritz vectors.
    fn cut(&mut self, ritz: &SymmetricEigen<f64, nalgebra::Dyn>, kept: usize) {
        let kept = kept.min(self.dimension());
        for vectors in [&mut self.basis, &mut self.images] {
            let combine = |k: usize| {
                let mut sum = DVector::zeros(vectors[0].len());
                for (v, weight) in vectors.iter().zip(ritz.eigenvectors.column(k).iter()) {
                    sum.axpy(*weight, v, 1.0);
                }
                sum
            };
            *vectors = (0..kept).map(combine).collect();
        }
        self.projection.fill(0.0);
        for i in 0..kept {
            self.projection[(i, i)] = ritz.eigenvalues[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};
    use proptest::prelude::*;

    const TOLERANCE: f64 = 1e-3;

    fn random(n: usize, seed: u64) -> DVector<f64> {
        gaussian_matrix(n, 1, &mut stream(seed, Purpose::Noise)).column(0).into_owned()
    }

    fn frame(n: usize, seed: u64) -> DMatrix<f64> {
        orthonormal_columns(n, n, &mut stream(seed, Purpose::Init))
    }

    fn with_spectrum(q: &DMatrix<f64>, values: &[f64]) -> DMatrix<f64> {
        q * DMatrix::from_diagonal(&DVector::from_column_slice(values)) * q.transpose()
    }

    fn update(of: &mut LargestEigenvalue, a: &DMatrix<f64>) -> f64 {
        of.update(|v, out| out.gemv(1.0, a, v, 0.0)).unwrap()
    }

    proptest! {
        /// Of any spectrum, negative and repeated eigenvalues among them, of size 1 too. An eigenvalue is within the tolerance; it is
        /// the second where the start holds so little of the first that the second settles before: measured up to 1.5 % below.
        #[test]
        fn the_largest_is_found_to_the_tolerance(
            values in prop::collection::vec(prop_oneof![-3.0f64..3.0, Just(1.0), Just(0.0)], 1..60), seed in 0u64..1000,
        ) {
            let a = with_spectrum(&frame(values.len(), seed), &values);
            let found = update(&mut LargestEigenvalue::new(&random(values.len(), seed), TOLERANCE), &a);
            let exact = values.iter().copied().fold(f64::MIN, f64::max);
            let size = values.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
            prop_assert!(values.iter().any(|value| (value - found).abs() <= TOLERANCE * size), "{found}");
            prop_assert!(found <= exact + 1e-13 * size && exact - found <= 0.1 * size, "{found} {exact}");
        }

    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// A frame that turns and eigenvalues that pass each other: every estimate is the largest, for a few products each.
        #[test]
        fn an_eigenvalue_that_overtakes_is_found(seed in 0u64..1000) {
            let n = 80;
            let (q, turn) = (frame(n, seed), frame(n, seed + 1));
            let mut tracked = LargestEigenvalue::new(&random(n, seed), TOLERANCE);
            for k in 0..100 {
                let s = f64::from(k) / 99.0;
                let mut values: Vec<f64> = (0..n).map(|i| 0.5 * i as f64 / n as f64).collect();
                // One falls, two rise from within the rest and pass it, one from below 0.
                (values[0], values[1], values[2]) = (2.0 - s, 3.0 * s, -1.0 + 4.5 * s * s);
                let moved = (&q + &turn * (0.2 * s)).qr().q();
                let found = update(&mut tracked, &with_spectrum(&moved, &values));
                let exact = values.iter().copied().fold(f64::MIN, f64::max);
                prop_assert!((found - exact).abs() <= TOLERANCE * exact, "{k}: {found} {exact}");
            }
            prop_assert!(tracked.products() <= 800, "{}", tracked.products());
        }
    }

    /// The control: the residual of a vector that was the first says nothing of one that has overtaken it.
    #[test]
    fn one_vector_alone_would_miss_it() {
        let (n, q) = (80, frame(80, 3));
        let a = |top: f64| {
            with_spectrum(
                &q,
                &(0..n)
                    .map(|i| {
                        if i == 0 {
                            1.0
                        } else if i == 1 {
                            top
                        } else {
                            0.1
                        }
                    })
                    .collect::<Vec<_>>(),
            )
        };
        let mut alone = LargestEigenvalue::new(&random(n, 3), TOLERANCE);
        alone.known = vec![q.column(0).into_owned()];
        assert!((update(&mut alone, &a(2.0)) - 1.0).abs() < 1e-3);
        let mut kept = LargestEigenvalue::new(&random(n, 3), TOLERANCE);
        update(&mut kept, &a(0.5));
        assert!((update(&mut kept, &a(2.0)) - 2.0).abs() < 1e-3);
    }

    #[test]
    fn of_a_matrix_that_stays_an_estimate_takes_three_products() {
        let n = 200;
        let a = with_spectrum(&frame(n, 5), &(0..n).map(|i| (i as f64 / n as f64).powi(8)).collect::<Vec<_>>());
        let mut tracked = LargestEigenvalue::new(&random(n, 5), TOLERANCE);
        for _ in 0..5 {
            update(&mut tracked, &a);
        }
        let before = tracked.products();
        update(&mut tracked, &a);
        assert_eq!(tracked.products() - before, 3);
    }

    #[test]
    fn products_that_overflow_are_no_estimate_and_the_zero_matrix_has_one() {
        let mut tracked = LargestEigenvalue::new(&random(5, 1), TOLERANCE);
        assert_eq!(tracked.update(|_, out| out.fill(f64::INFINITY)), None);
        assert_eq!(tracked.update(|_, out| out.fill(f64::NAN)), None);
        assert_eq!(tracked.update(|_, out| out.fill(0.0)), Some(0.0));
        assert!((update(&mut tracked, &DMatrix::identity(5, 5)) - 1.0).abs() < 1e-14);
    }
}
