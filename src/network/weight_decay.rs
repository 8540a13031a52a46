//! `weight_decay`: λ of all layers, or λ_1, …, λ_L; the penalty is Σ_l (λ_l/2)‖θ_l‖², θ_l = (W_l, b_l).

use std::fmt;

use nalgebra::{DVector, DVectorView, DVectorViewMut};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::settings::{Findings, path};

use super::{Architecture, OneOrEach};

/// Λ, diagonal: λ_l of every weight and bias of layer l.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct WeightDecay(OneOrEach<f64>);

impl From<f64> for WeightDecay {
    fn from(lambda: f64) -> Self {
        Self(OneOrEach::One(lambda))
    }
}

impl From<Vec<f64>> for WeightDecay {
    /// λ_1, …, λ_L.
    fn from(each: Vec<f64>) -> Self {
        Self(OneOrEach::Each(each))
    }
}

impl WeightDecay {
    /// λ = 0.
    pub const NONE: Self = Self(OneOrEach::One(0.0));

    /// λ, where all layers have the same.
    pub fn uniform(&self) -> Option<f64> {
        match &self.0 {
            OneOrEach::One(lambda) => Some(*lambda),
            OneOrEach::Each(each) => each.first().copied().filter(|first| each.iter().all(|other| other == first)),
        }
    }

    /// λ for formulas that have a single one (modified flows, limits, the ledger), which scenarios refuse where layers differ: NaN there.
    pub fn single(&self) -> f64 {
        self.uniform().unwrap_or(f64::NAN)
    }

    /// λ_l, for l = 1, …, L.
    pub fn layer(&self, l: usize) -> f64 {
        match &self.0 {
            OneOrEach::One(lambda) => *lambda,
            OneOrEach::Each(each) => each[l - 1],
        }
    }

    /// Whether no layer decays.
    pub fn is_zero(&self) -> bool {
        self.uniform() == Some(0.0)
    }

    /// Σ_l (λ_l/2)‖θ_l‖².
    pub fn penalty(&self, net: &Architecture, theta: &DVector<f64>) -> f64 {
        let layer = |l| {
            let range = net.layer_range(l);
            0.5 * self.layer(l) * theta.rows(range.start, range.len()).norm_squared()
        };
        match self.uniform() {
            Some(lambda) => 0.5 * lambda * theta.norm_squared(),
            None => (1..=net.depth()).map(layer).sum(),
        }
    }

    /// `out` ← `out` + `factor`·Λv.
    pub fn add(&self, net: &Architecture, factor: f64, v: &DVector<f64>, out: &mut DVector<f64>) {
        if let Some(lambda) = self.uniform() {
            out.axpy(factor * lambda, v, 1.0);
            return;
        }
        for l in 1..=net.depth() {
            let range = net.layer_range(l);
            let part = DVectorView::from_slice(&v.as_slice()[range.clone()], range.len());
            let len = range.len();
            DVectorViewMut::from_slice(&mut out.as_mut_slice()[range], len).axpy(factor * self.layer(l), &part, 1.0);
        }
    }

    /// Λv.
    pub fn times(&self, net: &Architecture, v: &DVector<f64>) -> DVector<f64> {
        if let Some(lambda) = self.uniform() {
            return v * lambda;
        }
        let mut out = DVector::zeros(v.len());
        self.add(net, 1.0, v, &mut out);
        out
    }

    /// For a network of so many layers; in a scenario.
    pub(crate) fn validate(&self, layers: usize, found: &mut Findings) {
        match &self.0 {
            OneOrEach::One(lambda) => found.not_negative("weight_decay", *lambda),
            OneOrEach::Each(each) if each.len() != layers => {
                let message = format!(
                    "must be a number or a list of one per layer, {layers}, got {}: to try several numbers, list them under \
                     sweep.grid, as `sweep: {{grid: {{weight_decay: […]}}}}`",
                    each.len()
                );
                found.add("weight_decay", message);
            }
            OneOrEach::Each(each) => {
                for (index, &lambda) in each.iter().enumerate() {
                    found.not_negative(&path::item("weight_decay", index), lambda);
                }
            }
        }
    }
}

impl fmt::Display for WeightDecay {
    /// `0.001`, or `(0.001, 0.001, 0.0)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OneOrEach::One(lambda) => write!(f, "{lambda:?}"),
            OneOrEach::Each(each) => write!(f, "{}", listed(each)),
        }
    }
}

/// `(1.0, 2.0, 0.5)`.
pub(super) fn listed(each: &[f64]) -> String {
    let each: Vec<String> = each.iter().map(|x| format!("{x:?}")).collect();
    format!("({})", each.join(", "))
}

// By hand: numbers come as integers, too, and `untagged` would lose the path of an error.
impl<'de> Deserialize<'de> for WeightDecay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;

        impl<'de> Visitor<'de> for Numbers {
            type Value = WeightDecay;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number, or a list with one per layer")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok((value as f64).into())
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok((value as f64).into())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(|each: Vec<f64>| each.into())
            }
        }

        deserializer.deserialize_any(Numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Activation;

    /// One number for each layer means what one for all does, and a bias goes with its layer.
    #[test]
    fn every_layer_decays_at_its_own_rate() {
        let net = Architecture::with_layers(&[2, 1, 1], &[Activation::Tanh, Activation::Identity], &[true, false]);
        let theta = DVector::from_column_slice(&[1.0, 2.0, 3.0, 4.0]);
        let decay = WeightDecay::from(vec![0.5, 0.25]);
        assert_eq!(decay.times(&net, &theta).as_slice(), [0.5, 1.0, 1.5, 1.0]);
        assert_eq!(decay.penalty(&net, &theta), 0.25 * 14.0 + 0.125 * 16.0);
        assert_eq!((decay.uniform(), decay.layer(2)), (None, 0.25));
        let (one, each) = (WeightDecay::from(0.1), WeightDecay::from(vec![0.1, 0.1]));
        assert_eq!(each.uniform(), Some(0.1));
        assert_eq!(one.times(&net, &theta), each.times(&net, &theta));
        assert_eq!(one.penalty(&net, &theta), each.penalty(&net, &theta));
    }
}
