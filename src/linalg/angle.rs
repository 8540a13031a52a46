//! Angles between matrices, by which the Neural Feature Ansatz is judged.

use nalgebra::DMatrix;

use super::scale::normalised;

/// cos(A, B) = ⟨A, B⟩_F / (‖A‖_F ‖B‖_F). NaN where one of them is zero.
///
/// Of two positive semidefinite matrices it is never negative and seldom near 0: read it beside [`centred_cosine`].
///
/// # Panics
/// If their shapes differ.
pub fn cosine(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    // Scaled first, without rounding: squares of small entries underflow. What rounding leaves beyond 1 is no cosine.
    let (a, b) = (normalised(a), normalised(b));
    (a.dot(&b) / a.norm() / b.norm()).clamp(-1.0, 1.0)
}

/// The cosine of A − (tr A/d)·I with B − (tr B/d)·I, both d × d: each matrix minus its mean eigenvalue times the identity.
/// NaN where one of them is a multiple of the identity to rounding.
///
/// # Panics
/// If they are not square and of one shape.
pub fn centred_cosine(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let (a, b) = (&normalised(a), &normalised(b));
    let (a0, b0) = (traceless(a), traceless(b));
    // What is left of a multiple of I after the subtraction is rounding, d entries of ε·|mean|: it has no direction.
    let rounding = |m: &DMatrix<f64>| 8.0 * f64::EPSILON * m.norm();
    if a0.norm() <= rounding(a) || b0.norm() <= rounding(b) {
        return f64::NAN;
    }
    cosine(&a0, &b0)
}

/// The mean of cos(A, QBQᵀ) over all rotations Q, uniformly distributed, of symmetric d × d matrices: the cosine to expect where their
/// eigenvectors are unrelated. Exact: the mean of QBQᵀ commutes with all rotations, so that it is (tr B/d)·I, and ‖QBQᵀ‖ is
/// ‖B‖: tr A·tr B/(d‖A‖_F‖B‖_F). The [`centred_cosine`] has the mean 0. NaN where one of them is zero.
pub fn cosine_baseline(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    let (a, b) = (normalised(a), normalised(b));
    (a.trace() / a.norm()) * (b.trace() / b.norm()) / a.nrows() as f64
}

fn traceless(m: &DMatrix<f64>) -> DMatrix<f64> {
    let mean = m.trace() / m.nrows() as f64;
    let mut traceless = m.clone();
    for i in 0..m.nrows() {
        traceless[(i, i)] -= mean;
    }
    traceless
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Svd;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    /// The counterexample of the paper's section 4, with A = ¼(I + 11ᵀ): cos(I, A) = 0.8944, 0.5547 at k = 2, 10.
    #[test]
    fn cosine_of_the_counterexample() {
        for (k, expected) in [(2, 0.8944), (10, 0.5547)] {
            let identity = DMatrix::<f64>::identity(k, k);
            let agop = (&identity + DMatrix::from_element(k, k, 1.0)) * 0.25;
            assert!((cosine(&identity, &agop) - expected).abs() < 5e-5);
            assert!(centred_cosine(&identity, &agop).is_nan());
        }
    }

    #[test]
    fn centring_removes_multiples_of_the_identity() {
        let a = DMatrix::from_row_slice(2, 2, &[3.0, 1.0, 1.0, 2.0]);
        let shifted = &a * 2.0 + DMatrix::identity(2, 2) * 7.0;
        assert!((centred_cosine(&a, &shifted) - 1.0).abs() < 1e-14);
        assert!(cosine(&a, &shifted) < 0.999);
    }

    /// Against the mean over rotations drawn at random, within five of its standard errors; the centred cosine's is 0.
    #[test]
    fn the_baseline_is_the_mean_over_rotations() {
        const DRAWS: usize = 4000;
        let rng = &mut stream(3, Purpose::Init);
        for d in [2, 5] {
            let [a, b] = [1, d].map(|rank| {
                let factor = gaussian_matrix(rank, d, rng);
                factor.transpose() * factor
            });
            let rotated = |q: DMatrix<f64>| &q * &b * q.transpose();
            let drawn: Vec<_> = (0..DRAWS)
                .map(|_| {
                    let svd = Svd::new(gaussian_matrix(d, d, rng).as_view()).unwrap();
                    rotated(&svd.u * svd.v.transpose())
                })
                .collect();
            let mean = |f: &dyn Fn(&DMatrix<f64>) -> f64| {
                let values: Vec<f64> = drawn.iter().map(f).collect();
                let mean = values.iter().sum::<f64>() / DRAWS as f64;
                (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>().sqrt() / DRAWS as f64)
            };
            let (plain, error) = mean(&|b| cosine(&a, b));
            let expected = cosine_baseline(&a, &b);
            assert!(
                (plain - expected).abs() < 5.0 * error && error < 0.02 * expected,
                "d = {d}: {plain} and {expected} ± {error}"
            );
            let (centred, error) = mean(&|b| centred_cosine(&a, b));
            assert!(centred.abs() < 5.0 * error, "d = {d}: {centred} ± {error}");
        }
        let identity = DMatrix::identity(3, 3);
        assert!((cosine_baseline(&identity, &identity) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn small_and_large_matrices_have_the_same_angles() {
        let rng = &mut stream(5, Purpose::Init);
        let [a, b] = [0, 1].map(|_| {
            let factor = gaussian_matrix(3, 4, rng);
            factor.transpose() * factor
        });
        for factor in [2f64.powi(-1000), 2f64.powi(-500), 2f64.powi(900)] {
            let small = &a * factor;
            assert_eq!(cosine(&small, &b), cosine(&a, &b));
            assert_eq!(centred_cosine(&small, &b), centred_cosine(&a, &b));
            assert_eq!(cosine_baseline(&small, &b), cosine_baseline(&a, &b));
            assert!(cosine(&small, &small) <= 1.0 && cosine(&small, &small) > 1.0 - 1e-15);
        }
    }

    #[test]
    fn nothing_has_no_angle() {
        assert!(cosine(&DMatrix::zeros(2, 2), &DMatrix::identity(2, 2)).is_nan());
    }
}
