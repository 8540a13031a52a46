//! One scheme per layer: those whose law of W_l does not ask what the other layers are. All layers are drawn one after another from one stream, so
//! that they are independent, and L times one scheme is the start of that scheme, bit for bit.

use nalgebra::{DMatrix, DVector};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::network::{Architecture, Parameters};
use crate::settings::Findings;

use super::{gaussian, kaiming, orthogonal, pytorch, xavier};

/// How the initial weights of one layer are drawn. Balanced starts are of all layers together, and a file holds all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerInit {
    /// As `torch.nn.Linear` does: weights and biases uniform in ±1/√d_{l−1}.
    Pytorch,
    /// The identity, cut or padded with zeros to the shape of W_l.
    Identity,
    /// Independent normal entries.
    Gaussian {
        /// The standard deviation of an entry.
        std: f64,
    },
    /// A random matrix with orthonormal rows or columns, times a gain.
    Orthogonal {
        /// The singular values of W_l.
        #[serde(default = "one")]
        gain: f64,
    },
    /// As `torch.nn.init.kaiming_normal_`, with the gain of the layer's own activation.
    Kaiming,
    /// As `torch.nn.init.xavier_normal_`.
    Xavier,
}

fn one() -> f64 {
    1.0
}

impl LayerInit {
    /// Its word in the scenario, without settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pytorch => "pytorch",
            Self::Identity => "identity",
            Self::Gaussian { .. } => "gaussian",
            Self::Orthogonal { .. } => "orthogonal",
            Self::Kaiming => "kaiming",
            Self::Xavier => "xavier",
        }
    }

    /// At the path `at`.
    pub(super) fn validate(self, at: &str, found: &mut Findings) {
        match self {
            Self::Gaussian { std } => found.positive(&format!("{at}.gaussian.std"), std),
            Self::Orthogonal { gain } => found.positive(&format!("{at}.orthogonal.gain"), gain),
            Self::Pytorch | Self::Identity | Self::Kaiming | Self::Xavier => {}
        }
    }
}

/// W_l and b_l by the l-th scheme, drawn in the order l = 1, …, L. Biases are 0 but those of `pytorch`.
///
/// # Panics
/// If there is not one scheme for each layer.
pub fn layers(architecture: &Architecture, each: &[LayerInit], rng: &mut impl Rng) -> Parameters {
    assert_eq!(each.len(), architecture.depth(), "one scheme for each layer");
    let mut values = DVector::zeros(architecture.parameter_count());
    for (l, scheme) in (1..).zip(each) {
        let (rows, columns) = architecture.shape(l);
        let theta = values.as_mut_slice();
        let weight = match *scheme {
            LayerInit::Pytorch => {
                pytorch::fill(architecture, l, theta, rng);
                continue;
            }
            LayerInit::Identity => DMatrix::identity(rows, columns),
            LayerInit::Gaussian { std } => gaussian::weight(rows, columns, std, rng),
            LayerInit::Orthogonal { gain } => orthogonal::weight(rows, columns, gain, rng),
            LayerInit::Kaiming => kaiming::layer(architecture, l, rng),
            LayerInit::Xavier => xavier::weight(rows, columns, rng),
        };
        architecture.weight_mut(theta, l).copy_from(&weight);
    }
    Parameters::from_values(architecture, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::init::{Init, start};
    use crate::network::{Activation, LayerRates};

    fn net() -> Architecture {
        Architecture::with_layers(&[3, 5, 4, 2], &[Activation::Relu, Activation::Tanh, Activation::Identity], &[true; 3])
    }

    fn draw(init: &Init) -> Parameters {
        start(init, &net(), &LayerRates::default(), 7).unwrap()
    }

    #[test]
    fn one_scheme_for_all_layers_is_the_start_of_that_scheme() {
        let (std, gain) = (0.3, 1.5);
        for (whole, each) in [
            (Init::Pytorch, LayerInit::Pytorch),
            (Init::Identity, LayerInit::Identity),
            (Init::Gaussian { std }, LayerInit::Gaussian { std }),
            (Init::Orthogonal { gain }, LayerInit::Orthogonal { gain }),
            (Init::Kaiming, LayerInit::Kaiming),
            (Init::Xavier, LayerInit::Xavier),
        ] {
            assert_eq!(draw(&Init::Layers(vec![each; 3])), draw(&whole), "{each:?}");
        }
    }

    #[test]
    fn each_layer_follows_its_own_scheme_and_none_after_it() {
        let mixed = |last| draw(&Init::Layers(vec![LayerInit::Pytorch, LayerInit::Identity, last]));
        let (first, second) = (mixed(LayerInit::Gaussian { std: 1.0 }), mixed(LayerInit::Orthogonal { gain: 2.0 }));
        for l in [1, 2] {
            assert_eq!((first.weight(l), first.bias(l)), (second.weight(l), second.bias(l)));
        }
        assert_eq!((first.weight(1), first.bias(1)), (draw(&Init::Pytorch).weight(1), draw(&Init::Pytorch).bias(1)));
        assert_eq!(first.weight(2), DMatrix::<f64>::identity(4, 5));
        let last = second.weight(3).into_owned();
        assert!((&last * last.transpose() - DMatrix::identity(2, 2) * 4.0).norm() < 1e-14);
        assert!(first.bias(2).unwrap().iter().chain(first.bias(3).unwrap()).all(|&b| b == 0.0));
        // A control: the random numbers of a layer are not those of the one before.
        let twice = draw(&Init::Layers(vec![LayerInit::Gaussian { std: 1.0 }; 3]));
        assert_ne!(twice.weight(1)[(0, 0)], twice.weight(2)[(0, 0)]);
    }
}
