//! Flows of networks with kinks that slide along them.
//!
//! Where a sample lies on the kink of a neuron and the fields of both sides point at it, θ̇ = −∇J(θ) has no classical solution, and its
//! solution in the sense of Filippov (*Differential Equations with Discontinuous Righthand Sides*, 1988, §4) stays on the kink, with a
//! slope between those of the sides ([`velocity`]). Everywhere else the flow is the sharp network's: a sample that crosses a kink, or
//! decays towards one without reaching it, is never touched.
//!
//! A step of an integrator sees the samples that cross kinks on its way. Those at which both sides point, of a step that failed its error
//! test, or that crossed in two steps in a row or back and forth within one, are *held* from then on: z decays to 0 at a rate of about one
//! over the step, instead of jumping across in steps as short as the tolerance. So what is left of z falls with the tolerance, and a
//! second integration at a tighter one shows it. A held sample is let go once its slope has come to that of the side on which it lies.
//! With σ(z) = s·z at the slope s, what kinked layers conserve stays conserved to rounding: aσ(z) = w·∂(aσ)/∂w.

mod sample;
mod velocity;

use std::cell::RefCell;
use std::collections::BTreeSet;

use nalgebra::{DMatrix, DVector};

use super::MlpObjective;
use super::tape::{Held, Keep, Tape, begin, is_identity, matrix_mut};
use crate::linalg::gemm_nt;
use crate::network::Architecture;
use crate::objective::OnKink;
use crate::ode::Switching;
use sample::{Given, Sample};
use velocity::Velocity;

/// κh: by e^{−κh} z decays in a step.
const DECAY: f64 = 1.0;
/// Samples may be held at so many kinks at once; the quadratic programme of more costs more than short steps.
const MOST_HELD: usize = 512;
/// A failed step that crosses more kinks than this share of the samples, and this number, is too long for other reasons.
const MOST_CROSSED: (usize, usize) = (8, 32);
/// A held sample is let go if it would not come back to the kink within so many steps.
const AWAY: f64 = 2.0;

/// A sample at a neuron: what may lie on a kink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Watch {
    /// What is held, by block.
    held: Vec<Vec<Held>>,
    /// Where the step began; none before the first.
    sides: Option<Sides>,
}

/// A flow's knowledge of its kinks.
#[derive(Debug, Clone, Default)]
pub(super) struct Kinks {
    watch: Watch,
    /// Held places with their slopes, in order; those at the beginning of the step beside.
    held: Vec<(Place, f64)>,
    settled: Vec<(Place, f64)>,
    /// κ.
    rate: f64,
    /// What the last evaluation, at `theta`, saw on the other side than the step began.
    theta: Vec<f64>,
    flips: Vec<Place>,
    /// All such of the step, and of the step before.
    crossed: BTreeSet<Place>,
    before: BTreeSet<Place>,
    /// Passes of one sample that have not been counted as gradients.
    passes: u64,
}

impl Kinks {
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }
}

impl Watch {
    /// What is held, without an eye on sides.
    pub(super) fn held_only(&self) -> Self {
        Self { held: self.held.clone(), sides: None }
    }

    /// Prepares a tape for a block.
    pub(super) fn prepare(&self, block: usize, tape: &mut Tape) {
        tape.hold(self.held.get(block).map_or(&[], Vec::as_slice));
    }

    /// Appends to `flips` what of a block has changed sides, once it has gone up.
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
        let kinked = (1..=self.net.depth()).any(|l| self.net.activation(l).kink().is_some());
        kinked.then(|| Self { kinks: Some(RefCell::default()), ..self.clone() })
    }

    /// σ′ to the left of a place's kink.
    fn left(&self, place: Place) -> f64 {
        self.net.activation(place.layer).kink().unwrap_or(1.0)
    }

    /// σ′ at z.
    fn side(&self, place: Place, z: f64) -> f64 {
        if z > 0.0 { 1.0 } else { self.left(place) }
    }

    /// One sample on its way, held at these places.
    fn sample(&self, theta: &[f64], sample: usize, held: &[(Place, f64)]) -> Sample {
        let (block, row) = (&self.blocks[sample / self.division.rows], sample % self.division.rows);
        let y = block.y.row(row).iter().copied().collect();
        Sample::new(&self.net, theta, Given { x: block.x.row(row).transpose(), y, rule: (self.loss, self.share()), held })
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

    /// Every block on its way up at θ, sharp, with its index and number of rows.
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

    /// What is held, as evaluations need it.
    fn told(&self, held: &[(Place, f64)]) -> Vec<Vec<Held>> {
        let mut told = vec![Vec::new(); if held.is_empty() { 0 } else { self.blocks.len() }];
        for &(place, slope) in held {
            let Entry { block, layer, index } = self.locate(place);
            told[block].push(Held { layer, index, slope, z: 0.0 });
        }
        told
    }

    /// `gradient`, ∇ℒ(θ) by the slopes of what is held, becomes that by the slopes that keep it there.
    pub(super) fn slide(&self, kinks: &mut Kinks, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        if kinks.held.is_empty() {
            return;
        }
        let mut velocity = Velocity::new(self, theta.as_slice(), std::mem::take(&mut kinks.held));
        velocity.find(kinks.rate, gradient);
        kinks.passes += velocity.passes;
        kinks.held = velocity.held;
        kinks.watch.held = self.told(&kinks.held);
    }

    /// Takes note of what an evaluation at θ has seen.
    pub(super) fn note(&self, kinks: &mut Kinks, theta: &DVector<f64>, flips: impl Iterator<Item = Entry>) {
        kinks.theta.clear();
        kinks.theta.extend_from_slice(theta.as_slice());
        kinks.flips.clear();
        kinks.flips.extend(flips.map(|flip| self.place(flip)));
        kinks.crossed.extend(kinks.flips.iter());
    }

    /// Those of `places` at which both sides point at the kink from θ, where the loss has this gradient.
    fn attracted(
        &self,
        kinks: &mut Kinks,
        places: &[Place],
        theta: &DVector<f64>,
        gradient: &DVector<f64>,
    ) -> Vec<(Place, f64)> {
        let room = MOST_HELD.saturating_sub(kinks.held.len());
        if places.is_empty() || room == 0 {
            return Vec::new();
        }
        // By their own slopes, among those that are held at theirs.
        let mut all: Vec<(Place, f64)> = kinks.held.clone();
        all.extend(places.iter().map(|&place| (place, f64::NAN)));
        all.sort_unstable_by_key(|(place, _)| *place);
        let sharp = |all: &[(Place, f64)], sample: usize, place: Place| {
            let held: Vec<_> = all.iter().filter(|(p, slope)| p.sample == sample && !slope.is_nan()).copied().collect();
            let pass = self.sample(theta.as_slice(), sample, &held);
            self.side(place, pass.z(place))
        };
        for j in 0..all.len() {
            if all[j].1.is_nan() {
                all[j].1 = sharp(&all, all[j].0.sample, all[j].0);
                kinks.passes += 1;
            }
        }
        let velocity = Velocity::new(self, theta.as_slice(), all);
        kinks.passes += velocity.passes;
        let decayed = gradient + theta * self.weight_decay;
        let speeds = -velocity.dots(decayed.as_slice());
        let norms = velocity.norms();
        let points = |j: usize| {
            let (place, slope) = velocity.held[j];
            let at = |s: f64| speeds[j] - (s - slope) * velocity.pull(j) * norms[j];
            velocity.pull(j) > 0.0 && at(self.left(place)) > 0.0 && at(1.0) < 0.0
        };
        let wanted: BTreeSet<Place> = places.iter().copied().collect();
        (0..velocity.held.len())
            .filter(|&j| wanted.contains(&velocity.held[j].0) && points(j))
            .map(|j| velocity.held[j])
            .take(room)
            .collect()
    }

    fn hold(&self, kinks: &mut Kinks, new: Vec<(Place, f64)>) {
        kinks.held.extend(new);
        kinks.held.sort_unstable_by_key(|(place, _)| *place);
        kinks.watch.held = self.told(&kinks.held);
    }

    /// What is on a kink at θ, to within `width` times the root mean square of its layer's outputs, and slides there: by layer, neuron and
    /// sample.
    pub(super) fn find_on_kinks(&self, theta: &DVector<f64>, width: f64) -> Vec<OnKink> {
        let net = &self.condensed.net;
        let mut near = Vec::new();
        let mut squares = vec![0.0; net.depth()];
        self.each_block(theta.as_slice(), |_, rows, tape, _| {
            for (l, sum) in squares.iter_mut().enumerate() {
                *sum += tape.states[l][..rows * net.widths()[l + 1]].iter().map(|h| h * h).sum::<f64>();
            }
        });
        self.each_block(theta.as_slice(), |block, rows, tape, weights| {
            for l in (1..=net.depth()).filter(|&l| !is_identity(net, l) && net.activation(l).kink().is_some()) {
                let size = net.widths()[l];
                let most = width * (squares[l - 1] / (self.samples * size) as f64).sqrt();
                let mut z = vec![0.0; rows * size];
                let state = if l == 1 {
                    self.blocks[block].x.as_view()
                } else {
                    super::tape::matrix(&tape.states[l - 2], rows, net.widths()[l - 1])
                };
                gemm_nt(
                    begin(&mut z, rows, net.bias(weights, l)),
                    state,
                    net.weight(weights, l),
                    matrix_mut(&mut z, rows, size),
                );
                near.extend(
                    z.iter()
                        .enumerate()
                        .filter(|(_, z)| z.abs() <= most)
                        .map(|(index, _)| self.place(Entry { block, layer: l, index })),
                );
            }
        });
        near.sort_unstable();
        near.truncate(MOST_HELD);
        if near.is_empty() {
            return Vec::new();
        }
        let sharp = |place: &Place| (*place, self.side(*place, self.sample(theta.as_slice(), place.sample, &[]).z(*place)));
        let held: Vec<_> = near.iter().map(sharp).collect();
        let mut gradient = theta.clone();
        self.pass(theta, &mut gradient, &Watch::default());
        let mut velocity = Velocity::new(self, theta.as_slice(), held);
        velocity.find(0.0, &mut gradient);
        let slides = |j: &usize| {
            velocity.pull(*j) > 0.0 && velocity.held[*j].1 > self.left(velocity.held[*j].0) && velocity.held[*j].1 < 1.0
        };
        (0..velocity.held.len())
            .filter(slides)
            .map(|j| {
                let (Place { sample, layer, neuron }, slope) = velocity.held[j];
                OnKink { layer, neuron, sample, slope }
            })
            .collect()
    }

    /// Along which the flow cannot move at θ: an orthogonal projection is away from their span. Of what slides only.
    pub(super) fn normals(&self, kinks: &Kinks, theta: &DVector<f64>) -> Option<Normals> {
        if kinks.held.is_empty() {
            return None;
        }
        Some(Normals { held: kinks.held.clone(), theta: theta.clone() })
    }
}

/// The span of ∇z of what slides.
pub(super) struct Normals {
    held: Vec<(Place, f64)>,
    theta: DVector<f64>,
}

impl Normals {
    /// v ← v less its component in the span.
    pub(super) fn project(&self, objective: &MlpObjective, v: &mut DVector<f64>) {
        let velocity = Velocity::new(objective, self.theta.as_slice(), self.held.clone());
        let inside = |(place, slope): &(Place, f64)| *slope > objective.left(*place) && *slope < 1.0;
        let free: Vec<usize> = (0..self.held.len()).filter(|&j| inside(&velocity.held[j])).collect();
        let (gram, dots) = (velocity.gram(), velocity.dots(v.as_slice()));
        let small =
            DMatrix::from_fn(free.len(), free.len(), |i, j| gram[(free[i], free[j])] * if i == j { 1.0 + 1e-12 } else { 1.0 });
        let Some(cholesky) = small.cholesky() else { return };
        let solved = cholesky.solve(&DVector::from_fn(free.len(), |i, _| dots[free[i]]));
        let mut c = DVector::zeros(self.held.len());
        free.iter().zip(solved.iter()).for_each(|(&j, value)| c[j] = -value);
        velocity.add(&c, v.as_mut_slice());
    }
}

impl Switching for MlpObjective {
    fn settle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64) {
        let Some(kinks) = &self.kinks else { return };
        let mut kinks = kinks.borrow_mut();
        let kinks = &mut *kinks;
        // Candidates crossed in two steps in a row, or back and forth in one.
        let flips: BTreeSet<Place> = kinks.flips.iter().copied().collect();
        let stepped = kinks.theta == theta.as_slice();
        let holds: BTreeSet<Place> = kinks.held.iter().map(|(place, _)| *place).collect();
        let candidates: Vec<Place> = kinks
            .crossed
            .iter()
            .filter(|place| !holds.contains(place) && (kinks.before.contains(place) || !flips.contains(place)))
            .copied()
            .collect();
        match &mut kinks.watch.sides {
            Some(sides) if stepped => {
                for flip in std::mem::take(&mut kinks.flips) {
                    let Entry { block, layer, index } = self.locate(flip);
                    let right = &mut sides[block][layer - 1][index];
                    *right = !*right;
                }
            }
            sides => *sides = Some(self.sides(theta.as_slice())),
        }
        kinks.flips.clear();
        kinks.before = std::mem::take(&mut kinks.crossed);
        let mut gradient = -&*dtheta - theta * self.weight_decay;
        if !stepped && !kinks.held.is_empty() {
            // The slopes are those of an evaluation elsewhere.
            self.pass(theta, &mut gradient, &kinks.watch);
            kinks.passes += self.samples as u64;
        }
        let new = if stepped && candidates.len() <= self.most_crossed() {
            self.attracted(kinks, &candidates, theta, &gradient)
        } else {
            Vec::new()
        };
        self.hold(kinks, new);
        kinks.rate = DECAY / h;
        self.slide(kinks, theta, &mut gradient);
        self.let_go(kinks, theta, &gradient, h);
        kinks.settled = kinks.held.clone();
        *dtheta = -(gradient + theta * self.weight_decay);
    }

    fn resettle(&self, theta: &DVector<f64>, dtheta: &mut DVector<f64>, h: f64) -> bool {
        let Some(kinks) = &self.kinks else { return false };
        let mut kinks = kinks.borrow_mut();
        let kinks = &mut *kinks;
        kinks.held = kinks.settled.clone();
        kinks.watch.held = self.told(&kinks.held);
        let holds: BTreeSet<Place> = kinks.held.iter().map(|(place, _)| *place).collect();
        let candidates: Vec<Place> =
            std::mem::take(&mut kinks.crossed).into_iter().filter(|place| !holds.contains(place)).collect();
        if candidates.is_empty() || candidates.len() > self.most_crossed() {
            return false;
        }
        let mut gradient = -&*dtheta - theta * self.weight_decay;
        let new = self.attracted(kinks, &candidates, theta, &gradient);
        if new.is_empty() {
            return false;
        }
        self.hold(kinks, new);
        kinks.rate = DECAY / h;
        self.slide(kinks, theta, &mut gradient);
        kinks.settled = kinks.held.clone();
        *dtheta = -(gradient + theta * self.weight_decay);
        true
    }

    fn spent(&self) -> u64 {
        let Some(kinks) = &self.kinks else { return 0 };
        let mut kinks = kinks.borrow_mut();
        let gradients = kinks.passes / self.samples as u64;
        kinks.passes %= self.samples as u64;
        gradients
    }
}

impl MlpObjective {
    fn most_crossed(&self) -> usize {
        (self.samples / MOST_CROSSED.0).max(MOST_CROSSED.1)
    }

    /// Lets go of what is held no more.
    fn let_go(&self, kinks: &mut Kinks, theta: &DVector<f64>, gradient: &DVector<f64>, h: f64) {
        if kinks.held.is_empty() {
            return;
        }
        let velocity = Velocity::new(self, theta.as_slice(), std::mem::take(&mut kinks.held));
        kinks.passes += velocity.passes;
        let speeds = -velocity.dots((gradient + theta * self.weight_decay).as_slice());
        let stays = |j: usize| {
            let ((place, slope), z) = (velocity.held[j], velocity.z(j));
            let free = slope == self.side(place, z);
            // It may still be on its way to the kink.
            let comes = z + AWAY * h * speeds[j];
            !free || (velocity.pull(j) > 0.0 && z * comes < 0.0)
        };
        let kept = (0..velocity.held.len()).filter(|&j| stays(j)).map(|j| velocity.held[j]).collect();
        kinks.held = kept;
        kinks.watch.held = self.told(&kinks.held);
    }
}
