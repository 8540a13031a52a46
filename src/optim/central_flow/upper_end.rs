//! The eigenvectors of a symmetric matrix A ∈ ℝ^{n × n} at the upper end of its spectrum, followed while A changes a little from look to look,
//! from products v ↦ Av alone.
//!
//! Every look is a Rayleigh–Ritz projection onto the vectors of the last look, a fresh random vector and the residuals Ay − θy of the Ritz
//! vectors that are sought, which are added until these are small (Parlett, *The Symmetric Eigenvalue Problem*, 1998, ch. 11; without
//! preconditioner, the method of Davidson). A Ritz value is within ‖Ay − θy‖²/gap of an eigenvalue.
//!
//! A warm start alone would never see an eigenvalue of another block that overtakes the known ones, however small its residuals. So a few
//! vectors beside those that are sought are kept and improved at every look, from a fresh random direction each: the next eigenvalues
//! are known, to fewer digits, long before they matter.

use nalgebra::{DMatrix, DVector, DVectorView};
use rand_chacha::ChaCha8Rng;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::{Eigen, norm, orthogonalise, vectors_that_fit};
use crate::rng::gaussian_matrix;

/// Residuals that count as none, as a share of the largest Ritz value.
const TOLERANCE: f64 = 1e-3;
/// Residuals of the next one that show it to be known roughly, likewise.
const ROUGH: f64 = 0.03;
/// Vectors that are kept beside those that are sought.
const GUARDS: usize = 2;
/// Random vectors that the first look begins with: of equal eigenvalues it finds so many, and each later look one more.
const FIRST: usize = GUARDS + 2;
/// Products of the first look, and of each later one, at most.
const PRODUCTS: [usize; 2] = [300, 60];

/// The upper end of the spectrum as the last look left it.
#[derive(Default)]
pub(super) struct UpperEnd {
    /// Ritz vectors, that of the largest value first; none before the first look.
    kept: Vec<DVector<f64>>,
}

/// What one look found.
pub(super) struct Found {
    /// The Ritz values that reach the bound, the largest first.
    pub values: Vec<f64>,
    /// Their vectors, orthonormal.
    pub vectors: Vec<DVector<f64>>,
    /// The largest Ritz value, whether or not it reaches the bound.
    pub largest: f64,
    /// Products that it took.
    pub products: u64,
    /// Whether the residuals became small within the limit of products.
    pub settled: bool,
}

/// Orthonormal vectors with their images under A.
struct Space<A> {
    apply: A,
    vectors: Vec<DVector<f64>>,
    images: Vec<DVector<f64>>,
}

impl<A: FnMut(&DVector<f64>, &mut DVector<f64>)> Space<A> {
    /// Adds the direction of v, unless it is in the space already.
    fn add(&mut self, mut v: DVector<f64>) {
        let before = norm(&v);
        orthogonalise(&mut v, &self.vectors);
        let length = norm(&v);
        if length > 1e-8 * before && self.vectors.len() < v.len() {
            v /= length;
            let mut image = DVector::zeros(v.len());
            (self.apply)(&v, &mut image);
            self.vectors.push(v);
            self.images.push(image);
        }
    }

    /// The Ritz values, the largest first, with their coordinates as columns; `None` where a product overflowed.
    fn ritz(&self) -> Option<(Vec<f64>, DMatrix<f64>)> {
        let m = self.vectors.len();
        let product = |i: usize, j: usize| self.vectors[i].dot(&self.images[j]);
        let projected = DMatrix::from_fn(m, m, |i, j| 0.5 * (product(i, j) + product(j, i)));
        let eigen = Eigen::symmetric(projected.as_view())?;
        let order: Vec<usize> = (0..m).rev().collect();
        Some((order.iter().map(|&i| eigen.values[i]).collect(), eigen.vectors.select_columns(&order)))
    }
}

/// Σ_i w_i·v_i.
fn combined(vectors: &[DVector<f64>], weights: DVectorView<f64>) -> DVector<f64> {
    let mut sum = DVector::zeros(vectors[0].len());
    vectors.iter().zip(weights.iter()).for_each(|(vector, weight)| sum.axpy(*weight, vector, 1.0));
    sum
}

impl UpperEnd {
    /// The eigenvalues of A that reach `bound`, where `apply(v, out)` writes Av to `out`; A is n × n, n ≥ 1. `None` where a product
    /// overflows.
    pub(super) fn look(
        &mut self,
        n: usize,
        bound: f64,
        rng: &mut ChaCha8Rng,
        apply: impl FnMut(&DVector<f64>, &mut DVector<f64>),
    ) -> Option<Found> {
        let [first, later] = PRODUCTS;
        let cold = self.kept.is_empty();
        let most = if cold { first } else { later }.min(vectors_that_fit(n, 2).max(GUARDS + 4));
        let mut space = Space { apply, vectors: Vec::new(), images: Vec::new() };
        self.kept.drain(..).for_each(|vector| space.add(vector));
        let fresh = if space.vectors.is_empty() { FIRST } else { 1 };
        (0..fresh).for_each(|_| space.add(gaussian_matrix(n, 1, rng).column(0).into_owned()));
        let mut round = 0;
        loop {
            let (values, coordinates) = space.ritz()?;
            let sought = values.iter().take_while(|value| **value >= bound).count();
            let allowed = TOLERANCE * values[0].abs();
            let residual = |i: usize| {
                let column = coordinates.column(i);
                let mut residual = combined(&space.images, column);
                residual.axpy(-values[i], &combined(&space.vectors, column), 1.0);
                residual
            };
            let of_sought: Vec<DVector<f64>> = (0..sought.max(1)).map(residual).collect();
            let count = space.vectors.len();
            // From random vectors, the next one may still be on its way to the bound.
            let risen = !cold || sought == count || norm(&residual(sought)) <= ROUGH * values[0].abs();
            let settled = risen && of_sought.iter().all(|residual| norm(residual) <= allowed);
            // Below the last that is sought there is one that is not.
            if (settled && round > 0 && sought < count) || count >= most.min(n) {
                let kept = (0..count.min(sought + GUARDS)).map(|i| combined(&space.vectors, coordinates.column(i)));
                self.kept = kept.collect();
                return Some(Found {
                    largest: values[0],
                    vectors: self.kept[..sought].to_vec(),
                    values: values[..sought].to_vec(),
                    products: count as u64,
                    settled: settled || count == n,
                });
            }
            // The guards once, or as long as nothing is known of them, and what is sought until it is found.
            let guards = sought.max(1)..(sought + GUARDS).min(count);
            let others: Vec<DVector<f64>> = if round == 0 || cold { guards.map(residual).collect() } else { Vec::new() };
            let open = of_sought.into_iter().filter(|residual| norm(residual) > allowed);
            let more: Vec<DVector<f64>> = open.chain(others).collect();
            more.into_iter().for_each(|vector| space.add(vector));
            // Residuals may lie in the space already: a fresh direction leads on.
            if space.vectors.len() == count {
                space.add(gaussian_matrix(n, 1, rng).column(0).into_owned());
            }
            round += 1;
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, orthonormal_columns, stream};

    /// A look at the symmetric matrix `a`.
    fn look(end: &mut UpperEnd, a: &DMatrix<f64>, bound: f64, rng: &mut ChaCha8Rng) -> Found {
        end.look(a.nrows(), bound, rng, |v, out| a.mul_to(v, out)).unwrap()
    }

    fn with_spectrum(values: &[f64], seed: u64) -> DMatrix<f64> {
        let q = orthonormal_columns(values.len(), values.len(), &mut stream(seed, Purpose::Covariance));
        &q * DMatrix::from_diagonal(&DVector::from_column_slice(values)) * q.transpose()
    }

    #[test]
    fn it_finds_what_reaches_the_bound_and_nothing_else() {
        let rng = &mut stream(0, Purpose::CentralFlow);
        for (values, bound, sought) in [
            (vec![1.0], 0.5, 1),
            (vec![3.0, 3.0, 3.0], 2.0, 3),
            ((0..80).map(|i| 0.9f64.powi(i)).collect(), 0.75, 3),
            ([5.0, 4.99, -7.0].into_iter().chain((0..200).map(|i| (i as f64).sin())).collect(), 4.0, 2),
            ((0..50).map(|i| -1.0 - f64::from(i)).collect(), 0.0, 0),
        ] {
            let a = with_spectrum(&values, 3);
            let found = look(&mut UpperEnd::default(), &a, bound, rng);
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert!(found.settled && found.values.len() == sought, "{:?} {}", found.values, found.settled);
            assert!((found.largest - largest).abs() < 1e-4 * largest.abs(), "{}", found.largest);
            for (value, vector) in found.values.iter().zip(&found.vectors) {
                assert!((&a * vector - vector * *value).norm() <= 1.1e-3 * largest);
                assert!((vector.norm() - 1.0).abs() < 1e-12);
            }
        }
        let overflow = |_: &DVector<f64>, out: &mut DVector<f64>| out.fill(f64::INFINITY);
        assert!(UpperEnd::default().look(5, 1.0, rng, overflow).is_none());
    }

    /// A warm start from the vectors of one block alone would never see that the other has overtaken it. A look costs few products.
    #[test]
    fn an_eigenvalue_of_another_block_that_overtakes_is_seen_at_once() {
        let rng = &mut stream(1, Purpose::CentralFlow);
        let (still, rising) = (40, 60);
        let decay = |n: usize| (0..n).map(|i| 8.0 / (1.0 + i as f64)).collect::<Vec<f64>>();
        let (one, other) = (with_spectrum(&decay(still), 1), with_spectrum(&decay(rising), 2));
        let mut end = UpperEnd::default();
        let mut products = Vec::new();
        for step in 0..200 {
            let mut a = DMatrix::zeros(still + rising, still + rising);
            a.view_mut((0, 0), (still, still)).copy_from(&one);
            let factor = 0.5 + 0.005 * f64::from(step);
            a.view_mut((still, still), (rising, rising)).copy_from(&(&other * factor));
            let found = look(&mut end, &a, 7.9, rng);
            let expected = 1 + usize::from(8.0 * factor >= 7.9);
            assert_eq!(found.values.len(), expected, "{step}: {:?}", found.values);
            products.push(found.products);
        }
        assert!(products[1..].iter().all(|count| *count <= 12), "{products:?}");
    }
}
