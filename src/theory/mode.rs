//! One mode of a balanced deep linear network: u̇ = u^{L−1}(σ − x·u^L) − λu.
//!
//! Where the start is balanced, its singular vectors are those of Σ_yx and Σ_x = x·I, every singular value s of P = W_L⋯W_1 evolves by
//! itself, and the layers share it equally, u = s^{1/L}: ṡ = L·s^{2−2/L}(σ − x·s) − Lλs (Saxe, McClelland & Ganguli, ICLR 2014; Arora et al. 2018).

/// The equation of one mode. [`Mode::time`] and [`Mode::after`] solve it for L ≥ 3 and λ = 0, [`super::logistic`] for L = 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// L ≥ 1.
    pub depth: u32,
    /// σ > 0, the mode's singular value of Σ_yx.
    pub sigma: f64,
    /// x > 0, the variance of every input.
    pub variance: f64,
    /// λ ≥ 0.
    pub weight_decay: f64,
}

impl Mode {
    /// u̇ at u ≥ 0.
    pub fn velocity(&self, u: f64) -> f64 {
        let below = u.powi(self.depth as i32 - 1);
        below * (self.sigma - self.variance * below * u) - self.weight_decay * u
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ṡ = L·u^{L−1}·u̇.
    #[test]
    fn a_layer_and_the_product_move_together() {
        for depth in 1..6 {
            let mode = Mode { depth, sigma: 1.3, variance: 0.7, weight_decay: 0.2 };
            let (l, u) = (f64::from(depth), 0.8f64);
            let s = u.powi(depth as i32);
            let product = l * s.powf(2.0 - 2.0 / l) * (mode.sigma - mode.variance * s) - l * mode.weight_decay * s;
            assert!((l * u.powi(depth as i32 - 1) * mode.velocity(u) - product).abs() < 1e-14);
        }
    }
}
