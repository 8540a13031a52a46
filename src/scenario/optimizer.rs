//! `optimizers`: the discrete processes stepped beside the flow, under PyTorch's names and defaults.

use serde::{Deserialize, Serialize};

use super::path;
use super::validate::Findings;

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
}

/// v ← momentum · v + g, θ ← θ − lr · v; with `nesterov`, θ ← θ − lr · (g + momentum · v).
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
    /// The number of samples in a minibatch; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// The share of v that a step keeps.
    #[serde(default)]
    pub momentum: f64,
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
    /// The decay rates (β₁, β₂) of the averages of g and g².
    #[serde(default = "betas")]
    pub betas: [f64; 2],
    /// What keeps the quotient finite where v̂ is 0.
    #[serde(default = "eps")]
    pub eps: f64,
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
    /// The decay rate of the average of g².
    #[serde(default = "alpha")]
    pub alpha: f64,
    /// What keeps the quotient finite where v is 0.
    #[serde(default = "eps")]
    pub eps: f64,
    /// The share of the last step's direction that a step keeps, as in [`Sgd`].
    #[serde(default)]
    pub momentum: f64,
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
const MAX_STEPS: u64 = 10_000_000_000;

impl Optimizer {
    /// The word that chooses it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gd(_) => "gd",
            Self::Sgd(_) => "sgd",
            Self::Adam(_) => "adam",
            Self::Adamw(_) => "adamw",
            Self::Rmsprop(_) => "rmsprop",
        }
    }

    /// The process's name in the records.
    pub fn name(&self) -> &str {
        let (Self::Gd(Gd { name, .. })
        | Self::Sgd(Sgd { name, .. })
        | Self::Adam(Adam { name, .. })
        | Self::Adamw(Adam { name, .. })
        | Self::Rmsprop(Rmsprop { name, .. })) = self;
        name.as_deref().unwrap_or(self.kind())
    }

    /// The learning rate.
    pub fn lr(&self) -> f64 {
        let (Self::Gd(Gd { lr, .. })
        | Self::Sgd(Sgd { lr, .. })
        | Self::Adam(Adam { lr, .. })
        | Self::Adamw(Adam { lr, .. })
        | Self::Rmsprop(Rmsprop { lr, .. })) = self;
        *lr
    }

    /// The number of steps, where one is set.
    pub fn steps(&self) -> Option<u64> {
        let (Self::Gd(Gd { steps, .. })
        | Self::Sgd(Sgd { steps, .. })
        | Self::Adam(Adam { steps, .. })
        | Self::Adamw(Adam { steps, .. })
        | Self::Rmsprop(Rmsprop { steps, .. })) = self;
        *steps
    }

    pub(super) fn fill_defaults(&mut self) {
        let kind = self.kind();
        let (Self::Gd(Gd { name, .. })
        | Self::Sgd(Sgd { name, .. })
        | Self::Adam(Adam { name, .. })
        | Self::Adamw(Adam { name, .. })
        | Self::Rmsprop(Rmsprop { name, .. })) = self;
        name.get_or_insert_with(|| kind.to_string());
    }

    /// `at`: the path of its settings, `optimizers[0].gd`. `samples`: the size of the data set, where the scenario tells.
    fn validate(&self, at: &str, samples: Option<usize>, t_end: f64, found: &mut Findings) {
        let at = |key: &str| path::child(at, key);
        found.name(&at("name"), self.name(), "a-z, 0-9, - and _", |c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'));
        found.positive(&at("lr"), self.lr());
        match self.steps() {
            Some(steps) => found.between(&at("steps"), steps, 1, MAX_STEPS),
            None if t_end / self.lr() > MAX_STEPS as f64 => {
                let least = t_end / MAX_STEPS as f64;
                found.require(
                    false,
                    &at("lr"),
                    &format!("at least {least:?}, or `steps` set, to end within 10^10 steps"),
                    self.lr(),
                );
            }
            None => found.require(self.lr() <= t_end, &at("lr"), "at most t_end, for one step at least", self.lr()),
        }
        match self {
            Self::Gd(_) => {}
            Self::Sgd(Sgd { batch, momentum, nesterov, .. }) => {
                match (*batch, samples) {
                    (Some(batch), Some(samples)) => found.between(&at("batch"), batch, 1, samples),
                    (Some(batch), None) => found.require(batch >= 1, &at("batch"), "at least 1", batch),
                    (None, _) => {}
                }
                found.rate(&at("momentum"), *momentum);
                if *nesterov && *momentum == 0.0 {
                    found.add(&at("nesterov"), "needs a momentum greater than 0");
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
pub(super) fn validate(optimizers: &[Optimizer], samples: Option<usize>, t_end: f64, found: &mut Findings) {
    for (index, optimizer) in optimizers.iter().enumerate() {
        let at = path::child(&path::item("optimizers", index), optimizer.kind());
        optimizer.validate(&at, samples, t_end, found);
        let name = optimizer.name();
        if name == "flow" {
            found.add(&path::child(&at, "name"), "`flow` is the gradient flow's own name: choose another");
        } else if optimizers[..index].iter().any(|other| other.name() == name) {
            found.add(&path::child(&at, "name"), format!("`{name}` is taken by another optimizer: set a `name` of its own"));
        }
    }
}
