//! `optimizers`: the discrete processes stepped beside the flow, under PyTorch's names and defaults.

use serde::{Deserialize, Serialize};

use super::{Findings, Schedule, path};

/// One optimizer and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// Full-batch gradient descent.
    Gd(Gd),
    /// Minibatches and momentum, `torch.optim.SGD`.
    Sgd(Sgd),
    /// `torch.optim.Adam`: weight decay is coupled, a part of the gradient.
    Adam(Adam),
    /// `torch.optim.AdamW`: weight decay is decoupled from the moments.
    Adamw(Adam),
    /// `torch.optim.RMSprop`.
    Rmsprop(Rmsprop),
    /// Steps along the sign of the gradient, with the settings of [`Gd`].
    Sign(Gd),
}

/// θ ← θ − lr · g.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gd {
    /// The process's name in the records; the kind where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The learning rate.
    pub lr: f64,
    /// The number of steps; where absent, until the process's time reaches the flow's `t_end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// How the learning rate changes from step to step.
    #[serde(default)]
    pub schedule: Schedule,
}

/// v ← momentum · v + (1 − dampening) · g, θ ← θ − lr · v; with `nesterov`, θ ← θ − lr · (g + momentum · v).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sgd {
    /// As in [`Gd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The learning rate.
    pub lr: f64,
    /// As in [`Gd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// How the learning rate changes from step to step.
    #[serde(default)]
    pub schedule: Schedule,
    /// The number of samples in a minibatch; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Whether the samples of a batch are drawn independently of each other. Otherwise every sample comes once in an epoch, in random
    /// order, and where `batch` does not divide their number the last batch of an epoch is shorter.
    #[serde(default)]
    pub replacement: bool,
    /// The share of v that a step keeps.
    #[serde(default)]
    pub momentum: f64,
    /// The share of g that v does not take up, after the first step.
    #[serde(default)]
    pub dampening: f64,
    /// Whether a step looks ahead along v.
    #[serde(default)]
    pub nesterov: bool,
}

/// θ ← θ − lr · m̂ / (√v̂ + eps), with m̂, v̂ the bias-corrected moving averages of g and g².
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adam {
    /// As in [`Gd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The learning rate.
    pub lr: f64,
    /// As in [`Gd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// How the learning rate changes from step to step.
    #[serde(default)]
    pub schedule: Schedule,
    /// The decay rates (β₁, β₂) of the averages of g and g².
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// What keeps the quotient finite where v̂ is 0.
    #[serde(default = "eps")]
    pub eps: f64,
    /// Whether the largest v so far takes the place of v.
    #[serde(default)]
    pub amsgrad: bool,
}

/// θ ← θ − lr · g / (√v + eps), with v the moving average of g² at rate alpha.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rmsprop {
    /// As in [`Gd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The learning rate.
    pub lr: f64,
    /// As in [`Gd`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// How the learning rate changes from step to step.
    #[serde(default)]
    pub schedule: Schedule,
    /// The decay rate of the average of g².
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// What keeps the quotient finite where v is 0.
    #[serde(default = "eps")]
    pub eps: f64,
    /// The share of the last step's direction that a step keeps, as in [`Sgd`].
    #[serde(default)]
    pub momentum: f64,
    /// Whether the square of the average of g is taken from v.
    #[serde(default)]
    pub centered: bool,
}

fn betas() -> [f64; 2] {
    [0.9, 0.999]
}

fn alpha() -> f64 {
    0.99
}

fn eps() -> f64 {
    1e-8
}

/// More steps than anybody waits for: hours at a microsecond each.
pub(super) const MAX_STEPS: u64 = 10_000_000_000;

/// What all kinds have.
pub(crate) struct Common<'a> {
    kind: &'static str,
    name: &'a Option<String>,
    pub lr: f64,
    pub steps: Option<u64>,
    pub schedule: &'a Schedule,
}

impl Optimizer {
    pub(crate) fn common(&self) -> Common<'_> {
        let kind = match self {
            Self::Gd(_) => "gd",
            Self::Sgd(_) => "sgd",
            Self::Adam(_) => "adam",
            Self::Adamw(_) => "adamw",
            Self::Rmsprop(_) => "rmsprop",
            Self::Sign(_) => "sign",
        };
        let (Self::Gd(Gd { name, lr, steps, schedule })
        | Self::Sgd(Sgd { name, lr, steps, schedule, .. })
        | Self::Adam(Adam { name, lr, steps, schedule, .. })
        | Self::Adamw(Adam { name, lr, steps, schedule, .. })
        | Self::Rmsprop(Rmsprop { name, lr, steps, schedule, .. })
        | Self::Sign(Gd { name, lr, steps, schedule })) = self;
        Common { kind, name, lr: *lr, steps: *steps, schedule }
    }

    /// The word that chooses it.
    pub fn kind(&self) -> &'static str {
        self.common().kind
    }

    /// The process's name in the records.
    pub fn name(&self) -> &str {
        let Common { kind, name, .. } = self.common();
        name.as_deref().unwrap_or(kind)
    }

    /// The learning rate, before its schedule.
    pub fn lr(&self) -> f64 {
        self.common().lr
    }

    /// How the learning rate changes.
    pub fn schedule(&self) -> &Schedule {
        self.common().schedule
    }

    /// The number of steps, where one is set.
    pub fn steps(&self) -> Option<u64> {
        self.common().steps
    }

    /// The same rule under this name, for so many steps at a constant rate.
    pub fn at_rate(&self, called: &str, rate: f64, count: u64) -> Self {
        let mut other = self.clone();
        let (Self::Gd(Gd { name, lr, steps, schedule })
        | Self::Sgd(Sgd { name, lr, steps, schedule, .. })
        | Self::Adam(Adam { name, lr, steps, schedule, .. })
        | Self::Adamw(Adam { name, lr, steps, schedule, .. })
        | Self::Rmsprop(Rmsprop { name, lr, steps, schedule, .. })
        | Self::Sign(Gd { name, lr, steps, schedule })) = &mut other;
        (*name, *lr, *steps, *schedule) = (Some(called.to_string()), rate, Some(count), Schedule::Constant);
        other
    }

    pub(crate) fn fill_defaults(&mut self) {
        let kind = self.kind();
        let (Self::Gd(Gd { name, .. })
        | Self::Sgd(Sgd { name, .. })
        | Self::Adam(Adam { name, .. })
        | Self::Adamw(Adam { name, .. })
        | Self::Rmsprop(Rmsprop { name, .. })
        | Self::Sign(Gd { name, .. })) = self;
        name.get_or_insert_with(|| kind.to_string());
    }

    /// `at`: the path of its settings, `optimizers[0].gd`. `samples`: the size of the data set, where the scenario tells.
    fn validate(&self, at: &str, samples: Option<usize>, t_end: f64, found: &mut Findings) {
        let at = |key: &str| path::child(at, key);
        let Common { lr, steps, schedule, .. } = self.common();
        found.name(&at("name"), self.name(), "a-z, 0-9, - and _", |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'));
        found.positive(&at("lr"), lr);
        if let Some(steps) = steps {
            found.between(&at("steps"), steps, 1, MAX_STEPS);
        }
        self.validate_kind(&at, samples, found);
        let problems = found.0.len();
        schedule.validate(lr, &at("schedule"), found);
        if steps.is_none() && found.0.len() == problems {
            self.validate_horizon(&at, t_end, found);
        }
    }

    /// Without `steps`: at least one step before `t_end`, and at most as many as anybody waits for. Where a rate or a friction is wrong
    /// that is the problem to report.
    fn validate_horizon(&self, at: &dyn Fn(&str) -> String, t_end: f64, found: &mut Findings) {
        let Common { lr, schedule, .. } = self.common();
        let friction = self.friction();
        if !(lr > 0.0 && friction > 0.0 && friction.is_finite()) {
            return;
        }
        if self.time(MAX_STEPS) < t_end {
            if *schedule == Schedule::Constant {
                let least = t_end * friction / MAX_STEPS as f64;
                let right = format!("at least {least:?}, or `steps` set, to end within 10^10 steps");
                found.require(false, &at("lr"), &right, lr);
            } else {
                let reached = self.time(MAX_STEPS);
                let message = format!("its rates add up to t = {reached:.3} and never to t_end {t_end:?}: set `steps`");
                found.add(&at("schedule"), message);
            }
        }
        let right = if friction == 1.0 {
            "at most t_end, for one step at least".to_string()
        } else {
            format!(
                "at most {:?} (t_end over the step's time per lr, {:?}), for one step at least",
                t_end * friction,
                1.0 / friction
            )
        };
        found.require(self.time(1) <= t_end, &at("lr"), &right, lr);
    }

    fn validate_kind(&self, at: &dyn Fn(&str) -> String, samples: Option<usize>, found: &mut Findings) {
        match self {
            Self::Gd(_) | Self::Sign(_) => {}
            Self::Sgd(Sgd { batch, replacement, momentum, dampening, nesterov, .. }) => {
                match (*batch, samples) {
                    (Some(batch), Some(samples)) => found.between(&at("batch"), batch, 1, samples),
                    (Some(batch), None) => found.require(batch >= 1, &at("batch"), "at least 1", batch),
                    (None, _) if *replacement => found.add(&at("replacement"), "needs a batch to draw"),
                    (None, _) => {}
                }
                found.rate(&at("momentum"), *momentum);
                found.rate(&at("dampening"), *dampening);
                if *nesterov && *momentum == 0.0 {
                    found.add(&at("nesterov"), "needs a momentum greater than 0");
                }
                if *nesterov && *dampening > 0.0 {
                    found.add(&at("nesterov"), "needs a dampening of 0, as in torch");
                }
                if *dampening > 0.0 && *momentum == 0.0 {
                    found.add(&at("dampening"), "needs a momentum greater than 0: without one there is nothing to dampen");
                }
            }
            Self::Adam(Adam { betas, eps, .. }) | Self::Adamw(Adam { betas, eps, .. }) => {
                found.rate(&at("betas[0]"), betas[0]);
                found.rate(&at("betas[1]"), betas[1]);
                found.positive(&at("eps"), *eps);
            }
            Self::Rmsprop(Rmsprop { alpha, eps, momentum, .. }) => {
                found.rate(&at("alpha"), *alpha);
                found.positive(&at("eps"), *eps);
                found.rate(&at("momentum"), *momentum);
            }
        }
    }
}

/// Each on its own, and the names against each other and the flow's.
pub(crate) fn validate(optimizers: &[Optimizer], samples: Option<usize>, t_end: f64, found: &mut Findings) {
    /// Each is a process of its own.
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
        optimizer.validate(&at, samples, t_end, found);
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
