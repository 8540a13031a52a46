//! `optimizers`: the discrete processes stepped beside the flow, under PyTorch's names and defaults.

use serde::{Deserialize, Serialize};

use crate::settings::{Finding, Findings, path};

use super::formula::{at_least, at_most, number};
use super::settings::{About, Batching, Followed, Ground, Pace, PaceMut, Settings};
use super::{
    Adam, AdamW, CentralFlow, Custom, Gd, Layout, Muon, NoEquation, Noise, Rmsprop, Rule, Schedule, Sde, SdeSettings, Sgd,
    SgdEquation, Sign, WeakOrder,
};

/// Declares the enum of all kinds, each with its settings and the word that chooses it.
macro_rules! optimizers {
    ($($(#[$about:meta])* $kind:ident($settings:ty) = $word:literal,)*) => {
        /// One optimizer and its settings.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum Optimizer {
            $($(#[$about])* #[serde(rename = $word)] $kind($settings),)*
            /// A user's own rule, which no scenario can name.
            #[serde(skip)]
            Custom(Custom),
        }

        $(impl From<$settings> for Optimizer {
            fn from(settings: $settings) -> Self {
                Self::$kind(settings)
            }
        })*

        impl From<Custom> for Optimizer {
            fn from(settings: Custom) -> Self {
                Self::Custom(settings)
            }
        }

        impl Optimizer {
            /// The words that choose an optimizer.
            pub const KINDS: &[&str] = &[$($word),*];

            /// One optimizer of every kind, at the rate `lr` with defaults for all else.
            #[cfg(test)]
            pub(crate) fn every_kind(lr: f64) -> Vec<Self> {
                vec![$(Self::$kind(<$settings>::new(lr))),*]
            }

            /// The word that chooses it.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $word,)*
                    Self::Custom(_) => "custom",
                }
            }

            fn settings(&self) -> &dyn Settings {
                match self {
                    $(Self::$kind(settings) => settings,)*
                    Self::Custom(settings) => settings,
                }
            }

            fn settings_mut(&mut self) -> &mut dyn Settings {
                match self {
                    $(Self::$kind(settings) => settings,)*
                    Self::Custom(settings) => settings,
                }
            }
        }
    };
}

optimizers! {
    /// Gradient descent on all samples.
    Gd(Gd) = "gd",
    /// `torch.optim.SGD`: minibatches, momentum, Nesterov's momentum.
    Sgd(Sgd) = "sgd",
    /// `torch.optim.Adam`. Weight decay is part of the gradient.
    Adam(Adam) = "adam",
    /// `torch.optim.AdamW`. Weight decay is applied beside the step of Adam.
    Adamw(AdamW) = "adamw",
    /// `torch.optim.RMSprop`.
    Rmsprop(Rmsprop) = "rmsprop",
    /// Sign descent: every entry moves by the learning rate, against the sign of its gradient.
    Sign(Sign) = "sign",
    /// `torch.optim.Muon`: steps along orthogonalized averages of the gradient, one weight matrix at a time.
    Muon(Muon) = "muon",
}

/// More steps than anybody waits for: hours at a microsecond each.
pub(super) const MAX_STEPS: u64 = 10_000_000_000;

impl Optimizer {
    pub(super) fn pace(&self) -> Pace<'_> {
        self.settings().pace()
    }

    /// The process's name in the records.
    pub fn name(&self) -> &str {
        self.pace().name.as_deref().unwrap_or(self.kind())
    }

    /// The learning rate, before its schedule.
    pub fn lr(&self) -> f64 {
        self.pace().lr
    }

    /// How the learning rate changes.
    pub fn schedule(&self) -> &Schedule {
        self.pace().schedule
    }

    /// The number of steps, where one is set.
    pub fn steps(&self) -> Option<u64> {
        self.pace().steps
    }

    /// The update rule, for a θ of this layout.
    pub fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        self.settings().rule(layout)
    }

    /// The friction of momentum, 1 − β without dampening: a constant gradient g moves θ by lr·g/friction a step.
    pub(super) fn friction(&self) -> f64 {
        self.settings().friction()
    }

    /// Whether the rule descends along the gradient or an average of it, so that as η → 0 it follows gradient flow.
    pub fn descends(&self) -> bool {
        self.settings().descends()
    }

    /// Whether each step is along the gradient of that step alone, with coupled decay.
    pub fn forgets(&self) -> bool {
        self.settings().forgets()
    }

    /// The least η·h at which the rule is unstable on the quadratic (h/2)x², if it has one: beyond it iterates grow from step to step, where
    /// the flow decays, and no flow describes them.
    pub fn stability_bound(&self) -> Option<f64> {
        self.settings().stability_bound()
    }

    /// The same bound on η times the preconditioned sharpness, for rules that divide by an average of squares.
    pub fn preconditioned_bound(&self) -> Option<f64> {
        self.settings().preconditioned_bound()
    }

    /// Whether its weight decay is beside the gradient and not part of it.
    pub(crate) fn decays_apart(&self) -> bool {
        self.settings().decays_apart()
    }

    /// Its minibatches; `None` where every step takes all samples.
    pub fn batching(&self) -> Option<Batching> {
        self.settings().batching()
    }

    /// The batches that it takes of this many samples; `None` where each is all of them as they are, each once.
    pub fn batches_of(&self, samples: usize) -> Option<Batching> {
        self.batching().filter(|batching| batching.draws(samples) || self.noise().labels > 0.0)
    }

    /// The noise that it adds to its gradients by itself.
    pub fn noise(&self) -> Noise {
        self.settings().noise()
    }

    /// The time of a step at the learning rate `rate`: how far it goes on the flow's clock.
    pub fn step_time(&self, rate: f64) -> f64 {
        rate / self.friction()
    }

    /// The decay rates β of its averages, if the rule divides by one.
    pub fn averages(&mut self) -> Vec<&mut f64> {
        self.settings_mut().averages()
    }

    /// The flow that it follows to second order in η, or why there is none; `None` where it does not descend along the gradient.
    pub(crate) fn modified_flow<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        self.settings().modified_flow(ground)
    }

    /// The flow that it follows to third order, likewise.
    pub(crate) fn third_order_flow<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        self.settings().third_order_flow(ground)
    }

    /// The flow of its mean path at the edge of stability, or why there is none; `None` where none is known for its kind.
    pub(crate) fn central_flow<'a>(&self, ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        self.settings().central_flow(ground)
    }

    /// The stochastic differential equation that its minibatches make it follow, or why there is none; `None` likewise.
    pub(crate) fn equation(&self, ground: &Ground, order: WeakOrder) -> Option<Result<SgdEquation, NoEquation>> {
        self.settings().equation(ground, order)
    }

    /// Paths of that equation, or why there are none; `None` likewise.
    pub(crate) fn sde(&self, ground: &Ground, order: WeakOrder, settings: &SdeSettings) -> Option<Result<Sde, String>> {
        let equation = self.equation(ground, order)?;
        let paths = equation.and_then(|equation| Sde::on(ground, equation, settings, self.name()));
        Some(paths.map_err(NoEquation::warning))
    }

    /// The continuous limit of a rule that does not follow gradient flow, or why it has none; `None` for all others.
    pub(crate) fn limit<'a>(&self, ground: &Ground<'a>) -> Option<Followed<'a>> {
        self.settings().limit(ground)
    }

    /// The same rule as the process `called`, for `count` steps at the constant rate `rate`.
    pub fn at_rate(&self, called: &str, rate: f64, count: u64) -> Self {
        let mut other = self.clone();
        let PaceMut { name, lr, steps, schedule } = other.settings_mut().pace_mut();
        (*name, *lr, *steps, *schedule) = (Some(called.to_string()), rate, Some(count), Schedule::Constant);
        other
    }

    pub(crate) fn fill_defaults(&mut self) {
        let kind = self.kind();
        self.settings_mut().pace_mut().name.get_or_insert_with(|| kind.to_string());
    }

    /// Why this rule does not suit a network, if it does not.
    pub(crate) fn refusal(&self, about: &About) -> Option<String> {
        let mut found = Findings::default();
        self.validate_rule(&|key| path::child(self.kind(), key), about, &mut found);
        found.0.into_iter().next().map(|finding| format!("{}: {}", finding.path, finding.message))
    }

    /// Whether it was given a name.
    pub(super) fn has_name(&self) -> bool {
        self.pace().name.is_some()
    }

    /// `at`: the path of its settings, `optimizers[0].gd`.
    fn validate(&self, at: &str, about: &About, t_end: f64, found: &mut Findings) {
        let at = |key: &str| path::child(at, key);
        let steps = self.steps();
        found.name(&at("name"), self.name(), "a-z, 0-9, - and _", |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'));
        if let Some(steps) = steps {
            found.between(&at("steps"), steps, 1, MAX_STEPS);
        }
        let has_rates = self.validate_rule(&at, about, found);
        if steps.is_none() && has_rates {
            self.validate_horizon(&at, t_end, found);
        }
    }

    /// The first of its own settings that is out of its range, for a user who has not written them in a scenario.
    pub(crate) fn out_of_range(&self) -> Option<Finding> {
        let about = About { samples: None, biases: false, labelled: true, squared: true };
        let mut found = Findings::default();
        self.validate_rule(&|key| key.to_string(), &about, &mut found);
        found.0.into_iter().next()
    }

    /// Validates the rule and its rates. Returns whether the schedule is valid.
    pub(super) fn validate_rule(&self, at: &dyn Fn(&str) -> String, about: &About, found: &mut Findings) -> bool {
        let Pace { lr, schedule, .. } = self.pace();
        found.positive(&at("lr"), lr);
        self.settings().validate(at, about, found);
        let problems = found.0.len();
        schedule.validate(lr, &at("schedule"), found);
        found.0.len() == problems
    }

    /// Without `steps`: at least one step before `t_end`, and no more than anybody waits for. A wrong rate or friction has been reported
    /// already.
    fn validate_horizon(&self, at: &dyn Fn(&str) -> String, t_end: f64, found: &mut Findings) {
        let Pace { lr, schedule, .. } = self.pace();
        let friction = self.friction();
        if !(lr > 0.0 && friction > 0.0 && friction.is_finite()) {
            return;
        }
        if self.time(MAX_STEPS) < t_end {
            if *schedule == Schedule::Constant {
                let least = t_end * friction / MAX_STEPS as f64;
                let right = format!("at least {}, or `steps` set, to end within 10^10 steps", at_least(least));
                found.require(false, &at("lr"), &right, lr);
            } else {
                let reached = self.time(MAX_STEPS);
                let message = format!("its rates add up to t = {reached:.3} and never to t_end {t_end:?}: set `steps`");
                found.add(&at("schedule"), message);
            }
        }
        let right = if friction == 1.0 {
            "at most t_end, so that at least one step fits".to_string()
        } else {
            format!(
                "at most {} (t_end over the step's time per lr, {}), so that at least one step fits",
                at_most(t_end * friction),
                number(1.0 / friction)
            )
        };
        found.require(self.time(1) <= t_end, &at("lr"), &right, lr);
    }
}

/// Validates each optimizer, and its name against those of the others and the flow.
pub(crate) fn validate(optimizers: &[Optimizer], about: &About, t_end: f64, found: &mut Findings) {
    /// The most optimizers: each is a process of its own.
    const MOST: usize = 1000;
    if optimizers.len() > MOST {
        found.add(
            "optimizers",
            format!("must be at most {MOST}, got {}: vary one of them in a sweep instead", optimizers.len()),
        );
        return;
    }
    for (index, optimizer) in optimizers.iter().enumerate() {
        let at = path::child(&path::item("optimizers", index), optimizer.kind());
        optimizer.validate(&at, about, t_end, found);
        let name = optimizer.name();
        if name == "flow" {
            found.add(&path::child(&at, "name"), "`flow` is the gradient flow's own name: choose another");
        } else if name == "target" {
            found.add(&path::child(&at, "name"), "`target` is what `arrays.npz` calls the target's own arrays: choose another");
        } else if optimizers[..index].iter().any(|other| other.name() == name) {
            found.add(&path::child(&at, "name"), format!("`{name}` is taken by another optimizer: set a `name` of its own"));
        }
    }
}
