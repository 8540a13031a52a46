//! Ritz values and their residuals against known spectra, exclusions and quadratures against what they claim.

use proptest::prelude::*;

use super::*;
use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};

/// The extreme Ritz value by the eigenvalues of T, and the norm ‖Ay − θy‖ = |β_k s_k| of its Ritz vector: an eigenvalue lies within this.
fn extreme<A>(lanczos: &Lanczos<A>, end: End) -> (f64, f64) {
    let eigen = lanczos.eigen(None);
    let best = match end {
        End::Smallest => eigen.eigenvalues.imin(),
        End::Largest => eigen.eigenvalues.imax(),
    };
    let (last, beta) = (lanczos.steps() - 1, lanczos.off_diagonal[lanczos.steps() - 1]);
    (eigen.eigenvalues[best], beta * eigen.eigenvectors[(last, best)].abs())
}

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
                let (value, residual) = extreme(&lanczos, end);
                prop_assert!((least - 1e-12..=most + 1e-12).contains(&value));
                prop_assert!(values.iter().any(|v| (v - value).abs() <= residual + 1e-12));
                prop_assert!(!lanczos.is_exhausted() || (value - exact).abs() < 1e-10, "{value} {exact}");
            }
        }
        prop_assert!(lanczos.is_exhausted());
    }

    /// Of any matrix, symmetric or not, at every size of the space.
    #[test]
    fn images_are_products(n in 1usize..12, seed in 0u64..1000, symmetric: bool) {
        let rng = &mut stream(seed, Purpose::Init);
        let mut a = gaussian_matrix(n, n, rng);
        if symmetric {
            a += a.transpose();
        }
        let start = gaussian_matrix(n, 1, rng).column(0).into_owned();
        let mut lanczos = Lanczos::new(&start, |v, out| out.gemv(1.0, &a, v, 0.0));
        for k in 1..=n {
            lanczos.grow_to(k);
            for Foremost { value, vector, image } in lanczos.foremost(3) {
                prop_assert!((&a * &vector - &image).norm() < 1e-12 * a.norm());
                prop_assert!((vector.dot(&image) - value).abs() < 1e-12 * a.norm() || !symmetric);
            }
        }
    }

    /// The extreme Ritz value from outside is that of T, and what is excluded is not there.
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
            prop_assert!((low - extreme(&lanczos, End::Smallest).0).abs() < 1e-13);
            prop_assert!((high - extreme(&lanczos, End::Largest).0).abs() < 1e-13);
            for margin in [1e-6, 1e-3, 0.1] {
                prop_assert!(!lanczos.excludes(End::Largest, high + margin) || most <= high + margin);
                prop_assert!(!lanczos.excludes(End::Smallest, low - margin) || least >= low - margin);
            }
            prop_assert!(!lanczos.excludes(End::Largest, high - 1e-6), "a Ritz value is there");
        }
        prop_assert!(lanczos.excludes(End::Largest, most + 1e-9) && lanczos.excludes(End::Smallest, least - 1e-9));
    }

    #[test]
    fn ritz_values_are_in_proportion_to_the_matrix(values in prop::collection::vec(-3.0f64..3.0, 1..30), seed in 0u64..1000) {
        let (a, start) = with_spectrum(&values, seed);
        for factor in [1e-140, 1e140] {
            let mut plain = Lanczos::new(&start, |v, out| out.gemv(1.0, &a, v, 0.0));
            let mut scaled = Lanczos::new(&start, |v, out| out.gemv(factor, &a, v, 0.0));
            for _ in &values {
                let steps = plain.steps() + 1;
                plain.grow_to(steps);
                scaled.grow_to(steps);
                for end in [End::Smallest, End::Largest] {
                    prop_assert!((scaled.ritz(end) / factor - plain.ritz(end)).abs() < 1e-9, "{factor:e}");
                }
            }
        }
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
            let (value, residual) = extreme(&lanczos, End::Largest);
            (residual < 1e-3).then_some(value)
        });
        fooled += u32::from(by_residual.unwrap() < 1.01);
        let certain = (1..100).find_map(|k| {
            lanczos.grow_to(k);
            let value = lanczos.ritz(End::Largest);
            lanczos.excludes(End::Largest, value + 1e-3).then_some(value)
        });
        assert!((certain.unwrap() - 1.02).abs() < 1e-3, "{seed}: {certain:?}");
    }
    assert!(fooled > 10, "{fooled} of 20");
}

#[test]
fn after_an_overflow_nothing_is_known() {
    let start = DVector::from_element(4, 1.0);
    for bad in [f64::NAN, f64::INFINITY, 1e200] {
        let mut lanczos = Lanczos::new(&start, |_, out: &mut DVector<f64>| out.copy_from_slice(&[bad, -bad, bad, 0.5 * bad]));
        lanczos.grow_to(3);
        assert!(lanczos.has_overflowed() && lanczos.ritz(End::Largest).is_nan() && lanczos.ritz(End::Smallest).is_nan());
        assert!(!lanczos.excludes(End::Largest, 1e300) && lanczos.radau(-1.0)[0].0.is_nan());
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
    let early = extreme(&lanczos, End::Smallest);
    assert!(early.0 > -1e-5 && early.1 > 1e-3, "{early:?}");
    let found = stages(200).find_map(|k| {
        lanczos.grow_to(k);
        let (value, residual) = extreme(&lanczos, End::Smallest);
        (residual < 1e-5).then_some(value)
    });
    assert!((found.unwrap() + 9e-5).abs() < 1e-6, "{found:?}");
}
