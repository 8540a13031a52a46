//! What the scenario format has and this version does not. Whoever brings a thing deletes its line here.

use super::validate::Findings;
use super::{Activation, Data, Distribution, Link, Scenario, Target};

impl Findings {
    fn not_yet(&mut self, available: bool, path: &str, what: &str) {
        if !available {
            self.add(path, format!("not available yet: {what}"));
        }
    }
}

impl Scenario {
    pub(super) fn check_availability(&self, found: &mut Findings) {
        if let Data::Synthetic(data) = &self.data {
            let Target::LowRank(target) = &data.target;
            let gaussian = data.inputs.distribution == Distribution::Gaussian;
            found.not_yet(gaussian, "data.synthetic.inputs.distribution", "inputs that are not gaussian");
            let linear = target.link == Link::Identity;
            found.not_yet(linear, "data.synthetic.target.low_rank.link", "a link other than identity");
        }
        let linear = self.network.layer_activations().iter().all(|&activation| activation == Activation::Identity);
        found.not_yet(linear, "network.activations", "an activation other than identity");
        found.not_yet(!self.network.layer_biases().contains(&true), "network.bias", "biases");
        found.not_yet(self.claims.is_empty(), "claims", "claims");
    }
}
