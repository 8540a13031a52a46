//! Adam with decoupled weight decay, as `torch.optim.AdamW` (Loshchilov & Hutter 2019): with g = ∇ℒ(θ) before the step,
//!
//! - θ ← (1 − ηλ)θ, then a step of [`Adam`] along g without decay.
//!
//! λ is the scenario's: PyTorch's own default, 0.01, plays no part. Step k stands at t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html>

use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::settings::Findings;

use super::adam::Moments;
use super::settings::{About, Followed, Ground, Pace, PaceMut, Paced, Settings};
use super::{Adam, CentralFlow, Decay, Layout, Rule};

/// The settings of [`Adam`], whose decay is decoupled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AdamW(pub Adam);

impl AdamW {
    /// At the constant rate `lr`, with PyTorch's defaults for all else.
    pub fn new(lr: f64) -> Self {
        Self(Adam::new(lr))
    }
}

impl Paced for AdamW {
    fn pace(&self) -> Pace<'_> {
        self.0.pace()
    }

    fn pace_mut(&mut self) -> PaceMut<'_> {
        self.0.pace_mut()
    }
}

impl Settings for AdamW {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        Box::new(Decoupled { adam: Moments::new(&self.0, 0.0, layout.dim()), weight_decay: layout.weight_decay })
    }

    fn validate(&self, at: &dyn Fn(&str) -> String, about: &About, found: &mut Findings) {
        self.0.validate(at, about, found);
    }

    fn averages(&mut self) -> Vec<&mut f64> {
        self.0.averages()
    }

    fn preconditioned_bound(&self) -> Option<f64> {
        self.0.preconditioned_bound()
    }

    fn decays_apart(&self) -> bool {
        true
    }

    fn central_flow<'a>(&self, ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        let (weight_decay, dim) = (ground.objective.weight_decay().single(), ground.start.len());
        let rule = Decoupled { adam: Moments::new(&self.0, 0.0, dim), weight_decay };
        Some(self.0.central_flow_under(Decay::Decoupled, ground, rule, |rule| &rule.adam))
    }

    fn limit<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(self.0.limit_under(Decay::Decoupled, ground))
    }
}

/// Adam with θ decaying beside it.
struct Decoupled {
    adam: Moments,
    weight_decay: f64,
}

impl Rule for Decoupled {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        theta.iter_mut().for_each(|x| *x *= 1.0 - lr * self.weight_decay);
        self.adam.step(lr, gradient, theta);
    }

    fn preconditioner(&self, factors: &mut [f64]) -> bool {
        self.adam.preconditioner(factors)
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.adam.archive(archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is no gradient, coupled decay is scaled like one and decoupled decay is θ ← (1 − ηλ)θ.
    #[test]
    fn without_a_gradient_theta_decays_geometrically() {
        let layout = Layout::vector(1, 0.5);
        let (mut decoupled, mut coupled) = (AdamW::new(1.0).rule(&layout), Adam::new(1.0).rule(&layout));
        let [mut a, mut b] = [[1.0], [1.0]];
        for _ in 0..10 {
            decoupled.step(0.01, &[0.0], &mut a);
            coupled.step(0.01, &[0.0], &mut b);
        }
        assert!((a[0] - 0.995f64.powi(10)).abs() < 1e-15);
        // The control: about 0.01 a step, whatever λ.
        assert!((b[0] - 0.9).abs() < 1e-3, "{}", b[0]);
    }
}
