//! RMSProp with coupled weight decay, as `torch.optim.RMSprop` (Hinton 2012; `centered`: Graves 2013). Entry by entry, with
//! g = ∇ℒ(θ) + λθ:
//!
//! - v ← αv + (1 − α)g², from 0; with `centered` also a ← αa + (1 − α)g, and v − a² in place of v below;
//! - θ ← θ − η·g/(√v + ε), or with momentum β: b ← βb + g/(√v + ε), θ ← θ − ηb.
//!
//! Step k stands at t = kη, with momentum at kη/(1 − β).
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html>

mod limit;

pub use limit::RmspropLimit;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::settings::Findings;

use super::central_flow::{Averages, Memory, remembers};
use super::settings::{About, Followed, Ground, Settings, optimizer_settings};
use super::{CentralFlow, Decay, Follows, Layout, NormalisedFlow, Rule, lerp};

optimizer_settings! {
    /// θ ← θ − lr · g / (√v + eps), with v the moving average of g² at rate alpha.
    pub struct Rmsprop {
        /// The decay rate of the moving average of the squared gradient.
        #[serde(default = "alpha")]
        pub alpha: f64,
        /// Added to the root of the average of squares, so that no step divides by 0.
        #[serde(default = "super::default_eps")]
        pub eps: f64,
        /// The fraction of the velocity that a step keeps.
        #[serde(default)]
        pub momentum: f64,
        /// Divide by an estimate of the variance: subtract the squared average of the gradient.
        #[serde(default)]
        pub centered: bool,
    }
}

fn alpha() -> f64 {
    0.99
}

impl Settings for Rmsprop {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        Box::new(Scaled::new(self, layout))
    }

    fn validate(&self, at: &dyn Fn(&str) -> String, _about: &About, found: &mut Findings) {
        found.rate(&at("alpha"), self.alpha);
        found.positive(&at("eps"), self.eps);
        found.rate(&at("momentum"), self.momentum);
    }

    fn friction(&self) -> f64 {
        1.0 - self.momentum
    }

    fn averages(&mut self) -> Vec<&mut f64> {
        vec![&mut self.alpha]
    }

    /// Heavy ball in the metric of D.
    fn preconditioned_bound(&self) -> Option<f64> {
        Some(2.0 * (1.0 + self.momentum))
    }

    fn central_flow<'a>(&self, ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        if self.momentum > 0.0 || self.centered {
            let reason = "it is known for rmsprop without momentum that is not centered";
            return Some(Err(format!("its central flow is not compared: {reason}")));
        }
        Some(remembers(self.alpha, "alpha").and_then(|()| {
            let layout = Layout::vector(ground.start.len(), ground.objective.weight_decay().single());
            let [mean, square] = [0.0, self.alpha].map(|beta| Memory::new(beta, self.lr, false));
            let averages = Averages::Both { mean, square, eps: self.eps };
            let read = |rule: &Scaled, g: &DVector<f64>| [g.clone(), DVector::from_column_slice(&rule.square)];
            CentralFlow::of_adaptive(ground, self.lr, 2.0, averages, Decay::Coupled, Scaled::new(self, &layout), read)
        }))
    }

    fn limit<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(Ok(if self.alpha == 0.0 && !self.centered {
            let flow = NormalisedFlow::new(ground.objective, self.eps, Decay::Coupled);
            let formula = flow.formula();
            Follows::new(flow, formula, ground.start.clone())
        } else {
            let flow = RmspropLimit::new(ground.objective, self);
            let (formula, state) = (flow.formula(), flow.start(ground.start));
            Follows::new(flow, formula, state).after(1)
        }))
    }
}

/// Steps along g over the root of a moving average of g².
struct Scaled {
    alpha: f64,
    eps: f64,
    momentum: f64,
    centered: bool,
    weight_decay: f64,
    square: Vec<f64>,
    mean: Vec<f64>,
    velocity: Vec<f64>,
}

impl Scaled {
    fn new(settings: &Rmsprop, layout: &Layout) -> Self {
        let &Rmsprop { alpha, eps, momentum, centered, .. } = settings;
        let (zeros, weight_decay) = (vec![0.0; layout.dim()], layout.weight_decay);
        Self { alpha, eps, momentum, centered, weight_decay, square: zeros.clone(), mean: zeros.clone(), velocity: zeros }
    }
}

impl Rule for Scaled {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        let (alpha, beta) = (self.alpha, self.momentum);
        for i in 0..theta.len() {
            let g = gradient[i] + self.weight_decay * theta[i];
            self.square[i] = alpha * self.square[i] + (1.0 - alpha) * g * g;
            let mut variance = self.square[i];
            if self.centered {
                self.mean[i] = lerp(self.mean[i], g, 1.0 - alpha);
                variance -= self.mean[i] * self.mean[i];
                // Negative by rounding only, where torch's root is NaN.
                if variance < 0.0 {
                    variance = 0.0;
                }
            }
            let direction = g / (variance.sqrt() + self.eps);
            self.velocity[i] = beta * self.velocity[i] + direction;
            theta[i] -= lr * self.velocity[i];
        }
    }

    fn preconditioner(&self, factors: &mut [f64]) -> bool {
        if self.square.iter().all(|square| *square == 0.0) {
            return false;
        }
        for ((factor, square), mean) in factors.iter_mut().zip(&self.square).zip(&self.mean) {
            let variance = if self.centered { (square - mean * mean).max(0.0) } else { *square };
            *factor = 1.0 / (variance.sqrt() + self.eps);
        }
        true
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.square)?;
        archive.item(&mut self.mean)?;
        archive.item(&mut self.velocity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under a constant gradient v tends to g², so a step to η, and with momentum to η/(1 − β); a centred v tends to 0.
    #[test]
    fn under_a_constant_gradient_a_step_tends_to_lr_over_one_less_momentum() {
        let moved = |settings: Rmsprop| {
            let mut rule = settings.rule(&Layout::vector(1, 0.0));
            let mut theta = [0.0];
            for _ in 0..2000 {
                theta.fill(0.0);
                rule.step(0.01, &[3.0], &mut theta);
            }
            -theta[0]
        };
        let plain = Rmsprop::new(1.0);
        assert!((moved(plain.clone()) / 0.01 - 1.0).abs() < 1e-8);
        assert!((moved(Rmsprop { momentum: 0.75, ..plain.clone() }) / 0.04 - 1.0).abs() < 1e-8);
        let centred = moved(Rmsprop { centered: true, eps: 0.5, ..plain });
        assert!((centred / 0.06 - 1.0).abs() < 1e-2, "{centred}");
    }
}
