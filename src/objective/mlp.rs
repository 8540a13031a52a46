//! Any network f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L) on samples: batched backpropagation.
//!
//! Runs of linear layers are multiplied out (`condensed`); the samples go through what is left in blocks that stay in the cache
//! (`tape`), and blocks are summed in an order that the problem fixes, so that any number of threads gives the same bits (`blocks`).

mod along;
mod blocks;
mod condensed;
mod jacobian;
mod kernel;
mod minibatch;
mod scatter;
mod sliding;
mod tangent;
mod tape;
mod third;
mod weighted;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::Arc;

use nalgebra::DVector;

use crate::data::Dataset;
use crate::linalg::{Write, each_on_threads};
use crate::loss::Loss;
use crate::network::{Architecture, WeightDecay};
use crate::ode::Switching;

use super::{Batches, HessianProducts, Jacobian, Layers, Objective, OnKink, TangentKernel, ThirdDerivative};

use blocks::{Block, Division, flops};
use condensed::{Condensed, State};
use sliding::{Entry, Kinks, Watch};
use tangent::Tangent;
use tape::{Keep, Tape};

pub use minibatch::MlpMinibatch;
pub use scatter::SampleProducts;

/// What products with the Hessian at one θ share is kept for all samples up to so many bytes; beyond, each product forms it anew.
const KEPT: usize = 256 << 20;

/// ℒ(θ) = (1/n) Σ_i ℓ(f(x_i), y_i) of a network on samples, its gradient and its Hessian.
pub struct MlpObjective {
    net: Architecture,
    condensed: Condensed,
    division: Division,
    blocks: Arc<[Block]>,
    /// n.
    samples: usize,
    loss: Loss,
    weight_decay: WeightDecay,
    /// What a flow that slides along kinks knows of them; `None` for other flows.
    kinks: Option<RefCell<Kinks>>,
    threads: usize,
    /// What gradients need; none before the first.
    work: RefCell<Option<Work>>,
    /// What products with the Hessian and third derivatives need; none before the first.
    tangent: RefCell<Option<Tangent>>,
}

impl Clone for MlpObjective {
    /// With scratch of its own, so that another thread can use it; the samples are shared.
    fn clone(&self) -> Self {
        let condensed = Condensed::new(&self.net, self.samples);
        let (net, blocks, kinks) = (self.net.clone(), self.blocks.clone(), self.kinks.clone());
        let (weight_decay, work, tangent) = (self.weight_decay.clone(), RefCell::new(None), RefCell::new(None));
        Self { net, condensed, blocks, weight_decay, kinks, work, tangent, ..*self }
    }
}

/// What one gradient is formed in.
struct Work {
    state: State,
    lanes: Vec<Lane>,
}

/// What one lane of blocks needs, and what it sums.
struct Lane {
    tape: Tape,
    /// ∂ℒ/∂θ_c.
    gradient: Vec<f64>,
    /// n·ℒ, or what else is summed on the way.
    loss: f64,
    /// What a watch has seen.
    flips: Vec<Entry>,
    /// Right answers.
    right: f64,
}

/// lanes[0] ← the sum of all lanes, in their order.
fn reduce<T>(lanes: &mut [T], sum: impl Fn(&mut T) -> &mut Vec<f64>) -> &[f64] {
    if let Some((first, others)) = lanes.split_first_mut() {
        for other in others {
            sum(first).iter_mut().zip(&*sum(other)).for_each(|(total, part)| *total += part);
        }
        return sum(first);
    }
    &[]
}

impl MlpObjective {
    /// The objective with decay λ ≥ 0 on n ≥ 1 samples of d_0 inputs and d_L outputs. Labels should be of the kind that the loss wants
    /// ([`Loss::check`]). Large gradients take as many threads as the machine has.
    pub fn new(architecture: Architecture, data: Arc<Dataset>, loss: Loss, weight_decay: impl Into<WeightDecay>) -> Self {
        let condensed = Condensed::new(&architecture, data.x.nrows());
        let division = Division::new(&condensed.net, data.x.nrows());
        Self::with_division(architecture, &data, loss, weight_decay.into(), (condensed, division))
    }

    fn with_division(
        architecture: Architecture,
        data: &Dataset,
        loss: Loss,
        weight_decay: WeightDecay,
        (condensed, division): (Condensed, Division),
    ) -> Self {
        let samples = data.x.nrows();
        let blocks = division.blocks(data).into();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let (work, tangent) = (RefCell::new(None), RefCell::new(None));
        Self {
            net: architecture,
            condensed,
            division,
            blocks,
            samples,
            loss,
            weight_decay,
            kinks: None,
            threads,
            work,
            tangent,
        }
    }

    /// The same with at most this many threads, 1 at least. The results have the same bits; only starting threads allocates.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Floating-point operations of the matrix products of one gradient, a multiplication and an addition counting two.
    pub fn flops(&self) -> u64 {
        flops(&self.condensed.net, self.samples) + self.condensed.flops()
    }

    /// 1/n.
    fn share(&self) -> f64 {
        1.0 / self.samples as f64
    }
}

impl MlpObjective {
    /// `gradient` ← ∇ℒ(θ) by the slopes of `watch`, which is told what has changed sides.
    fn pass(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>, watch: &Watch) {
        self.pass_with(theta, gradient, watch, |_, _| 0.0);
    }

    /// The same; returns the sum over the blocks of `at_the_top`, which sees each after its way up.
    fn pass_with(
        &self,
        theta: &DVector<f64>,
        gradient: &mut DVector<f64>,
        watch: &Watch,
        at_the_top: impl Fn(&Tape, &Block) -> f64 + Sync,
    ) -> f64 {
        let (mut work, theta) = (self.work.borrow_mut(), theta.as_slice());
        let Work { state, lanes } = work.get_or_insert_with(|| Work::new(self));
        self.condensed.rise(state, theta);
        let (weights, net, rule) = (self.condensed.values(state, theta), &self.condensed.net, (self.loss, self.share()));
        let (blocks, division) = (&*self.blocks, self.division);
        each_on_threads(self.threads, lanes, |index, lane| {
            lane.flips.clear();
            lane.loss = 0.0;
            for (k, block) in division.lane(blocks, index).iter().enumerate() {
                let write = if k == 0 { Write::Replace } else { Write::Add };
                let number = index * division.blocks_per_lane + k;
                watch.prepare(number, &mut lane.tape);
                lane.tape.up(net, weights, block.part(), Keep::Slopes);
                watch.inspect(net, number, block.x.nrows(), &lane.tape, &mut lane.flips);
                lane.loss += at_the_top(&lane.tape, block);
                lane.tape.down(net, weights, block.part(), Keep::Slopes, rule, Some((write, &mut lane.gradient)));
            }
        });
        let at_the_top = lanes.iter().map(|lane| lane.loss).sum();
        let total = reduce(lanes, |lane| &mut lane.gradient);
        self.condensed.fall(state, theta, total, gradient.as_mut_slice());
        at_the_top
    }
}

impl Work {
    fn new(objective: &MlpObjective) -> Self {
        let (net, division) = (&objective.condensed.net, objective.division);
        let lane = |_| Lane {
            tape: Tape::new(net, division.rows, Keep::Slopes),
            gradient: vec![0.0; net.parameter_count()],
            loss: 0.0,
            flips: Vec::new(),
            right: 0.0,
        };
        Self { state: objective.condensed.state(), lanes: (0..division.lanes).map(lane).collect() }
    }
}

impl Objective for MlpObjective {
    fn dim(&self) -> usize {
        self.architecture().parameter_count()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }

    fn operations(&self) -> Option<u64> {
        Some(self.flops())
    }

    fn weight_decay(&self) -> &WeightDecay {
        &self.weight_decay
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        let (mut work, theta) = (self.work.borrow_mut(), theta.as_slice());
        let Work { state, lanes } = work.get_or_insert_with(|| Work::new(self));
        self.condensed.rise(state, theta);
        let (weights, net, loss) = (self.condensed.values(state, theta), &self.condensed.net, self.loss);
        let (blocks, division) = (&*self.blocks, self.division);
        each_on_threads(self.threads, lanes, |index, lane| {
            lane.loss = 0.0;
            for block in division.lane(blocks, index) {
                lane.tape.hold(&[]);
                lane.tape.up(net, weights, block.part(), Keep::States);
                lane.loss += loss.sum(lane.tape.outputs(net, block.x.nrows()), block.y.as_view());
            }
        });
        lanes.iter().map(|lane| lane.loss).sum::<f64>() * self.share()
    }

    fn accuracy(&self, theta: &DVector<f64>) -> f64 {
        // Not defined, whatever the outputs.
        if self.loss == Loss::Mse {
            return f64::NAN;
        }
        let (mut work, theta) = (self.work.borrow_mut(), theta.as_slice());
        let Work { state, lanes } = work.get_or_insert_with(|| Work::new(self));
        self.condensed.rise(state, theta);
        let (weights, net, loss) = (self.condensed.values(state, theta), &self.condensed.net, self.loss);
        let (blocks, division) = (&*self.blocks, self.division);
        each_on_threads(self.threads, lanes, |index, lane| {
            lane.right = 0.0;
            for block in division.lane(blocks, index) {
                lane.tape.hold(&[]);
                lane.tape.up(net, weights, block.part(), Keep::States);
                lane.right += loss.right(lane.tape.outputs(net, block.x.nrows()), block.y.as_view());
            }
        });
        let questions: f64 = blocks.iter().map(|block| loss.questions(block.y.as_view())).sum();
        lanes.iter().map(|lane| lane.right).sum::<f64>() / questions
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let Some(kinks) = &self.kinks else { return self.pass(theta, gradient, &Watch::default()) };
        let mut kinks = kinks.borrow_mut();
        self.pass(theta, gradient, kinks.watch());
        if let Some(work) = &mut *self.work.borrow_mut() {
            self.note(&mut kinks, theta, work.lanes.iter_mut().flat_map(|lane| lane.flips.drain(..)));
        }
        self.slide(&mut kinks, theta.as_slice(), gradient);
    }

    fn loss_and_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) -> f64 {
        // A sliding gradient is one of outputs at which samples are held.
        if self.kinks.is_some() {
            self.loss_gradient(theta, gradient);
            return self.loss(theta);
        }
        let (loss, net) = (self.loss, &self.condensed.net);
        let sum = |tape: &Tape, block: &Block| loss.sum(tape.outputs(net, block.x.nrows()), block.y.as_view());
        self.pass_with(theta, gradient, &Watch::default(), sum) * self.share()
    }

    fn tangent_kernel(&self) -> Option<&dyn TangentKernel> {
        Some(self)
    }

    fn sliding(&self) -> Option<Box<dyn Objective>> {
        self.with_kinks().map(|sliding| Box::new(sliding) as Box<dyn Objective>)
    }

    fn switching(&self) -> Option<&dyn Switching> {
        self.kinks.as_ref().map(|_| self as &dyn Switching)
    }

    fn on_kinks(&self, theta: &DVector<f64>, width: f64) -> Vec<OnKink> {
        self.find_on_kinks(theta, width)
    }

    fn layers(&self) -> Option<&dyn Layers> {
        Some(self)
    }

    fn hessian(&self) -> Option<&dyn HessianProducts> {
        Some(self)
    }

    /// Unless an activation has a kink.
    fn third(&self) -> Option<&dyn ThirdDerivative> {
        (1..=self.net.depth()).all(|l| self.net.activation(l).kink().is_none()).then_some(self as &dyn ThirdDerivative)
    }

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }
}

impl Layers for MlpObjective {
    fn architecture(&self) -> &Architecture {
        &self.net
    }

    fn jacobians(&self, theta: &DVector<f64>) -> Vec<Jacobian> {
        self.jacobians_over_samples(theta.as_slice())
    }
}

impl HessianProducts for MlpObjective {
    /// By the R-operator; what does not depend on v is kept as long as θ stays and it takes no more than 256 MB. Of a flow that slides
    /// along kinks, the Hessian along them.
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        let normals = self.kinks.as_ref().and_then(|kinks| self.normals(&kinks.borrow(), theta));
        let mut tangent = self.tangent.borrow_mut();
        let tangent = tangent.get_or_insert_with(|| Tangent::new(self, KEPT, Keep::Turns));
        let Some(normals) = normals else {
            tangent.settle(self, theta, hv);
            return tangent.product(self, v.as_slice(), hv.as_mut_slice());
        };
        let mut along = v.clone();
        normals.project(&mut along);
        tangent.settle(self, theta, hv);
        tangent.product(self, along.as_slice(), hv.as_mut_slice());
        normals.project(hv);
    }
}

impl ThirdDerivative for MlpObjective {
    /// What does not depend on u and v is shared with products with the Hessian, and kept likewise. Along u = v it costs less.
    fn third_derivative(&self, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>, out: &mut DVector<f64>) {
        let mut tangent = self.tangent.borrow_mut();
        tangent.take_if(|tangent| tangent.keep != Keep::Twists);
        let tangent = tangent.get_or_insert_with(|| Tangent::new(self, KEPT, Keep::Twists));
        tangent.settle(self, theta, out);
        tangent.third_derivative(self, [u.as_slice(), v.as_slice()], out.as_mut_slice());
    }
}
