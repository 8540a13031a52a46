//! A training problem: an objective, a start, and what belongs to them.

use std::sync::Arc;

use nalgebra::DMatrix;

use crate::flow::{Flow, GradientFlow};
use crate::network::{LayerRates, Parameters};
use crate::objective::{Objective, Samples};
use crate::observe::Snapshot;

/// Where slopes jump, a flow carries a sample back and forth across a kink, at a distance as small as its steps, a few times rtol. A sample
/// within this distance, in units of the layer's outputs, counts as on the kink; within 10 rtol, if that is more.
const WATCHED: f64 = 1e-6;

/// A training problem.
pub struct Problem {
    /// θ(0), where the flow and every optimizer start.
    pub start: Parameters,
    /// J = ℒ + Σ_l (λ_l/2)‖θ_l‖².
    pub objective: Box<dyn Objective>,
    /// κ_l of the flow.
    pub rates: LayerRates,
    /// Whether the flow slides along kinks, if its integrator can.
    pub slides: bool,
    /// How near to a kink a sample counts as on it, as a share of the root mean square of its layer's outputs.
    pub on_kink: f64,
    /// J on the test samples, where the scenario has some.
    pub test: Option<Box<dyn Objective>>,
    /// ℒ of the best constant function, or of the zero map where the data give no mean of the labels.
    pub constant_loss: f64,
    /// R with RᵀR the AGOP of the target; `None` unless the data were drawn from a known target.
    pub target_agop: Option<DMatrix<f64>>,
    /// The samples themselves, where an optimizer of the scenario takes minibatches.
    pub samples: Option<Arc<Samples>>,
    /// Threads that processes and their observation may take, 1 at least.
    pub threads: usize,
    /// Whether what is observed rests on decompositions of weights and Jacobians.
    pub decomposed: bool,
    /// Warnings about how the problem was made, for a reader of the records.
    pub notes: Vec<String>,
    /// The hash of the scenario, including the contents of its files; empty for a session without a scenario.
    pub scenario_hash: String,
}

impl Clone for Problem {
    /// With its own objectives, for another thread.
    fn clone(&self) -> Self {
        Self {
            start: self.start.clone(),
            objective: self.objective.duplicate(),
            rates: self.rates.clone(),
            slides: self.slides,
            on_kink: self.on_kink,
            test: self.test.as_ref().map(|test| test.duplicate()),
            constant_loss: self.constant_loss,
            target_agop: self.target_agop.clone(),
            samples: self.samples.clone(),
            threads: self.threads,
            decomposed: self.decomposed,
            notes: self.notes.clone(),
            scenario_hash: self.scenario_hash.clone(),
        }
    }
}

impl Problem {
    /// `objective` from `start`, with all layers at one rate and nothing else known. `with_kinks` sets how kinks are treated.
    pub(crate) fn new_bare(objective: Box<dyn Objective>, start: Parameters) -> Self {
        let decomposed = objective.layers().is_some();
        Self {
            start,
            objective,
            rates: LayerRates::default(),
            slides: false,
            on_kink: WATCHED,
            test: None,
            constant_loss: f64::NAN,
            target_agop: None,
            samples: None,
            threads: 1,
            decomposed,
            notes: Vec::new(),
            scenario_hash: String::new(),
        }
    }

    /// The same problem with the treatment of kinks in these settings: the flow slides if they say so and all layers have rate 1.
    pub(crate) fn with_kinks(self, flow: &Flow) -> Self {
        let slides = flow.kink > 0.0 && self.rates.are_one();
        Self { slides, on_kink: if slides { flow.kink } else { f64::max(WATCHED, 10.0 * flow.rtol) }, ..self }
    }

    /// J and ‖∇J‖ at the start.
    pub(crate) fn at_start(&self) -> (f64, f64) {
        let theta = self.start.values();
        let mut gradient = theta.clone();
        self.objective.gradient(theta, &mut gradient);
        (self.objective.value(theta), gradient.norm())
    }

    /// The gradient flow of J for one integration, sliding along kinks unless the settings let slopes jump.
    pub fn flow(&self) -> GradientFlow<'_> {
        if self.slides {
            GradientFlow::sliding(&*self.objective)
        } else {
            GradientFlow::with_rates(&*self.objective, &self.rates, &self.start)
        }
    }

    /// The absolute tolerance `atol` of θ, converted to the variables φ_l = θ_l/√κ_l in which the flow is integrated.
    pub fn atol(&self, atol: f64) -> f64 {
        atol / self.rates.range().1.sqrt()
    }

    /// Weights to be observed; `None` where their products overflow and something that is observed rests on these.
    pub(super) fn snapshot<'s>(
        &'s self,
        t: f64,
        parameters: &'s Parameters,
        flow: Option<&'s Parameters>,
    ) -> Option<Snapshot<'s>> {
        if self.decomposed {
            Snapshot::new(t, parameters, &*self.objective, flow).ok()
        } else {
            Some(Snapshot::unchecked(t, parameters, &*self.objective, flow))
        }
    }
}
