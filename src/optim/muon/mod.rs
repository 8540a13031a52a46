//! Muon, as `torch.optim.Muon` (Jordan et al., *Muon: an optimizer for hidden layers in neural networks*, 2024), in float64. Each weight
//! matrix W ∈ ℝ^{A × B} by itself, with G = ∇_Wℒ and momentum μ:
//!
//! - M ← μM + (1 − μ)G from 0; N = M, with `nesterov` N = (1 − μ)G + μM;
//! - O = φ^k(N/max(‖N‖_F, ε)), k Newton–Schulz steps φ(X) = aX + (b·XXᵀ + c·(XXᵀ)²)X, which bring all singular values close to 1;
//! - W ← (1 − ηλ)W − η·s·O, s = √max(1, A/B) or as `adjust_lr_fn` says.
//!
//! Decay is decoupled, and λ is the scenario's: PyTorch's own default, 0.1, plays no part. PyTorch iterates in bfloat16, to some two
//! digits; in float64 the rule is the same, and 200 steps of it agree to 1e-12 with PyTorch's without the cast. Biases are no matrices:
//! `biases` names the optimizer that steps them, as PyTorch requires, at its own learning rate and on the same clock.
//!
//! An orthogonalized step has the size of η, whatever that of the gradient. Step k stands at t = kη. As η → 0 the steps follow [`MuonLimit`].
//! <https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html>

mod limit;
mod newton_schulz;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::settings::Findings;

use super::parts::{Part, Parts};
use super::settings::{About, Followed, Ground, Settings, optimizer_settings};
use super::{Block, Follows, Layout, Optimizer, Rule, lerp};

use newton_schulz::NewtonSchulz;

pub use limit::MuonLimit;

optimizer_settings! {
    /// W ← (1 − lr·λ)W − lr·s·O, O the average of gradients with its singular values near 1.
    pub struct Muon {
        /// The fraction of the average that a step keeps.
        #[serde(default = "momentum")]
        pub momentum: f64,
        /// Nesterov's momentum: a step looks ahead along the average.
        #[serde(default = "yes")]
        pub nesterov: bool,
        /// The coefficients (a, b, c) of the Newton–Schulz steps X ← aX + (b·XXᵀ + c·(XXᵀ)²)X.
        #[serde(default = "ns_coefficients")]
        pub ns_coefficients: [f64; 3],
        /// The number of Newton–Schulz steps.
        #[serde(default = "ns_steps")]
        pub ns_steps: usize,
        /// The smallest norm that the average is divided by.
        #[serde(default = "eps")]
        pub eps: f64,
        /// How the learning rate depends on the shape of a matrix A × B.
        #[serde(default)]
        pub adjust_lr_fn: AdjustLr,
        /// The optimizer of the biases, which are no matrices. Required if the network has biases, refused if it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub biases: Option<Box<Optimizer>>,
    }
}

/// The factor s of the learning rate of a matrix of A × B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AdjustLr {
    /// Times √max(1, A/B).
    #[default]
    Original,
    /// Times 0.2·√max(A, B): steps are about as long as those of AdamW.
    MatchRmsAdamw,
    /// Times √(A/B).
    SpectralUnclamped,
}

impl AdjustLr {
    /// s of a matrix of `rows` × `columns`.
    fn factor(self, rows: usize, columns: usize) -> f64 {
        let (a, b) = (rows as f64, columns as f64);
        match self {
            Self::Original => f64::max(1.0, a / b).sqrt(),
            Self::MatchRmsAdamw => 0.2 * a.max(b).sqrt(),
            Self::SpectralUnclamped => (a / b).sqrt(),
        }
    }
}

fn momentum() -> f64 {
    0.95
}

fn yes() -> bool {
    true
}

fn ns_coefficients() -> [f64; 3] {
    [3.4445, -4.7750, 2.0315]
}

fn ns_steps() -> usize {
    5
}

fn eps() -> f64 {
    1e-7
}

impl Settings for Muon {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        let parts = layout.blocks.iter().map(|&block| self.part(block, layout));
        Box::new(Parts(parts.collect()))
    }

    fn validate(&self, at: &dyn Fn(&str) -> String, about: &About, found: &mut Findings) {
        found.rate(&at("momentum"), self.momentum);
        found.between(&at("ns_steps"), self.ns_steps, 0, 99);
        found.positive(&at("eps"), self.eps);
        match &self.biases {
            None if about.biases => found.add(
                &at("biases"),
                "is missing: muon steps matrices alone; name the optimizer of the biases, such as `biases: {adamw: {lr: 0.001}}`",
            ),
            None => {}
            Some(biases) => {
                if !about.biases {
                    found.add(&at("biases"), "the network has none: leave it out");
                }
                self.validate_biases(biases, at, about, found);
            }
        }
    }

    fn limit<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        if self.biases.is_some() {
            return Some(Err(
                "its limit is not compared: `biases` steps parameters that are in no weight matrix by another rule".to_string(),
            ));
        }
        let Some(limit) = MuonLimit::new(ground.objective, self) else {
            return Some(Err("its limit is not compared: some parameters are in no weight matrix".to_string()));
        };
        let formula = limit.formula();
        Some(Ok(Follows::new(limit, formula, ground.start.clone())))
    }
}

impl Muon {
    /// Validates the optimizer of the biases, which steps when this one does.
    fn validate_biases(&self, biases: &Optimizer, at: &dyn Fn(&str) -> String, about: &About, found: &mut Findings) {
        let inner = |key: &str| at(&format!("biases.{}.{key}", biases.kind()));
        if matches!(biases, Optimizer::Muon(_)) {
            return found.add(&at("biases"), "muon steps matrices alone: name another optimizer");
        }
        biases.validate_rule(&inner, about, found);
        let taken = "belongs to muon itself: leave it out here";
        if biases.steps().is_some() {
            found.add(&inner("steps"), taken);
        }
        if biases.has_name() {
            found.add(&inner("name"), taken);
        }
        if biases.batching().is_some() {
            found.add(&inner("batch"), "cannot be set here: biases and matrices are stepped along the same gradient");
        }
    }

    fn part(&self, block: Block, layout: &Layout) -> Part {
        let weight_decay = layout.weight_decay;
        let rule: Option<Box<dyn Rule>> = match (block, &self.biases) {
            (Block::Matrix { rows, columns }, _) => Some(Box::new(Orthogonalized::new(self, rows, columns, weight_decay))),
            (Block::Vector(length), Some(biases)) => {
                let rule = biases.rule(&Layout::vector(length, weight_decay));
                Some(Box::new(AtItsOwnRates { rule, rates: (**biases).clone(), factor: layout.rate, steps: 0 }))
            }
            (Block::Vector(_), None) => None,
        };
        Part { length: block.len(), factor: 1.0, rule }
    }
}

/// A rule that is stepped beside another, at the learning rates of its own optimizer.
struct AtItsOwnRates {
    rule: Box<dyn Rule>,
    rates: Optimizer,
    /// κ.
    factor: f64,
    steps: u64,
}

impl Rule for AtItsOwnRates {
    fn step(&mut self, _lr: f64, gradient: &[f64], theta: &mut [f64]) {
        self.rule.step(self.factor * self.rates.rate(self.steps), gradient, theta);
        self.steps += 1;
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.steps)?;
        self.rule.archive(archive)
    }
}

/// The rule for one weight matrix.
struct Orthogonalized {
    momentum: f64,
    nesterov: bool,
    /// s.
    factor: f64,
    weight_decay: f64,
    /// M, column by column.
    mean: Vec<f64>,
    /// N and then O.
    matrix: DMatrix<f64>,
    newton_schulz: NewtonSchulz,
}

impl Orthogonalized {
    fn new(settings: &Muon, rows: usize, columns: usize, weight_decay: f64) -> Self {
        let &Muon { momentum, nesterov, adjust_lr_fn, .. } = settings;
        Self {
            momentum,
            nesterov,
            factor: adjust_lr_fn.factor(rows, columns),
            weight_decay,
            mean: vec![0.0; rows * columns],
            matrix: DMatrix::zeros(rows, columns),
            newton_schulz: NewtonSchulz::new(settings, rows, columns),
        }
    }
}

impl Rule for Orthogonalized {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        let mu = self.momentum;
        for ((n, m), &g) in self.matrix.iter_mut().zip(&mut self.mean).zip(gradient) {
            *m = lerp(*m, g, 1.0 - mu);
            *n = if self.nesterov { lerp(g, *m, mu) } else { *m };
        }
        self.newton_schulz.orthogonalize(&mut self.matrix);
        for (x, o) in theta.iter_mut().zip(&self.matrix) {
            *x = *x * (1.0 - lr * self.weight_decay) - lr * self.factor * o;
        }
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Svd;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::DVector;

    /// The step of the rule from 0 along `gradient`, at a rate of 1.
    fn stepped(settings: &Muon, gradient: &DMatrix<f64>) -> DMatrix<f64> {
        let (rows, columns) = gradient.shape();
        let layout = Layout { blocks: vec![Block::Matrix { rows, columns }], weight_decay: 0.0, rate: 1.0 };
        let mut theta = DMatrix::zeros(rows, columns);
        settings.rule(&layout).step(1.0, gradient.as_slice(), theta.as_mut_slice());
        -theta
    }

    /// The steps act on singular values alone: O = U·diag(φ^k(σ/‖N‖))·Vᵀ, for wide and tall matrices alike.
    #[test]
    fn newton_schulz_steps_act_on_the_singular_values() {
        let rng = &mut stream(1, Purpose::Inputs);
        for (rows, columns) in [(3, 5), (5, 3), (4, 4), (1, 6), (6, 1)] {
            let gradient = gaussian_matrix(rows, columns, rng);
            let settings = Muon { adjust_lr_fn: AdjustLr::SpectralUnclamped, ..Muon::new(1.0) };
            let step = stepped(&settings, &gradient) / (rows as f64 / columns as f64).sqrt();
            let svd = Svd::new(gradient.as_view()).unwrap();
            let [a, b, c] = settings.ns_coefficients;
            let carried = svd.values.iter().map(|value| {
                (0..settings.ns_steps).fold(value / gradient.norm(), |s, _| a * s + b * s.powi(3) + c * s.powi(5))
            });
            let carried = DVector::from_iterator(svd.values.len(), carried);
            let expected = &svd.u * DMatrix::from_diagonal(&carried) * svd.v.transpose();
            assert!((step - &expected).norm() <= 1e-13 * expected.norm(), "{rows} × {columns}");
            // What they are for: singular values between 0.3 and 1.3, unless they are far below the largest.
            assert!(carried.iter().all(|value| (0.3..1.3).contains(value)), "{carried:?}");
        }
    }

    /// With the coefficients (2, −3/2, ½) every step comes closer to the polar factor, in the end to rounding.
    #[test]
    fn with_converging_coefficients_it_is_the_polar_factor() {
        let gradient = gaussian_matrix(4, 6, &mut stream(2, Purpose::Inputs));
        let settings = Muon { ns_coefficients: [2.0, -1.5, 0.5], ns_steps: 40, ..Muon::new(1.0) };
        let svd = Svd::new(gradient.as_view()).unwrap();
        let polar = &svd.u * svd.v.transpose();
        assert!((stepped(&settings, &gradient) - &polar).norm() < 1e-13);
        let few = Muon { ns_steps: 3, ..settings };
        assert!((stepped(&few, &gradient) - &polar).norm() > 1e-2);
    }

    #[test]
    fn rates_depend_on_the_shape_as_in_torch() {
        assert_eq!(AdjustLr::Original.factor(8, 2), 2.0);
        assert_eq!(AdjustLr::Original.factor(2, 8), 1.0);
        assert_eq!(AdjustLr::SpectralUnclamped.factor(2, 8), 0.5);
        assert_eq!(AdjustLr::MatchRmsAdamw.factor(2, 25), 1.0);
    }

    /// Biases are stepped by their own rule at their own rates; matrices are not.
    #[test]
    fn biases_follow_their_own_rule() {
        let biases: Optimizer = serde_json::from_str(r#"{"sgd": {"lr": 0.5}}"#).unwrap();
        let settings = Muon { biases: Some(Box::new(biases)), ..Muon::new(1.0) };
        let blocks = vec![Block::Matrix { rows: 1, columns: 1 }, Block::Vector(2)];
        let mut theta = [0.0; 3];
        settings.rule(&Layout { blocks, weight_decay: 0.0, rate: 1.0 }).step(0.1, &[0.0, 2.0, -4.0], &mut theta);
        assert_eq!(theta, [0.0, -1.0, 2.0]);
    }
}
