//! One sample on its way through a network and back, and how what enters one neuron depends on θ.

use nalgebra::{DMatrixView, DMatrixViewMut, DVector};

use super::Place;
use crate::network::Architecture;
use crate::scenario::Loss;

/// What one sample leaves behind; vectors of layer l at index l − 1, but h_0 = x at `states[0]`.
pub(super) struct Sample {
    /// h_0, …, h_L.
    pub(super) states: Vec<DVector<f64>>,
    /// z_l = W_l h_{l−1} + b_l.
    pub(super) inputs: Vec<DVector<f64>>,
    /// σ_l′(z_l), or the slope at which a neuron is held.
    slopes: Vec<DVector<f64>>,
    /// ∂ℒ/∂h_l.
    back: Vec<DVector<f64>>,
    /// ∂ℒ/∂z_l.
    errors: Vec<DVector<f64>>,
}

/// What one sample is: its inputs, its labels, the loss and its share of the mean, and the neurons at which it is held with their slopes.
pub(super) struct Given<'a> {
    pub(super) x: DVector<f64>,
    pub(super) y: Vec<f64>,
    pub(super) rule: (Loss, f64),
    pub(super) held: &'a [(Place, f64)],
}

impl Sample {
    /// Up and down at θ.
    pub(super) fn new(net: &Architecture, theta: &[f64], given: Given) -> Self {
        let Given { x, y, rule: (loss, share), held } = given;
        let depth = net.depth();
        let (mut states, mut inputs, mut slopes) = (vec![x], Vec::with_capacity(depth), Vec::with_capacity(depth));
        for l in 1..=depth {
            let mut z = net.weight(theta, l) * &states[l - 1];
            if let Some(bias) = net.bias(theta, l) {
                z.iter_mut().zip(bias).for_each(|(z, b)| *z += b);
            }
            let (mut h, mut slope) = (z.clone(), z.clone());
            net.activation(l).value_and_slope(h.as_mut_slice(), slope.as_mut_slice());
            for (place, held) in held.iter().filter(|(place, _)| place.layer == l) {
                h[place.neuron] = held * z[place.neuron];
                slope[place.neuron] = *held;
            }
            states.push(h);
            inputs.push(z);
            slopes.push(slope);
        }
        let mut top = states[depth].clone();
        let outputs = top.len();
        loss.gradient(
            share,
            DMatrixViewMut::from_slice(top.as_mut_slice(), 1, outputs),
            DMatrixView::from_slice(&y, 1, outputs),
        );
        let (mut back, mut errors) = (vec![DVector::zeros(0); depth], vec![DVector::zeros(0); depth]);
        back[depth - 1] = top;
        for l in (1..=depth).rev() {
            errors[l - 1] = back[l - 1].component_mul(&slopes[l - 1]);
            if l > 1 {
                back[l - 2] = net.weight(theta, l).tr_mul(&errors[l - 1]);
            }
        }
        Self { states, inputs, slopes, back, errors }
    }

    /// z of a neuron.
    pub(super) fn z(&self, place: Place) -> f64 {
        self.inputs[place.layer - 1][place.neuron]
    }

    /// ∂ℒ/∂h of a neuron: by how much a slope moves the gradient along ∇z.
    pub(super) fn pull(&self, place: Place) -> f64 {
        self.back[place.layer - 1][place.neuron]
    }

    /// `gradient` += factor · its share of ∇ℒ.
    pub(super) fn add_gradient(&self, net: &Architecture, factor: f64, gradient: &mut [f64]) {
        for l in 1..=net.depth() {
            net.weight_mut(gradient, l).ger(factor, &self.errors[l - 1], &self.states[l - 1], 1.0);
            if let Some(bias) = net.bias_mut(gradient, l) {
                bias.iter_mut().zip(self.errors[l - 1].iter()).for_each(|(sum, e)| *sum += factor * e);
            }
        }
    }

    /// V_l h_{l−1} + c_l for l = 1, …, L, of v = (V_1, c_1, …).
    pub(super) fn along(&self, net: &Architecture, v: &[f64]) -> Vec<DVector<f64>> {
        let of = |l: usize| {
            let mut sum = net.weight(v, l) * &self.states[l - 1];
            if let Some(bias) = net.bias(v, l) {
                sum.iter_mut().zip(bias).for_each(|(sum, c)| *sum += c);
            }
            sum
        };
        (1..=net.depth()).map(of).collect()
    }

    /// ∂z/∂z_m of the neuron at `place` for the layers m below its own, m = 1, … at index m − 1: with these, ∇_{W_m} z = that · h_{m−1}ᵀ, and
    /// ∇_{W_l} z = e_k h_{l−1}ᵀ.
    pub(super) fn neuron(&self, net: &Architecture, theta: &[f64], place: Place) -> Vec<DVector<f64>> {
        let mut below = vec![DVector::zeros(0); place.layer - 1];
        for m in (1..place.layer).rev() {
            let into = if m + 1 == place.layer {
                net.weight(theta, place.layer).row(place.neuron).transpose()
            } else {
                net.weight(theta, m + 1).tr_mul(&below[m])
            };
            below[m - 1] = into.component_mul(&self.slopes[m - 1]);
        }
        below
    }
}
