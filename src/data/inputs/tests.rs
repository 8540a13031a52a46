//! Laws of the inputs: covariance, whitening, streams, and what tells one law from another.

use super::*;
use crate::linalg::singular_values;

const ALL: [Distribution; 7] = [
    Distribution::Gaussian,
    Distribution::Uniform,
    Distribution::Sphere,
    Distribution::StudentT { dof: 5.0 },
    Distribution::StudentT { dof: 12.0 },
    Distribution::Hypercube,
    Distribution::Mixture { separation: 0.9 },
];

fn law(distribution: Distribution, dim: usize, samples: usize, condition: f64, whiten: bool) -> Law {
    Law::new(&Inputs { dim, samples: samples.into(), distribution, condition, whiten }, 5)
}

fn drawn(distribution: Distribution, dim: usize, samples: usize) -> DMatrix<f64> {
    law(distribution, dim, samples, 1.0, false).draw(0).unwrap().0
}

/// The mean of what `f` is over n values, and the standard deviation of that mean.
fn mean_and_error(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, (values.map(|v| (v - mean).powi(2)).sum::<f64>() / n / n).sqrt())
}

/// Every entry of the sample mean and covariance within five of its own standard errors, or rounding where it does not vary.
#[test]
fn every_law_has_mean_0_and_covariance_1() {
    let dim = 4;
    for distribution in ALL {
        let x = drawn(distribution, dim, 40_000);
        for i in 0..dim {
            let (mean, error) = mean_and_error(x.column(i).iter().copied());
            assert!(mean.abs() < 5.0 * error, "{distribution:?}: mean {mean} ± {error}");
            for j in 0..=i {
                let products = x.column(i).iter().zip(x.column(j).iter()).map(|(a, b)| a * b).collect::<Vec<_>>();
                let (product, error) = mean_and_error(products.iter().copied());
                let off = product - f64::from(i == j);
                assert!(off.abs() < 5.0 * error + 1e-14, "{distribution:?}: {i} {j}: {product} ± {error}");
                assert!(error < 0.03, "the test sees something: {error}");
            }
        }
    }
}

/// The control: without its factor √((ν − 2)/ν) Student's t has variance 5/3, which the test above would see.
#[test]
fn each_law_is_the_one_it_is_called() {
    let (dim, n) = (3, 20_000);
    let uniform = drawn(Distribution::Uniform, dim, n);
    let bound = 3f64.sqrt();
    assert!(uniform.amax() <= bound && uniform.amax() > bound * (1.0 - 1e-3));
    assert!(drawn(Distribution::Sphere, dim, n).row_iter().all(|row| (row.norm() - bound).abs() < 1e-14));
    let cube = drawn(Distribution::Hypercube, dim, n);
    assert!(cube.iter().all(|x| x.abs() == 1.0));
    for corner in 0..8 {
        let is_it = |row: usize| f64::from((0..3).all(|j| (cube[(row, j)] > 0.0) == (corner >> j & 1 == 1)));
        let (share, error) = mean_and_error((0..n).map(is_it));
        assert!((share - 0.125).abs() < 5.0 * error, "{corner}: {share}");
    }
    // P(|t| > c) for ν = 5: 1 − 2/π (θ + sin θ (cos θ + ⅔cos³θ)), θ = atan(c/√5) (Abramowitz & Stegun 26.7.3).
    let student = drawn(Distribution::StudentT { dof: 5.0 }, dim, n);
    for c in [0.5, 1.5, 4.0, 6.0f64] {
        let theta = (c / 5f64.sqrt()).atan();
        let (sin, cos) = theta.sin_cos();
        let expected = 1.0 - (theta + sin * (cos + 2.0 / 3.0 * cos.powi(3))) * 2.0 / std::f64::consts::PI;
        let (share, error) = mean_and_error(student.iter().map(|x| f64::from((x * (5.0f64 / 3.0).sqrt()).abs() > c)));
        assert!((share - expected).abs() < 5.0 * error, "{c}: {share} ± {error}, {expected}");
    }
    // Along u the mixture is ±δ + √(1 − δ²)g, with E[⟨u, z⟩⁴] = δ⁴ + 6δ²(1 − δ²) + 3(1 − δ²)² below 3; across u it is normal.
    for separation in [0.0, 0.6, 0.9, 1.0f64] {
        let x = drawn(Distribution::Mixture { separation }, dim, n);
        let d2 = separation * separation;
        let fourth = |direction: [f64; 3]| {
            let x = &x * DVector::from_row_slice(&direction).normalize();
            mean_and_error(x.data.as_vec().clone().into_iter().map(|x| x.powi(4)))
        };
        let (along, error) = fourth([1.0, 1.0, 1.0]);
        let expected = d2 * d2 + 6.0 * d2 * (1.0 - d2) + 3.0 * (1.0 - d2).powi(2);
        assert!((along - expected).abs() < 5.0 * error + 1e-12, "{separation}: {along} ± {error}, {expected}");
        let (across, error) = fourth([1.0, -2.0, 1.0]);
        assert!((across - 3.0).abs() < 5.0 * error, "{separation}: {across}");
    }
}

#[test]
fn whitened_inputs_have_the_identity_as_covariance_to_rounding() {
    for distribution in ALL {
        for (dim, samples) in [(1, 20), (7, 60), (20, 500)] {
            if (dim, distribution) == (1, Distribution::Sphere) {
                continue;
            }
            let (x, other) = law(distribution, dim, samples, 1.0, true).draw(5).unwrap();
            let n = samples as f64;
            assert!((x.transpose() * &x / n - DMatrix::identity(dim, dim)).amax() < 1e-14);
            assert!(x.row_mean().amax() < 1e-14);
            assert_eq!(other.shape(), (5, dim));
        }
    }
}

/// What is drawn for the test samples has no part in the map: rows of X put in their place come out as the rows of X.
#[test]
fn test_samples_are_whitened_by_the_map_of_the_others() {
    let z = gaussian_matrix(30, 4, &mut stream(2, Purpose::Inputs));
    let (x, other) = whiten(z.clone(), z.rows(3, 2).into_owned()).unwrap();
    assert!((other - x.rows(3, 2)).amax() < 1e-13);
    // A direction that the samples leave out has no variance to be given.
    let mut flat = z;
    flat.column_mut(2).fill(1.0);
    assert!(matches!(whiten(flat, DMatrix::zeros(0, 4)), Err(WhitenError::Singular { rank: 3, dim: 4 })));
}

#[test]
fn the_samples_do_not_depend_on_how_many_are_tested() {
    for distribution in ALL {
        for (condition, whiten) in [(1.0, false), (10.0, false), (1.0, true)] {
            let law = law(distribution, 3, 40, condition, whiten);
            let (alone, none) = law.draw(0).unwrap();
            let (x, other) = law.draw(40).unwrap();
            assert_eq!((&alone, none.nrows()), (&x, 0));
            assert_ne!(x, other);
        }
    }
}

#[test]
fn conditioned_inputs_have_log_spaced_variances() {
    let root = root_covariance(5, 1e4, 0);
    let sigma = singular_values(root.as_view()).unwrap();
    for (j, s) in sigma.iter().enumerate() {
        assert!((s * s - 10f64.powi(-(j as i32))).abs() < 1e-14);
    }
    // And the samples follow it: the sample covariance in C's own metric has relative errors √(d/n), larger with heavy tails.
    for distribution in ALL {
        let law = law(distribution, 5, 20_000, 1e4, false);
        let white = law.draw(0).unwrap().0 * law.root.unwrap().try_inverse().unwrap();
        let off = (white.transpose() * &white / 20_000.0 - DMatrix::identity(5, 5)).amax();
        assert!(off < 0.1, "{distribution:?}: {off}");
    }
}
