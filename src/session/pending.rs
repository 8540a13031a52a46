//! One process at one moment, kept until somebody observes it.

use std::sync::Arc;

use nalgebra::DVector;

use crate::network::Parameters;
use crate::observe::{CompanionKind, Curvature, Entry, Prediction, Preserved, SdeLaw, Snapshot};

use super::Problem;

/// What a snapshot borrows. The process may move on meanwhile.
pub(super) struct PendingRecord {
    /// Steps of the process so far.
    pub step: u64,
    /// The common clock.
    pub t: f64,
    /// θ of the process.
    pub parameters: Parameters,
    /// θ of the flow at the same time, where the process is an optimizer and the flow is there.
    pub flow: Option<Arc<Parameters>>,
    /// θ of those companions that are there.
    pub companions: Vec<(CompanionKind, DVector<f64>)>,
    /// The errors of those companions, and of the flow, that claims ask about.
    pub model_errors: Vec<(CompanionKind, f64)>,
    /// What is known of weights that were put back on the balance law.
    pub preserved: Option<Preserved>,
    pub curvature: Option<Curvature>,
    pub preconditioned: Option<Curvature>,
    pub ledger: Option<Entry>,
    pub prediction: Option<Prediction>,
    pub law: Option<SdeLaw>,
}

impl PendingRecord {
    /// Of a process at θ = `parameters`; nothing else is known of it.
    pub(super) fn new(step: u64, t: f64, parameters: &Parameters) -> Self {
        Self {
            step,
            t,
            parameters: parameters.clone(),
            flow: None,
            companions: Vec::new(),
            model_errors: Vec::new(),
            preserved: None,
            curvature: None,
            preconditioned: None,
            ledger: None,
            prediction: None,
            law: None,
        }
    }

    /// `None` where products of the weights overflow and something that is observed rests on these.
    pub(super) fn snapshot<'s>(&'s self, problem: &'s Problem) -> Option<Snapshot<'s>> {
        let mut snapshot = problem.snapshot(self.t, &self.parameters, self.flow.as_deref())?;
        snapshot.companions = self.companions.iter().map(|(kind, theta)| (*kind, theta)).collect();
        snapshot.model_errors.clone_from(&self.model_errors);
        snapshot.preserved = self.preserved.as_ref();
        snapshot.curvature = self.curvature;
        snapshot.preconditioned = self.preconditioned;
        snapshot.ledger = self.ledger;
        snapshot.prediction = self.prediction;
        snapshot.law = self.law;
        Some(snapshot)
    }
}
