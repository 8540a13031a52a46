//! Watches a flow for samples that stay on the kink of a neuron: there θ̇ = −∇J(θ) has no classical solution, and a warning says so.

use std::collections::BTreeMap;

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::flow::Flow;
use crate::objective::OnKink;
use crate::ode::{Event, EventKind, short};

use super::Problem;

/// The most stays that become events; all are counted.
const NAMED: usize = 32;

/// Layer, neuron and sample.
type Place = (usize, usize, usize);

/// A sample that was on a kink at the last check.
#[derive(Serialize, Deserialize)]
struct Stay {
    /// When it was first seen there.
    begin: f64,
    /// Whether it was seen there at two checks.
    stays: bool,
    /// Whether it was reported as an event.
    told: bool,
}

/// The samples on kinks of one flow.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Sliding {
    /// Whether the flow slides along kinks, instead of crossing them back and forth.
    slides: bool,
    on: BTreeMap<Place, Stay>,
    /// The time of the last check.
    t: f64,
    events: Vec<Event>,
    /// The number of stays so far.
    stays: usize,
    /// When the first stay began.
    first: Option<f64>,
    /// Gradients spent between checks with a sample that stayed from one to the next, and in all.
    spent: u64,
    last: u64,
}

impl Sliding {
    pub(super) fn new(flow: &Flow) -> Self {
        Self { slides: flow.kink > 0.0 && flow.integrator.slides(), ..Self::default() }
    }

    /// Checks θ(t); the integration has cost `spent` gradients. `stopped` says that there is no later check, so that one sighting counts as
    /// a stay.
    pub(super) fn look(&mut self, problem: &Problem, t: f64, theta: &DVector<f64>, spent: u64, stopped: bool) {
        // A stopped flow is checked once.
        if t <= self.t {
            return;
        }
        self.t = t;
        let mut before = std::mem::take(&mut self.on);
        let mut slid = false;
        for OnKink { layer, neuron, sample, slope } in problem.objective.on_kinks(theta, problem.on_kink) {
            let Some(slope) = slope else { continue };
            let place = (layer, neuron, sample);
            let (mut stay, again) =
                before.remove(&place).map_or((Stay { begin: t, stays: false, told: false }, false), |stay| (stay, true));
            slid |= again || stopped;
            if (again || stopped) && !stay.stays {
                stay.stays = true;
                self.stays += 1;
                self.first = Some(self.first.map_or(stay.begin, |first| first.min(stay.begin)));
                let how = match self.slides {
                    true => format!("the flow slides there, its slope {slope:.3}"),
                    false => "the flow carries it back and forth, in steps as short as rtol asks".to_string(),
                };
                let detail = format!("sample {sample} stays on the kink of neuron {neuron} of layer {layer}: {how}");
                stay.told = self.stays <= NAMED;
                if stay.told {
                    self.events.push(Event { t: stay.begin, kind: EventKind::Sliding, detail });
                }
            }
            self.on.insert(place, stay);
        }
        for ((layer, neuron, sample), stay) in before.into_iter().filter(|(_, stay)| stay.told) {
            let detail = format!(
                "sample {sample} has left the kink of neuron {neuron} of layer {layer} (there since t = {})",
                short(stay.begin, 6)
            );
            self.events.push(Event { t, kind: EventKind::SlidingEnd, detail });
        }
        self.spent += if slid { spent - self.last } else { 0 };
        self.last = spent;
    }

    /// A warning, if samples stayed on kinks.
    pub(super) fn complaint(&self) -> Option<String> {
        let (first, stays, spent, all) = (short(self.first?, 4), self.stays, self.spent, self.last);
        let samples = if stays == 1 { "a sample stays on a kink".into() } else { format!("{stays} samples stay on kinks") };
        Some(if self.slides {
            format!(
                "{samples} for a while, the first from t = {first}: the flow slides there, a solution in Filippov's sense ({spent} of \
                 {all} gradients)"
            )
        } else {
            format!(
                "{samples} for a while, the first from t = {first}: there the equation has no classical solution, and steps are as \
                 short as rtol asks ({spent} of {all} gradients): let it slide, by integrator auto and flow.kink 1e-6"
            )
        })
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }
}
