//! One layer, a linear equation: Ẇ = Σ_yx − W(Σ_x + λI), W(t) = W* + (W_0 − W*)e^{−(Σ_x+λI)t} with W* = Σ_yx(Σ_x + λI)^{−1}.
//!
//! In the eigenvectors v of Σ_x with μ the eigenvalues plus λ, Wv = W_0v·e^{−μt} + Σ_yxv·(1 − e^{−μt})/μ, which needs no inverse.

use nalgebra::{DMatrix, SymmetricEigen};

/// W(t) from W(0) = `start`, both d_1 × d_0, with `sigma_x` (d_0 × d_0) and `sigma_yx` (d_1 × d_0). NaN if `sigma_x` is not finite.
///
/// # Panics
/// If the shapes do not agree.
pub fn one_layer(
    sigma_x: &DMatrix<f64>,
    sigma_yx: &DMatrix<f64>,
    weight_decay: f64,
    start: &DMatrix<f64>,
    t: f64,
) -> DMatrix<f64> {
    // nalgebra's iteration would not end.
    if !sigma_x.iter().all(|entry| entry.is_finite()) {
        return DMatrix::from_element(start.nrows(), start.ncols(), f64::NAN);
    }
    let SymmetricEigen { eigenvectors: v, eigenvalues } = SymmetricEigen::new(sigma_x.clone());
    let (mut kept, mut learned) = (start * &v, sigma_yx * &v);
    for (i, eigenvalue) in eigenvalues.iter().enumerate() {
        let mu = eigenvalue + weight_decay;
        kept.column_mut(i).scale_mut((-mu * t).exp());
        learned.column_mut(i).scale_mut(if mu == 0.0 { t } else { -(-mu * t).exp_m1() / mu });
    }
    (kept + learned) * v.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, gaussian_matrix, stream};

    #[test]
    fn what_is_no_number_gives_none() {
        let (nan, zero) = (DMatrix::from_element(2, 2, f64::NAN), DMatrix::zeros(2, 2));
        assert!(one_layer(&nan, &zero, 0.0, &zero, 1.0).iter().all(|x| x.is_nan()));
    }

    /// By central differences; a rank-deficient Σ_x is no special case.
    #[test]
    fn it_solves_its_equation() {
        let rng = &mut stream(1, Purpose::Inputs);
        for (samples, decay) in [(10, 0.0), (10, 0.3), (2, 0.0)] {
            let (x, y, start) =
                (gaussian_matrix(samples, 4, rng), gaussian_matrix(samples, 3, rng), gaussian_matrix(3, 4, rng));
            let (sigma_x, sigma_yx) = (x.transpose() * &x / samples as f64, y.transpose() * &x / samples as f64);
            let at = |t: f64| one_layer(&sigma_x, &sigma_yx, decay, &start, t);
            assert!((at(0.0) - &start).norm() < 1e-14);
            for t in [0.2, 1.0, 4.0] {
                let (h, w) = (1e-4, at(t));
                let slope = (at(t + h) - at(t - h)) / (2.0 * h);
                assert!((slope - (&sigma_yx - &w * &sigma_x - &w * decay)).norm() < 1e-7);
            }
        }
    }
}
