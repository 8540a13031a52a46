//! The balance law: D_l(t) = e^{−2λt} D_l(0) under gradient flow with weight decay λ.
//!
//! D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ ∈ ℝ^{d_l × d_l}, l = 1, …, L − 1. Since W_{l+1}ᵀ∇_{l+1}ℒ = ∇_lℒ W_lᵀ, the loss drops out of
//! Ḋ_l = −2λD_l, whatever the data (Arora et al. 2018; Kobayashi, Akram & von Oswald 2024; Tansley et al. 2025, lemma 3.2).
//! It needs the penalty (λ/2)‖θ‖²; λ‖θ‖² would give e^{−4λt}.

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
