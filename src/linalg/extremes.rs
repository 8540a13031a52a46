//! Several eigenvalues at both ends of the spectrum of a symmetric A ∈ ℝ^{n × n}, multiple ones included, from products v ↦ Av alone.
//!
//! A small A is formed and decomposed. For a large one a [`Lanczos`] iteration from a random vector grows until the pairs that are wanted have
//! converged. They are locked, and the next iteration, from a new random vector, sees A on their orthogonal complement only: there it finds the
//! further copies of multiple eigenvalues, of which a Krylov space holds one each. It ends with an iteration that finds nothing beyond what is
//! locked, and excludes by [`Lanczos::excludes`] that there is anything, but for a probability of 1e-6.

use nalgebra::{DMatrix, DVector};

use super::eigen::Eigen;
use super::lanczos::{End, Lanczos, RitzPair, orthogonalise, stages, vectors_that_fit};

/// A is formed up to this dimension: its n products are about as many as two or three iterations take.
const SMALL: usize = 200;
/// A pair has converged if its residual is at most this share of ‖A‖. Where no other eigenvalue is as near, the error of its value is of the
/// square of that.
const CONVERGED: f64 = 1e-6;
/// An eigenvalue that is missed is beyond the others by at most this share of ‖A‖.
const MISSED: f64 = 1e-3;
/// Products of one iteration, at most, and as many as it may take whatever memory they need.
const PRODUCTS: usize = 500;
const FEWEST: usize = 48;

/// An eigenvalue of A, to within its residual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eigenvalue {
    /// θ.
    pub value: f64,
    /// ‖Ay − θy‖ for the approximate eigenvector y, of length 1.
    pub residual: f64,
}

/// Both ends of a spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct Extremes {
    /// The largest eigenvalues, in descending order.
    pub largest: Vec<Eigenvalue>,
    /// The smallest eigenvalues, in ascending order.
    pub smallest: Vec<Eigenvalue>,
    /// ‖A‖: the largest |eigenvalue|.
    pub size: f64,
    /// Whether no eigenvalue beyond these was missed by more than 1e-3·‖A‖, but for a probability of 1e-6.
    pub complete: bool,
    /// Products that it took.
    pub products: usize,
}

/// The `count` largest and the `count` smallest eigenvalues of A, or all n of them if there are no more; `apply(v, out)` writes Av to `out`. The
/// entries of each vector in ℝⁿ that `draw` returns must be independent standard normal numbers that are used for nothing else. `None` where a
/// product overflows, and of no dimension at all.
pub fn extreme_eigenvalues(
    n: usize,
    count: usize,
    draw: impl FnMut() -> DVector<f64>,
    mut apply: impl FnMut(&DVector<f64>, &mut DVector<f64>),
) -> Option<Extremes> {
    if n == 0 || count == 0 {
        return None;
    }
    if n <= SMALL { Some(Extremes::of_all(&all_eigenvalues(n, apply)?, count)) } else { by_locking(n, count, draw, &mut apply) }
}

/// A ∈ ℝ^{n × n} itself, column by column from its products with unit vectors.
pub(crate) fn from_products(n: usize, mut apply: impl FnMut(&DVector<f64>, &mut DVector<f64>)) -> DMatrix<f64> {
    let (mut matrix, mut unit, mut image) = (DMatrix::zeros(n, n), DVector::zeros(n), DVector::zeros(n));
    for j in 0..n {
        unit[j] = 1.0;
        apply(&unit, &mut image);
        unit[j] = 0.0;
        matrix.set_column(j, &image);
    }
    matrix
}

/// All eigenvalues of A ∈ ℝ^{n × n} in ascending order, from its n products with unit vectors. `None` where a product overflows.
pub fn all_eigenvalues(n: usize, apply: impl FnMut(&DVector<f64>, &mut DVector<f64>)) -> Option<DVector<f64>> {
    let matrix = from_products(n, apply);
    // Products are symmetric to rounding only.
    let symmetric = 0.5 * (&matrix + matrix.transpose());
    Some(Eigen::symmetric(symmetric.as_view())?.values)
}

impl Extremes {
    /// The ends of a whole spectrum in ascending order.
    pub fn of_all(values: &DVector<f64>, count: usize) -> Self {
        let size = if values.is_empty() { 0.0 } else { values.amax() };
        // Of a backward stable decomposition.
        let residual = values.len() as f64 * f64::EPSILON * size;
        let known = |value: &f64| Eigenvalue { value: *value, residual };
        Self {
            largest: values.iter().rev().take(count).map(known).collect(),
            smallest: values.iter().take(count).map(known).collect(),
            size,
            complete: true,
            products: values.len(),
        }
    }
}

fn by_locking(
    n: usize,
    count: usize,
    mut draw: impl FnMut() -> DVector<f64>,
    apply: &mut impl FnMut(&DVector<f64>, &mut DVector<f64>),
) -> Option<Extremes> {
    let (mut locked, mut vectors): (Vec<Eigenvalue>, Vec<DVector<f64>>) = (Vec::new(), Vec::new());
    let (mut products, mut size, mut complete) = (0, 0.0_f64, true);
    while vectors.len() < n {
        let mut start = draw();
        orthogonalise(&mut start, &vectors);
        let inside = |v: &DVector<f64>, out: &mut DVector<f64>| {
            products += 1;
            apply(v, out);
            orthogonalise(out, &vectors);
        };
        let mut lanczos = Lanczos::new(&start, inside);
        let found = converge(&mut lanczos, count, &locked, &mut size)?;
        let pair = |pair: &RitzPair| (Eigenvalue { value: pair.value, residual: pair.residual }, lanczos.vector(pair));
        let new: Vec<(Eigenvalue, DVector<f64>)> = found.wanted.iter().map(pair).collect();
        drop(lanczos);
        let nothing_more = new.is_empty();
        for (value, mut vector) in new {
            // Of a pair that has not converged.
            orthogonalise(&mut vector, &vectors);
            vector.normalize_mut();
            locked.push(value);
            vectors.push(vector);
        }
        complete &= found.settled;
        if nothing_more || !found.settled {
            break;
        }
    }
    locked.sort_by(|a, b| a.value.total_cmp(&b.value));
    Some(Extremes {
        largest: locked.iter().rev().take(count).copied().collect(),
        smallest: locked.iter().take(count).copied().collect(),
        size,
        complete,
        products,
    })
}

/// What one iteration adds.
struct Found {
    /// Pairs beyond those that are locked, at either end.
    wanted: Vec<RitzPair>,
    /// Whether they have converged, and nothing is beyond them.
    settled: bool,
}

/// Grows the space until the pairs that belong to the ends of the spectrum, beside those that are locked, have converged. `None` where a product
/// overflows.
fn converge<A: FnMut(&DVector<f64>, &mut DVector<f64>)>(
    lanczos: &mut Lanczos<A>,
    count: usize,
    locked: &[Eigenvalue],
    size: &mut f64,
) -> Option<Found> {
    let most = vectors_that_fit(lanczos.dimension(), 1).clamp(FEWEST, PRODUCTS);
    let mut last = Vec::new();
    for steps in stages(most) {
        lanczos.grow_to(steps);
        if lanczos.has_overflowed() {
            return None;
        }
        let pairs = lanczos.ritz_pairs();
        *size = pairs.iter().fold(*size, |size, pair| size.max(pair.value.abs()));
        let (mut settled, mut wanted) = (true, vec![false; pairs.len()]);
        for end in [End::Smallest, End::Largest] {
            let (beyond, bound) = beyond(end, &pairs, locked, count, *size);
            settled &= beyond.iter().all(|&index| pairs[index].residual <= CONVERGED * *size);
            settled &= bound.is_some_and(|bound| lanczos.excludes(end, bound));
            beyond.into_iter().for_each(|index| wanted[index] = true);
        }
        // The space must be able to hold all that is wanted.
        settled &= pairs.len() >= 2 * count || lanczos.is_exhausted();
        last = pairs.into_iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(pair, _)| pair).collect();
        if settled || lanczos.is_exhausted() {
            return Some(Found { wanted: last, settled: true });
        }
    }
    Some(Found { wanted: last, settled: false })
}

/// Which pairs, given in ascending order, are among the `count` outermost of all that is known at this end, and the value beyond which there must be
/// no eigenvalue.
fn beyond(end: End, pairs: &[RitzPair], locked: &[Eigenvalue], count: usize, size: f64) -> (Vec<usize>, Option<f64>) {
    let sign = end.sign();
    // Outwards, the outermost first.
    let mut known: Vec<f64> = locked.iter().map(|known| sign * known.value).collect();
    known.sort_by(|a, b| b.total_cmp(a));
    let own = |place: usize| if end == End::Smallest { place } else { pairs.len() - 1 - place };
    // It displaces a locked one, if there are enough with those that are before it.
    let displaces = |place: &usize| {
        let beaten = known.get(count - 1 - place);
        beaten.is_none_or(|beaten| sign * pairs[own(*place)].value > beaten + CONVERGED * size)
    };
    let wanted: Vec<usize> = (0..count.min(pairs.len())).take_while(displaces).map(own).collect();
    let outermost = wanted.first().map(|&index| sign * pairs[index].value);
    let outermost = outermost.into_iter().chain(known.get(count - 1).copied()).reduce(f64::max);
    (wanted, outermost.map(|outermost| sign * (outermost + MISSED * size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};

    /// Vectors of ℝⁿ.
    fn draws(n: usize) -> impl FnMut() -> DVector<f64> {
        let mut rng = stream(1, Purpose::Hessian);
        move || gaussian_matrix(n, 1, &mut rng).column(0).into_owned()
    }

    /// Products with QΛQᵀ, Q of few reflections so that large matrices need not be formed.
    fn of_spectrum(values: Vec<f64>, seed: u64) -> impl FnMut(&DVector<f64>, &mut DVector<f64>) {
        let n = values.len();
        let u = orthonormal_columns(n, 3, &mut stream(seed, Purpose::Target));
        let reflect = move |v: &DVector<f64>| {
            let mut v = v.clone();
            for axis in u.column_iter() {
                let along = axis.dot(&v);
                v.axpy(-2.0 * along, &axis, 1.0);
            }
            v
        };
        let values = DVector::from_vec(values);
        move |v, out| out.copy_from(&reflect(&values.component_mul(&reflect(v))))
    }

    fn check(mut values: Vec<f64>, count: usize) -> Extremes {
        let n = values.len();
        let found = extreme_eigenvalues(n, count, draws(n), of_spectrum(values.clone(), n as u64)).unwrap();
        values.sort_by(f64::total_cmp);
        let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
        assert!(found.complete && (found.size - size).abs() <= 1e-9 * size, "{n}: {found:?}");
        assert_eq!((found.largest.len(), found.smallest.len()), (count.min(n), count.min(n)));
        for (found, right) in found.largest.iter().zip(values.iter().rev()).chain(found.smallest.iter().zip(&values)) {
            assert!((found.value - right).abs() <= 1e-6 * size.max(1e-300), "{n}: {} for {right}", found.value);
            assert!(found.residual <= 1e-6 * size, "{n}: {found:?}");
        }
        found
    }

    #[test]
    fn small_matrices_are_decomposed_whatever_is_asked_for() {
        check(vec![2.0], 3);
        check(vec![1.0, -1.0, 0.0], 5);
        check((0..150).map(|i| (i as f64 - 50.0).powi(3)).collect(), 7);
        assert_eq!(extreme_eigenvalues(0, 2, draws(0), |_, _| ()), None);
    }

    /// As in the Hessians of networks: a few large eigenvalues, a few negative ones, and a bulk of thousands.
    #[test]
    fn both_ends_of_a_large_matrix_are_found() {
        let bulk = (0..1500).map(|i| 0.1 * f64::from(i) / 1500.0);
        let values: Vec<f64> = bulk.chain([40.0, 12.0, 11.9, 3.0, -0.7, -0.2, -5.0]).collect();
        let found = check(values, 4);
        assert!(found.products < 300, "{}", found.products);
    }

    /// A Krylov space holds one copy of each, and would report the next eigenvalue as the second.
    #[test]
    fn multiple_eigenvalues_are_found_as_often_as_they_are_there() {
        let mut values = vec![0.01; 400];
        values.extend([7.0, 7.0, 7.0, 2.0, -1.0, -1.0]);
        check(values, 4);
        check(vec![3.0; 300], 3);
        check(vec![0.0; 300], 2);
    }

    /// A start inside one block of a block-diagonal matrix never leaves it: every iteration starts in all of them.
    #[test]
    fn an_eigenvector_that_nothing_couples_to_is_found() {
        let mut values: Vec<f64> = (0..600).map(|i| f64::from(i) / 600.0).collect();
        values[17] = 1.5;
        let apply =
            |v: &DVector<f64>, out: &mut DVector<f64>| out.copy_from(&v.component_mul(&DVector::from_vec(values.clone())));
        let found = extreme_eigenvalues(600, 2, draws(600), apply).unwrap();
        assert!((found.largest[0].value - 1.5).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn what_overflows_is_not_known() {
        let overflow = |_: &DVector<f64>, out: &mut DVector<f64>| out.fill(f64::INFINITY);
        for n in [5, 400] {
            assert_eq!(extreme_eigenvalues(n, 2, draws(n), overflow), None);
        }
    }
}
