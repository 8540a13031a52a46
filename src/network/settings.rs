//! `network`: the shape of f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L).

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::settings::{Findings, MAX_WIDTH, path};

use super::{Activation, Conserved};

/// The largest number of parameters: 4 GB for each copy of them.
pub(crate) const MAX_PARAMETERS: u64 = 500_000_000;

/// The largest number of layers: each has columns of its own in the records.
const MAX_LAYERS: usize = 1000;

/// A multilayer perceptron. `W_l` has shape (d_l, d_{l−1}), `b_l` shape (d_l).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The input dimension, the hidden widths, and the number of outputs: W_l has shape (d_l, d_{l−1}).
    pub widths: Vec<usize>,
    /// One word for all hidden layers, with a linear output; or a list with one for each layer, the output's included.
    #[serde(default)]
    pub activations: OneOrEach<Activation>,
    /// Whether layers have biases: one value for all, or a list with one for each layer.
    #[serde(default)]
    pub bias: OneOrEach<bool>,
}

/// One value for all layers, or a list with one per layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum OneOrEach<T> {
    /// The same for all layers.
    One(T),
    /// One for each layer, from l = 1 to L.
    Each(Vec<T>),
}

impl<T: Default> Default for OneOrEach<T> {
    fn default() -> Self {
        Self::One(T::default())
    }
}

// Not `untagged`: that tries the forms in turn and so loses the path and the cause of an error.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrEach<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrEachVisitor(PhantomData))
    }
}

struct OneOrEachVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrEachVisitor<T> {
    type Value = OneOrEach<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("one value for all layers, or a list with one per layer")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(OneOrEach::One)
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
        T::deserialize(word.into_deserializer()).map(OneOrEach::One)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, choice: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(choice)).map(OneOrEach::One)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrEach::Each)
    }
}

/// Whether a network of these layers is f(x) = W_L ⋯ W_1 x: no activation but the identity, and no bias.
pub fn is_linear(activations: &[Activation], biases: &[bool]) -> bool {
    activations.iter().all(|&activation| activation == Activation::Identity) && !biases.contains(&true)
}

impl Network {
    /// Whether f(x) = W_L ⋯ W_1 x: no activation but the identity, and no bias.
    pub fn is_linear(&self) -> bool {
        is_linear(&self.layer_activations(), &self.layer_biases())
    }

    /// L, the number of weight matrices.
    pub fn layers(&self) -> usize {
        self.widths.len().saturating_sub(1)
    }

    /// σ_1, …, σ_L. A single word leaves the output layer linear.
    pub fn layer_activations(&self) -> Vec<Activation> {
        match &self.activations {
            OneOrEach::Each(each) => each.clone(),
            OneOrEach::One(one) => {
                let mut each = vec![*one; self.layers()];
                if let Some(output) = each.last_mut() {
                    *output = Activation::Identity;
                }
                each
            }
        }
    }

    /// Whether layer l = 1, …, L has a bias.
    pub fn layer_biases(&self) -> Vec<bool> {
        match &self.bias {
            OneOrEach::One(one) => vec![*one; self.layers()],
            OneOrEach::Each(each) => each.clone(),
        }
    }

    /// Whether gradient flow conserves something between two layers, so that there is a balance to be off.
    pub fn has_balance(&self) -> bool {
        let activations = self.layer_activations();
        let hidden = activations.split_last().map_or(&[][..], |(_, hidden)| hidden);
        hidden.iter().any(|&activation| Conserved::across(activation) != Conserved::Nothing)
    }

    /// Whether a layer has a bias.
    pub fn has_biases(&self) -> bool {
        self.layer_biases().contains(&true)
    }

    /// Σ_l d_l (d_{l−1} + [l has a bias]).
    pub fn parameters(&self) -> u64 {
        let biases = self.layer_biases();
        let layer =
            |(pair, bias): (&[usize], bool)| (pair[1] as u64).saturating_mul((pair[0] as u64).saturating_add(u64::from(bias)));
        self.widths.windows(2).zip(biases).map(layer).fold(0, u64::saturating_add)
    }

    pub(crate) fn validate(&self, found: &mut Findings) {
        for (index, &width) in self.widths.iter().enumerate() {
            found.between(&path::item("network.widths", index), width, 1, MAX_WIDTH);
        }
        let layers = self.layers();
        found.require(layers <= MAX_LAYERS, "network.widths", &format!("at most {} widths", MAX_LAYERS + 1), self.widths.len());
        if layers == 0 {
            found.add("network.widths", format!("must list d_in, …, d_out: at least 2 widths, got {}", self.widths.len()));
        }
        let mut one_per_layer = |key: &str, length: usize| {
            if length != layers {
                found.add(key, format!("must have one entry per layer, {layers} (the output's included), got {length}"));
            }
        };
        if let OneOrEach::Each(each) = &self.activations {
            one_per_layer("network.activations", each.len());
        }
        if let OneOrEach::Each(each) = &self.bias {
            one_per_layer("network.bias", each.len());
        }
        let parameters = self.parameters();
        if parameters > MAX_PARAMETERS {
            let message = format!("must make at most {MAX_PARAMETERS} parameters (4 GB), got {parameters}");
            found.add("network.widths", message);
        }
    }
}
