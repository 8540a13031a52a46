//! The scenario: what to train, on which data and from which start, and how the training is integrated and observed. It is a YAML file,
//! read here into plain types, with every default filled in and every value in its range.
//!
//! ```text
//! text ─► tree of values ─► --set patches ─► types (defaults) ─► ranges
//!    └──► marks: where each key stands ──────────► problems: file:line:column: path: what would be right
//! ```
//!
//! [`read`] reads a scenario; [`Sweep`] reads one with a `sweep:` block, which stands for many. Deserialising [`Scenario`] directly checks
//! no ranges.

mod caption;
mod claim;
mod comparison;
mod error;
mod longer;
mod marks;
mod observed;
mod patch;
pub mod picture;
mod places;
mod plan;
mod print;
mod read;
mod refusal;
mod schema;
pub mod style;
mod sweep;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod validate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use caption::{caption, common_caption, setting};
pub use comparison::Comparison;
pub use error::{Diagnostic, Location, ScenarioError, Source};
pub use picture::Picture;
pub use print::{Digests, sha256};
pub(crate) use read::text_of;
pub use read::{parse, parse_resolved, read};
pub(crate) use refusal::nearest;
pub use refusal::suggestion;
pub use schema::{WRITTEN_BY, markdown, schema};
pub use style::Style;
pub use sweep::{KeptFile, Sweep, entries, explain};

use crate::claim::Claim;
use crate::data::{self, Data, DatasetError, Split};
use crate::flow::Flow;
use crate::loss::Loss;
use crate::network::{Init, LayerRates, Network, WeightDecay};
use crate::observe::{Group, Measure};
use crate::optim::Optimizer;
use crate::record::Record;
use crate::session::Stop;
use crate::theory::balance::BalanceLaw;

/// The most items of a list of words that are checked: a longer list is sure to contain one twice.
const MOST_WORDS: usize = 100;

/// What the balance law requires of the layers.
const ONE_RATE: &str = "D_l(t) = e^(−2ct)D_l(0), the law of the balance, which holds where κ_lλ_l = c is the same for all layers that move: \
                        give weight_decay in inverse proportion to layer_rates";

/// One experiment: a data set, a network, its start, and the processes that train it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Names the run folder and the pictures: a-z, 0-9 and -.
    pub name: String,
    /// One line that says what the scenario is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The seed of all random draws.
    #[serde(default)]
    pub seed: u64,
    /// What the network is trained on.
    pub data: Data,
    /// The network f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L).
    pub network: Network,
    /// The initial weights, which the flow and every optimizer start from.
    #[serde(default)]
    pub init: Init,
    /// The loss, a mean over the samples.
    #[serde(default)]
    pub loss: Loss,
    /// λ of the objective loss + (λ/2)·Σ‖θ‖², as PyTorch's `weight_decay`; or a list with one for each layer.
    #[serde(default)]
    pub weight_decay: WeightDecay,
    /// A list with the learning rate of each layer, relative to the others; 0 freezes a layer. By default all are 1.
    #[serde(default, skip_serializing_if = "LayerRates::is_default")]
    pub layer_rates: LayerRates,
    /// How the gradient flow θ̇ = −∇(loss + (λ/2)‖θ‖²) is integrated, from 0 to `t_end`.
    pub flow: Flow,
    /// The times at which the flow and the optimizers are recorded. 0 and `t_end` always belong to them.
    #[serde(default)]
    pub record: Record,
    /// The groups of columns that are recorded, as `gramflow columns` lists them. By default all that are not opt-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<Vec<Group>>,
    /// The optimizers that are stepped beside the flow, each from the same initial weights.
    #[serde(default)]
    pub optimizers: Vec<Optimizer>,
    /// Ends a process early, as soon as one of these holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// What is recorded beyond the usual columns. Opt-in: these cost extra gradients or time.
    #[serde(default)]
    pub measure: Vec<Measure>,
    /// What the scenario is meant to show. Each claim is judged, with the numerical error of its value.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// How pictures look. Neither the records nor the hash of the scenario depend on it.
    #[serde(default, skip_serializing_if = "style::is_default")]
    pub style: Style,
}

impl Scenario {
    /// Whether its flow is integrated a second time, to certify records and claims.
    pub fn is_certified(&self) -> bool {
        self.flow.certify || Claim::concern_flow(&self.claims)
    }

    /// Whether all layers have one rate and one weight decay.
    pub fn is_one_for_all(&self) -> bool {
        self.layer_rates.are_one_with(&self.weight_decay)
    }

    /// The times at which every process is observed: strictly increasing, from exactly 0 to exactly `flow.t_end`.
    pub fn record_times(&self) -> Vec<f64> {
        self.record.times(self.flow.t_end)
    }

    /// The law of the imbalances D_l along the flow.
    pub fn balance_law(&self) -> BalanceLaw {
        BalanceLaw::new(&self.weight_decay, &self.layer_rates, self.network.layers())
    }

    /// The samples, drawn or read, with labels as the loss needs them ([`data::split`]).
    ///
    /// # Errors
    /// [`DatasetError`] if a file cannot be read or does not hold what the network and the loss need, or if inputs cannot be whitened.
    pub fn split(&self) -> Result<Split, DatasetError> {
        let outputs = self.network.widths.last().copied().unwrap_or(0);
        data::split(&self.data, self.loss, outputs, self.seed)
    }
}
