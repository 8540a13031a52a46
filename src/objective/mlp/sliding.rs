//! Flows of networks with kinks that slide along them.
//!
//! Where a sample lies on the kink of a neuron and the fields of both sides point at it, θ̇ = −∇J(θ) has no classical solution, and its
//! solution in the sense of Filippov (*Differential Equations with Discontinuous Righthand Sides*, 1988, §4) stays on the kink, with a
//! slope between those of the sides ([`velocity`]). Everywhere else the flow is the sharp network's: a sample that crosses a kink, or
//! decays towards one without reaching it, is never touched.
//!
//! A step of an integrator sees the samples that cross kinks on its way. Those at which both sides point, of a step that failed its error
//! test, or that crossed in two steps in a row or back and forth within one, are *held* from then on, once a step has ended as near to the
//! kink as the tolerance allows. What is left of z then decays at a rate of one over the step. So it falls with the tolerance, and a second
//! integration at a tighter one shows it. A held sample is let go once its slope has come to that of the side on which it lies.
//! With σ(z) = s·z at the slope s, what kinked layers conserve stays conserved to rounding: aσ(z) = w·∂(aσ)/∂w.

mod find;
mod gradients;
mod normals;
mod passes;
mod switching;
mod velocity;

use std::cell::RefCell;
use std::collections::BTreeSet;

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use super::MlpObjective;
use super::tape::{Held, Keep, Tape};
use crate::network::Architecture;
use velocity::Velocity;

/// Samples may always be held at so many kinks at once, and never at more than the second number: short steps cost less than the
/// quadratic programme of so many.
const ALWAYS_HELD: usize = 256;
const MOST_HELD: usize = 2048;

/// A sample at a neuron: what may lie on a kink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    /// Row of X.
    pub(super) sample: usize,
    /// l of the full network.
    pub(super) layer: usize,
    /// Row of W_l.
    pub(super) neuron: usize,
}

/// The same in the buffers of a block's [`Tape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    block: usize,
    /// l of the condensed network.
    layer: usize,
    /// neuron · rows + row.
    index: usize,
}

/// On which side of its kinks every sample lies: by block, layer of the condensed network (l − 1) and entry, whether its slope is that of
/// the right.
type Sides = Vec<Vec<Vec<bool>>>;

/// What evaluations use and report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// What is held, by block.
    held: Vec<Vec<Held>>,
    /// Where the step began; none before the first.
    sides: Option<Sides>,
}

/// What a flow knows of its kinks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Kinks {
    watch: Watch,
    /// Held places with their slopes, in order, and those at the beginning of the step.
    held: Vec<(Place, f64)>,
    settled: Vec<(Place, f64)>,
    /// κ.
    rate: f64,
    /// What the last evaluation, at `theta`, saw on another side than at the beginning of the step.
    theta: Vec<f64>,
    flips: Vec<Place>,
    /// All such of the step, and of the step before.
    crossed: BTreeSet<Place>,
    before: BTreeSet<Place>,
    /// What will be held once it is near enough to its kink.
    awaited: BTreeSet<Place>,
    /// Passes of one sample that have not been counted as gradients.
    passes: u64,
}

impl Kinks {
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }
}

impl Watch {
    /// What is held, without watching who changes sides.
    pub(super) fn held_only(&self) -> Self {
        Self { held: self.held.clone(), sides: None }
    }

    /// Prepares a tape for a block.
    pub(super) fn prepare(&self, block: usize, tape: &mut Tape) {
        tape.hold(self.held.get(block).map_or(&[], Vec::as_slice));
    }

    /// Appends to `flips` the places of a block that have changed sides, once the block has gone up.
    pub(super) fn inspect(&self, net: &Architecture, block: usize, rows: usize, tape: &Tape, flips: &mut Vec<Entry>) {
        let Some(sides) = &self.sides else { return };
        let first = flips.len();
        for layer in 1..=net.depth() {
            let slopes = tape.slopes[layer - 1].iter().take(rows * net.widths()[layer]);
            for (index, (slope, right)) in slopes.zip(&sides[block][layer - 1]).enumerate() {
                if (*slope == 1.0) != *right {
                    flips.push(Entry { block, layer, index });
                }
            }
        }
        // Of what is held, the sign tells and not the slope.
        for &Held { layer, index, z, .. } in tape.held() {
            let flipped = (z > 0.0) != sides[block][layer - 1][index];
            let entry = Entry { block, layer, index };
            match flips[first..].binary_search(&entry) {
                Ok(at) if !flipped => drop(flips.remove(first + at)),
                Err(at) if flipped => flips.insert(first + at, entry),
                _ => {}
            }
        }
    }
}

impl MlpObjective {
    /// This objective for a flow that slides along kinks; `None` if no layer has one.
    pub(super) fn with_kinks(&self) -> Option<Self> {
        self.net.has_kinks().then(|| Self { kinks: Some(RefCell::default()), ..self.clone() })
    }

    /// At how many kinks samples may be held at once: at as many as there are samples, for a neuron whose weights come to 0 is on its kink
    /// with each; or with m³/3 operations of a factorization as many as those of a gradient.
    fn most_held(&self) -> usize {
        let affordable = (3.0 * self.flops() as f64).cbrt() as usize;
        affordable.max(self.samples).clamp(ALWAYS_HELD, MOST_HELD)
    }

    /// σ′ to the left of a place's kink.
    fn left(&self, place: Place) -> f64 {
        self.net.activation(place.layer).kink().unwrap_or(1.0)
    }

    /// σ′ at z.
    fn side(&self, place: Place, z: f64) -> f64 {
        if z > 0.0 { 1.0 } else { self.left(place) }
    }

    fn locate(&self, place: Place) -> Entry {
        let (block, row) = (place.sample / self.division.rows, place.sample % self.division.rows);
        let depth = self.condensed.net.depth();
        let layer = (1..=depth).find(|&l| *self.condensed.layers(l).end() == place.layer).unwrap_or(depth);
        Entry { block, layer, index: place.neuron * self.blocks[block].x.nrows() + row }
    }

    fn place(&self, Entry { block, layer, index }: Entry) -> Place {
        let rows = self.blocks[block].x.nrows();
        let sample = block * self.division.rows + index % rows;
        Place { sample, layer: *self.condensed.layers(layer).end(), neuron: index / rows }
    }

    /// Takes every block up through the sharp network at θ, and calls `look` with its index and number of rows.
    fn each_block(&self, theta: &[f64], mut look: impl FnMut(usize, usize, &Tape, &[f64])) {
        let (condensed, net) = (&self.condensed, &self.condensed.net);
        let mut state = condensed.state();
        condensed.rise(&mut state, theta);
        let weights = condensed.values(&state, theta);
        let mut tape = Tape::new(net, self.division.rows, Keep::Slopes);
        for (index, block) in self.blocks.iter().enumerate() {
            tape.up(net, weights, block.part(), Keep::Slopes);
            look(index, block.x.nrows(), &tape, weights);
        }
    }

    fn sides(&self, theta: &[f64]) -> Sides {
        let net = &self.condensed.net;
        let mut sides = Vec::new();
        self.each_block(theta, |_, rows, tape, _| {
            let of = |l: usize| match net.activation(l).kink() {
                Some(_) => tape.slopes[l - 1][..rows * net.widths()[l]].iter().map(|slope| *slope == 1.0).collect(),
                None => Vec::new(),
            };
            sides.push((1..=net.depth()).map(of).collect());
        });
        sides
    }

    /// Holds `held`, in order, and tells evaluations.
    fn set_held(&self, kinks: &mut Kinks, held: Vec<(Place, f64)>) {
        let mut told = vec![Vec::new(); if held.is_empty() { 0 } else { self.blocks.len() }];
        for &(place, slope) in &held {
            let Entry { block, layer, index } = self.locate(place);
            told[block].push(Held { layer, index, slope, z: 0.0 });
        }
        kinks.watch.held = told;
        kinks.held = held;
    }

    /// `gradient`, ∇ℒ(θ) by the slopes of what is held, becomes that by the slopes that keep it there; `None` if nothing is held.
    pub(super) fn slide<'a>(
        &'a self,
        kinks: &mut Kinks,
        theta: &'a [f64],
        gradient: &mut DVector<f64>,
    ) -> Option<Velocity<'a>> {
        if kinks.held.is_empty() {
            return None;
        }
        let mut velocity = Velocity::new(self, theta, std::mem::take(&mut kinks.held));
        velocity.find(kinks.rate, gradient);
        kinks.passes += velocity.spent;
        self.set_held(kinks, velocity.held.clone());
        Some(velocity)
    }

    /// Records what an evaluation at θ has seen.
    pub(super) fn note(&self, kinks: &mut Kinks, theta: &DVector<f64>, flips: impl Iterator<Item = Entry>) {
        kinks.theta.clear();
        kinks.theta.extend_from_slice(theta.as_slice());
        kinks.flips.clear();
        kinks.flips.extend(flips.map(|flip| self.place(flip)));
        kinks.crossed.extend(kinks.flips.iter());
    }
}

#[cfg(test)]
mod tests;
