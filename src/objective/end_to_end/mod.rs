//! Linear networks under losses of the end-to-end matrix P = W_L⋯W_1 ∈ ℝ^{d_L × d_0} that the moments of samples do not determine: least
//! squares of linear measurements 𝒜(P),
//!
//! ℒ(θ) = 1/(2n)‖𝒜(P) − y‖², R = ∂ℒ/∂P = 𝒜*(𝒜(P) − y)/n, Ṙ = 𝒜*𝒜(Ṗ)/n.
//!
//! Any differentiable loss of P has ∇_{W_l}ℒ = (W_L⋯W_{l+1})ᵀ R (W_{l−1}⋯W_1)ᵀ, so that the [`Chain`], its derivatives and all laws of the layers
//! (W_{l+1}ᵀ∇_{l+1} = ∇_lW_lᵀ, hence the balance law) are those of a network that goes by moments. ℒ is quadratic in P: third derivatives too.

mod minibatch;
mod observed;
mod sensing;
#[cfg(test)]
mod tests;
mod weighted;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, DVector};

use crate::linalg::on_threads;
use crate::network::{Architecture, WeightDecay};

use super::chain::{Chain, Scratch};
use super::linear::Derivatives;
use super::{BatchGradient, Batches, HessianProducts, Jacobian, Layers, Objective, SampleProducts, Samples};
use super::{ThirdDerivative, WeightedGradient};
use minibatch::Minibatch;
use weighted::WeightedMeasurements;

pub use observed::Observed;
pub use sensing::Functionals;

/// A linear map 𝒜 of P to one column of measurements for each sample, with what describes a sample, a column of `inputs`.
pub trait Measurement: Send + 'static {
    /// What one sample is described by and what is measured of it: the rows of `inputs` and of `labels`.
    fn rows(net: &Architecture) -> [usize; 2];

    /// `out` ← 𝒜(P). `flat` has room for the entries of P.
    fn apply(map: DMatrixView<f64>, inputs: DMatrixView<f64>, flat: &mut [f64], out: DMatrixViewMut<f64>);

    /// `residual` ← 𝒜*(values) ∈ ℝ^{d_L × d_0}.
    fn adjoint(values: DMatrixView<f64>, inputs: DMatrixView<f64>, residual: &mut DMatrix<f64>);

    /// Operations of either, a multiplication and an addition counting two.
    fn flops(net: &Architecture, samples: usize) -> u64 {
        (2 * net.input_dim() * net.output_dim() * samples) as u64
    }

    /// The gradients of samples one by one, where samples are inputs of the network.
    fn sample_products(_net: &Architecture, _samples: &Samples) -> Option<SampleProducts> {
        None
    }
}

/// Some samples, one a column. A label that is NaN was not observed, and its measurement counts nothing.
#[derive(Clone, Copy)]
struct Columns<'a> {
    inputs: DMatrixView<'a, f64>,
    labels: DMatrixView<'a, f64>,
}

/// What measurements are formed in.
struct Room {
    /// 𝒜(P) − y, or 𝒜(Ṗ).
    values: DMatrix<f64>,
    flat: Vec<f64>,
}

impl Room {
    fn new<M: Measurement>(net: &Architecture, samples: usize) -> Self {
        let [_, measured] = M::rows(net);
        Self { values: DMatrix::zeros(measured, samples), flat: vec![0.0; net.input_dim() * net.output_dim()] }
    }

    /// 𝒜(P) − y, 0 where nothing was observed.
    fn misses<M: Measurement>(&mut self, map: DMatrixView<f64>, of: Columns) -> DMatrixViewMut<'_, f64> {
        let mut values = self.values.columns_mut(0, of.labels.ncols());
        M::apply(map, of.inputs, &mut self.flat, values.as_view_mut());
        values.zip_apply(&of.labels, |value, y| *value = if y.is_nan() { 0.0 } else { *value - y });
        values
    }

    /// `residual` ← 𝒜*((𝒜(P) − y)·diag(w)), w one weight for each sample.
    fn close_weighted<M: Measurement>(
        &mut self,
        map: DMatrixView<f64>,
        of: Columns,
        weights: &[f64],
        residual: &mut DMatrix<f64>,
    ) {
        let mut misses = self.misses::<M>(map, of);
        misses.column_iter_mut().zip(weights).for_each(|(mut miss, weight)| miss *= *weight);
        M::adjoint(misses.as_view(), of.inputs, residual);
    }

    /// `residual` ← 𝒜*(e) of errors e, one for each label; 0 where nothing was observed.
    fn pull_back<M: Measurement>(&mut self, errors: &[f64], of: Columns, residual: &mut DMatrix<f64>) {
        let mut values = self.values.columns_mut(0, of.labels.ncols());
        let observed = |(error, y): (&f64, &f64)| if y.is_nan() { 0.0 } else { *error };
        values.iter_mut().zip(errors.iter().zip(of.labels.iter())).for_each(|(value, pair)| *value = observed(pair));
        M::adjoint(values.as_view(), of.inputs, residual);
    }

    /// `residual` ← 𝒜*(𝒜(P) − y)/n.
    fn close<M: Measurement>(&mut self, map: DMatrixView<f64>, of: Columns, residual: &mut DMatrix<f64>) {
        let mut misses = self.misses::<M>(map, of);
        misses *= 1.0 / of.labels.ncols() as f64;
        M::adjoint(misses.as_view(), of.inputs, residual);
    }

    /// `residual` ← 𝒜*𝒜(Ṗ)/n.
    fn curve<M: Measurement>(&mut self, dot: DMatrixView<f64>, of: Columns, residual: &mut DMatrix<f64>) {
        let share = 1.0 / of.labels.ncols() as f64;
        let mut values = self.values.columns_mut(0, of.labels.ncols());
        M::apply(dot, of.inputs, &mut self.flat, values.as_view_mut());
        values.zip_apply(&of.labels, |value, y| *value = if y.is_nan() { 0.0 } else { *value * share });
        M::adjoint(values.as_view(), of.inputs, residual);
    }
}

/// ℒ(θ) of a linear network on linear measurements of its end-to-end matrix, its gradient, its Hessian and its third derivatives.
pub struct EndToEndObjective<M> {
    chain: Chain,
    measurement: PhantomData<M>,
    samples: Arc<Samples>,
    weight_decay: WeightDecay,
    threads: usize,
    scratch: RefCell<Scratch>,
    room: RefCell<Room>,
    derivatives: Derivatives,
}

impl<M: Measurement> Clone for EndToEndObjective<M> {
    /// With scratch of its own, so that another thread can use it; the samples are shared.
    fn clone(&self) -> Self {
        let chain = Chain { net: self.chain.net.clone(), order: self.chain.order };
        Self::with_chain(chain, self.samples.clone(), self.weight_decay.clone()).with_threads(self.threads)
    }
}

impl<M: Measurement> EndToEndObjective<M> {
    fn with_chain(chain: Chain, samples: Arc<Samples>, weight_decay: WeightDecay) -> Self {
        assert!(chain.net.is_linear(), "a network with an end-to-end matrix is linear");
        let rows = [samples.inputs.nrows(), samples.labels.nrows()];
        assert_eq!(rows, M::rows(&chain.net), "samples are of the network's inputs and outputs");
        let (scratch, room) = (RefCell::new(chain.scratch()), RefCell::new(Room::new::<M>(&chain.net, samples.count())));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            chain,
            measurement: PhantomData,
            samples,
            weight_decay,
            threads,
            scratch,
            room,
            derivatives: Derivatives::default(),
        }
    }

    /// The same with at most this many threads, 1 at least. The results have the same bits; only starting threads allocates.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// What ℒ is a mean over, as minibatches take it.
    pub fn samples(&self) -> &Arc<Samples> {
        &self.samples
    }

    /// Floating-point operations of one gradient, a multiplication and an addition counting two.
    pub fn flops(&self) -> u64 {
        self.chain.flops() + 2 * M::flops(&self.chain.net, self.samples.count())
    }

    /// P = W_L⋯W_1.
    pub fn product(&self, theta: &DVector<f64>) -> DMatrix<f64> {
        self.chain.end_to_end(theta.as_slice())
    }

    fn columns(&self) -> Columns<'_> {
        Columns { inputs: self.samples.inputs.as_view(), labels: self.samples.labels.as_view() }
    }

    /// `gradient` ← ∇ℒ(θ), and its intermediate products into `scratch`.
    fn carry(&self, scratch: &mut Scratch, theta: &[f64], gradient: &mut [f64]) {
        self.chain.rise(scratch, theta);
        let (product, residual) = self.chain.product_and_residual(scratch, theta);
        self.room.borrow_mut().close::<M>(product, self.columns(), residual);
        self.chain.fall(scratch, theta, gradient);
    }

    /// Ṙ, given Ṗ.
    fn curve(&self) -> impl FnMut(DMatrixView<f64>, &mut DMatrix<f64>) + '_ {
        |dot, residual| self.room.borrow_mut().curve::<M>(dot, self.columns(), residual)
    }
}

impl<M: Measurement> Objective for EndToEndObjective<M> {
    fn dim(&self) -> usize {
        self.chain.net.parameter_count()
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
        let mut room = self.room.borrow_mut();
        let misses = room.misses::<M>(self.product(theta).as_view(), self.columns());
        misses.norm_squared() / (2.0 * self.samples.count() as f64)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let scratch = &mut self.scratch.borrow_mut();
        on_threads(self.threads, || self.carry(scratch, theta.as_slice(), gradient.as_mut_slice()));
    }

    fn third(&self) -> Option<&dyn ThirdDerivative> {
        Some(self)
    }

    fn layers(&self) -> Option<&dyn Layers> {
        Some(self)
    }

    fn hessian(&self) -> Option<&dyn HessianProducts> {
        Some(self)
    }

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }
}

impl<M: Measurement> Layers for EndToEndObjective<M> {
    fn architecture(&self) -> &Architecture {
        &self.chain.net
    }

    /// J_l = W_L⋯W_l, whatever is measured.
    fn jacobians(&self, theta: &DVector<f64>) -> Vec<Jacobian> {
        self.chain.jacobians(theta.as_slice())
    }
}

impl<M: Measurement> HessianProducts for EndToEndObjective<M> {
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        let carry = |base: &mut Scratch, theta: &[f64], gradient: &mut [f64]| self.carry(base, theta, gradient);
        on_threads(self.threads, || {
            self.derivatives.hessian_product(&self.chain, carry, &mut self.curve(), [theta, v], hv);
        });
    }
}

impl<M: Measurement> Batches for EndToEndObjective<M> {
    fn minibatch(&self, samples: Arc<Samples>, size: usize) -> Box<dyn BatchGradient + '_> {
        Box::new(Minibatch::<M>::new(&self.chain, samples, size, self.threads))
    }

    fn weighted(&self, samples: Arc<Samples>) -> Option<Box<dyn WeightedGradient>> {
        Some(Box::new(WeightedMeasurements::<M>::new(self.chain.clone(), samples, self.threads)))
    }

    fn sample_products(&self, samples: &Samples) -> Option<SampleProducts> {
        Some(M::sample_products(&self.chain.net, samples)?.with_threads(self.threads))
    }
}

impl<M: Measurement> ThirdDerivative for EndToEndObjective<M> {
    fn third_derivative(&self, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>, out: &mut DVector<f64>) {
        let carry = |base: &mut Scratch, theta: &[f64], gradient: &mut [f64]| self.carry(base, theta, gradient);
        on_threads(self.threads, || {
            self.derivatives.third_derivative(&self.chain, carry, &mut self.curve(), [theta, u, v], out);
        });
    }
}
