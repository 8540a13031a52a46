//! A control variate: a number C that is computed along with φ at the end of a seed or of a path, whose mean is exactly 0, and which varies
//! nearly as φ does. E φ = E(φ − C), and φ − C scatters far less.
//!
//! θ̄_{k+1} = θ̄_k − η∇J(θ̄_k) is the path without noise, u_k(θ) what φ becomes at the end of such a path from θ at step k. With
//!
//! - λ_K = ∇φ(θ̄_K), λ_k = (I − ηH_k)λ_{k+1}, the gradient of u_k at θ̄_k, H_k = ∇²J(θ̄_k);
//! - M_K = ∇²φ(θ̄_K), M_k = (I − ηH_k)M_{k+1}(I − ηH_k) − η D³J(θ̄_k)[·, ·, λ_{k+1}], its Hessian;
//! - ζ_{k,i} = ∇ℓ_i(θ̄_k) − ∇ℒ(θ̄_k), a_{k,i} = λ_{k+1}·ζ_{k,i},
//!   b_{k,i} = (I − ηH_k)M_{k+1}ζ_{k,i} + (∇²ℓ_i(θ̄_k) − ∇²ℒ(θ̄_k))λ_{k+1},
//!
//! the noise of sample i in step k, at θ = θ̄_k + δ, moves φ at the end by −η(a_{k,i} + b_{k,i}·δ) up to O(η²) + O(ηδ²). So
//!
//! - of a seed with batches B_k: C = −η Σ_k (1/B) Σ_{i ∈ B_k} (a_{k,i} + b_{k,i}·(θ_k − θ̄_k));
//! - of a path whose noise is Σ_i w_i ∇ℓ_i: C = Σ Σ_i w_i (ā_i + b_{k,i}·(X − θ̄)), over all steps of the method, X and θ̄ before it, ā between
//!   λ_k·ζ_{k,i} and λ_{k+1}·ζ_{k+1,i} in proportion to the time of its middle, where the method takes the noise.
//!
//! Σ_i a_{k,i} = 0 and Σ_i b_{k,i} = 0, and a batch is uniform whatever came before it, as w has mean 0 whatever came before it. So E C = 0 for any
//! θ̄, λ and M, exact or not. φ itself has a standard deviation of O(√η), without the terms in b φ − C has one of O(η), with them one of
//! O(η^{3/2}). The terms in b need P products with the Hessian and 2P third derivatives a step, and n·P numbers: they are left out beyond
//! [`MOST_PARAMETERS`] or [`MOST_NUMBERS`], and so are those in a where even these are more.
//!
//! Noise of labels and of a temperature has no part in C.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use crate::linalg::{difference, from_products};
use crate::objective::{BatchGradient, Objective, Samples};
use crate::ode::Interrupt;
use crate::optim::Kick;

use super::OBSERVABLES;

/// Numbers that a control may keep: 128 MiB.
const MOST_NUMBERS: u64 = 1 << 24;
/// The most parameters with terms in b.
const MOST_PARAMETERS: usize = 400;

/// How far the noise's effect is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Terms {
    /// By a alone.
    First,
    /// By a and b.
    Second,
}

impl Terms {
    /// Those for so many steps, samples and parameters; `None` where even the first take too much.
    pub(super) fn affordable(steps: u64, samples: usize, dim: usize) -> Option<Self> {
        let [n, p] = [samples, dim].map(|count| count as u64);
        let numbers = |each: u64| steps.saturating_mul(each.saturating_add(p.saturating_mul(2))) <= MOST_NUMBERS;
        let phis = OBSERVABLES.len() as u64;
        let second = dim <= MOST_PARAMETERS && numbers(phis.saturating_mul(n).saturating_mul(p.saturating_add(2)));
        match () {
            () if second => Some(Self::Second),
            () if numbers(phis.saturating_mul(n).saturating_mul(2)) => Some(Self::First),
            () => None,
        }
    }

    /// The word in tables.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
        }
    }
}

/// The control variates of J and of ‖θ‖², for steps of time η from a start.
pub(super) struct Control {
    /// η.
    rate: f64,
    steps: Vec<Step>,
    /// λ_k·ζ_{k,i} for k = 0, …, K, of each φ.
    nodes: Vec<[DVector<f64>; 2]>,
    /// Gradients that making it took, a product with the Hessian counting 2 and a third derivative 6.
    pub(super) gradients: u64,
}

/// What it keeps of step k.
struct Step {
    /// θ̄_k, and how far θ̄_{k+1} is from it.
    mean: DVector<f64>,
    move_on: DVector<f64>,
    effects: [Effect; 2],
}

/// Of one φ: a ∈ ℝⁿ, and b ∈ ℝ^{P × n}, or nothing.
struct Effect {
    a: DVector<f64>,
    b: Option<DMatrix<f64>>,
}

/// λ_k and M_k of one φ, on the way back.
struct Adjoint {
    lambda: DVector<f64>,
    second: Option<DMatrix<f64>>,
}

impl Control {
    /// For `steps` steps of time `rate`. `None` where the objective gives no gradients of single samples, or the path without noise diverges, or
    /// the user interrupts.
    pub(super) fn new(
        objective: &dyn Objective,
        samples: &Arc<Samples>,
        start: &DVector<f64>,
        (rate, steps): (f64, u64),
        terms: Terms,
        interrupt: &Interrupt,
    ) -> Option<Self> {
        let mut single = objective.batches()?.minibatch(samples.clone(), 1);
        let (n, dim) = (samples.count(), start.len());
        let mut gradient = start.clone();
        let mut means = vec![start.clone()];
        for k in 0..steps as usize {
            objective.gradient(&means[k], &mut gradient);
            means.push(&means[k] - &gradient * rate);
        }
        let end = &means[steps as usize];
        objective.gradient(end, &mut gradient);
        let has_second = terms == Terms::Second;
        let mut adjoints = [
            Adjoint { lambda: gradient, second: has_second.then(|| hessian(objective, end)) },
            Adjoint { lambda: end * 2.0, second: has_second.then(|| DMatrix::identity(dim, dim) * 2.0) },
        ];
        let mut kept = Vec::with_capacity(steps as usize);
        let zeta = deviations(&mut *single, n, end);
        let node =
            |zeta: &DMatrix<f64>, adjoints: &[Adjoint; 2]| adjoints.each_ref().map(|one| centered(zeta.tr_mul(&one.lambda)));
        let mut nodes = vec![node(&zeta, &adjoints)];
        for k in (0..steps as usize).rev() {
            if interrupt.is_raised() {
                return None;
            }
            let at = &means[k];
            let zeta = deviations(&mut *single, n, at);
            let propagator = has_second.then(|| DMatrix::identity(dim, dim) - hessian(objective, at) * rate);
            let effects = adjoints.each_mut().map(|adjoint| {
                let a = centered(zeta.tr_mul(&adjoint.lambda));
                let b = propagator
                    .as_ref()
                    .map(|propagator| adjoint.step_back(objective, &mut *single, at, &zeta, propagator, rate));
                if propagator.is_none() {
                    let mut product = at.clone();
                    objective.hessian_vector(at, &adjoint.lambda, &mut product);
                    adjoint.lambda.axpy(-rate, &product, 1.0);
                }
                Effect { a, b }
            });
            kept.push(Step { mean: at.clone(), move_on: &means[k + 1] - at, effects });
            nodes.push(node(&zeta, &adjoints));
        }
        kept.reverse();
        nodes.reverse();
        let (p, phis) = (dim as u64, OBSERVABLES.len() as u64);
        let each = match terms {
            Terms::First => 1 + n as u64 + 2 * phis,
            Terms::Second => 1 + n as u64 + 2 * p + phis * (6 * p + 2 * n as u64),
        };
        let is_finite = adjoints.iter().all(|adjoint| adjoint.lambda.iter().all(|x| x.is_finite()));
        is_finite.then_some(Self { rate, steps: kept, nodes, gradients: n as u64 + steps * each })
    }

    /// `sums` ← `sums` + the part of C of a seed's step k from θ, along the `batch`. `scratch` is of the length of θ.
    pub(super) fn add_batch(
        &self,
        k: usize,
        batch: &[u32],
        theta: &DVector<f64>,
        sums: &mut [f64; 2],
        scratch: &mut DVector<f64>,
    ) {
        let Step { mean, effects, .. } = &self.steps[k];
        scratch.copy_from(theta);
        *scratch -= mean;
        let share = -self.rate / batch.len() as f64;
        for (sum, effect) in sums.iter_mut().zip(effects) {
            *sum += batch.iter().map(|i| *i as usize).map(|i| share * (effect.a[i] + effect.along(i, scratch))).sum::<f64>();
        }
    }

    /// The same of a step of the method in step k of a path.
    pub(super) fn add_kick(&self, k: usize, kick: &Kick, sums: &mut [f64; 2], scratch: &mut DVector<f64>) {
        let Step { mean, move_on, effects } = &self.steps[k];
        let &Kick { share, middle, before, weights } = kick;
        scratch.copy_from(before);
        *scratch -= mean;
        scratch.axpy(-share, move_on, 1.0);
        for (phi, (sum, effect)) in sums.iter_mut().zip(effects).enumerate() {
            let (here, next) = (&self.nodes[k][phi], &self.nodes[k + 1][phi]);
            let a = |i: usize| here[i] + middle * (next[i] - here[i]);
            *sum += weights.iter().enumerate().map(|(i, w)| w * (a(i) + effect.along(i, scratch))).sum::<f64>();
        }
    }
}

impl Effect {
    /// b_i·δ, or 0 without b.
    fn along(&self, i: usize, delta: &DVector<f64>) -> f64 {
        self.b.as_ref().map_or(0.0, |b| b.column(i).dot(delta))
    }
}

impl Adjoint {
    /// b of step k, and λ_k and M_k in the place of λ_{k+1} and M_{k+1}. `propagator`: I − ηH_k.
    fn step_back(
        &mut self,
        objective: &dyn Objective,
        single: &mut dyn BatchGradient,
        at: &DVector<f64>,
        zeta: &DMatrix<f64>,
        propagator: &DMatrix<f64>,
        rate: f64,
    ) -> DMatrix<f64> {
        let Self { lambda, second } = self;
        let dim = at.len();
        let ahead = second.take().unwrap_or_else(|| DMatrix::zeros(dim, dim));
        let mut b = propagator * (&ahead * zeta);
        let (mut product, mut scratch) = (at.clone(), [(); 2].map(|()| at.clone()));
        for (i, mut column) in b.column_iter_mut().enumerate() {
            difference(at, lambda, &mut product, &mut scratch, |theta, gradient| {
                single.loss_gradient(&[i as u32], theta, gradient);
            });
            column += &product;
        }
        let third = from_products(dim, |u, out| objective.third_along(at, u, lambda, out));
        let here = propagator * ahead * propagator - third * rate;
        *lambda = propagator * &*lambda;
        *second = Some(here);
        // The products with ∇²ℓ_i are centered with the rest.
        let mean = b.column_mean();
        b.column_iter_mut().for_each(|mut column| column -= &mean);
        b
    }
}

/// ζ_i = ∇ℓ_i − ∇ℒ, column by column.
fn deviations(single: &mut dyn BatchGradient, samples: usize, at: &DVector<f64>) -> DMatrix<f64> {
    let (mut zeta, mut gradient) = (DMatrix::zeros(at.len(), samples), at.clone());
    for (i, mut column) in zeta.column_iter_mut().enumerate() {
        single.loss_gradient(&[i as u32], at, &mut gradient);
        column.copy_from(&gradient);
    }
    let mean = zeta.column_mean();
    zeta.column_iter_mut().for_each(|mut column| column -= &mean);
    zeta
}

/// Rounding leaves a sum that would be a bias.
fn centered(numbers: DVector<f64>) -> DVector<f64> {
    let mean = numbers.mean();
    numbers.add_scalar(-mean)
}

/// ∇²J(θ).
fn hessian(objective: &dyn Objective, at: &DVector<f64>) -> DMatrix<f64> {
    from_products(at.len(), |v, out| objective.hessian_vector(at, v, out))
}
