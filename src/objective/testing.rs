//! What tests of several objectives share.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use crate::network::{Activation, Architecture};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::{Objective, Samples};

/// What products with the Hessian cost, in gradients of `flops` operations: the first at θ, the second there, and the first at 2θ.
pub(super) fn product_costs(objective: &dyn Objective, flops: u64, theta: &DVector<f64>) -> [f64; 3] {
    let mut hv = DVector::zeros(theta.len());
    let mut cost = |theta: &DVector<f64>| {
        let before = crate::linalg::FLOPS.get();
        objective.hessian_vector(theta, &DVector::from_element(theta.len(), 1.0), &mut hv);
        (crate::linalg::FLOPS.get() - before) as f64 / flops as f64
    };
    [cost(theta), cost(theta), cost(&(theta * 2.0))]
}

/// What D³J[u, v] costs, likewise: the first at θ, the second there, and one with u = v.
pub(super) fn third_costs(objective: &dyn Objective, flops: u64, theta: &DVector<f64>) -> [f64; 3] {
    let mut out = DVector::zeros(theta.len());
    let mut cost = |u: &DVector<f64>| {
        let before = crate::linalg::FLOPS.get();
        objective.third().expect("it has third derivatives").third_derivative(theta, u, theta, &mut out);
        (crate::linalg::FLOPS.get() - before) as f64 / flops as f64
    };
    [cost(&(theta * 2.0)), cost(&(theta * 2.0)), cost(theta)]
}

/// Weighted gradients against those of the samples one by one, and against the full gradient; a call before must leave nothing in the next.
pub(super) fn check_weighted(objective: &dyn Objective, samples: &Arc<Samples>, theta: &DVector<f64>) {
    let (n, batches) = (samples.count(), objective.batches().expect("it has batches"));
    let mut weighted = batches.weighted(samples.clone()).expect("it has weighted gradients");
    let mut of = |weights: &[f64]| {
        let mut out = DVector::from_element(theta.len(), f64::NAN);
        weighted.weighted_gradient(&vec![2.0; n], &(theta * 2.0), &mut out);
        weighted.weighted_gradient(weights, theta, &mut out);
        out
    };
    let close = |a: &DVector<f64>, b: &DVector<f64>, scale: f64| assert!((a - b).norm() <= 1e-12 * scale, "{a} {b}");
    let weights = gaussian_matrix(n, 1, &mut stream(n as u64, Purpose::Sde));
    let (mut sum, mut one, mut size) = (theta * 0.0, theta * 0.0, 1.0);
    let mut single = batches.minibatch(samples.clone(), 1);
    for (i, weight) in weights.iter().enumerate() {
        single.loss_gradient(&[i as u32], theta, &mut one);
        sum.axpy(*weight, &one, 1.0);
        size += (one.norm() * weight).abs();
    }
    close(&of(weights.as_slice()), &sum, size);
    objective.loss_gradient(theta, &mut one);
    close(&of(&vec![1.0 / n as f64; n]), &one, size);
}

/// Of the squared loss: labels that move by δ_i take J_iᵀδ_i/n from the gradient, in whatever order the batch has its samples.
pub(super) fn check_moves(objective: &dyn Objective, samples: &Arc<Samples>, theta: &DVector<f64>) {
    let (n, outputs, batches) = (samples.count(), samples.outputs(), objective.batches().expect("it has batches"));
    let moves = gaussian_matrix(outputs, n, &mut stream(n as u64, Purpose::LabelNoise));
    let reversed = DMatrix::from_fn(outputs, n, |output, i| moves[(output, n - 1 - i)]);
    let order: Vec<u32> = (0..n as u32).rev().collect();
    let mut minibatch = batches.minibatch(samples.clone(), n);
    let [mut plain, mut moved, mut pulled] = [(); 3].map(|()| theta * 0.0);
    minibatch.moved_gradient(&order, reversed.as_slice(), theta, &mut moved);
    minibatch.loss_gradient(&order, theta, &mut plain);
    let mut weighted = batches.weighted(samples.clone()).expect("it has weighted gradients");
    weighted.pullback(moves.as_slice(), theta, &mut pulled);
    let expected = (&plain - &moved) * n as f64;
    let size = (plain.norm() + moved.norm()) * n as f64 + 1.0;
    assert!((&pulled - &expected).norm() <= 1e-12 * size, "{pulled} {expected}");
}

/// re + ε·du with ε² = 0: values with their exact derivatives along one direction.
#[derive(Debug, Clone, Copy)]
struct Dual {
    re: f64,
    du: f64,
}

impl Dual {
    fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, du: self.du + other.du }
    }

    fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re, du: self.re * other.du + self.du * other.re }
    }

    fn through(self, activation: Activation) -> Self {
        match activation {
            Activation::Identity => self,
            Activation::Relu if self.re > 0.0 => self,
            Activation::Relu => Self { re: 0.0, du: 0.0 },
            Activation::Tanh => Self { re: self.re.tanh(), du: self.du / self.re.cosh().powi(2) },
            other => unimplemented!("{other:?} has no dual numbers"),
        }
    }
}

/// f_k(x_i) at (i, k), n × d_L, and J = ∂f/∂θ, row k·n + i for output k at sample i: entry by entry, by dual numbers.
pub(crate) fn outputs_and_jacobian(net: &Architecture, theta: &DVector<f64>, x: &DMatrix<f64>) -> (DMatrix<f64>, DMatrix<f64>) {
    let (n, outputs) = (x.nrows(), net.output_dim());
    let (mut values, mut jacobian) = (DMatrix::zeros(n, outputs), DMatrix::zeros(n * outputs, theta.len()));
    for p in 0..theta.len() {
        let dual = |index: usize| Dual { re: theta[index], du: if index == p { 1.0 } else { 0.0 } };
        for i in 0..n {
            let mut state: Vec<Dual> = x.row(i).iter().map(|&re| Dual { re, du: 0.0 }).collect();
            for l in 1..=net.depth() {
                let (rows, weight, bias) = (net.shape(l).0, net.weight_range(l).start, net.bias_range(l).start);
                let unit = |row: usize| {
                    let zero = if net.has_bias(l) { dual(bias + row) } else { Dual { re: 0.0, du: 0.0 } };
                    let terms = state.iter().enumerate().map(|(column, h)| dual(weight + column * rows + row).times(*h));
                    terms.fold(zero, Dual::plus).through(net.activation(l))
                };
                state = (0..rows).map(unit).collect();
            }
            for (k, f) in state.iter().enumerate() {
                values[(i, k)] = f.re;
                jacobian[(k * n + i, p)] = f.du;
            }
        }
    }
    (values, jacobian)
}
