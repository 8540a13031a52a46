//! Independent entries √((ν − 2)/ν)·t with t of Student's law of ν degrees of freedom, density ∝ (1 + t²/ν)^{−(ν+1)/2}: variance 1 for
//! ν > 2, kurtosis 3 + 6/(ν − 4) for ν > 4 and infinite otherwise.

use nalgebra::DMatrix;
use rand::Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

/// `dof` = ν > 2.
pub(super) fn draw(samples: usize, dim: usize, dof: f64, rng: &mut impl Rng) -> DMatrix<f64> {
    // t = g·√(ν/χ²_ν) with g ~ N(0, 1); scaled, g·√((ν − 2)/χ²_ν). A law of ν > 0 always exists.
    let Ok(chi_squared) = ChiSquared::new(dof) else { return DMatrix::from_element(samples, dim, f64::NAN) };
    DMatrix::from_fn(samples, dim, |_, _| {
        let g: f64 = StandardNormal.sample(rng);
        g * ((dof - 2.0) / chi_squared.sample(rng)).sqrt()
    })
}
