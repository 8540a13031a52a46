//! `layer_rates`: κ_1, …, κ_L of the flow θ̇_l = −κ_l(∇_lℒ + λ_lθ_l), θ_l = (W_l, b_l); κ_l = 0 freezes layer l.
//!
//! In φ_l = θ_l/√κ_l it is the gradient flow φ̇ = −∇_φJ(θ(φ)), with the decay κ_lλ_l: its Jacobian −K^{1/2}∇²J K^{1/2} is symmetric, while that of
//! θ, −K∇²J, is not. A frozen layer has no φ_l; its entries in φ are 0.

use std::fmt;

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::settings::{Findings, path};

use super::weight_decay::listed;
use super::{Architecture, Parameters, WeightDecay};

/// Rates other than 0 are between this and its inverse.
const LEAST: f64 = 1e-12;

/// K, diagonal: κ_l of every weight and bias of layer l; 1 of all layers without a list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct LayerRates(Option<Vec<f64>>);

impl From<Vec<f64>> for LayerRates {
    /// κ_1, …, κ_L.
    fn from(each: Vec<f64>) -> Self {
        Self(Some(each))
    }
}

impl LayerRates {
    /// Whether a scenario leaves them out.
    pub fn is_default(&self) -> bool {
        self.0.is_none()
    }

    /// Whether all layers have the rate 1.
    pub fn are_one(&self) -> bool {
        self.0.as_ref().is_none_or(|each| each.iter().all(|&kappa| kappa == 1.0))
    }

    /// Whether all layers have the rate 1 and decay alike.
    pub fn are_one_with(&self, weight_decay: &WeightDecay) -> bool {
        self.are_one() && weight_decay.uniform().is_some()
    }

    /// κ_l, for l = 1, …, L.
    pub fn layer(&self, l: usize) -> f64 {
        self.0.as_ref().map_or(1.0, |each| each[l - 1])
    }

    /// Whether layer l = 1, …, L is frozen.
    pub fn freeze(&self, l: usize) -> bool {
        self.layer(l) == 0.0
    }

    /// Whether any layer is frozen.
    pub fn freeze_some(&self) -> bool {
        self.0.as_ref().is_some_and(|each| each.contains(&0.0))
    }

    /// κ of the layers that move, the least and the largest.
    pub fn range(&self) -> (f64, f64) {
        let moving = self.0.iter().flatten().copied().filter(|&kappa| kappa > 0.0);
        let ends = moving.fold((f64::INFINITY, 0.0_f64), |(low, high), kappa| (low.min(kappa), high.max(kappa)));
        if self.0.is_none() { (1.0, 1.0) } else { ends }
    }

    /// v_l ← √κ_l·v_l, in a vector like θ.
    pub fn multiply_root(&self, net: &Architecture, v: &mut DVector<f64>) {
        self.scale(net, v, f64::sqrt);
    }

    /// φ of θ: θ_l/√κ_l, 0 where layer l is frozen.
    pub fn scaled(&self, theta: &Parameters) -> Parameters {
        let mut phi = theta.clone();
        self.scale(theta.architecture(), phi.values_mut(), |kappa| if kappa > 0.0 { 1.0 / kappa.sqrt() } else { 0.0 });
        phi
    }

    fn scale(&self, net: &Architecture, v: &mut DVector<f64>, factor: impl Fn(f64) -> f64) {
        if self.are_one() {
            return;
        }
        for l in 1..=net.depth() {
            let factor = factor(self.layer(l));
            // Where it is not a number of its own, 0·∞ should be 0.
            v.as_mut_slice()[net.layer_range(l)].iter_mut().for_each(|x| *x = if factor == 0.0 { 0.0 } else { *x * factor });
        }
    }

    /// θ_l ← √κ_l·φ_l of the layers that move; the others stay as they are. What belongs to no layer has the rate 1.
    pub fn unscale(&self, net: &Architecture, phi: &DVector<f64>, theta: &mut DVector<f64>) {
        let rest = net.rest_range();
        theta.as_mut_slice()[rest.clone()].copy_from_slice(&phi.as_slice()[rest]);
        for l in (1..=net.depth()).filter(|&l| !self.freeze(l)) {
            let (range, root) = (net.layer_range(l), self.layer(l).sqrt());
            let (from, to) = (&phi.as_slice()[range.clone()], &mut theta.as_mut_slice()[range]);
            to.iter_mut().zip(from).for_each(|(theta, phi)| *theta = root * phi);
        }
    }

    /// D_l = W_{l+1}ᵀW_{l+1}/κ_{l+1} − V_lV_lᵀ/κ_l from those of φ as [`Parameters::imbalances`] has them, l = 1, …, L − 1; empty beside a frozen
    /// layer, where nothing obeys a law.
    pub fn defined(&self, mut imbalances: Vec<DMatrix<f64>>) -> Vec<DMatrix<f64>> {
        for (index, imbalance) in imbalances.iter_mut().enumerate() {
            if self.freeze(index + 1) || self.freeze(index + 2) {
                *imbalance = DMatrix::zeros(0, 0);
            }
        }
        imbalances
    }

    /// W_l ← √κ_l·W_l of balanced weights, so that D_l is what W_{l+1}ᵀW_{l+1} − W_lW_lᵀ was. Frozen layers stay.
    pub fn balanced(&self, phi: &Parameters) -> Parameters {
        let mut theta = phi.clone();
        if !self.are_one() {
            self.unscale(phi.architecture(), phi.values(), theta.values_mut());
        }
        theta
    }

    /// Π √κ_l over the layers that move: the factor by which [`LayerRates::balanced`] multiplies W_L ⋯ W_1.
    pub fn root_product(&self) -> f64 {
        self.0.iter().flatten().filter(|&&kappa| kappa > 0.0).map(|kappa| kappa.sqrt()).product()
    }

    /// κ_lλ_l, the decay of φ_l; 0 of a frozen layer.
    pub fn decay(&self, decay: &WeightDecay, depth: usize) -> WeightDecay {
        if self.are_one() {
            decay.clone()
        } else {
            (1..=depth).map(|l| self.layer(l) * decay.layer(l)).collect::<Vec<_>>().into()
        }
    }

    /// c, if κ_lλ_l = c for all layers that move, up to the rounding of decimals: then Ḋ_l = −2cD_l.
    pub fn balance_rate(&self, decay: &WeightDecay, depth: usize) -> Option<f64> {
        if self.are_one() {
            return decay.uniform();
        }
        let mut rates = (1..=depth).filter(|&l| !self.freeze(l)).map(|l| self.layer(l) * decay.layer(l));
        let first = rates.next()?;
        rates.all(|rate| (rate - first).abs() <= 4.0 * f64::EPSILON * first).then_some(first)
    }

    /// Π_{k>l} κ_k/κ_l, the constant of the ansatz of layer l, which from D = 0 reads J_lᵀJ_l = Π_{k>l}(κ_k/κ_l)·(W_lᵀW_l)^{L−l+1}; NaN where one
    /// of these layers is frozen.
    pub fn ansatz_constant(&self, l: usize, depth: usize) -> f64 {
        if (l..=depth).any(|k| self.freeze(k)) {
            return f64::NAN;
        }
        (l + 1..=depth).map(|k| self.layer(k) / self.layer(l)).product()
    }

    /// For a network of so many layers; in a scenario.
    pub(crate) fn validate(&self, layers: usize, found: &mut Findings) {
        let Some(each) = &self.0 else { return };
        if each.len() != layers {
            found.add("layer_rates", format!("must have one entry per layer, {layers}, got {}", each.len()));
            return;
        }
        for (index, &kappa) in each.iter().enumerate() {
            let right = format!("0, which freezes the layer, or between {LEAST:?} and {:?}", 1.0 / LEAST);
            let holds = kappa == 0.0 || (LEAST..=1.0 / LEAST).contains(&kappa);
            found.require(holds, &path::item("layer_rates", index), &right, kappa);
        }
        if each.iter().all(|&kappa| kappa == 0.0) {
            found.add("layer_rates", "must let at least one layer move: make one of them greater than 0");
        }
    }
}

impl fmt::Display for LayerRates {
    /// `(1.0, 2.0, 0.5)`; nothing where they are not named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.as_deref().map_or_else(String::new, listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Biases go with their layer, a frozen layer has no φ and keeps its θ; what belongs to no layer is as it is.
    #[test]
    fn weights_come_back_from_their_scaled_form() {
        let net = Architecture::with_layers(&[2, 1, 1, 1], &[crate::network::Activation::Identity; 3], &[true, false, false]);
        let net = net.with_rest(1);
        let rates = LayerRates::from(vec![4.0, 0.0, 0.25]);
        let theta = DVector::from_column_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let phi = rates.scaled(&Parameters::from_values(&net, theta)).values().clone();
        assert_eq!(phi.as_slice(), [0.5, 1.0, 1.5, 0.0, 10.0, 6.0]);
        let mut back = DVector::from_element(6, 7.0);
        rates.unscale(&net, &phi, &mut back);
        assert_eq!(back.as_slice(), [1.0, 2.0, 3.0, 7.0, 5.0, 6.0]);
    }

    #[test]
    fn the_law_has_a_rate_where_products_agree() {
        let rate = |kappa: &[f64], lambda: &[f64]| {
            LayerRates::from(kappa.to_vec()).balance_rate(&WeightDecay::from(lambda.to_vec()), kappa.len())
        };
        // 3·0.1 is not 0.3 in float64.
        assert_eq!(rate(&[1.0, 3.0, 0.5], &[0.3, 0.1, 0.6]), Some(0.3));
        assert_eq!(rate(&[1.0, 0.0, 2.0], &[0.2, 5.0, 0.1]), Some(0.2));
        assert_eq!(rate(&[1.0, 2.0], &[0.1, 0.1]), None);
        assert_eq!(LayerRates::default().balance_rate(&0.1.into(), 3), Some(0.1));
        assert_eq!(LayerRates::default().balance_rate(&vec![0.1, 0.2].into(), 2), None);
    }
}
