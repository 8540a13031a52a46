//! `data.synthetic.inputs`: the law of the x_i.

use serde::{Deserialize, Serialize};

use crate::settings::{Findings, MAX_WIDTH};

use super::SampleSize;

/// The largest number of entries of the inputs, dim · samples: 16 GB.
const MAX_ENTRIES: usize = 2_000_000_000;

/// The law of the inputs x_i.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// d_in, the length of each input.
    pub dim: usize,
    /// The number of training samples n.
    pub samples: SampleSize,
    /// The distribution of the inputs before `condition` and `whiten` apply. Each has mean 0 and covariance I.
    #[serde(default)]
    pub distribution: Distribution,
    /// The condition number of the inputs' covariance. Its eigenvalues are log-spaced from 1 to 1/condition.
    #[serde(default = "one")]
    pub condition: f64,
    /// Transform the inputs so that their sample covariance is exactly the identity.
    #[serde(default)]
    pub whiten: bool,
}

fn one() -> f64 {
    1.0
}

/// The family that the inputs' law belongs to. Each has mean 0 and covariance I, and is symmetric: −x is distributed as x.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Standard normal, N(0, I).
    #[default]
    Gaussian,
    /// Independent entries, uniform on (−√3, √3).
    Uniform,
    /// Uniform on the sphere of radius √dim around 0.
    Sphere,
    /// Heavy tails: independent entries from Student's t distribution, scaled to variance 1.
    StudentT {
        /// The degrees of freedom ν, greater than 2. Moments of order ν and above do not exist.
        #[serde(default = "five")]
        dof: f64,
    },
    /// Independent entries ±1: the corners of a cube.
    Hypercube,
    /// Two Gaussians with means ±separation·u, u = (1, …, 1)/√dim, equally likely, and the same covariance I − separation²·uuᵀ.
    Mixture {
        /// How far the means are from 0: from 0, one standard normal distribution, to 1, two parallel sheets. Above 1/√2 the density has two
        /// peaks.
        #[serde(default = "nine_tenths")]
        separation: f64,
    },
}

/// The least whole number of degrees of freedom with a fourth moment, so that sample covariances converge as 1/√n.
fn five() -> f64 {
    5.0
}

/// The means are 4.1 standard deviations of one Gaussian apart.
fn nine_tenths() -> f64 {
    0.9
}

impl Distribution {
    /// Its word in the scenario, without settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Uniform => "uniform",
            Self::Sphere => "sphere",
            Self::StudentT { .. } => "student_t",
            Self::Hypercube => "hypercube",
            Self::Mixture { .. } => "mixture",
        }
    }
}

impl Inputs {
    pub(in crate::data) fn validate(&self, found: &mut Findings) {
        let Self { dim, distribution, condition, whiten, .. } = *self;
        let samples = self.samples.count();
        let at = |key: &str| format!("data.synthetic.inputs.{key}");
        found.between(&at("dim"), dim, 1, MAX_WIDTH);
        if let Some(samples) = samples {
            validate_count(&at("samples"), samples, 1, dim, found);
        }
        match distribution {
            Distribution::StudentT { dof } => {
                let right = "greater than 2: with less there is no variance";
                found.require(dof > 2.0, &at("distribution.student_t.dof"), right, dof);
            }
            Distribution::Mixture { separation } => {
                found.between(&at("distribution.mixture.separation"), separation, 0.0, 1.0);
            }
            _ => {}
        }
        found.require(condition >= 1.0, &at("condition"), "at least 1", condition);
        if whiten && condition != 1.0 {
            found
                .add(&at("whiten"), format!("whitened inputs have condition 1, got condition {condition:?}: drop one of them"));
        }
        // Centring costs one sample: with n ≤ d the sample covariance is singular.
        if let Some(samples) = samples.filter(|&samples| whiten && samples <= dim) {
            found.add(&at("samples"), format!("must be more than dim {dim} to whiten the inputs, got {samples}"));
        }
    }
}

/// A number of samples of length `dim`.
pub(in crate::data) fn validate_count(path: &str, count: usize, least: usize, dim: usize, found: &mut Findings) {
    found.between(path, count, least, 100_000_000);
    let most = MAX_ENTRIES / dim.max(1);
    if count <= 100_000_000 && dim <= MAX_WIDTH && count > most {
        found.add(path, format!("must be at most {most} with dim {dim} (16 GB), got {count}"));
    }
}
