//! What is asked of a run of a user's own model: the keys of a scenario that need neither data nor a network.

use std::path::Path;

use nalgebra::DVector;
use serde::Deserialize;

use crate::claim::Claim;
use crate::flow::{Flow, Integrator};
use crate::loss::Loss;
use crate::objective::Objective;
use crate::observe::Measure;
use crate::optim::{self, Optimizer};
use crate::record::Record;
use crate::session::{Session, Stop};
use crate::settings::Findings;

use super::error::{ScenarioError, Source};
use super::{read, tree};

/// The flow and the optimizers of a model that is not described here, nor is its start.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The name of the run.
    name: String,
    /// λ of all parameters.
    #[serde(default)]
    weight_decay: f64,
    flow: Flow,
    #[serde(default)]
    record: Record,
    #[serde(default)]
    optimizers: Vec<Optimizer>,
    #[serde(default)]
    stop: Option<Stop>,
    #[serde(default)]
    measure: Vec<Measure>,
    #[serde(default)]
    claims: Vec<Claim>,
}

impl Comparison {
    /// Reads `text`, with the same keys as a scenario; messages name the file `path`.
    ///
    /// # Errors
    /// [`ScenarioError`] with all problems of the text.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScenarioError> {
        let (tree, source) = read::load(text, path, &[])?;
        Self::settle(&tree, &source)
    }

    fn settle(tree: &serde_yaml::Value, source: &Source) -> Result<Self, ScenarioError> {
        let mut found = Findings::default();
        let mut read: Self = tree::read(tree).map_err(|refusal| {
            let problem = source.diagnostic(&refusal.path, refusal.message);
            ScenarioError::Diagnostics(vec![problem])
        })?;
        read.record.fill_defaults(read.flow.t_end);
        read.optimizers.iter_mut().for_each(Optimizer::fill_defaults);
        found.not_negative("weight_decay", read.weight_decay);
        read.flow.validate(&mut found);
        read.record.validate(read.flow.t_end, &mut found);
        let about = optim::About { samples: None, biases: false, labelled: false, squared: false };
        optim::validate(&read.optimizers, &about, read.flow.t_end, &mut found);
        if let Some(stop) = &read.stop {
            stop.validate(Loss::Mse, &mut found);
        }
        if found.0.is_empty() { Ok(read) } else { Err(source.problems(found)) }
    }

    /// The method of integration.
    pub fn integrator(&self) -> Integrator {
        self.flow.integrator
    }

    /// The horizon.
    pub fn t_end(&self) -> f64 {
        self.flow.t_end
    }

    /// λ ≥ 0: the objective is the model's loss plus (λ/2)‖θ‖².
    pub fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    /// The session that runs it on `objective` from θ(0) = `start`.
    pub fn session(self, objective: impl Objective + 'static, start: DVector<f64>) -> Session {
        let times = self.record.times(self.flow.t_end);
        let mut session = Session::new(objective, start).name(&self.name).flow(self.flow).record(times);
        if self.record.weights {
            session = session.record_weights();
        }
        if let Some(stop) = self.stop {
            session = session.stop(stop);
        }
        session = self.optimizers.into_iter().fold(session, Session::optimizer);
        session = self.measure.into_iter().fold(session, Session::measure);
        self.claims.into_iter().fold(session, Session::claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Comparison::parse(text, Path::new("model.yaml")).unwrap_err().to_string()
    }

    #[test]
    fn keys_of_data_and_networks_are_refused_and_the_others_are_validated() {
        assert!(Comparison::parse("{name: m, flow: {t_end: 1}, optimizers: [gd: {lr: 0.1}]}", Path::new("m")).is_ok());
        let text = refusal("{name: m, flow: {t_end: 1}, network: {widths: [1, 1]}}");
        assert!(text.contains("network"), "{text}");
        let text = refusal("{name: m, flow: {t_end: 1}, optimizers: [gd: {lr: -0.1}]}");
        assert!(text.contains("optimizers[0].gd.lr"), "{text}");
        let text = refusal("{name: m, weight_decay: -1, flow: {t_end: 1}}");
        assert!(text.contains("weight_decay"), "{text}");
        let text = refusal("{name: m, flow: {t_end: -1}}");
        assert!(text.contains("flow.t_end"), "{text}");
    }
}
