//! The spectral radius ρ of the Jacobian along a trajectory, by power iteration on its products with vectors.
//!
//! ‖Jv‖ of a unit vector never exceeds ‖J‖, which is ρ where J is symmetric, as for gradient flows. The vector of the last estimate is
//! the start of the next, with a little of every direction mixed in, so that an eigenvalue that has overtaken the largest is found:
//! most estimates take a single product (Sommeijer, Shampine & Verwer 1998; the mixing is ours).

use nalgebra::DVector;

use crate::rng::{Purpose, gaussian_matrix, stream};

use super::VectorField;
use super::rhs::{NotFinite, Rhs};

/// An estimate that moves by less from product to product has converged.
const SETTLED: f64 = 0.01;
/// What is added for what an iteration that has settled may still be short of.
const SAFETY: f64 = 1.05;
/// The share of a random direction in the start of an iteration. It lowers ‖Jv‖ by at most its square.
const MIXED: f64 = 0.05;
/// Products in one estimate, at most: a spectrum without a gap at its end settles before.
const PRODUCTS: u32 = 60;
/// Products in the first estimate, at least: it starts from nothing.
const FIRST_PRODUCTS: u32 = 6;

/// ρ of the Jacobian of `field` at (t, θ), a twentieth on the safe side; `None` where products with it are not finite.
pub fn spectral_radius(field: &dyn VectorField, t: f64, theta: &DVector<f64>) -> Option<f64> {
    let mut radius = SpectralRadius::new();
    radius.update(&Rhs::new(field), t, theta).ok()?;
    Some(radius.value())
}

/// An estimate of ρ that is kept up to date.
pub(super) struct SpectralRadius {
    /// The approximate eigenvector, of length 1; empty before the first estimate.
    vector: DVector<f64>,
    product: DVector<f64>,
    random: DVector<f64>,
    estimate: f64,
}

impl SpectralRadius {
    pub(super) fn new() -> Self {
        Self { vector: DVector::zeros(0), product: DVector::zeros(0), random: DVector::zeros(0), estimate: 0.0 }
    }

    /// The last estimate with its safety factor.
    pub(super) fn value(&self) -> f64 {
        SAFETY * self.estimate
    }

    /// Estimates ρ anew at (t, θ).
    pub(super) fn update(&mut self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>) -> Result<(), NotFinite> {
        let first = self.vector.len() != theta.len();
        if first {
            // Always the same numbers: an integration has no seed, and its result must not depend on one.
            let draw = gaussian_matrix(theta.len(), 1, &mut stream(0, Purpose::SpectralRadius));
            self.random = draw.column(0).normalize();
            self.vector = self.random.clone();
            self.product = self.random.clone();
        }
        self.vector.axpy(MIXED, &self.random, 1.0);
        self.vector.normalize_mut();
        let least = if first { FIRST_PRODUCTS } else { 1 };
        let mut last = self.estimate;
        for products in 1..=PRODUCTS {
            rhs.jacobian_vector(t, theta, &self.vector, &mut self.product)?;
            self.estimate = self.product.norm();
            // J = 0, as at θ = 0 of three layers and more.
            if self.estimate == 0.0 {
                self.vector.copy_from(&self.random);
                break;
            }
            std::mem::swap(&mut self.vector, &mut self.product);
            self.vector.unscale_mut(self.estimate);
            if products >= least && (self.estimate - last).abs() <= SETTLED * self.estimate {
                break;
            }
            last = self.estimate;
        }
        Ok(())
    }
}
