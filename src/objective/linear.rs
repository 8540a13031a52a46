//! Linear networks by their sufficient statistics: the cost of a gradient does not depend on the number of samples.
//!
//! With P = W_L⋯W_1 and R = PΣ_x − Σ_yx, ∇_{W_l}ℒ = (W_L⋯W_{l+1})ᵀ R (W_{l−1}⋯W_1)ᵀ, carried by a [`Chain`] of products from the
//! cheaper end.

mod derivatives;
mod hessian;
mod kernel;
mod low_rank;
mod minibatch;
#[cfg(test)]
mod tests;
mod third;
mod weighted;

use std::cell::RefCell;

use nalgebra::{DMatrix, DMatrixView, DVector};

use crate::data::Moments;
use crate::linalg::{Write, gemm_nn, gemm_nn_onto, on_threads, singular_values};
use crate::network::{Architecture, WeightDecay};
use crate::ode::LowRank;

use super::chain::{Chain, Order, Scratch};
use super::{Batches, Excess, HessianProducts, Jacobian, Layers, Objective, TangentKernel, ThirdDerivative};
use low_rank::LowRankDescent;

pub(super) use derivatives::Derivatives;

pub use minibatch::{Minibatch, Samples};

/// ℒ(θ) of a linear network on given moments, its gradient and its Hessian.
pub struct LinearObjective {
    chain: Chain,
    moments: Moments,
    /// −Σ_yx and −Σ_x, so that R = PΣ_x − Σ_yx and −R are one product added.
    minus_sigma_yx: DMatrix<f64>,
    minus_sigma_x: DMatrix<f64>,
    weight_decay: WeightDecay,
    low_rank: Option<LowRankDescent>,
    threads: usize,
    scratch: RefCell<Scratch>,
    derivatives: Derivatives,
}

impl Clone for LinearObjective {
    /// With scratch of its own, so that another thread can use it.
    fn clone(&self) -> Self {
        Self::with_chain(self.chain.clone(), self.moments.clone(), self.weight_decay.clone()).with_threads(self.threads)
    }
}

/// Closes the chain: the residual R, d_L × d_0, for a product P; or Ṙ for Ṗ.
pub(super) type Close<'a> = &'a mut dyn FnMut(DMatrixView<f64>, &mut DMatrix<f64>);

impl LinearObjective {
    /// The objective of a linear architecture ([`Architecture::is_linear`]) with decay λ ≥ 0, its products in the cheaper order.
    /// Large products take as many threads as the machine has.
    ///
    /// # Panics
    /// If the architecture is not linear, or the moments are not of d_0 inputs and d_L outputs.
    pub fn new(architecture: Architecture, moments: Moments, weight_decay: impl Into<WeightDecay>) -> Self {
        Self::with_chain(Chain::new(architecture), moments, weight_decay.into())
    }

    /// The same with a given order.
    ///
    /// # Panics
    /// Likewise.
    pub fn with_order(
        architecture: Architecture,
        moments: Moments,
        weight_decay: impl Into<WeightDecay>,
        order: Order,
    ) -> Self {
        Self::with_chain(Chain { net: architecture, order }, moments, weight_decay.into())
    }

    fn with_chain(chain: Chain, moments: Moments, weight_decay: WeightDecay) -> Self {
        assert!(chain.net.is_linear(), "a network that goes by moments is linear");
        let ends = (chain.net.output_dim(), chain.net.input_dim());
        assert_eq!(moments.sigma_yx.shape(), ends, "moments are of the network's outputs and inputs");
        let scratch = RefCell::new(chain.scratch());
        let (minus_sigma_yx, minus_sigma_x) = (-&moments.sigma_yx, -&moments.sigma_x);
        let low_rank = LowRankDescent::new(&chain, &moments);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            chain,
            moments,
            minus_sigma_yx,
            minus_sigma_x,
            weight_decay,
            low_rank,
            threads,
            scratch,
            derivatives: Derivatives::default(),
        }
    }

    /// The same with at most this many threads, 1 at least. The results have the same bits; only starting threads allocates.
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The order in use.
    pub fn order(&self) -> Order {
        self.chain.order
    }

    /// Floating-point operations of one gradient, a multiplication and an addition counting two. Free of n, linear in L.
    pub fn flops(&self) -> u64 {
        let (d_in, d_out) = (self.chain.net.input_dim() as u64, self.chain.net.output_dim() as u64);
        self.chain.flops() + 2 * d_out * d_in * d_in
    }

    /// P = W_L⋯W_1, multiplied from the narrower end.
    pub fn product(&self, theta: &DVector<f64>) -> DMatrix<f64> {
        self.chain.end_to_end(theta.as_slice())
    }
}

impl LinearObjective {
    /// `gradient` ← ∇ℒ(θ), and its intermediate products into `scratch`.
    fn carry(&self, scratch: &mut Scratch, theta: &[f64], gradient: &mut [f64]) {
        let mut close = |product: DMatrixView<f64>, residual: &mut DMatrix<f64>| {
            gemm_nn_onto(&self.minus_sigma_yx, product, self.moments.sigma_x.as_view(), residual);
        };
        self.carry_to(&mut close, scratch, theta, gradient);
    }

    /// The same for another R than PΣ_x − Σ_yx: `close` writes it, given P.
    fn carry_to(&self, close: Close, scratch: &mut Scratch, theta: &[f64], gradient: &mut [f64]) {
        self.chain.rise(scratch, theta);
        let (product, residual) = self.chain.product_and_residual(scratch, theta);
        close(product, residual);
        self.chain.fall(scratch, theta, gradient);
    }

    /// Ṙ = ṖΣ_x, given Ṗ.
    fn curve(&self) -> impl FnMut(DMatrixView<f64>, &mut DMatrix<f64>) + '_ {
        |product, residual| gemm_nn(Write::Replace, product, self.moments.sigma_x.as_view(), residual.as_view_mut())
    }
}

impl Objective for LinearObjective {
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
        self.moments.loss(&self.product(theta))
    }

    /// Deep linear networks have no other local minima (Baldi & Hornik 1989, Kawaguchi 2016); a narrow layer bounds the rank.
    fn excess_loss(&self, theta: &DVector<f64>) -> Option<Excess> {
        let rank = self.chain.net.widths().iter().min().copied()?;
        let (lost, zero_map) = (self.moments.rank_excess(rank), self.moments.rank_excess(0));
        // P is known to ε·‖P‖, so (P − P*)Σ_x^{1/2} to ε·√zero_map near the optimum, and the square of that is no error to speak of.
        let rounding = 10.0 * f64::EPSILON * lost + 100.0 * f64::EPSILON.powi(2) * zero_map;
        let known = lost.is_finite() && zero_map.is_finite();
        known.then(|| Excess { value: self.moments.excess(&self.product(theta)) - lost, rounding, learnable: zero_map - lost })
    }

    /// With E = (P − P*)Σ_x^{1/2}, ∇_{W_l}ℒ = (W_L⋯W_{l+1})ᵀE(W_{l−1}⋯W_1Σ_x^{1/2})ᵀ, so that μ = Σ_l σ(W_L⋯W_{l+1})²σ(W_{l−1}⋯W_1Σ_x^{1/2})²,
    /// σ the d_L-th singular value of the one and the (rank Σ_x)-th of the other: 0 where a layer is narrower than that, or dead.
    fn dominance(&self, theta: &DVector<f64>) -> Option<f64> {
        let net = &self.chain.net;
        let (theta, depth) = (theta.as_slice(), net.depth());
        let singular = |m: &DMatrix<f64>, i: usize| singular_values(m.as_view()).ok().map(|s| s.get(i).copied().unwrap_or(0.0));
        let inputs = singular_values(self.moments.root_x.as_view()).ok()?;
        let floor = inputs.first()? * f64::EPSILON * inputs.len() as f64;
        let rank = inputs.iter().filter(|&&s| s > floor).count();
        if rank == 0 {
            return None;
        }
        // σ(W_L⋯W_{l+1}) for l = L, …, 1.
        let mut above = DMatrix::identity(net.output_dim(), net.output_dim());
        let mut outer = Vec::with_capacity(depth);
        for l in (1..=depth).rev() {
            outer.push(singular(&above, net.output_dim() - 1)?);
            above *= net.weight(theta, l);
        }
        let (mut below, mut mu) = (self.moments.root_x.clone(), 0.0);
        for (l, outer) in (1..=depth).zip(outer.into_iter().rev()) {
            mu += (outer * singular(&below, rank - 1)?).powi(2);
            below = net.weight(theta, l) * below;
        }
        Some(mu)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let scratch = &mut self.scratch.borrow_mut();
        on_threads(self.threads, || self.carry(scratch, theta.as_slice(), gradient.as_mut_slice()));
    }

    /// With −R in the place of R.
    fn loss_descent(&self, theta: &DVector<f64>, descent: &mut DVector<f64>) {
        let mut close = |product: DMatrixView<f64>, residual: &mut DMatrix<f64>| {
            gemm_nn_onto(&self.moments.sigma_yx, product, self.minus_sigma_x.as_view(), residual);
        };
        let scratch = &mut self.scratch.borrow_mut();
        on_threads(self.threads, || self.carry_to(&mut close, scratch, theta.as_slice(), descent.as_mut_slice()));
    }

    fn low_rank_descent(&self) -> Option<&dyn LowRank> {
        self.low_rank.as_ref().map(|descent| descent as &dyn LowRank)
    }

    fn third(&self) -> Option<&dyn ThirdDerivative> {
        Some(self)
    }

    fn tangent_kernel(&self) -> Option<&dyn TangentKernel> {
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

impl Layers for LinearObjective {
    fn architecture(&self) -> &Architecture {
        &self.chain.net
    }

    /// J_l = W_L⋯W_l, the same at every sample.
    fn jacobians(&self, theta: &DVector<f64>) -> Vec<Jacobian> {
        self.chain.jacobians(theta.as_slice())
    }
}

impl HessianProducts for LinearObjective {
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        let carry = |base: &mut Scratch, theta: &[f64], gradient: &mut [f64]| self.carry(base, theta, gradient);
        on_threads(self.threads, || {
            self.derivatives.hessian_product(&self.chain, carry, &mut self.curve(), [theta, v], hv);
        });
    }
}

impl ThirdDerivative for LinearObjective {
    fn third_derivative(&self, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>, out: &mut DVector<f64>) {
        let carry = |base: &mut Scratch, theta: &[f64], gradient: &mut [f64]| self.carry(base, theta, gradient);
        on_threads(self.threads, || {
            self.derivatives.third_derivative(&self.chain, carry, &mut self.curve(), [theta, u, v], out);
        });
    }
}
