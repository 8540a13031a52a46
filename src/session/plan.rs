//! What is asked of a run: how the flow is integrated, which optimizers run beside it, what is observed and when, and what the run is meant
//! to show. [`crate::scenario::Scenario::plan`] makes one of a scenario; [`crate::session::Session`] fills one in.

use std::fmt;
use std::sync::Arc;

use crate::claim::{Claim, Setup};
use crate::flow::Flow;
use crate::network::{LayerRates, WeightDecay};
use crate::observe::{CompanionKind, Group, Measure, Observable, SdePaths};
use crate::optim::Optimizer;
use crate::theory::balance::BalanceLaw;

use super::Stop;

/// The tolerance of the flow over that of its second integration.
pub(super) const FINER: f64 = 10.0;

/// The settings of a run, apart from its objective and its start.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The name of the run.
    pub name: String,
    /// A description in one line, shown under every picture's title.
    pub caption: String,
    /// The seed of the optimizers' batches.
    pub seed: u64,
    /// d_0, …, d_L of the network; for an objective without layers a single entry, the length of θ.
    pub widths: Vec<usize>,
    /// Whether the network is f(x) = W_L ⋯ W_1 x.
    pub linear: bool,
    /// λ, or λ_1, …, λ_L.
    pub weight_decay: WeightDecay,
    /// κ_1, …, κ_L.
    pub layer_rates: LayerRates,
    /// The integration of the flow, from 0 to `t_end`.
    pub flow: Flow,
    /// Record times of every process: strictly increasing, from 0 to `flow.t_end`.
    pub times: Vec<f64>,
    /// Whether θ is kept at every record.
    pub record_weights: bool,
    /// The optimizers beside the flow, with distinct names.
    pub optimizers: Vec<Optimizer>,
    /// The groups of columns that are recorded; `None` for all.
    pub observe: Option<Vec<Group>>,
    /// Quantities beyond those that every run records.
    pub measure: Vec<Measure>,
    /// Conditions under which processes end before their horizon.
    pub stop: Option<Stop>,
    /// What the run is meant to show.
    pub claims: Vec<Claim>,
    /// User-defined observables, not available in a scenario.
    pub own: OwnObservables,
}

/// User-defined observables.
#[derive(Clone, Default)]
pub struct OwnObservables(pub Vec<Arc<dyn Observable + Send + Sync>>);

impl fmt::Debug for OwnObservables {
    /// The names of their columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().flat_map(|observable| observable.columns().list).map(|column| column.name);
        f.debug_list().entries(names).finish()
    }
}

impl Plan {
    /// A run of the flow to `t_end` without decay, by `auto` at rtol 1e-8, observed at the start and the end.
    pub fn new(name: impl Into<String>, widths: Vec<usize>, t_end: f64) -> Self {
        Self {
            name: name.into(),
            caption: String::new(),
            seed: 0,
            widths,
            linear: false,
            weight_decay: 0.0.into(),
            layer_rates: LayerRates::default(),
            flow: Flow::new(t_end),
            times: vec![0.0, t_end],
            record_weights: false,
            optimizers: Vec::new(),
            observe: None,
            measure: Vec::new(),
            stop: None,
            claims: Vec::new(),
            own: OwnObservables::default(),
        }
    }

    /// L; 0 for an objective without layers.
    pub fn layers(&self) -> usize {
        self.widths.len().saturating_sub(1)
    }

    /// The times at which every process is observed.
    pub fn record_times(&self) -> &[f64] {
        &self.times
    }

    /// The law of the imbalances D_l along the flow.
    pub fn balance_law(&self) -> BalanceLaw {
        BalanceLaw::new(&self.weight_decay, &self.layer_rates, self.layers())
    }

    /// What claims know of the run besides its records.
    pub fn setup(&self) -> Setup {
        let paths = SdePaths::among(&self.measure).map_or(0, |asked| asked.paths);
        let (integrator, t_end) = (self.flow.integrator, self.flow.t_end);
        Setup { law: self.balance_law(), depth: self.layers(), linear: self.linear, t_end, integrator, paths }
    }

    /// The models of optimizers whose errors claims ask for: [`Claim::models`].
    pub fn models(&self) -> Vec<CompanionKind> {
        Claim::models(&self.claims)
    }

    /// Whether the flow is integrated a second time, to know its errors: for a certificate, and for claims about it.
    pub fn is_certified(&self) -> bool {
        self.flow.certify || Claim::concern_flow(&self.claims)
    }

    /// Whether all layers have one rate and one weight decay.
    pub fn is_one_for_all(&self) -> bool {
        self.layer_rates.are_one_with(&self.weight_decay)
    }

    /// Whether the columns of a group are recorded.
    pub fn observes(&self, group: Group) -> bool {
        group.is_among(self.observe.as_deref())
    }

    /// A warning about groups that are left out.
    pub fn unobserved(&self) -> Option<String> {
        let groups = self.observe.as_ref()?;
        let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
        let all = if names.is_empty() { "no group".to_string() } else { format!("only {}", names.join(", ")) };
        let mut lacks = Vec::new();
        if !self.observes(Group::Balance) {
            lacks.push("the run does not check itself by the balance law");
        }
        if !self.observes(Group::Sharpness) && !self.optimizers.is_empty() {
            lacks.push("optimizers are not checked for the edge of stability");
        }
        let lacks: String = lacks.iter().map(|lack| format!("; {lack}")).collect();
        Some(format!("observe: {all}: pictures of other groups are not drawn{lacks}"))
    }
}
