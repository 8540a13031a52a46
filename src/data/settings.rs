//! `data`: what the network is trained on, drawn from a law or read from a file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::settings::{Findings, write_path};

use super::inputs::{Inputs, validate_count};
use super::target::Target;

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
    #[serde(serialize_with = "write_path")]
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
    /// The number of further samples of the same law, noise included, on which the loss is measured and nothing is trained.
    #[serde(default)]
    pub test: usize,
}

impl Data {
    pub(crate) fn validate(&self, found: &mut Findings) {
        match self {
            Self::Synthetic(synthetic) => synthetic.validate(found),
            Self::File(file) => found.file("data.file.path", &file.path),
        }
    }
}

impl Synthetic {
    fn validate(&self, found: &mut Findings) {
        self.inputs.validate(found);
        self.target.validate("data.synthetic.target", self.inputs.dim, found);
        found.not_negative("data.synthetic.noise", self.noise);
        validate_count("data.synthetic.test", self.test, 0, self.inputs.dim, found);
    }
}
