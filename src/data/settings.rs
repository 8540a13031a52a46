//! `data`: what the network is trained on, drawn from a law or read from a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::settings::{Findings, write_path};

use super::inputs::{Inputs, SampleSize, validate_count};
use super::target::Target;

/// What is trained on: samples (x_i, y_i), or what a linear network needs in their place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// Samples drawn from a distribution, with labels from a known target function.
    Synthetic(Synthetic),
    /// Samples from an NPZ file with float64 arrays `X` (n, d_in) and `Y` (n, d_out). It may also hold a mask `M` (n, d_out), 1 where a label was
    /// observed and 0 elsewhere, and test samples `X_test` (m, d_in) and `Y_test` (m, d_out).
    File(SampleFile),
    /// Measurements y_k = ⟨A_k, W_L⋯W_1⟩ of the product of the weights of a linear network, from an NPZ file with `A` (m, d_out, d_in) and
    /// `y` (m).
    Sensing(FileData),
    /// Second moments instead of samples, for linear networks under `mse`, from an NPZ file with `Sigma_x` (d_in, d_in), `Sigma_yx`
    /// (d_out, d_in) and `tr_Sigma_y`.
    Moments(FileData),
}

/// An NPZ file of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SampleFile {
    /// The NPZ file. A relative path starts at the folder of the scenario's file.
    #[serde(serialize_with = "write_path")]
    pub path: PathBuf,
    /// Centre the inputs and transform them so that their sample covariance is exactly the identity. Test inputs go through the same map. False
    /// unless given.
    // Left out of the text where it is false, so that scenarios without it keep their hashes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whiten: bool,
}

/// An NPZ file of what stands in the place of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileData {
    /// The NPZ file. A relative path starts at the folder of the scenario's file.
    #[serde(serialize_with = "write_path")]
    pub path: PathBuf,
}

/// y_i = f*(x_i) + noise · ξ_i, with ξ_i ~ N(0, I).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// The distribution of the inputs x_i.
    pub inputs: Inputs,
    /// The function f* that labels the inputs.
    pub target: Target,
    /// The standard deviation of Gaussian noise added to the labels.
    #[serde(default)]
    pub noise: f64,
    /// The number of test samples: drawn like the training samples, noise included, and used for the column `test_loss` alone.
    #[serde(default)]
    pub test: usize,
}

impl Data {
    pub(crate) fn validate(&self, found: &mut Findings) {
        match self {
            Self::Synthetic(synthetic) => synthetic.validate(found),
            Self::File(SampleFile { path, .. }) | Self::Sensing(FileData { path }) | Self::Moments(FileData { path }) => {
                found.file(&format!("{}.path", self.key()), path);
            }
        }
    }

    /// The key of the scenario that says where the data come from.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Synthetic(_) => "data.synthetic",
            Self::File(_) => "data.file",
            Self::Sensing(_) => "data.sensing",
            Self::Moments(_) => "data.moments",
        }
    }

    /// The file that they are read from, if they are.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Synthetic(_) => None,
            Self::File(SampleFile { path, .. }) | Self::Sensing(FileData { path }) | Self::Moments(FileData { path }) => {
                Some(path)
            }
        }
    }

    /// The same, to put another in its place.
    pub(crate) fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Synthetic(_) => None,
            Self::File(SampleFile { path, .. }) | Self::Sensing(FileData { path }) | Self::Moments(FileData { path }) => {
                Some(path)
            }
        }
    }

    /// The number of samples that are drawn; what a file holds is known once it is read.
    pub fn drawn(&self) -> Option<usize> {
        match self {
            Self::Synthetic(synthetic) => synthetic.inputs.samples.count(),
            Self::File(_) | Self::Sensing(_) | Self::Moments(_) => None,
        }
    }

    /// Whether there is nothing but moments: no samples to take batches of.
    pub fn is_moments(&self) -> bool {
        match self {
            Self::Synthetic(synthetic) => synthetic.inputs.samples == SampleSize::Population,
            Self::Moments(_) => true,
            Self::File(_) | Self::Sensing(_) => false,
        }
    }
}

impl Synthetic {
    fn validate(&self, found: &mut Findings) {
        self.inputs.validate(found);
        self.target.validate("data.synthetic.target", self.inputs.dim, found);
        found.not_negative("data.synthetic.noise", self.noise);
        validate_count("data.synthetic.test", self.test, 0, self.inputs.dim, found);
        if self.inputs.samples == SampleSize::Population && self.test > 0 {
            found.add("data.synthetic.test", "with samples: population the loss already is its expectation: leave test out");
        }
    }
}
