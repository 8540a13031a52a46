//! `observe` and `measure`: which groups of columns are recorded, and whether their requirements are met.

use crate::claim::Claim;
use crate::data::Data;
use crate::loss::Loss;
use crate::observe::{Group, HessianSpectrum, Measure, SdePaths, check_kernel, kernel_rows};
use crate::session::check_saddles;
use crate::settings::{Findings, path};

use super::{MOST_WORDS, Scenario};

impl Scenario {
    /// Whether the columns of a group are recorded.
    pub fn observes(&self, group: Group) -> bool {
        group.is_among(self.observe.as_deref())
    }

    /// The rows of the tangent kernel on this many samples.
    pub fn kernel_rows(&self, samples: u64) -> u64 {
        let end = |width: Option<&usize>| width.copied().unwrap_or(0) as u64;
        let (inputs, outputs) = (end(self.network.widths.first()), end(self.network.widths.last()));
        kernel_rows(self.network.is_linear() && self.loss == Loss::Mse, inputs, outputs, samples)
    }

    /// Checks that each measure is named once and has its group, that each opt-in group has its measure, and that the tangent kernel is not
    /// too large. The number of samples in a file is known only once it is read.
    pub(super) fn validate_observed(&self, found: &mut Findings) {
        for (index, &measure) in self.measure.iter().enumerate().take(MOST_WORDS) {
            let at = path::item("measure", index);
            let before = self.measure[..index].iter().any(|other| other.name() == measure.name());
            found.require(!before, &at, "named once", measure);
            if let Measure::Hessian(asked) = measure {
                self.validate_hessian(asked, &at, found);
            }
            let has_kinks = || self.network.layer_activations().iter().any(|activation| activation.kink().is_some());
            if measure == Measure::Saddles
                && let Err(error) = check_saddles(self.flow.integrator, has_kinks())
            {
                found.add(&at, error.to_string());
            }
            if let Measure::Sde(SdePaths { paths, order }) = measure {
                found.between(&path::child(&at, "sde.paths"), paths, SdePaths::LEAST, SdePaths::MOST);
                found.between(&path::child(&at, "sde.order"), order, 1, 2);
            }
            if let Some(group) = measure.group().filter(|group| !self.observes(*group)) {
                let measure = measure.name();
                found.add(
                    &at,
                    format!("{measure} is recorded in the group {group}, which `observe` leaves out: add {group} there"),
                );
            }
        }
        for (index, &group) in self.observe.iter().flatten().enumerate().take(MOST_WORDS) {
            let at = path::item("observe", index);
            found.require(!self.observe.iter().flatten().take(index).any(|other| *other == group), &at, "named once", group);
            for measure in [Measure::Ledger, Measure::Ntk, Measure::Hessian(HessianSpectrum::USUAL)] {
                if measure.group() == Some(group) && !self.measure.iter().any(|asked| asked.group() == Some(group)) {
                    found.add(&at, format!("{group} is opt-in: add {} to `measure`", measure.entry()));
                }
            }
        }
        let (Data::Synthetic(data), Some(index)) = (&self.data, self.measure.iter().position(|&m| m == Measure::Ntk)) else {
            return;
        };
        if let Err(error) = check_kernel(self.kernel_rows(data.inputs.samples.count().unwrap_or(0) as u64)) {
            found.add(&path::item("measure", index), error.to_string());
        }
    }

    /// Checks the numbers that are asked of the Hessian, and that the network is not too large for them.
    fn validate_hessian(&self, asked: HessianSpectrum, at: &str, found: &mut Findings) {
        let key = |key: &str| path::child(at, &format!("hessian.{key}"));
        let before = found.0.len();
        for (name, value, range) in asked.ranges() {
            found.between(&key(name), value, *range.start(), *range.end());
        }
        if found.0.len() == before
            && let Err(error) = asked.check(self.network.parameters())
        {
            found.add(at, error.to_string());
        }
    }

    /// The groups that a claim reads but the scenario leaves out. The error by the balance law is relative to ‖θ‖, which is in the group
    /// `loss`.
    pub(super) fn unread(&self, claim: Claim) -> Vec<Group> {
        use Group::{Alignment, Balance, Distance, Exponent, Loss, Nfa, Spectra};
        let read: &[Group] = match claim {
            Claim::Converged => &[Loss],
            Claim::BalanceLaw | Claim::DecayRate => &[Loss, Balance],
            Claim::NfaExact | Claim::NfaAsymptotic | Claim::Nfa | Claim::NfaViolated | Claim::Stagnates => {
                &[Loss, Balance, Nfa]
            }
            Claim::Exponent => &[Loss, Balance, Exponent],
            Claim::Peak => &[Loss, Balance, Alignment],
            Claim::LowRank => &[Loss, Balance, Spectra, Nfa],
            Claim::FollowsFlow | Claim::FollowsModifiedFlow | Claim::FollowsThirdOrderFlow => &[Distance],
            Claim::FollowsLimit | Claim::FollowsCentralFlow | Claim::FollowsSde => &[Distance],
        };
        read.iter().copied().filter(|group| !self.observes(*group)).collect()
    }
}
