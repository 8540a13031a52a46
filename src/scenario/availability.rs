//! What the scenario format has and this version does not. Whoever brings a thing deletes its line here.

use super::validate::Findings;
use super::{Activation, Loss, Scenario};

impl Findings {
    fn not_yet(&mut self, available: bool, path: &str, what: &str) {
        if !available {
            self.add(path, format!("not available yet: {what}"));
        }
    }
}

impl Scenario {
    pub(super) fn check_availability(&self, found: &mut Findings) {
        let linear = self.network.layer_activations().iter().all(|&activation| activation == Activation::Identity);
        found.not_yet(linear, "network.activations", "an activation other than identity");
        found.not_yet(!self.network.layer_biases().contains(&true), "network.bias", "biases");
        found.not_yet(self.loss == Loss::Mse, "loss", "a loss other than mse");
        found.not_yet(self.claims.is_empty(), "claims", "claims");
    }
}
