//! Adam with coupled weight decay, as `torch.optim.Adam` (Kingma & Ba 2015; `amsgrad`: Reddi, Kale & Kumar 2018). At step k = 1, 2, …,
//! entry by entry, with g = ∇ℒ(θ) + λθ:
//!
//! - m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², from m = v = 0;
//! - θ ← θ − η/(1 − β₁ᵏ) · m / (√v/√(1 − β₂ᵏ) + ε); with `amsgrad` the largest v so far in place of v.
//!
//! Step k stands at t = kη.
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html>

mod limit;

pub use limit::AdamLimit;

use nalgebra::DVector;

use crate::archive::{Archive, ArchiveError};
use crate::settings::Findings;

use super::central_flow::{Averages, Memory, remembers};
use super::settings::{About, Followed, Ground, Settings, optimizer_settings};
use super::{CentralFlow, Decay, Follows, Layout, NormalisedFlow, Rule, lerp};

optimizer_settings! {
    /// θ ← θ − lr · m̂ / (√v̂ + eps), with m̂, v̂ the bias-corrected moving averages of g and g².
    pub struct Adam {
        /// The decay rates (β₁, β₂) of the moving averages of the gradient and of its square.
        #[serde(default = "betas")]
        pub betas: [f64; 2],
        /// Added to the root of the average of squares, so that no step divides by 0.
        #[serde(default = "super::default_eps")]
        pub eps: f64,
        /// Divide by the largest average of squares so far instead of the current one.
        #[serde(default)]
        pub amsgrad: bool,
    }
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

impl Settings for Adam {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        Box::new(Moments::new(self, layout.weight_decay, layout.dim()))
    }

    fn validate(&self, at: &dyn Fn(&str) -> String, _about: &About, found: &mut Findings) {
        found.rate(&at("betas[0]"), self.betas[0]);
        found.rate(&at("betas[1]"), self.betas[1]);
        found.positive(&at("eps"), self.eps);
    }

    fn averages(&mut self) -> Vec<&mut f64> {
        self.betas.iter_mut().collect()
    }

    fn preconditioned_bound(&self) -> Option<f64> {
        Some(self.edge())
    }

    fn central_flow<'a>(&self, ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        let rule = Moments::new(self, ground.objective.weight_decay().single(), ground.start.len());
        Some(self.central_flow_under(Decay::Coupled, ground, rule, |rule| rule))
    }

    fn limit<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(self.limit_under(Decay::Coupled, ground))
    }
}

impl Adam {
    /// The least η·h at which it is unstable in the metric of D, that of heavy ball with velocity (1 − β₁)·g: the Jury conditions |tr| < 1 +
    /// det, det < 1 of its recursion on (h/2)x², tr = 1 + β₁ − (1 − β₁)ηh, det = β₁.
    fn edge(&self) -> f64 {
        let [beta, _] = self.betas;
        2.0 * (1.0 + beta) / (1.0 - beta)
    }

    /// The central flow where decay enters as `decay` says; `rule` is at its start, and `moments` are its averages.
    pub(super) fn central_flow_under<'a, R: Rule>(
        &self,
        decay: Decay,
        ground: &Ground<'a>,
        rule: R,
        moments: impl Fn(&R) -> &Moments,
    ) -> Result<CentralFlow<'a>, String> {
        if self.amsgrad {
            let reason = "amsgrad's largest v so far is no average of squares";
            return Err(format!("its central flow is not compared: {reason}"));
        }
        remembers(self.betas[1], "betas[1]")?;
        let [mean, square] = self.betas.map(|beta| Memory::new(beta, self.lr, true));
        let averages = Averages::Both { mean, square, eps: self.eps };
        CentralFlow::of_adaptive(ground, self.lr, self.edge(), averages, decay, rule, |rule, _| moments(rule).corrected())
    }

    /// The limit where decay enters as `decay` says.
    pub(super) fn limit_under<'a>(&self, decay: Decay, ground: &Ground<'a>) -> Followed<'a> {
        if self.amsgrad {
            return Err("its limit is not compared: amsgrad's largest v so far follows no differential equation".to_string());
        }
        if self.betas == [0.0; 2] {
            let flow = NormalisedFlow::new(ground.objective, self.eps, decay);
            let formula = flow.formula();
            return Ok(Follows::new(flow, formula, ground.start.clone()));
        }
        let flow = AdamLimit::new(ground.objective, self, decay);
        let (formula, (t, state)) = (flow.formula(), flow.start(ground.start));
        Ok(Follows { t, ..Follows::new(flow, formula, state) }.after(AdamLimit::START_GRADIENTS))
    }
}

/// The averages of the steps so far.
pub(super) struct Moments {
    betas: [f64; 2],
    eps: f64,
    weight_decay: f64,
    steps: u64,
    mean: Vec<f64>,
    square: Vec<f64>,
    /// The largest of `square` so far, with `amsgrad`.
    largest: Option<Vec<f64>>,
}

impl Moments {
    /// With coupled decay λ ≥ 0, for θ of length `dim`.
    pub(super) fn new(settings: &Adam, weight_decay: f64, dim: usize) -> Self {
        let &Adam { betas, eps, amsgrad, .. } = settings;
        let zeros = vec![0.0; dim];
        let largest = amsgrad.then(|| zeros.clone());
        Self { betas, eps, weight_decay, steps: 0, mean: zeros.clone(), square: zeros, largest }
    }

    /// m̂ and v̂, after a step at least.
    fn corrected(&self) -> [DVector<f64>; 2] {
        let over = |values: &[f64], which: usize| DVector::from_column_slice(values) / (1.0 - self.power(which));
        [over(&self.mean, 0), over(&self.square, 1)]
    }

    /// β₁ᵏ or β₂ᵏ after k steps.
    fn power(&self, which: usize) -> f64 {
        // A count of steps is far below 2^53.
        self.betas[which].powf(self.steps as f64)
    }
}

impl Rule for Moments {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        self.steps += 1;
        let [beta1, beta2] = self.betas;
        let (rate, root) = (lr / (1.0 - self.power(0)), (1.0 - self.power(1)).sqrt());
        for i in 0..theta.len() {
            let g = gradient[i] + self.weight_decay * theta[i];
            self.mean[i] = lerp(self.mean[i], g, 1.0 - beta1);
            self.square[i] = beta2 * self.square[i] + (1.0 - beta2) * g * g;
            let square = match &mut self.largest {
                Some(largest) => {
                    // `max` would drop NaN and hide a divergence.
                    if self.square[i] > largest[i] || self.square[i].is_nan() {
                        largest[i] = self.square[i];
                    }
                    largest[i]
                }
                None => self.square[i],
            };
            theta[i] -= rate * (self.mean[i] / (square.sqrt() / root + self.eps));
        }
    }

    fn preconditioner(&self, factors: &mut [f64]) -> bool {
        if self.steps == 0 {
            return false;
        }
        let [one, root] = [1.0 - self.power(0), (1.0 - self.power(1)).sqrt()];
        for (factor, square) in factors.iter_mut().zip(self.largest.as_ref().unwrap_or(&self.square)) {
            *factor = 1.0 / (one * (square.sqrt() / root + self.eps));
        }
        true
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.steps)?;
        archive.item(&mut self.mean)?;
        archive.item(&mut self.square)?;
        archive.item(&mut self.largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Gd;
    use crate::optim::testing::Problem;

    fn adam(betas: [f64; 2], eps: f64) -> Adam {
        Adam { betas, eps, ..Adam::new(1.0) }
    }

    /// Where ε outweighs √v̂, a step is −(η/ε)·m̂.
    #[test]
    fn with_a_large_eps_and_no_memory_it_is_gradient_descent_at_lr_over_eps() {
        let problem = Problem::new(0.1);
        let plain = problem.descend(&Gd::new(1.0), |_| 0.02, 50);
        let end = problem.descend(&adam([0.0, 0.9], 1e10), |_| 0.02e10, 50);
        assert!((&end - &plain).norm() <= 1e-9 * plain.norm(), "{:e}", (end - &plain).norm());
    }

    /// m̂ = g and v̂ = g² after one step, whatever the averages: every entry moves by η.
    #[test]
    fn the_first_step_is_a_sign_step() {
        let problem = Problem::new(0.1);
        let moved = problem.descend(&adam(betas(), 1e-30), |_| 0.02, 1) - &problem.start;
        let expected = problem.gradient(&problem.start).map(|g| -0.02 * g.signum());
        assert!((moved - expected).amax() < 1e-15);
    }

    /// The first step is η·D·m of its factors D, with m = (1 − β₁)g.
    #[test]
    fn a_step_is_the_average_times_its_factors() {
        let mut rule = adam(betas(), 1e-3).rule(&Layout::vector(2, 0.0));
        let (mut theta, mut factors) = ([1.0, 2.0], [f64::NAN; 2]);
        assert!(!rule.preconditioner(&mut factors), "no step so far");
        let gradient = [0.3, -4.0];
        rule.step(0.02, &gradient, &mut theta);
        assert!(rule.preconditioner(&mut factors));
        for (i, start) in [1.0, 2.0].into_iter().enumerate() {
            let moved = -0.02 * factors[i] * (1.0 - betas()[0]) * gradient[i];
            assert!((theta[i] - start - moved).abs() < 1e-15, "{i}");
        }
    }

    #[test]
    fn amsgrad_never_forgets_a_large_gradient() {
        let with = Adam { amsgrad: true, betas: [0.0, 0.5], ..Adam::new(1.0) };
        let mut rule = with.rule(&Layout::vector(1, 0.0));
        let mut theta = [0.0];
        rule.step(1.0, &[100.0], &mut theta);
        for _ in 0..200 {
            rule.step(0.0, &[1.0], &mut theta);
        }
        theta.fill(0.0);
        rule.step(1.0, &[1.0], &mut theta);
        // v = 0.5·100² at its largest.
        assert!((theta[0] * 5000f64.sqrt() + 1.0).abs() < 1e-9, "{}", theta[0]);
    }
}
