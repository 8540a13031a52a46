//! The balance law: D_l(t) = e^{−2λt} D_l(0) under gradient flow with weight decay λ.
//!
//! D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ ∈ ℝ^{d_l × d_l}, l = 1, …, L − 1. Since W_{l+1}ᵀ∇_{l+1}ℒ = ∇_lℒ W_lᵀ, the loss drops out of
//! Ḋ_l = −2λD_l, whatever the data (Arora et al. 2018; Kobayashi, Akram & von Oswald 2024; Tansley et al. 2025, lemma 3.2).
//! It needs the penalty (λ/2)‖θ‖²; λ‖θ‖² would give e^{−4λt}.
//!
//! Of layers with rates and decays of their own, Ẇ_l = −κ_l(∇_lℒ + λ_lW_l), D_l = W_{l+1}ᵀW_{l+1}/κ_{l+1} − W_lW_lᵀ/κ_l has
//! Ḋ_l = −2(λ_{l+1}W_{l+1}ᵀW_{l+1} − λ_lW_lW_lᵀ): that is −2cD_l where κ_lλ_l = c of all layers, and no such law elsewhere.

use nalgebra::DMatrix;

use crate::network::{LayerRates, Parameters, WeightDecay};

/// 100·ε·‖θ‖²: what float64 may leave of an imbalance that is zero. A gap below it is rounding.
pub fn floor(weight_norm: f64) -> f64 {
    100.0 * f64::EPSILON * weight_norm * weight_norm
}

/// 100·2^{−90}·‖θ‖²: what weights of 106 bits leave of it.
pub fn extended_floor(weight_norm: f64) -> f64 {
    floor(weight_norm) / f64::EPSILON / (1u128 << 90) as f64
}

/// e^{−2λt}, the factor by which every D_l has shrunk at time t under weight decay λ.
pub fn decay(weight_decay: f64, t: f64) -> f64 {
    (-2.0 * weight_decay * t).exp()
}

/// What D_l of one flow is, and its law.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BalanceLaw {
    rates: LayerRates,
    rate: Option<f64>,
}

impl From<f64> for BalanceLaw {
    /// Under weight decay λ, at rates of 1.
    fn from(lambda: f64) -> Self {
        Self { rates: LayerRates::default(), rate: Some(lambda) }
    }
}

impl BalanceLaw {
    /// Of L = `depth` layers.
    pub fn new(decay: &WeightDecay, rates: &LayerRates, depth: usize) -> Self {
        Self { rates: rates.clone(), rate: rates.balance_rate(decay, depth) }
    }

    /// κ_l.
    pub fn rates(&self) -> &LayerRates {
        &self.rates
    }

    /// c = κ_lλ_l of every layer that moves; `None` where that is not one number, and there is no law.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// e^{−2ct}; NaN where there is no law.
    pub fn factor(&self, t: f64) -> f64 {
        self.rate.map_or(f64::NAN, |rate| decay(rate, t))
    }

    /// D_1, …, D_{L−1}; empty where nothing is conserved, and beside a frozen layer.
    pub fn imbalances(&self, theta: &Parameters) -> Vec<DMatrix<f64>> {
        if self.rates.are_one() { theta.imbalances() } else { self.rates.defined(self.rates.scaled(theta).imbalances()) }
    }

    /// ‖φ‖ at most, φ_l = θ_l/√κ_l, where ‖θ‖ = `weight_norm`: D_l is known to ε‖φ‖².
    pub fn norm(&self, weight_norm: f64) -> f64 {
        weight_norm / self.rates.range().0.sqrt()
    }
}
