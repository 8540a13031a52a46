//! Inputs: x_i = C^{1/2}z_i with z_i of mean 0 and covariance I, one law of z per file, and C = U·diag(c)·Uᵀ with c log-spaced from 1 to
//! 1/condition, U uniform (Haar). So E[x] = 0 and E[xxᵀ] = C for every law, as far as `condition` says.

mod hypercube;
mod mixture;
mod sample_size;
mod settings;
mod sphere;
mod student_t;
#[cfg(test)]
mod tests;
mod uniform;
mod whiten;

pub use sample_size::SampleSize;
pub(super) use settings::validate_count;
pub use settings::{Distribution, Inputs};
pub use whiten::WhitenError;

use std::borrow::Cow;

use nalgebra::{DMatrix, DVector};
use rand::Rng;

use crate::rng::{Purpose, gaussian_matrix, named_stream, orthonormal_columns, stream};

pub(super) use whiten::whiten;

/// The law of a scenario's inputs: draws them, and answers what closed forms must know.
#[derive(Debug, Clone)]
pub struct Law {
    inputs: Inputs,
    seed: u64,
    /// C^{1/2}, d × d; `None` for C = I.
    root: Option<DMatrix<f64>>,
}

impl Law {
    /// The law of a scenario's `inputs`; U derives from `seed`.
    pub fn new(inputs: &Inputs, seed: u64) -> Self {
        // With condition 1 every U gives C = I: none is drawn, none enters the rounding.
        let root = (inputs.condition != 1.0).then(|| root_covariance(inputs.dim, inputs.condition, seed));
        Self { inputs: inputs.clone(), seed, root }
    }

    /// X ∈ ℝ^{samples × dim}, and `test` further samples from a stream of their own, so that X does not depend on their number. With
    /// `whiten`, X is centred and mapped so that XᵀX/n = I to rounding, and the others by the map of X.
    pub(super) fn draw(&self, test: usize) -> Result<(DMatrix<f64>, DMatrix<f64>), WhitenError> {
        // A population has none.
        let samples = self.inputs.samples.count().unwrap_or(0);
        let z = self.standard(samples, &mut stream(self.seed, Purpose::Inputs));
        let other = self.standard(test, &mut named_stream(self.seed, Purpose::Inputs, "test"));
        if self.inputs.whiten {
            return whiten(z, other);
        }
        Ok(match &self.root {
            None => (z, other),
            Some(root) => (z * root, other * root),
        })
    }

    /// Rows z_i of mean 0 and covariance I.
    fn standard(&self, samples: usize, rng: &mut impl Rng) -> DMatrix<f64> {
        let dim = self.inputs.dim;
        match self.inputs.distribution {
            Distribution::Gaussian => gaussian_matrix(samples, dim, rng),
            Distribution::Uniform => uniform::draw(samples, dim, rng),
            Distribution::Sphere => sphere::draw(samples, dim, rng),
            Distribution::StudentT { dof } => student_t::draw(samples, dim, dof, rng),
            Distribution::Hypercube => hypercube::draw(samples, dim, rng),
            Distribution::Mixture { separation } => mixture::draw(samples, dim, separation, rng),
        }
    }

    /// C^{1/2}, d × d.
    pub(super) fn root_covariance(&self) -> DMatrix<f64> {
        let dim = self.inputs.dim;
        self.root.clone().unwrap_or_else(|| DMatrix::identity(dim, dim))
    }

    /// d, the length of x.
    pub(super) fn dim(&self) -> usize {
        self.inputs.dim
    }

    /// Whether x and −x have the same law. Whitened samples depend on each other: closed forms do not apply to them.
    pub(super) fn is_symmetric(&self) -> bool {
        !self.inputs.whiten
    }

    /// Whether the entries of x are independent, with mean 0 and variance 1.
    pub(super) fn has_independent_entries(&self) -> bool {
        let product = !matches!(self.inputs.distribution, Distribution::Sphere | Distribution::Mixture { .. });
        product && self.root.is_none() && !self.inputs.whiten
    }

    /// Whether the signs of the entries of x are independent, each ±1 with probability ½.
    pub(super) fn has_independent_signs(&self) -> bool {
        let sphere = self.inputs.distribution == Distribution::Sphere && self.root.is_none() && !self.inputs.whiten;
        sphere || self.has_independent_entries()
    }

    /// A·C^{1/2} where x ~ N(0, C), else `None`: then Ax ~ N(0, BBᵀ) with B the result.
    pub(super) fn gaussian_image<'a>(&self, a: &'a DMatrix<f64>) -> Option<Cow<'a, DMatrix<f64>>> {
        if self.inputs.distribution != Distribution::Gaussian || self.inputs.whiten {
            return None;
        }
        Some(self.root.as_ref().map_or(Cow::Borrowed(a), |root| Cow::Owned(a * root)))
    }
}

/// C^{1/2} = U·diag(√c)·Uᵀ. With a single dimension c = 1.
fn root_covariance(dim: usize, condition: f64, seed: u64) -> DMatrix<f64> {
    let u = orthonormal_columns(dim, dim, &mut stream(seed, Purpose::Covariance));
    let spacing = (dim - 1).max(1) as f64;
    let roots = DVector::from_fn(dim, |j, _| condition.powf(-0.5 * j as f64 / spacing));
    &u * DMatrix::from_diagonal(&roots) * u.transpose()
}
