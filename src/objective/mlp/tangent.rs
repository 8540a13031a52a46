//! Products with the Hessian of a network, ∇²ℒ(θ)·v by a derivative of the gradient's two passes along v, and third derivatives,
//! D³ℒ(θ)[u, v] by a second one: exactly.

use nalgebra::DVector;

use crate::linalg::{Write, each_on_threads};

use super::along::{Along, Dots, Taped};
use super::condensed::State;
use super::sliding::Watch;
use super::tape::{Keep, Tape};
use super::third::{ThirdJob, Twice};
use super::{MlpObjective, reduce};

/// What products with the Hessian at one θ share, and what one of them is formed in; with third derivatives, what these share too.
pub(super) struct Tangent {
    /// The θ that `base` and the tapes belong to.
    theta: DVector<f64>,
    base: State,
    dot: State,
    /// The same along either of two directions and along both, for third derivatives.
    twice: Option<[State; 3]>,
    lanes: Vec<TangentLane>,
    /// How often the activations are differentiated: twice, or three times.
    pub(super) keep: Keep,
    /// Whether there is a tape for every block; otherwise there is one for each lane.
    pub(super) kept: bool,
    /// What is held on kinks there.
    watch: Watch,
}

struct TangentLane {
    tapes: Vec<Tape>,
    dots: Dots,
    /// What third derivatives need.
    twice: Option<Twice>,
    /// The share of ∂ℒ/∂θ_c or of its derivative.
    sum: Vec<f64>,
}

impl Tangent {
    /// With tapes that are kept up to so many bytes, for products with the Hessian and, if `keep` says so, for third derivatives.
    pub(super) fn new(objective: &MlpObjective, budget: usize, keep: Keep) -> Self {
        let (net, division) = (&objective.condensed.net, objective.division);
        let thrice = keep == Keep::Twists;
        let buffers = if thrice { 6 } else { 4 };
        let bytes = buffers * 8 * objective.samples * net.widths().iter().sum::<usize>();
        let kept = bytes <= budget;
        let tape = |_: usize| Tape::new(net, division.rows, keep);
        let lane = |lane: usize| TangentLane {
            tapes: (0..if kept { division.lane(&objective.blocks, lane).len() } else { 1 }).map(tape).collect(),
            dots: Dots::new(net, division.rows),
            twice: thrice.then(|| Twice::new(net, division.rows)),
            sum: vec![0.0; net.parameter_count()],
        };
        Self {
            // No θ equals NaN: the first call settles.
            theta: DVector::from_element(objective.net.parameter_count(), f64::NAN),
            base: objective.condensed.state(),
            dot: objective.condensed.state(),
            twice: thrice.then(|| std::array::from_fn(|_| objective.condensed.state())),
            keep,
            lanes: (0..division.lanes).map(lane).collect(),
            kept,
            watch: Watch::default(),
        }
    }

    /// Forms what products at θ share, unless it is there already; `spare` is overwritten.
    pub(super) fn settle(&mut self, objective: &MlpObjective, theta: &DVector<f64>, spare: &mut DVector<f64>) {
        let watch = objective.kinks.as_ref().map_or(Watch::default(), |kinks| kinks.borrow().watch().held_only());
        if self.theta == *theta && self.watch == watch {
            return;
        }
        self.theta.copy_from(theta);
        self.watch = watch;
        let watch = &self.watch;
        let (condensed, theta) = (&objective.condensed, theta.as_slice());
        condensed.rise(&mut self.base, theta);
        if !self.kept && condensed.is_full() {
            return;
        }
        let (weights, rule) = (condensed.values(&self.base, theta), (objective.loss, objective.share()));
        let (blocks, division, keep) = (&*objective.blocks, objective.division, self.keep);
        each_on_threads(objective.threads, &mut self.lanes, |index, lane| {
            for (k, block) in division.lane(blocks, index).iter().enumerate() {
                let tape = &mut lane.tapes[if self.kept { k } else { 0 }];
                let write = if k == 0 { Write::Replace } else { Write::Add };
                watch.prepare(index * division.blocks_per_lane + k, tape);
                tape.up(&condensed.net, weights, block.part(), keep);
                tape.down(&condensed.net, weights, block.part(), keep, rule, Some((write, &mut lane.sum)));
            }
        });
        let total = reduce(&mut self.lanes, |lane| &mut lane.sum);
        condensed.fall(&mut self.base, theta, total, spare.as_mut_slice());
    }

    /// `hv` ← ∇²ℒ(θ)·v at the settled θ.
    pub(super) fn product(&mut self, objective: &MlpObjective, v: &[f64], hv: &mut [f64]) {
        let watch = &self.watch;
        let (condensed, theta, net) = (&objective.condensed, self.theta.as_slice(), &objective.condensed.net);
        condensed.rise_along(theta, &self.base, v, &mut self.dot);
        let (weights, direction) = (condensed.values(&self.base, theta), condensed.values(&self.dot, v));
        let rule = (objective.loss, objective.share());
        let (blocks, division, keep) = (&*objective.blocks, objective.division, self.keep);
        each_on_threads(objective.threads, &mut self.lanes, |index, lane| {
            for (k, block) in division.lane(blocks, index).iter().enumerate() {
                let tape = &mut lane.tapes[if self.kept { k } else { 0 }];
                if !self.kept {
                    watch.prepare(index * division.blocks_per_lane + k, tape);
                    tape.up(net, weights, block.part(), keep);
                    tape.down(net, weights, block.part(), keep, rule, None);
                }
                let write = if k == 0 { Write::Replace } else { Write::Add };
                let at = Taped { net, theta: weights, part: block.part(), tape };
                lane.dots.product(at, &mut Along(direction), rule, (write, &mut lane.sum));
            }
        });
        let total = reduce(&mut self.lanes, |lane| &mut lane.sum);
        condensed.fall_along(theta, &self.base, v, &mut self.dot, total, hv);
    }

    /// `out` ← D³ℒ(θ)[u, v] at the settled θ, if it keeps what that needs.
    pub(super) fn third_derivative(&mut self, objective: &MlpObjective, [u, v]: [&[f64]; 2], out: &mut [f64]) {
        let Some(states) = &mut self.twice else { return };
        let (condensed, theta, net) = (&objective.condensed, self.theta.as_slice(), &objective.condensed.net);
        let [dot, prime, both] = &mut *states;
        condensed.rise_along(theta, &self.base, u, dot);
        condensed.rise_along(theta, &self.base, v, prime);
        condensed.rise_twice(theta, [u, v], [dot, prime], both);
        let (weights, directions) =
            (condensed.values(&self.base, theta), [condensed.values(dot, u), condensed.values(prime, v)]);
        let (bent, rule, same) = (condensed.values(both, &[]), (objective.loss, objective.share()), u == v);
        let (blocks, division, keep) = (&*objective.blocks, objective.division, self.keep);
        each_on_threads(objective.threads, &mut self.lanes, |index, TangentLane { tapes, twice, sum, .. }| {
            let Some(twice) = twice else { return };
            for (k, block) in division.lane(blocks, index).iter().enumerate() {
                let tape = &mut tapes[if self.kept { k } else { 0 }];
                if !self.kept {
                    tape.up(net, weights, block.part(), keep);
                    tape.down(net, weights, block.part(), keep, rule, None);
                }
                let write = if k == 0 { Write::Replace } else { Write::Add };
                let at = Taped { net, theta: weights, part: block.part(), tape };
                twice.form(ThirdJob { at, condensed, directions, bent, rule }, same, (write, sum));
            }
        });
        let mut sums: Vec<&mut Twice> = self.lanes.iter_mut().filter_map(|lane| lane.twice.as_mut()).collect();
        if !condensed.is_full() {
            reduce(&mut sums, |twice| &mut twice.sums[0]);
            reduce(&mut sums, |twice| &mut twice.sums[1]);
        }
        reduce(&mut self.lanes, |lane| &mut lane.sum);
        let Some(TangentLane { twice: Some(Twice { sums: [of_dot, of_prime], .. }), sum, .. }) = self.lanes.first() else {
            return;
        };
        condensed.fall_twice(theta, &self.base, [u, v], states, [of_dot, of_prime, sum], out);
    }
}
