//! A scenario as a [`Plan`].

use crate::session::{OwnObservables, Plan};

use super::{Scenario, caption};

impl Scenario {
    /// What the scenario asks of a run, apart from its objective and its start.
    pub fn plan(&self) -> Plan {
        Plan {
            name: self.name.clone(),
            caption: caption(self),
            seed: self.seed,
            widths: self.network.widths.clone(),
            linear: self.network.is_linear(),
            weight_decay: self.weight_decay.clone(),
            layer_rates: self.layer_rates.clone(),
            flow: self.flow.clone(),
            times: self.record_times(),
            record_weights: self.record.weights,
            optimizers: self.optimizers.clone(),
            observe: self.observe.clone(),
            measure: self.measure.clone(),
            stop: self.stop.clone(),
            claims: self.claims.clone(),
            own: OwnObservables::default(),
        }
    }
}
