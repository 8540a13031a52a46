//! What training minimises: J(θ) = ℒ(θ) + Σ_l (λ_l/2)‖θ_l‖², ℒ the mean of a loss over the samples, 1/(2n) Σ‖f(x_i) − y_i‖² or another.
//!
//! Linear networks with the squared loss use moments ([`LinearObjective`], at a cost independent of n) or, where moments do not determine the
//! loss, linear measurements of the end-to-end matrix ([`EndToEndObjective`]). All others use backpropagation ([`MlpObjective`]).

mod chain;
mod end_to_end;
mod jacobian;
mod kernel;
mod linear;
mod mlp;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use chain::Order;
pub use end_to_end::{EndToEndObjective, Functionals, Measurement, Observed};
pub use jacobian::Jacobian;
pub use kernel::{Labels, TangentKernel};
pub use linear::{LinearObjective, Minibatch, Samples};
pub use mlp::{MlpMinibatch, MlpObjective, SampleProducts};

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use crate::linalg::difference;
use crate::network::{Architecture, WeightDecay};
use crate::ode::{LowRank, Switching};

/// How far a loss is above the least possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excess {
    /// ℒ(θ) − min ℒ; negative by rounding at most.
    pub value: f64,
    /// The error that rounding may have made in `value`, apart from a relative one.
    pub rounding: f64,
    /// How much of the loss can be learned: ℒ of the zero map less the minimum.
    pub learnable: f64,
}

/// A sample on the kink of a neuron, or near it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnKink {
    /// l, from 1.
    pub layer: usize,
    /// Row of W_l, from 0.
    pub neuron: usize,
    /// Row of X, from 0.
    pub sample: usize,
    /// σ_l′ there, between those of the two sides, if the sample slides along the kink; `None` if it is merely near.
    pub slope: Option<f64>,
}

/// The third derivatives of an objective.
pub trait ThirdDerivative: Objective {
    /// `out` ← D³J(θ)[u, v], the derivative of ∇²J(θ)·v along u: symmetric in u and v, exact, at the cost of about six gradients. Decay,
    /// which is quadratic, has none. Does not allocate after its first call.
    fn third_derivative(&self, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>, out: &mut DVector<f64>);
}

/// The gradients of batches of samples.
pub trait BatchGradient {
    /// `gradient` ← ∇ℒ_B(θ), without decay, of the samples with the indices `batch`: one at least, each below n, and no more than it was
    /// made for. Does not allocate after its first call.
    fn loss_gradient(&mut self, batch: &[u32], theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.moved_gradient(batch, &[], theta, gradient);
    }

    /// The same with the labels y_i + δ_i: `moves` are the δ_i, d_L numbers for each entry of `batch`, one sample after the other, or none
    /// where no label moves. A label that was not observed stays so.
    fn moved_gradient(&mut self, batch: &[u32], moves: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>);
}

/// Gradients of weighted sums of the samples' losses.
pub trait WeightedGradient: Send {
    /// `gradient` ← Σ_i w_i ∇ℓ_i(θ), without decay, over all n samples; w = `weights` ∈ ℝⁿ, of either sign. With w_i = 1/n it is ∇ℒ(θ). Does
    /// not allocate after its first call.
    ///
    /// # Panics
    /// If there are not n weights.
    fn weighted_gradient(&mut self, weights: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>);

    /// `gradient` ← Σ_i J_iᵀe_i, J_i = ∂f(x_i)/∂θ, over all n samples: `errors` are the e_i ∈ ℝ^{d_L}, one sample after the other; outputs
    /// that were not observed take none. Of the squared loss it is −1 times what ∇ Σ_i ℓ_i gains when the labels move by e_i. Does not allocate
    /// after its first call.
    ///
    /// # Panics
    /// If there are not n·d_L errors.
    fn pullback(&mut self, errors: &[f64], theta: &DVector<f64>, gradient: &mut DVector<f64>);
}

/// J(θ) = ℒ(θ) + Σ_l (λ_l/2)‖θ_l‖², θ ∈ ℝ^P, and its gradient. Whatever else an objective can do, it offers by the methods that return an
/// `Option`. One with a value and a gradient alone can be integrated, optimized and recorded.
pub trait Objective: Send {
    /// P.
    fn dim(&self) -> usize;

    /// A copy with scratch of its own, for another thread.
    fn duplicate(&self) -> Box<dyn Objective>;

    /// ℒ(θ).
    fn loss(&self, theta: &DVector<f64>) -> f64;

    /// `gradient` ← ∇ℒ(θ), without decay. Does not allocate after its first call.
    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>);

    /// ℒ(θ), and `gradient` ← ∇ℒ(θ): the same numbers as by the two methods, at the cost of the gradient alone where the two share their work.
    fn loss_and_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) -> f64 {
        self.loss_gradient(theta, gradient);
        self.loss(theta)
    }

    /// Floating-point operations of one gradient, a multiplication and an addition counting two; `None` where they are not known. How much is
    /// spent on checks beside a flow follows from it.
    fn operations(&self) -> Option<u64> {
        None
    }

    /// λ ≥ 0, or λ_1, …, λ_L of an objective with layers.
    fn weight_decay(&self) -> &WeightDecay {
        &WeightDecay::NONE
    }

    /// Products with its Hessian; without them central differences of gradients stand in, good to some ten digits.
    fn hessian(&self) -> Option<&dyn HessianProducts> {
        None
    }

    /// Its third derivatives.
    fn third(&self) -> Option<&dyn ThirdDerivative> {
        None
    }

    /// The layers that θ consists of. The balance, the ansatz and every quantity of a W_l need them.
    fn layers(&self) -> Option<&dyn Layers> {
        None
    }

    /// The gradients of minibatches.
    fn batches(&self) -> Option<&dyn Batches> {
        None
    }

    /// The neural tangent kernel on the samples.
    fn tangent_kernel(&self) -> Option<&dyn TangentKernel> {
        None
    }

    /// The share of right answers of a classifier ([`Loss::right`](crate::loss::Loss::right)). NaN of a regression, and where a label has no class.
    fn accuracy(&self, _theta: &DVector<f64>) -> f64 {
        f64::NAN
    }

    /// ℒ(θ) less the least value that ℒ takes over all θ, where that is known and every local minimum of ℒ attains it.
    fn excess_loss(&self, _theta: &DVector<f64>) -> Option<Excess> {
        None
    }

    /// μ with ‖∇ℒ‖² ≥ 2μ(ℒ − min ℒ) at θ and, up to a factor near 1, around it (Polyak–Łojasiewicz); near a minimum every curvature
    /// along ∇ℒ is at least μ. 0 where no better bound is known, `None` where none is.
    fn dominance(&self, _theta: &DVector<f64>) -> Option<f64> {
        None
    }

    /// −∇ℒ as products of thin matrices, where gradients have so low a rank that it pays.
    fn low_rank_descent(&self) -> Option<&dyn LowRank> {
        None
    }

    /// A copy for one flow that slides along kinks ([`MlpObjective`]); `None` where nothing has a kink.
    fn sliding(&self) -> Option<Box<dyn Objective>> {
        None
    }

    /// The kinks as a flow's integrator sees them, of an objective made by [`Objective::sliding`].
    fn switching(&self) -> Option<&dyn Switching> {
        None
    }

    /// The samples on kinks at θ, within `width` times the root mean square of their layer's outputs; those slide at which the fields of
    /// both sides point at the kink.
    fn on_kinks(&self, _theta: &DVector<f64>, _width: f64) -> Vec<OnKink> {
        Vec::new()
    }

    /// `descent` ← −∇ℒ(θ), without decay.
    fn loss_descent(&self, theta: &DVector<f64>, descent: &mut DVector<f64>) {
        self.loss_gradient(theta, descent);
        descent.neg_mut();
    }

    /// J(θ).
    fn value(&self, theta: &DVector<f64>) -> f64 {
        self.loss(theta) + self.penalty(theta)
    }

    /// Σ_l (λ_l/2)‖θ_l‖².
    fn penalty(&self, theta: &DVector<f64>) -> f64 {
        match self.layers() {
            Some(layers) => self.weight_decay().penalty(layers.architecture(), theta),
            None => 0.5 * self.weight_decay().single() * theta.norm_squared(),
        }
    }

    /// `out` ← `out` + `factor`·Λv, Λ the decay of every entry.
    fn add_decay(&self, factor: f64, v: &DVector<f64>, out: &mut DVector<f64>) {
        match self.layers() {
            Some(layers) => self.weight_decay().add(layers.architecture(), factor, v, out),
            None => out.axpy(factor * self.weight_decay().single(), v, 1.0),
        }
    }

    /// `gradient` ← ∇J(θ) = ∇ℒ(θ) + Λθ.
    fn gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.loss_gradient(theta, gradient);
        self.add_decay(1.0, theta, gradient);
    }

    /// `hv` ← ∇²ℒ(θ)·v, without decay: exact, or by differences.
    fn loss_hessian_vector(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        match self.hessian() {
            Some(hessian) => hessian.hessian_product(theta, v, hv),
            None => {
                let mut scratch = [(); 2].map(|()| DVector::zeros(theta.len()));
                difference(theta, v, hv, &mut scratch, |theta, gradient| self.loss_gradient(theta, gradient));
            }
        }
    }

    /// `out` ← D³J(θ)[u, v]: exact, or the central difference of products with the Hessian along u.
    fn third_along(&self, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>, out: &mut DVector<f64>) {
        match self.third() {
            Some(third) => third.third_derivative(theta, u, v, out),
            None => {
                let mut scratch = [(); 2].map(|()| DVector::zeros(theta.len()));
                difference(theta, u, out, &mut scratch, |theta, hv| self.loss_hessian_vector(theta, v, hv));
            }
        }
    }

    /// `hv` ← ∇²J(θ)·v = ∇²ℒ(θ)·v + Λv.
    fn hessian_vector(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        self.loss_hessian_vector(theta, v, hv);
        self.add_decay(1.0, v, hv);
    }
}

/// Products with the Hessian of an objective.
pub trait HessianProducts {
    /// `hv` ← ∇²ℒ(θ)·v, without decay: exact, at the cost of about two gradients. Does not allocate after its first call.
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>);
}

/// An objective of a network: θ lies as its [`Architecture`] says.
pub trait Layers {
    /// The network's shapes.
    fn architecture(&self) -> &Architecture;

    /// Whether J does not depend on θ_l: layer l = 1, …, L is held where it is.
    fn holds(&self, _l: usize) -> bool {
        false
    }

    /// The Jacobians J_l(x_i) = ∂f/∂h_{l−1} over the samples, for l = 1, …, L at index l − 1; h_0 = x, h_l the output of layer l.
    fn jacobians(&self, theta: &DVector<f64>) -> Vec<Jacobian>;

    /// W_lᵀ∇_{W_l}ℒ = (1/n) Σ_i ∇_{h_{l−1}}ℓ_i h_{l−1,i}ᵀ ∈ ℝ^{d_{l−1} × d_{l−1}} for l = 1, …, L at index l − 1, ℓ_i the loss of sample
    /// i, from `gradient` = ∇ℒ(θ), since ∇_{h_{l−1}}ℓ_i = W_lᵀδ_i and ∇_{W_l}ℒ = (1/n) Σ δ_i h_{l−1,i}ᵀ. Divided by −λ_l it is FACT (Boix-Adserà, Mallinar, Simon &
    /// Belkin, *FACT: the Features At Convergence Theorem for neural networks*, 2025), which equals W_lᵀW_l where ∇_{W_l}J = 0 and λ_l > 0.
    fn feature_gradients(&self, theta: &DVector<f64>, gradient: &DVector<f64>) -> Vec<DMatrix<f64>> {
        let net = self.architecture();
        let of = |l| net.weight(theta.as_slice(), l).transpose() * net.weight(gradient.as_slice(), l);
        (1..=net.depth()).map(of).collect()
    }
}

/// Gradients of minibatches.
pub trait Batches {
    /// The gradients of batches of 1 to `size` of these samples, with d_0 inputs and d_L labels like its own.
    fn minibatch(&self, samples: Arc<Samples>, size: usize) -> Box<dyn BatchGradient + '_>;

    /// Σ_i w_i ∇ℓ_i over these samples, which must be those of ℒ, with scratch of its own; `None` where that is not implemented.
    fn weighted(&self, _samples: Arc<Samples>) -> Option<Box<dyn WeightedGradient>> {
        None
    }

    /// (1/n) Σ_i ∇²ℓ_i∇ℓ_i over these samples, which must be those of ℒ; `None` where that is not implemented.
    fn sample_products(&self, _samples: &Samples) -> Option<SampleProducts> {
        None
    }
}
