//! What a scenario says about an optimizer: its settings with their defaults and ranges, and all that the rest of the crate asks of a rule.

use std::sync::Arc;

use nalgebra::DVector;

use crate::objective::{Objective, Samples};
use crate::settings::Findings;

use super::{CentralFlow, Follows, Layout, NoEquation, Noise, Rule, Schedule, SgdEquation, WeakOrder};

/// The settings that all optimizers have.
pub(crate) struct Pace<'a> {
    /// The process's name in the records; the kind where none is given.
    pub name: &'a Option<String>,
    /// The learning rate, before its schedule.
    pub lr: f64,
    /// The number of steps; where absent, until the process's time reaches the flow's `t_end`.
    pub steps: Option<u64>,
    /// How the learning rate changes from step to step.
    pub schedule: &'a Schedule,
}

/// The same, to be changed.
pub(crate) struct PaceMut<'a> {
    /// As in [`Pace`].
    pub name: &'a mut Option<String>,
    /// As in [`Pace`].
    pub lr: &'a mut f64,
    /// As in [`Pace`].
    pub steps: &'a mut Option<u64>,
    /// As in [`Pace`].
    pub schedule: &'a mut Schedule,
}

/// Minibatches of an optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// The number of samples in a batch.
    pub size: usize,
    /// Whether the samples of a batch are drawn independently of each other; otherwise every sample comes once in an epoch.
    pub replacement: bool,
}

impl Batching {
    /// Whether batches from `samples` samples are random at all: a batch of all of them, each once, gives the full gradient.
    pub fn draws(self, samples: usize) -> bool {
        self.size < samples || self.replacement
    }
}

/// The problem that an optimizer is run on, as far as the flows that it follows need it.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    /// J.
    pub objective: &'a dyn Objective,
    /// The samples of ℒ, kept if minibatches need them.
    pub samples: Option<&'a Arc<Samples>>,
    /// θ_0.
    pub start: &'a DVector<f64>,
    /// The number of steps that it takes.
    pub steps: u64,
}

/// A flow that an optimizer follows, or why there is none.
pub(crate) type Followed<'a> = Result<Follows<'a>, String>;

/// What [`optimizer_settings`] implements for all kinds.
pub(crate) trait Paced {
    /// The settings that all kinds have.
    fn pace(&self) -> Pace<'_>;

    /// The same, to be changed.
    fn pace_mut(&mut self) -> PaceMut<'_>;
}

/// What settings are checked against.
pub(crate) struct About {
    /// n, if the scenario states it.
    pub samples: Option<usize>,
    /// Whether the network has biases.
    pub biases: bool,
    /// Whether there are samples with labels, which a batch can take.
    pub labelled: bool,
    /// Whether the loss is half the squared distance to the labels.
    pub squared: bool,
}

/// The settings of one kind of optimizer, and all that the rest of the crate asks about it.
pub(crate) trait Settings: Paced {
    /// The update rule that they choose.
    fn rule(&self, layout: &Layout) -> Box<dyn Rule>;

    /// Checks the values that this kind has of its own. `at`: the path of a key.
    fn validate(&self, _at: &dyn Fn(&str) -> String, _about: &About, _found: &mut Findings) {}

    /// The friction of momentum, 1 − β without dampening: a constant gradient g moves θ by lr·g/friction a step if the rule steps along g,
    /// and by lr/friction if it normalises g.
    fn friction(&self) -> f64 {
        1.0
    }

    /// Whether the rule descends along the gradient or an average of it, so that as η → 0 it follows gradient flow.
    fn descends(&self) -> bool {
        false
    }

    /// Whether each step is along the gradient of that step alone.
    fn forgets(&self) -> bool {
        false
    }

    /// The least η·h at which the rule is unstable on the quadratic (h/2)x²: beyond it iterates grow from step to step, where the flow
    /// decays, and no flow describes them. `None` if the rule has no such bound. On another loss h is the largest eigenvalue of the
    /// Hessian, the sharpness, and training past the bound need not diverge: gradient descent hovers there (Cohen et al., *Gradient Descent
    /// on Neural Networks Typically Occurs at the Edge of Stability*, ICLR 2021).
    ///
    /// Adaptive rules obey such a bound in their own metric, which changes with them (38/η of the preconditioned Hessian for Adam at β₁ =
    /// 0.9; Cohen et al. 2022, arXiv 2207.14484), and none on the Hessian itself.
    fn stability_bound(&self) -> Option<f64> {
        None
    }

    /// The same bound on η·λ_max(D^{1/2}∇²J D^{1/2}) of an adaptive rule, D = diag of [`Rule::preconditioner`]; `None` of all others.
    fn preconditioned_bound(&self) -> Option<f64> {
        None
    }

    /// Whether its weight decay is beside the gradient and not part of it.
    fn decays_apart(&self) -> bool {
        false
    }

    /// Its minibatches; `None` where every step takes all samples.
    fn batching(&self) -> Option<Batching> {
        None
    }

    /// The noise that it adds to its gradients.
    fn noise(&self) -> Noise {
        Noise::default()
    }

    /// The decay rates β of its averages, if the rule divides by one.
    fn averages(&mut self) -> Vec<&mut f64> {
        Vec::new()
    }

    /// The flow that it follows to second order in η; `None` where the rule does not descend along the gradient.
    fn modified_flow<'a>(&self, _ground: &Ground<'a>) -> Option<Followed<'a>> {
        None
    }

    /// The flow that it follows to third order, asked for only if there is one to second order; `None` likewise.
    fn third_order_flow<'a>(&self, _ground: &Ground<'a>) -> Option<Followed<'a>> {
        None
    }

    /// The flow of its mean path at the edge of stability, or why there is none; `None` where none is known for its kind.
    fn central_flow<'a>(&self, _ground: &Ground<'a>) -> Option<Result<CentralFlow<'a>, String>> {
        None
    }

    /// The stochastic differential equation that its minibatches make it follow, or why there is none; `None` where the rule does not descend
    /// along the gradient.
    fn equation(&self, _ground: &Ground, _order: WeakOrder) -> Option<Result<SgdEquation, NoEquation>> {
        None
    }

    /// The continuous limit of a rule that does not follow gradient flow; `None` for all others.
    fn limit<'a>(&self, _ground: &Ground<'a>) -> Option<Followed<'a>> {
        None
    }
}

/// Declares the settings of an optimizer: its own fields come after those that all have.
macro_rules! optimizer_settings {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$what:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// What the optimizer is called in records and pictures, by default its kind. Names are unique, and `flow` is taken.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub name: Option<String>,
            /// The learning rate.
            pub lr: f64,
            /// The number of steps, by default as many as fit into the flow's `t_end`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub steps: Option<u64>,
            /// How the learning rate changes from step to step.
            #[serde(default)]
            pub schedule: $crate::optim::Schedule,
            $($(#[$what])* pub $field: $type,)*
        }

        impl $name {
            /// At the constant rate `lr`, with PyTorch's defaults for all else.
            pub fn new(lr: f64) -> Self {
                let only_lr = serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new([("lr", lr)].into_iter());
                serde::Deserialize::deserialize(only_lr).expect("all settings but `lr` have defaults")
            }

        }

        impl $crate::optim::settings::Paced for $name {
            fn pace(&self) -> $crate::optim::settings::Pace<'_> {
                $crate::optim::settings::Pace { name: &self.name, lr: self.lr, steps: self.steps, schedule: &self.schedule }
            }

            fn pace_mut(&mut self) -> $crate::optim::settings::PaceMut<'_> {
                let Self { name, lr, steps, schedule, .. } = self;
                $crate::optim::settings::PaceMut { name, lr, steps, schedule }
            }
        }
    };
}

pub(super) use optimizer_settings;
