//! Against dense eigenvalues, to the tolerance that is claimed.

use nalgebra::{DMatrix, SymmetricEigen};
use proptest::prelude::*;

use super::*;
use crate::linalg::testing::of_blocks;
use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};

const TOLERANCE: f64 = 1e-3;

fn random(n: usize, seed: u64) -> DVector<f64> {
    gaussian_matrix(n, 1, &mut stream(seed, Purpose::Noise)).column(0).into_owned()
}

/// Q diag(values) Qᵀ with a random rotation Q.
fn turned(values: &[f64], seed: u64) -> DMatrix<f64> {
    let n = values.len();
    let q = orthonormal_columns(n, n, &mut stream(seed, Purpose::Init));
    &q * DMatrix::from_diagonal(&DVector::from_column_slice(values)) * q.transpose()
}

fn look(a: &DMatrix<f64>, start: &DVector<f64>) -> Largest {
    largest_eigenvalue(start, TOLERANCE, |v, out| out.gemv(1.0, a, v, 0.0)).unwrap()
}

/// What is found against dense eigenvalues: to the tolerance, and nowhere above.
fn check(a: &DMatrix<f64>, seed: u64) -> Result<Largest, TestCaseError> {
    let found = look(a, &random(a.nrows(), seed));
    let dense = SymmetricEigen::new(a.clone()).eigenvalues;
    let (exact, size) = (dense.max(), dense.amax());
    prop_assert!(found.margin <= (TOLERANCE + 1e-12) * size, "{found:?}");
    prop_assert!(found.value <= exact + 1e-13 * size && exact - found.value <= TOLERANCE * size, "{found:?} {exact}");
    Ok(found)
}

/// Eigenvalues of either sign, repeated ones and zeros among them.
fn spectrum(most: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![-3.0f64..3.0, Just(1.0), Just(0.0), Just(-2.0)], 1..most)
}

proptest! {
    #[test]
    fn the_largest_is_found_to_the_tolerance(values in spectrum(60), seed in 0u64..1000) {
        check(&turned(&values, seed), seed)?;
    }

    /// One is −1e-3 … −3 apart from 0, so that the largest is the one nearest to 0.
    #[test]
    fn of_a_negative_definite_matrix_it_is_found_too(values in prop::collection::vec(-3.0f64..-1e-3, 1..60), seed in 0u64..1000) {
        prop_assert!(check(&turned(&values, seed), seed)?.value < 0.0);
    }

    #[test]
    fn of_blocks_that_know_nothing_of_each_other_it_is_found_in_any(
        blocks in prop::collection::vec(spectrum(12), 1..8), seed in 0u64..1000,
    ) {
        let blocks: Vec<_> = blocks.iter().zip(0..).map(|(values, k)| turned(values, seed + k)).collect();
        check(&of_blocks(&blocks), seed)?;
    }
}

/// One eigenvalue stands out by 1 % of the bulk that follows it: from many a start it is late to show.
#[test]
fn the_first_of_a_bulk_is_not_taken_for_the_one_above_it() {
    for seed in 0..200 {
        let mut values: Vec<f64> =
            (0..60).map(|i| 1.0 - 1e-4 * f64::from(i)).chain((0..60).map(|i| f64::from(i) / 60.0)).collect();
        values[0] = 1.01;
        let found = check(&DMatrix::from_diagonal(&DVector::from_vec(values)), seed).unwrap();
        assert!(found.value > 1.009, "{seed}: {found:?}");
    }
}

/// In one block an eigenvalue falls, in another one rises past it, in a third from below 0: every look tells the largest, though nothing that
/// was seen before has a part in it.
#[test]
fn an_eigenvalue_that_overtakes_in_another_block_is_found_at_once() {
    let rng = &mut stream(0, Purpose::Sharpness);
    for k in 0..100 {
        let s = f64::from(k) / 99.0;
        let block = |top: f64, seed: u64| {
            let mut values: Vec<f64> = (0..20).map(|i| 0.025 * f64::from(i)).collect();
            values[0] = top;
            turned(&values, seed)
        };
        let a = of_blocks(&[block(2.0 - s, 1), block(3.0 * s, 2), block(-1.0 + 4.5 * s * s, 3)]);
        let exact = [2.0 - s, 3.0 * s, -1.0 + 4.5 * s * s].into_iter().fold(0.0, f64::max);
        let found = look(&a, &gaussian_matrix(60, 1, rng).column(0).into_owned());
        assert!((found.value - exact).abs() <= TOLERANCE * exact, "{k}: {found:?} {exact}");
        assert!(found.products <= 30, "{found:?}");
    }
}

/// The control: the eigenvector of one block is an eigenvector of the whole, and says nothing of the others. Its space is invariant.
#[test]
fn a_start_that_is_not_random_would_miss_it() {
    let a = of_blocks(&[turned(&[1.0, 0.5, 0.1], 1), turned(&[2.0, 0.3], 2)]);
    let inside = DVector::from_column_slice(&[1.0, 2.0, -1.0, 0.0, 0.0]);
    assert!((look(&a, &inside).value - 1.0).abs() < 1e-12);
    assert!((look(&a, &random(5, 1)).value - 2.0).abs() < 1e-12);
}

/// Each of these spaces is invariant before it is full, or has nothing to tell apart.
#[test]
fn the_smallest_and_the_plainest_matrices_are_exact() {
    for (a, exact) in [
        (DMatrix::from_element(1, 1, -3.0), -3.0),
        (DMatrix::from_element(1, 1, 0.0), 0.0),
        (DMatrix::from_row_slice(2, 2, &[0.0, 2.0, 2.0, 0.0]), 2.0),
        (DMatrix::from_row_slice(2, 2, &[-1.0, 0.0, 0.0, -1.1]), -1.0),
        (DMatrix::zeros(30, 30), 0.0),
        (DMatrix::identity(30, 30) * 7.0, 7.0),
        (of_blocks(&[DMatrix::identity(15, 15) * 2.0, DMatrix::zeros(15, 15)]), 2.0),
        (of_blocks(&[DMatrix::identity(15, 15) * -2.0, DMatrix::identity(15, 15) * -1e-3]), -1e-3),
    ] {
        for seed in 0..10 {
            let found = look(&a, &random(a.nrows(), seed));
            assert!((found.value - exact).abs() <= 1e-14 * a.norm() && found.products <= 2, "{a}: {found:?}");
        }
    }
    assert_eq!(largest_eigenvalue(&DVector::zeros(0), TOLERANCE, |_, _| ()), None);
}

/// A few that stand out of a bulk, as in the Hessians of networks; and at worst, no gap anywhere.
#[test]
fn a_dozen_products_are_enough_where_a_few_stand_out() {
    let n = 2000;
    let mut values: Vec<f64> = (0..n).map(|i| 0.02 * f64::from(i) / f64::from(n)).collect();
    values[..5].copy_from_slice(&[1.0, 0.8, 0.6, 0.4, 0.2]);
    let uniform: Vec<f64> = (0..n).map(|i| f64::from(i) / f64::from(n - 1)).collect();
    for (values, most) in [(values, 13), (uniform, 260)] {
        let diagonal = DVector::from_vec(values);
        let apply = |v: &DVector<f64>, out: &mut DVector<f64>| out.copy_from(&v.component_mul(&diagonal));
        let found = largest_eigenvalue(&random(2000, 1), TOLERANCE, apply).unwrap();
        assert!(found.products <= most && 1.0 - found.value <= TOLERANCE, "{found:?}");
    }
}

/// Where the limit of products comes first, the margin says what is known.
#[test]
fn a_look_that_ends_too_early_says_how_much_it_does_not_know() {
    let diagonal = DVector::from_iterator(400, (0..400).map(|i| f64::from(i) / 399.0));
    let mut last = f64::INFINITY;
    for most in [3, 10, 20, 40, 80] {
        let apply = |v: &DVector<f64>, out: &mut DVector<f64>| out.copy_from(&v.component_mul(&diagonal));
        let Largest { value, margin, products, .. } = within(most, &random(400, 2), TOLERANCE, apply).unwrap();
        assert!(products == most && 1.0 - value <= margin && margin < last, "{most}: {value} + {margin}");
        last = margin;
    }
    assert!(last < 0.03, "{last}");
}

#[test]
fn products_that_overflow_are_no_estimate() {
    for bad in [f64::INFINITY, f64::NAN, 1e200] {
        assert_eq!(largest_eigenvalue(&random(5, 1), TOLERANCE, |_, out| out.fill(bad)), None);
    }
}
