//! An average of squares as part of a state: v ≥ 0 with v̇ = κ(q² − v) is carried as u = √(v + δ²), for which u̇ = κ(q² + δ² − u²)/(2u),
//! exactly for every δ > 0. Ours.
//!
//! The rules divide by √v + ε. With v as the state, its tolerance would have to be the square of that of √v, and a step could make it
//! negative; √v has an infinite rate where it starts from 0 or a gradient reappears. u is regular, and with δ = ε/1024 it resolves √v
//! wherever √v is not small beside ε.

/// The δ of an average.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunningSquare {
    floor: f64,
}

impl RunningSquare {
    /// For a rule that divides by √v + ε.
    pub(super) fn new(eps: f64) -> Self {
        Self { floor: eps / 1024.0 }
    }

    /// u of v ≥ 0.
    pub(super) fn state(self, v: f64) -> f64 {
        v.sqrt().hypot(self.floor)
    }

    /// √v of u.
    pub(super) fn root(self, u: f64) -> f64 {
        // The product neither overflows nor cancels, and is below 0 only by the error of a step.
        ((u - self.floor) * (u + self.floor)).max(0.0).sqrt()
    }

    /// d√v/du = u/√v; 0 where v is 0.
    pub(super) fn root_slope(self, u: f64) -> f64 {
        let root = self.root(u);
        if root == 0.0 { 0.0 } else { u / root }
    }

    /// u̇ at the rate κ, for q.
    pub(super) fn rate(self, kappa: f64, q: f64, u: f64) -> f64 {
        kappa * (q * q + self.floor * self.floor - u * u) / (2.0 * u)
    }

    /// ∂u̇/∂q and ∂u̇/∂u.
    pub(super) fn rate_slopes(self, kappa: f64, q: f64, u: f64) -> [f64; 2] {
        [kappa * q / u, -kappa * (q * q + self.floor * self.floor + u * u) / (2.0 * u * u)]
    }
}
