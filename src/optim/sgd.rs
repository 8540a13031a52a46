//! Heavy ball and Nesterov's momentum with coupled weight decay, as `torch.optim.SGD`. With g = ∇ℒ(θ) + λθ, on all samples or a batch:
//!
//! - v ← g at the first step, v ← βv + (1 − τ)g after it; dampening τ;
//! - θ ← θ − ηv, or with `nesterov` θ ← θ − η(g + βv); without momentum θ ← θ − ηg.
//!
//! While g hardly changes v tends to (1 − τ)g/(1 − β), so that step k stands at t = kη(1 − τ)/(1 − β).
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html>

use crate::archive::{Archive, ArchiveError};
use crate::settings::Findings;

use super::modified_flow::ModifiedFlow;
use super::sde::{MEASURE_SDE, NoEquation};
use super::settings::{About, Batching, Followed, Ground, Settings, optimizer_settings};
use super::third_order_flow::ThirdOrderFlow;
use super::{CentralFlow, Layout, Noise, Rule, SgdEquation, WeakOrder};

optimizer_settings! {
    /// v ← momentum · v + (1 − dampening) · g, θ ← θ − lr · v; with `nesterov`, θ ← θ − lr · (g + momentum · v).
    pub struct Sgd {
        /// The number of samples in a minibatch, by default all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub batch: Option<usize>,
        /// Draw the samples of a batch independently of each other. Otherwise every sample comes once in an epoch, in random order; where
        /// `batch` does not divide the number of samples, the last batch of an epoch is shorter.
        #[serde(default)]
        pub replacement: bool,
        /// The fraction of the velocity that a step keeps.
        #[serde(default)]
        pub momentum: f64,
        /// The fraction of the gradient that the velocity does not take up, from the second step on.
        #[serde(default)]
        pub dampening: f64,
        /// Nesterov's momentum: a step looks ahead along the velocity.
        #[serde(default)]
        pub nesterov: bool,
        /// Langevin noise: the temperature T ≥ 0. Every gradient gets √(2T/η)·ξ with ξ standard normal, η the time of a step, so that
        /// without momentum θ moves by √(2ηT)·ξ besides.
        #[serde(default)]
        pub temperature: f64,
        /// Label noise: the standard deviation σ ≥ 0 of what every step adds to each label of its batch. For the loss `mse`, and with a
        /// `batch`, which may be as large as all samples.
        #[serde(default)]
        pub label_noise: f64,
    }
}

impl Settings for Sgd {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        Box::new(Momentum::new(self, layout))
    }

    fn validate(&self, at: &dyn Fn(&str) -> String, about: &About, found: &mut Findings) {
        let &Self { batch, replacement, momentum, dampening, nesterov, temperature, label_noise, .. } = self;
        match (batch, about.samples) {
            (Some(batch), Some(samples)) => found.at_most(&at("batch"), batch, samples, "the number of samples"),
            (Some(batch), None) => found.require(batch >= 1, &at("batch"), "at least 1", batch),
            (None, _) if replacement => found.add(&at("replacement"), "needs a batch to draw"),
            (None, _) => {}
        }
        found.rate(&at("momentum"), momentum);
        found.rate(&at("dampening"), dampening);
        if nesterov && momentum == 0.0 {
            found.add(&at("nesterov"), "needs a momentum greater than 0");
        }
        if nesterov && dampening > 0.0 {
            found.add(&at("nesterov"), "needs a dampening of 0, as in torch");
        }
        if dampening > 0.0 && momentum == 0.0 {
            found.add(&at("dampening"), "needs a momentum greater than 0: without one there is nothing to dampen");
        }
        found.not_negative(&at("temperature"), temperature);
        found.not_negative(&at("label_noise"), label_noise);
        if label_noise > 0.0 {
            let all = about.samples.map_or("n".to_string(), |samples| samples.to_string());
            match batch {
                _ if !about.labelled => {
                    found.add(&at("label_noise"), "must be left out: it moves labels of samples, and there are none")
                }
                _ if !about.squared => {
                    found.add(&at("label_noise"), "needs the loss mse: labels of another loss are no numbers that can move");
                }
                None => {
                    let remedy = format!("`batch: {all}` takes all samples");
                    found.add(&at("label_noise"), format!("needs a batch whose labels it moves: {remedy}"));
                }
                Some(_) => {}
            }
        }
    }

    fn friction(&self) -> f64 {
        (1.0 - self.momentum) / (1.0 - self.dampening)
    }

    fn descends(&self) -> bool {
        true
    }

    /// Langevin noise is no gradient.
    fn forgets(&self) -> bool {
        self.momentum == 0.0 && self.temperature == 0.0
    }

    fn noise(&self) -> Noise {
        Noise { temperature: self.temperature, labels: self.label_noise }
    }

    /// The Jury conditions |tr| < 1 + det, det < 1 of the recursion on (h/2)x², a = ηh: with dampening τ x⁺ = (1 + β − (1 − τ)a)x − βx⁻ is
    /// stable while a < 2(1 + β)/(1 − τ); Nesterov's has tr = 1 + β − (1 + β)a, det = β(1 − a) and is stable while a < 2(1 + β)/(1 + 2β).
    /// At β = 0 both are gradient descent.
    fn stability_bound(&self) -> Option<f64> {
        let &Self { momentum, dampening, nesterov, .. } = self;
        Some(2.0 * (1.0 + momentum) / if nesterov { 1.0 + 2.0 * momentum } else { 1.0 - dampening })
    }

    fn batching(&self) -> Option<Batching> {
        self.batch.map(|size| Batching { size, replacement: self.replacement })
    }

    fn modified_flow<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        let flow = self.modified(ground).map(|flow| flow.into_followed(ground.start));
        Some(flow.map_err(|reason| format!("its modified flow is not compared: {reason}")))
    }

    fn third_order_flow<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        Some(if self.momentum > 0.0 || self.is_random(ground) {
            let reason = "that flow is known for gradient descent on all samples, without momentum and noise";
            Err(format!("distance_to_third_order_flow is null: {reason}"))
        } else {
            ThirdOrderFlow::of_gradient_descent(ground, self.lr)
        })
    }

    fn central_flow<'a>(&self, ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        Some(if self.momentum > 0.0 || self.is_random(ground) {
            let reason = "it is known for gradient descent on all samples, without momentum and noise";
            Err(format!("its central flow is not compared: {reason}"))
        } else {
            CentralFlow::of_gradient_descent(ground, self.lr)
        })
    }

    fn equation(&self, ground: &Ground, order: WeakOrder) -> Option<Result<SgdEquation, NoEquation>> {
        Some(if self.is_random(ground) { self.stochastic(ground, order) } else { Err(NoEquation::NoNoise) })
    }
}

impl Sgd {
    /// n and the batch size, unless every batch is all samples, each once.
    fn epochs(&self, ground: &Ground) -> Option<(usize, usize)> {
        let (samples, batching) = (ground.samples?.count(), self.batching()?);
        batching.draws(samples).then_some((samples, batching.size))
    }

    /// Whether its gradients are random.
    fn is_random(&self, ground: &Ground) -> bool {
        self.epochs(ground).is_some() || self.noise().is_some()
    }

    /// The equation of its batches and its noise, or why there is none.
    fn stochastic(&self, ground: &Ground, order: WeakOrder) -> Result<SgdEquation, NoEquation> {
        let batch = self.epochs(ground).map(|(_, batch)| batch);
        if batch.is_some() && !self.replacement {
            return Err(NoEquation::Epochs);
        }
        if self.momentum > 0.0 && order == WeakOrder::Second {
            return Err(NoEquation::Momentum);
        }
        if self.temperature > 0.0 && order == WeakOrder::Second {
            return Err(NoEquation::Temperature);
        }
        let bound = self.stability_bound().unwrap_or(2.0) / self.friction();
        Ok(SgdEquation::new(self.lr / self.friction(), batch, self.noise(), order, bound))
    }

    /// The flow of the mean over seeds, or why there is none.
    fn modified<'a>(&self, ground: &Ground<'a>) -> Result<ModifiedFlow<'a>, String> {
        let objective = ground.objective;
        if self.noise().is_some() {
            return Err(format!("epochs do not cancel the noise that it adds by itself; {MEASURE_SDE}"));
        }
        let Some((samples, batch)) = self.epochs(ground) else { return Ok(ModifiedFlow::of_momentum(objective, self)) };
        let drift = "so that its mean over seeds drifts with the covariance of the iterates and follows no flow of θ alone";
        let remedy = "set replacement: false, and a batch that divides the number of samples";
        if self.replacement {
            return Err(format!(
                "batches drawn with replacement leave noise that epochs do not cancel, {drift}; {remedy}, or {MEASURE_SDE}"
            ));
        }
        if samples % batch != 0 {
            return Err(format!(
                "batches of {batch} do not divide {samples} samples, and those of the shorter last batch weigh more: epochs do not cancel the \
                 noise, {drift}; {remedy}"
            ));
        }
        let (batches, steps) = (samples / batch, ground.steps);
        if steps < batches as u64 {
            return Err(format!("it holds over whole epochs, of {batches} steps here, and there are {steps}"));
        }
        let products = ground.samples.zip(objective.batches()).and_then(|(samples, batches)| batches.sample_products(samples));
        let products = products.ok_or("the objective does not give its samples' gradients one by one")?;
        Ok(ModifiedFlow::of_epochs(objective, self, products, batches))
    }
}

/// Descent with momentum.
struct Momentum {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
    velocity: Vec<f64>,
    /// Whether a step was taken, so that there is a velocity.
    moves: bool,
}

impl Momentum {
    fn new(settings: &Sgd, layout: &Layout) -> Self {
        let &Sgd { momentum, dampening, nesterov, .. } = settings;
        let velocity = vec![0.0; if momentum == 0.0 { 0 } else { layout.dim() }];
        Self { momentum, dampening, nesterov, weight_decay: layout.weight_decay, velocity, moves: false }
    }
}

impl Rule for Momentum {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        let (beta, decay) = (self.momentum, self.weight_decay);
        if beta == 0.0 {
            for (x, g) in theta.iter_mut().zip(gradient) {
                *x -= lr * (g + decay * *x);
            }
            return;
        }
        // The first velocity is the whole gradient, dampened or not.
        let (kept, taken) = if self.moves { (beta, 1.0 - self.dampening) } else { (0.0, 1.0) };
        for ((x, g), v) in theta.iter_mut().zip(gradient).zip(&mut self.velocity) {
            let g = g + decay * *x;
            *v = kept * *v + taken * g;
            *x -= lr * if self.nesterov { g + beta * *v } else { *v };
        }
        self.moves = true;
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.velocity)?;
        archive.item(&mut self.moves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::Gd;
    use crate::optim::testing::Problem;

    #[test]
    fn without_momentum_it_is_gradient_descent_bit_for_bit() {
        let problem = Problem::new(0.1);
        let plain = problem.descend(&Gd::new(1.0), |_| 0.02, 50);
        assert_eq!(problem.descend(&Sgd::new(1.0), |_| 0.02, 50), plain);
    }

    /// Heavy ball in its other form, θ_{k+1} = θ_k − ηg_k + β(θ_k − θ_{k−1}).
    #[test]
    fn momentum_repeats_a_share_of_the_last_step() {
        let problem = Problem::new(0.1);
        let (lr, beta) = (0.01, 0.9);
        let (mut before, mut now) = (problem.start.clone(), problem.start.clone());
        for _ in 0..50 {
            let next = &now - problem.gradient(&now) * lr + (&now - &before) * beta;
            (before, now) = (now, next);
        }
        let end = problem.descend(&Sgd { momentum: 0.9, ..Sgd::new(1.0) }, |_| lr, 50);
        assert!((end - &now).norm() <= 1e-13 * now.norm());
    }
}
