//! `data`: what the network is trained on, drawn from a law or read from a file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::validate::Findings;

/// The largest number of entries of the inputs, dim · samples: 16 GB.
const MAX_ENTRIES: usize = 2_000_000_000;

/// Where the samples (x_i, y_i) come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// Drawn from a law.
    Synthetic(Synthetic),
    /// Read from an NPZ file.
    File(FileData),
}

/// An NPZ file with float64 arrays X (n, d_in) and Y (n, d_out).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileData {
    /// Relative to the scenario's file where it is written; absolute once read.
    #[serde(serialize_with = "super::print::path")]
    pub path: PathBuf,
}

/// y_i = f*(x_i) + noise · ξ_i, with ξ_i ~ N(0, I).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// The law of the x_i.
    pub inputs: Inputs,
    /// The function f*.
    pub target: Target,
    /// The standard deviation of the label noise.
    #[serde(default)]
    pub noise: f64,
}

/// The law of the inputs x_i.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// d_in, the length of each x_i.
    pub dim: usize,
    /// n, the number of samples.
    pub samples: usize,
    /// The family of the law, before `condition` and `whiten`.
    #[serde(default)]
    pub distribution: Distribution,
    /// The condition number of the covariance, whose eigenvalues are log-spaced from 1 to 1/condition.
    #[serde(default = "one")]
    pub condition: f64,
    /// Whether the inputs are transformed so that their sample covariance is the identity.
    #[serde(default)]
    pub whiten: bool,
}

fn one() -> f64 {
    1.0
}

/// The family that the inputs' law belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// N(0, I).
    #[default]
    Gaussian,
    /// Independent entries, uniform on an interval around 0.
    Uniform,
    /// Uniform on a sphere around 0.
    Sphere,
    /// Student's t: heavy tails.
    StudentT,
    /// Uniform on the corners of a cube: independent entries ±1.
    Hypercube,
    /// A mixture of Gaussians.
    Mixture,
}

/// The function f* that the labels follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// f*(x) = link(A x), with A of low rank.
    LowRank(LowRank),
}

/// f*(x) = link(A x), A of shape (outputs, dim).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LowRank {
    /// The rank of A.
    pub rank: usize,
    /// d_out, the length of each y_i.
    pub outputs: usize,
    /// The function applied to each entry of A x.
    #[serde(default)]
    pub link: Link,
    /// The singular values of A, `rank` of them; without them A = G_o G_i/√(rank·dim) with standard normal factors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singular_values: Option<Vec<f64>>,
}

/// A function of one variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Link {
    /// z.
    #[default]
    Identity,
    /// max(0, z).
    Relu,
    /// e^{−‖z‖²}.
    Gaussian,
    /// sin z.
    Sin,
    /// z².
    Quadratic,
    /// tanh z.
    Tanh,
    /// The normalised probabilists' Hermite polynomial of degree k.
    Hermite {
        /// From 0 to 30.
        k: usize,
    },
}

impl Data {
    pub(super) fn validate(&self, found: &mut Findings) {
        match self {
            Self::Synthetic(synthetic) => synthetic.validate(found),
            Self::File(file) => found.file("data.file.path", &file.path),
        }
    }
}

impl Synthetic {
    fn validate(&self, found: &mut Findings) {
        let Inputs { dim, samples, condition, whiten, .. } = self.inputs;
        let at = |key: &str| format!("data.synthetic.inputs.{key}");
        found.between(&at("dim"), dim, 1, super::MAX_WIDTH);
        found.between(&at("samples"), samples, 1, 100_000_000);
        let most = MAX_ENTRIES / dim.max(1);
        if samples <= 100_000_000 && dim <= super::MAX_WIDTH && samples > most {
            found.add(&at("samples"), format!("must be at most {most} with dim {dim} (16 GB), got {samples}"));
        }
        found.require(condition >= 1.0, &at("condition"), "at least 1", condition);
        if whiten && condition != 1.0 {
            found
                .add(&at("whiten"), format!("whitened inputs have condition 1, got condition {condition:?}: drop one of them"));
        }
        // Centring costs one sample: with n ≤ d the sample covariance is singular.
        if whiten && samples <= dim {
            found.add(&at("samples"), format!("must be more than dim {dim} to whiten the inputs, got {samples}"));
        }
        let Target::LowRank(target) = &self.target;
        target.validate(dim, found);
        found.not_negative("data.synthetic.noise", self.noise);
    }
}

impl LowRank {
    fn validate(&self, dim: usize, found: &mut Findings) {
        let at = |key: &str| format!("data.synthetic.target.low_rank.{key}");
        found.between(&at("outputs"), self.outputs, 1, super::MAX_WIDTH);
        found.between(&at("rank"), self.rank, 1, dim.min(self.outputs).max(1));
        if let Link::Hermite { k } = self.link {
            found.between(&at("link.hermite.k"), k, 0, 30);
        }
        if let Some(values) = &self.singular_values {
            found.singular_values(&at("singular_values"), values);
            if values.len() != self.rank {
                let message = format!("must have one entry per rank, {}, got {}", self.rank, values.len());
                found.add(&at("singular_values"), message);
            }
        }
    }
}
