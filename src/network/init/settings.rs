//! `init`: the weights θ(0) that the flow and every optimizer start from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::network::Network;
use crate::settings::{Findings, path, write_path};

use super::{LambdaBalanced, LayerInit};

/// How the initial weights are drawn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Init {
    /// As `torch.nn.Linear` does: weights and biases uniform in ±1/√d_{l−1}.
    #[default]
    Pytorch,
    /// Every W_l is the identity, cut or padded with zeros to its shape.
    Identity,
    /// Independent normal entries of one standard deviation.
    Gaussian {
        /// The standard deviation of an entry.
        std: f64,
    },
    /// Random matrices with orthonormal rows or columns, times a gain.
    Orthogonal {
        /// The singular values of every W_l.
        #[serde(default = "one")]
        gain: f64,
    },
    /// As `torch.nn.init.kaiming_normal_`: independent normal entries of variance gain²/d_{l−1}, the gain that of the layer's own activation: √2
    /// for `relu`, 5/3 for `tanh`; where PyTorch has none, 1. Biases are 0.
    Kaiming,
    /// As `torch.nn.init.xavier_normal_`: independent normal entries of variance 2/(d_{l−1} + d_l). Biases are 0.
    Xavier,
    /// Balanced layers, W_{l+1}ᵀW_{l+1} = W_l W_lᵀ, or a start that is unbalanced by a given amount.
    Balanced {
        /// Multiplies the singular values of the product W_L ⋯ W_1.
        #[serde(default = "one")]
        scale: f64,
        /// The singular values of the product before `scale`, at most as many as the smallest width. Without them all are 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        singular_values: Option<Vec<f64>>,
        /// How unbalanced the start is: max_l ‖W_{l+1}ᵀW_{l+1} − W_l W_lᵀ‖_F.
        #[serde(default)]
        imbalance: f64,
    },
    /// W_{l+1}ᵀW_{l+1} − W_l W_lᵀ is a multiple of the identity: from rich learning at 0 to lazy learning far from it.
    LambdaBalanced(LambdaBalanced),
    /// A list with one init for each layer. Layers are drawn one after another: a list of one init alone is that init, bit for bit.
    Layers(Vec<LayerInit>),
    /// Weights from an NPZ file with float64 arrays `W1`, `b1`, `W2` and so on.
    File {
        /// The NPZ file. A relative path starts at the folder of the scenario's file.
        #[serde(serialize_with = "write_path")]
        path: PathBuf,
    },
}

fn one() -> f64 {
    1.0
}

impl Init {
    pub(crate) fn validate(&self, network: &Network, found: &mut Findings) {
        let widths = &*network.widths;
        match self {
            Self::Pytorch | Self::Identity | Self::Kaiming | Self::Xavier => {}
            Self::Gaussian { std } => LayerInit::Gaussian { std: *std }.validate("init", found),
            Self::Orthogonal { gain } => LayerInit::Orthogonal { gain: *gain }.validate("init", found),
            Self::Balanced { scale, singular_values, imbalance } => {
                found.positive("init.balanced.scale", *scale);
                found.not_negative("init.balanced.imbalance", *imbalance);
                let most = "at most 1e100: beyond, its square overflows";
                found.require(*imbalance <= 1e100, "init.balanced.imbalance", most, *imbalance);
                if *imbalance > 0.0 && widths.len() == 2 {
                    let message =
                        format!("must be 0 with a single layer, which has no neighbour to balance, got {imbalance:?}");
                    found.add("init.balanced.imbalance", message);
                } else if *imbalance > 0.0 && !network.has_balance() {
                    let message = format!(
                        "must be 0 for a network whose hidden activations conserve no imbalance, got {imbalance:?}: use identity, relu \
                         or leaky_relu, or an unbalanced init"
                    );
                    found.add("init.balanced.imbalance", message);
                }
                if let Some(values) = singular_values {
                    found.singular_values("init.balanced.singular_values", values);
                    let narrowest = widths.iter().copied().min().unwrap_or(0);
                    if values.is_empty() || values.len() > narrowest {
                        let message = format!("must have 1 to {narrowest} entries (the least width), got {}", values.len());
                        found.add("init.balanced.singular_values", message);
                    }
                }
            }
            Self::LambdaBalanced(settings) => settings.validate("init.lambda_balanced", widths, found),
            Self::Layers(each) if each.len() != network.layers() => {
                let message = format!("must have one entry per layer, {}, got {}", network.layers(), each.len());
                found.add("init.layers", message);
            }
            Self::Layers(each) => {
                for (index, init) in each.iter().enumerate() {
                    init.validate(&path::item("init.layers", index), found);
                }
            }
            Self::File { path } => found.file("init.file.path", path),
        }
    }
}
