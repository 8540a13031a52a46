//! The averages by which a rule scales its gradient: those of gradient descent, none; of RMSProp and Adam, those of g and of g∘g.
//!
//! While the iterates oscillate by δ, of covariance Σ, about the central flow, the mean of their g∘g is ∇J∘∇J + q with q = diag(HΣH) to
//! leading order, and the mean of their g is ∇J + F with F = ½ ∇⟨∇²J, Σ⟩ at fixed Σ. So, entry by entry,
//!
//! - θ̇ = −D(m̂ + F), D = 1/(√v̂ + ε), and −λθ where decay is decoupled,
//! - m̂̇ = κ₁(g − m̂),
//! - v̂̇ = κ₂(g∘g + q − v̂),
//!
//! with κ = c, or c/(1 − e^{−ct}) of an average that is corrected for its start. F acts without the delay of m̂: it changes slowly, and the
//! constraint that determines it then is one on rates of first order.
//!
//! **Delays.** The step from θ_k to θ_{k+1} is along averages in which g_{k−j} has the weight (1 − β)βʲ. They are older than the middle of the
//! step by β/(1 − β) + ½ steps in the mean. So are the averages here with c = 2(1 − β)/((1 + β)η), between (1 − β)/η, which the limits
//! [`AdamLimit`](crate::optim::AdamLimit) and [`RmspropLimit`](crate::optim::RmspropLimit) have, and (1 − β)/(βη), which Cohen et al. have. At
//! β = 0, without momentum, m̂ lags by the half step by which g is older than the middle of its step. Averages at time t are those of a rule
//! half a step later, k + ½ steps: so begin κ and m̂, v̂. Below the edge the flow then follows the rule to second order in η at fixed β.
//!
//! Strictly, to first order in Σ the mean of g∘g has the term 2g∘F, too. It makes predictions worse, like other terms of its size that are
//! missing, and is left out as by Cohen et al.

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::optim::formula::number;

/// How long an average remembers.
#[derive(Debug, Clone, Copy)]
pub(in crate::optim) struct Memory {
    /// c.
    rate: f64,
    /// Whether it is divided by 1 − βᵏ, so that it has no start to forget.
    corrected: bool,
}

impl Memory {
    /// That of an average at the decay rate β = `beta` in steps of η = `lr`.
    pub(in crate::optim) fn new(beta: f64, lr: f64, corrected: bool) -> Self {
        Self { rate: 2.0 * (1.0 - beta) / ((1.0 + beta) * lr), corrected }
    }

    /// κ at time `t` > 0.
    fn kappa(self, t: f64) -> f64 {
        if self.corrected { -self.rate / (-self.rate * t).exp_m1() } else { self.rate }
    }
}

/// The averages of a rule.
#[derive(Debug, Clone, Copy)]
pub(in crate::optim) enum Averages {
    /// None: D = I, and m̂ is g.
    None,
    /// m̂ and v̂, with D = 1/(√v̂ + ε).
    Both {
        /// Of m̂.
        mean: Memory,
        /// Of v̂.
        square: Memory,
        /// ε.
        eps: f64,
    },
}

/// θ, m̂ and v̂, or their rates; averages that the rule does not have are empty.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub theta: DVector<f64>,
    pub mean: DVector<f64>,
    pub square: DVector<f64>,
}

impl Point {
    /// θ of a rule without averages.
    pub(super) fn plain(theta: DVector<f64>) -> Self {
        Self { theta, mean: DVector::zeros(0), square: DVector::zeros(0) }
    }

    /// 0 in the place of all.
    pub(super) fn zero(&self) -> Self {
        let zero = |of: &DVector<f64>| DVector::zeros(of.len());
        Self { theta: zero(&self.theta), mean: zero(&self.mean), square: zero(&self.square) }
    }

    /// Takes or replaces it.
    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.theta)?;
        archive.item(&mut self.mean)?;
        archive.item(&mut self.square)
    }

    /// self ← self + a·x.
    pub(super) fn add(&mut self, a: f64, x: &Self) {
        self.theta.axpy(a, &x.theta, 1.0);
        self.mean.axpy(a, &x.mean, 1.0);
        self.square.axpy(a, &x.square, 1.0);
    }
}

/// What an oscillation adds to the means of g and of g∘g.
pub(super) struct Push {
    /// F.
    pub force: DVector<f64>,
    /// q; empty where nobody averages squares.
    pub squares: DVector<f64>,
}

impl Averages {
    /// The diagonal of D.
    pub(super) fn factors(&self, point: &Point) -> DVector<f64> {
        match *self {
            Self::None => DVector::from_element(point.theta.len(), 1.0),
            Self::Both { eps, .. } => point.square.map(|v| 1.0 / (v.max(0.0).sqrt() + eps)),
        }
    }

    /// The edge over s/η at time `t`: 1 − e^{−c₁t} while m̂ makes up for its start, as the rule then steps by D/(1 − β₁ᵏ) times an average that
    /// does not.
    pub(super) fn start(&self, t: f64) -> f64 {
        match *self {
            Self::Both { mean: Memory { rate, corrected: true }, .. } => -(-rate * t).exp_m1(),
            _ => 1.0,
        }
    }

    /// κ₂ at time `t`; 0 where D is constant.
    pub(super) fn fading(&self, t: f64) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Both { square, .. } => square.kappa(t),
        }
    }

    /// How much ln D falls per v̂ that is added, times D⁻¹: 1/(2√v̂), bounded where v̂ vanishes beside ε. Empty where D is constant.
    pub(super) fn sensitivity(&self, point: &Point) -> DVector<f64> {
        match *self {
            Self::None => DVector::zeros(0),
            Self::Both { eps, .. } => point.square.map(|v| 0.5 / v.max(0.0).sqrt().max(eps / 1024.0)),
        }
    }

    /// The largest |rate| of the linear flow, where D^{1/2}HD^{1/2} has the largest eigenvalue λ = `largest`: of Adam a root of z² + κ₁z + κ₁λ.
    pub(super) fn stiffness(&self, t: f64, largest: f64) -> f64 {
        match self {
            Self::None => largest,
            Self::Both { mean, square, .. } => {
                let kappa = mean.kappa(t);
                kappa.max((kappa * largest.max(0.0)).sqrt()).max(square.kappa(t))
            }
        }
    }

    /// `slope` ← the rates at time `t`, where g is `gradient` and decay beside it has the rate λ = `decay`.
    pub(super) fn rates(&self, t: f64, gradient: &DVector<f64>, decay: f64, point: &Point, push: &Push, slope: &mut Point) {
        slope.theta.copy_from(if let Self::None = self { gradient } else { &point.mean });
        slope.theta += &push.force;
        slope.theta.component_mul_assign(&self.factors(point));
        slope.theta.neg_mut();
        if decay > 0.0 {
            slope.theta.axpy(-decay, &point.theta, 1.0);
        }
        let Self::Both { mean, square, .. } = self else { return };
        let [of_mean, of_square] = [mean, square].map(|memory| memory.kappa(t));
        for (i, g) in gradient.iter().enumerate() {
            slope.mean[i] = of_mean * (g - point.mean[i]);
            slope.square[i] = of_square * (g * g + push.squares[i] - point.square[i]);
        }
    }

    /// The equations of the averages, with their numbers; empty without any.
    pub(super) fn formula(&self) -> String {
        let Self::Both { mean, square, eps } = self else { return String::new() };
        let rate = |memory: &Memory| {
            let c = number(memory.rate);
            if memory.corrected { format!("{c}/(1 − e^(−{c}·t))") } else { c }
        };
        format!(", D = 1/(√v̂ + {}), m̂̇ = {}·(g − m̂), v̂̇ = {}·(g² + q − v̂), q = diag(HΣH)", number(*eps), rate(mean), rate(square))
    }
}
