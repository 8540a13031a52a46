//! `data.synthetic.target`: the function f* that the labels follow.

use serde::{Deserialize, Serialize};

use crate::settings::Findings;
use crate::settings::network::{Activation, MAX_PARAMETERS};
use crate::settings::{MAX_WIDTH, path};

/// The function f*.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// f*(x) = link(A x) entry by entry, with A of low rank.
    LowRank(LowRank),
    /// f*(x) = link(⟨a, x⟩), one output.
    SingleIndex(SingleIndex),
    /// f*(x) = g(A x), one output that depends on a few directions.
    MultiIndex(MultiIndex),
    /// A network with random weights.
    Teacher(Teacher),
    /// f*(x) = x_1 ⋯ x_k, one output.
    Parity(Parity),
    /// f*(x) = Σ_{i ≤ k} max(0, x_i), one output.
    Counterexample(Counterexample),
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

/// f*(x) = link(⟨a, x⟩) with a uniform on the unit sphere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SingleIndex {
    /// The function of ⟨a, x⟩.
    #[serde(default)]
    pub link: Link,
}

/// f*(x) = g(z), z = A x, A = diag(s)·Vᵀ of shape (rank, dim) with V uniform and orthonormal: g(z) = e^{−‖z‖²} for the link `gaussian`, and
/// Σ_j link(z_j)/√rank for the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiIndex {
    /// The number of directions.
    pub rank: usize,
    /// What g is made of.
    #[serde(default)]
    pub link: Link,
    /// s, `rank` of them; all 1 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub singular_values: Option<Vec<f64>>,
}

/// f*(x) = W_L σ(W_{L−1} ⋯ σ(W_1 x)) without biases, the entries of W_l independent and N(0, 1/d_{l−1}).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teacher {
    /// d_0 = d_in, the hidden widths, d_out.
    pub widths: Vec<usize>,
    /// σ, of all hidden layers.
    pub activation: Activation,
}

/// f*(x) = x_1 ⋯ x_k: on the corners of the cube ±1 the parity of the signs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parity {
    /// How many entries are multiplied.
    pub k: usize,
}

/// f*(x) = Σ_{i ≤ k} max(0, x_i): a ReLU network with W_1 = I fits it, and its AGOP is dense (Tansley et al. 2025, example 1, with k = 2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterexample {
    /// How many entries count.
    pub k: usize,
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
    /// e^{−z²}, entry by entry; of all entries together, e^{−‖z‖²}, in a [`MultiIndex`].
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

impl Link {
    /// Its word in the scenario, without settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "relu",
            Self::Gaussian => "gaussian",
            Self::Sin => "sin",
            Self::Quadratic => "quadratic",
            Self::Tanh => "tanh",
            Self::Hermite { .. } => "hermite",
        }
    }

    fn validate(self, path: &str, found: &mut Findings) {
        if let Self::Hermite { k } = self {
            found.between(&format!("{path}.hermite.k"), k, 0, 30);
        }
    }
}

impl Target {
    /// d_out, the length of f*(x).
    pub fn outputs(&self) -> usize {
        match self {
            Self::LowRank(target) => target.outputs,
            // A valid teacher has widths.
            Self::Teacher(teacher) => teacher.widths.last().copied().unwrap_or(0),
            Self::SingleIndex(_) | Self::MultiIndex(_) | Self::Parity(_) | Self::Counterexample(_) => 1,
        }
    }

    pub(crate) fn validate(&self, dim: usize, found: &mut Findings) {
        let at = |key: &str| format!("data.synthetic.target.{key}");
        match self {
            Self::LowRank(target) => {
                found.between(&at("low_rank.outputs"), target.outputs, 1, MAX_WIDTH);
                found.between(&at("low_rank.rank"), target.rank, 1, dim.min(target.outputs).max(1));
                target.link.validate(&at("low_rank.link"), found);
                one_per_rank(&at("low_rank.singular_values"), target.singular_values.as_deref(), target.rank, found);
            }
            Self::SingleIndex(target) => target.link.validate(&at("single_index.link"), found),
            Self::MultiIndex(target) => {
                found.between(&at("multi_index.rank"), target.rank, 1, dim.max(1));
                target.link.validate(&at("multi_index.link"), found);
                one_per_rank(&at("multi_index.singular_values"), target.singular_values.as_deref(), target.rank, found);
            }
            Self::Teacher(teacher) => teacher.validate(&at("teacher.widths"), dim, found),
            Self::Parity(Parity { k }) => found.between(&at("parity.k"), *k, 1, dim.max(1)),
            Self::Counterexample(Counterexample { k }) => found.between(&at("counterexample.k"), *k, 1, dim.max(1)),
        }
    }
}

fn one_per_rank(path: &str, values: Option<&[f64]>, rank: usize, found: &mut Findings) {
    let Some(values) = values else { return };
    found.singular_values(path, values);
    if values.len() != rank {
        found.add(path, format!("must have one entry per rank, {rank}, got {}", values.len()));
    }
}

impl Teacher {
    fn validate(&self, at: &str, dim: usize, found: &mut Findings) {
        for (index, &width) in self.widths.iter().enumerate() {
            found.between(&path::item(at, index), width, 1, MAX_WIDTH);
        }
        match self.widths.as_slice() {
            [first, _, ..] => found.require(*first == dim, &path::item(at, 0), &format!("the inputs' dim, {dim}"), first),
            short => found.add(at, format!("must list d_in, …, d_out: at least 2 widths, got {}", short.len())),
        }
        let layer = |pair: &[usize]| (pair[0] as u64).saturating_mul(pair[1] as u64);
        let parameters = self.widths.windows(2).map(layer).fold(0, u64::saturating_add);
        if parameters > MAX_PARAMETERS {
            found.add(at, format!("must make at most {MAX_PARAMETERS} parameters (4 GB), got {parameters}"));
        }
    }
}
