//! `flow.preserve`: projects the flow onto the balance law at every recorded time.

use crate::archive::{Archive, ArchiveError};
use crate::flow::{BalanceProjection, Correction, Precision, Preserve};
use crate::network::{ExtendedParameters, Parameters};
use crate::observe;
use crate::theory::balance::BalanceLaw;

/// The projection of the flow's weights, and the result of the last one.
pub(super) struct Preservation {
    projection: BalanceProjection,
    precision: Precision,
    /// The weights last projected.
    weights: ExtendedParameters,
    last: Option<Correction>,
    /// Warnings, with their times: a law that could not be restored to the required residual.
    complaints: Vec<String>,
}

impl Preservation {
    /// The projection that a scenario asks for, if any.
    pub(super) fn new(settings: Preserve, start: &Parameters, law: &BalanceLaw) -> Option<Self> {
        // A validated scenario that asks for preservation has rates of 1.
        let (Preserve::Balance(precision), Some(rate)) = (settings, law.rate()) else { return None };
        Some(Self {
            projection: BalanceProjection::new(start, rate),
            precision,
            weights: start.clone().into(),
            last: None,
            complaints: Vec::new(),
        })
    }

    /// Projects the weights at time t onto the law; the flow goes on from there.
    pub(super) fn apply(&mut self, t: f64, theta: &mut Parameters) {
        self.weights = theta.clone().into();
        let outcome = match self.precision {
            Precision::Float64 => {
                let outcome = self.projection.project(t, theta);
                self.weights = theta.clone().into();
                outcome
            }
            Precision::DoubleDouble => {
                let outcome = self.projection.project_extended(t, &mut self.weights);
                theta.clone_from(self.weights.high());
                outcome
            }
        };
        match outcome {
            Ok(correction) => {
                if !correction.reached() {
                    let missed = correction.residual / correction.goal;
                    self.complaints.push(format!("at t = {t} the projection leaves {missed:.1} times the residual it should"));
                }
                self.last = Some(correction);
            }
            Err(error) => {
                self.complaints.push(error.to_string());
                self.last = None;
            }
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.weights)?;
        archive.item(&mut self.last)?;
        archive.item(&mut self.complaints)
    }

    /// What an observer is told of weights that stand where the last projection left them.
    pub(super) fn observed(&self) -> Option<observe::Preserved> {
        let extended = self.precision == Precision::DoubleDouble;
        self.last.map(|last| observe::Preserved { weights: self.weights.clone(), extended, correction: last.relative })
    }

    /// The weights last projected, if they have digits below float64, and the warnings.
    pub(super) fn ended(self) -> (Option<ExtendedParameters>, Vec<String>) {
        ((self.precision == Precision::DoubleDouble).then_some(self.weights), self.complaints)
    }
}
