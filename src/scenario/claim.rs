//! `claims`: checks that a scenario has what its claims are about.

use crate::claim::Claim;
use crate::network::Activation;
use crate::settings::{Findings, path};

use super::{ONE_RATE, Scenario};

impl Scenario {
    /// Each claim is made once, and about something that exists: a balance between layers, a linear network, a target.
    pub(super) fn validate_claims(&self, found: &mut Findings) {
        for (index, &claim) in self.claims.iter().enumerate().take(super::MOST_WORDS) {
            let path = path::item("claims", index);
            found.require(!self.claims[..index].contains(&claim), &path, "made once", claim.name());
            if let Some(needs) = self.lacks(claim) {
                found.add(&path, format!("{} {needs}", claim.name()));
            }
            for missing in claim.missing(!self.optimizers.is_empty(), &self.measure) {
                found.add(&path, missing.to_string());
            }
            let unread: Vec<&str> = self.unread(claim).iter().map(|group| group.name()).collect();
            if !unread.is_empty() {
                let (claim, groups) = (claim.name(), unread.join(", "));
                found.add(&path, format!("{claim} reads columns that `observe` leaves out: add {groups} there"));
            }
        }
    }

    /// Checks that layer rates and decays allow the claims about the balance. The lists of both must have the right length.
    pub(super) fn validate_claims_of_layers(&self, found: &mut Findings) {
        let (law, depth) = (self.balance_law(), self.network.layers());
        let frozen = |l| self.layer_rates.freeze(l);
        for (index, &claim) in self.claims.iter().enumerate().take(super::MOST_WORDS) {
            let needs = match claim {
                Claim::BalanceLaw | Claim::DecayRate | Claim::NfaExact | Claim::NfaAsymptotic if law.rate().is_none() => {
                    format!("needs {ONE_RATE}")
                }
                Claim::BalanceLaw | Claim::DecayRate if (1..depth).all(|l| frozen(l) || frozen(l + 1)) => {
                    "needs two neighbouring layers that move: beside a frozen one D_l is not defined".to_string()
                }
                Claim::NfaExact | Claim::NfaAsymptotic if self.layer_rates.freeze_some() => {
                    "assumes that all layers move, but layer_rates freezes one".to_string()
                }
                _ => continue,
            };
            found.add(&path::item("claims", index), format!("{} {needs}", claim.name()));
        }
    }

    /// What a claim needs but the scenario lacks.
    fn lacks(&self, claim: Claim) -> Option<&'static str> {
        let activations = self.network.layer_activations();
        let hidden = &activations[..activations.len().saturating_sub(1)];
        let conserves = |sigma: &Activation| matches!(sigma, Activation::Identity | Activation::Relu | Activation::LeakyRelu);
        match claim {
            Claim::BalanceLaw | Claim::DecayRate if !hidden.iter().any(conserves) => Some(
                "needs two layers with identity, relu or leaky_relu between them: around other activations nothing is conserved",
            ),
            Claim::NfaExact | Claim::NfaAsymptotic if !self.network.is_linear() || hidden.is_empty() => {
                Some("is a theorem about linear networks of two or more layers without biases: claim nfa instead")
            }
            Claim::LowRank if self.data.file().is_some() => {
                Some("needs a target whose rank is known, which data from a file lack: use data.synthetic")
            }
            _ => None,
        }
    }
}
