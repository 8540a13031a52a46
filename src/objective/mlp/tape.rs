//! One block of samples through a network and back: with samples as rows, H_0 = X,
//!
//! - up: Z_l = H_{l−1}W_lᵀ + 1b_lᵀ, H_l = σ_l(Z_l);
//! - down: E_l = σ_l′(Z_l)∘Ē_l from Ē_L = ∂ℒ/∂H_L, Ē_{l−1} = E_l W_l;
//! - outer: ∇_{W_l} = E_lᵀH_{l−1}, ∇_{b_l} = E_lᵀ1.
//!
//! With samples as rows the values of a neuron are contiguous over the samples, so that vectors are full however narrow the layer is.

use nalgebra::{DMatrixView, DMatrixViewMut};
use serde::{Deserialize, Serialize};

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn, vectorised};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};

use super::blocks::Part;

/// What a block leaves behind, at index l − 1 for layer l. Buffers are as long as the largest block needs; a smaller block uses their beginning.
pub(super) struct Tape {
    /// H_l.
    pub(super) states: Vec<Vec<f64>>,
    /// σ_l′(Z_l); none of an identity.
    pub(super) slopes: Vec<Vec<f64>>,
    /// E_l.
    pub(super) errors: Vec<Vec<f64>>,
    /// σ_l″(Z_l)∘Ē_l, for products with the Hessian; none of an identity.
    pub(super) turns: Vec<Vec<f64>>,
    /// σ_l″(Z_l), for third derivatives; none of an identity.
    pub(super) bends: Vec<Vec<f64>>,
    /// σ_l‴(Z_l)∘Ē_l, for third derivatives; none of an identity.
    pub(super) twists: Vec<Vec<f64>>,
    /// The samples of the block that are held on kinks.
    held: Vec<Held>,
}

/// A sample that is held on the kink of a neuron: σ(z) = slope·z there, with a slope between those of its sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    /// l.
    pub(super) layer: usize,
    /// Where it lies in the buffers of the layer: neuron · rows + row.
    pub(super) index: usize,
    pub(super) slope: f64,
    /// What enters the neuron, once the block has gone up.
    pub(super) z: f64,
}

/// How often the activations are differentiated on the way up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Keep {
    /// Not at all: for a loss.
    States,
    /// Once: for a gradient.
    Slopes,
    /// Twice: for products with the Hessian.
    Turns,
    /// Three times: for third derivatives.
    Twists,
}

pub(super) fn is_identity(net: &Architecture, l: usize) -> bool {
    net.activation(l) == Activation::Identity
}

pub(super) fn matrix(buffer: &[f64], rows: usize, columns: usize) -> DMatrixView<'_, f64> {
    DMatrixView::from_slice(&buffer[..rows * columns], rows, columns)
}

pub(super) fn matrix_mut(buffer: &mut [f64], rows: usize, columns: usize) -> DMatrixViewMut<'_, f64> {
    DMatrixViewMut::from_slice(&mut buffer[..rows * columns], rows, columns)
}

/// One buffer per layer for `rows` samples; empty for the layers that `wanted` does not name.
pub(super) fn buffers(net: &Architecture, rows: usize, wanted: impl Fn(usize) -> bool) -> Vec<Vec<f64>> {
    (1..=net.depth()).map(|l| if wanted(l) { vec![0.0; rows * net.widths()[l]] } else { Vec::new() }).collect()
}

vectorised! {
    /// a ← a∘b, as far as the shorter of the two goes.
    pub(super) fn multiply(a: &mut [f64], b: &[f64]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a *= b;
        }
    }

    /// `sums` ← or += the sum of each column of a matrix of `rows` rows, eight partial sums at a time.
    pub(super) fn column_sums(write: Write, matrix: &[f64], rows: usize, sums: &mut [f64]) {
        for (column, sum) in matrix.chunks_exact(rows).zip(sums) {
            let mut partial = [0.0; 8];
            let chunks = column.chunks_exact(8);
            let rest: f64 = chunks.remainder().iter().sum();
            for chunk in chunks {
                for (partial, x) in partial.iter_mut().zip(chunk) {
                    *partial += x;
                }
            }
            let total = partial.iter().sum::<f64>() + rest;
            *sum = if write == Write::Add { *sum + total } else { total };
        }
    }
}

/// Z ← 1bᵀ, to which a product is then added. Without a bias Z is left alone, and the product replaces its entries.
pub(super) fn begin(z: &mut [f64], rows: usize, bias: Option<&[f64]>) -> Write {
    let Some(bias) = bias else { return Write::Replace };
    z.chunks_exact_mut(rows).zip(bias).for_each(|(column, b)| column.fill(*b));
    Write::Add
}

impl Tape {
    pub(super) fn new(net: &Architecture, rows: usize, keep: Keep) -> Self {
        let bent = |l: usize| !is_identity(net, l);
        Self {
            states: buffers(net, rows, |_| true),
            slopes: buffers(net, rows, |l| keep != Keep::States && bent(l)),
            errors: buffers(net, rows, |_| keep != Keep::States),
            turns: buffers(net, rows, |l| keep >= Keep::Turns && bent(l)),
            bends: buffers(net, rows, |l| keep == Keep::Twists && bent(l)),
            twists: buffers(net, rows, |l| keep == Keep::Twists && bent(l)),
            held: Vec::new(),
        }
    }

    /// What is held of the block that goes up next.
    pub(super) fn hold(&mut self, held: &[Held]) {
        self.held.clear();
        self.held.extend_from_slice(held);
    }

    /// What is held of the block that has gone up.
    pub(super) fn held(&self) -> &[Held] {
        &self.held
    }

    /// f, B × d_L, once the block has gone up.
    pub(super) fn outputs(&self, net: &Architecture, rows: usize) -> DMatrixView<'_, f64> {
        matrix(&self.states[net.depth() - 1], rows, net.output_dim())
    }

    /// The block's way up through the network of θ.
    pub(super) fn up(&mut self, net: &Architecture, theta: &[f64], part: Part, keep: Keep) {
        let rows = part.x.nrows();
        for l in 1..=net.depth() {
            let (below, here) = self.states.split_at_mut(l - 1);
            let state = if l == 1 { part.x } else { matrix(&below[l - 2], rows, net.widths()[l - 1]) };
            let size = rows * net.widths()[l];
            let z = &mut here[0][..size];
            let write = begin(z, rows, net.bias(theta, l));
            gemm_nt(write, state, net.weight(theta, l), matrix_mut(z, rows, net.widths()[l]));
            if !is_identity(net, l) {
                let activation = net.activation(l);
                self.held.iter_mut().filter(|held| held.layer == l).for_each(|held| held.z = z[held.index]);
                match keep {
                    Keep::States => activation.value(z),
                    Keep::Slopes => activation.value_and_slope(z, &mut self.slopes[l - 1][..size]),
                    Keep::Turns => {
                        let (slope, bend) = (&mut self.slopes[l - 1][..size], &mut self.turns[l - 1][..size]);
                        activation.value_slope_and_bend(z, slope, bend);
                    }
                    Keep::Twists => {
                        let (slope, bend) = (&mut self.slopes[l - 1][..size], &mut self.bends[l - 1][..size]);
                        activation.value_to_twist(z, slope, bend, &mut self.twists[l - 1][..size]);
                        self.turns[l - 1][..size].copy_from_slice(bend);
                    }
                }
                for held in self.held.iter().filter(|held| held.layer == l) {
                    z[held.index] = held.slope * held.z;
                    // The bend of a kink is 0.
                    if let Some(slope) = self.slopes[l - 1].get_mut(held.index) {
                        *slope = held.slope;
                    }
                }
            }
        }
    }

    /// Its way down from share·∂ℓ/∂f, after a way up that has kept what this needs; with `gradient`, the outer products on the way.
    pub(super) fn down(
        &mut self,
        net: &Architecture,
        theta: &[f64],
        part: Part,
        keep: Keep,
        rule: (Loss, f64),
        gradient: Option<(Write, &mut [f64])>,
    ) {
        self.turn(net, part, rule);
        self.fall(net, theta, part, keep, gradient);
    }

    /// Ē_L ← share·∂ℓ/∂f, B × d_L, where the way down begins.
    pub(super) fn turn(&mut self, net: &Architecture, part: Part, (loss, share): (Loss, f64)) -> &mut [f64] {
        let (rows, depth) = (part.x.nrows(), net.depth());
        let size = rows * net.output_dim();
        let top = &mut self.errors[depth - 1][..size];
        top.copy_from_slice(&self.states[depth - 1][..size]);
        loss.gradient(share, matrix_mut(top, rows, net.output_dim()), part.y);
        top
    }

    /// The way down from Ē_L, which stands in its place.
    pub(super) fn fall(
        &mut self,
        net: &Architecture,
        theta: &[f64],
        part: Part,
        keep: Keep,
        mut gradient: Option<(Write, &mut [f64])>,
    ) {
        let (rows, depth) = (part.x.nrows(), net.depth());
        for l in (1..=depth).rev() {
            let (below, here) = self.errors.split_at_mut(l - 1);
            let size = rows * net.widths()[l];
            let error = &mut here[0][..size];
            if !is_identity(net, l) {
                if keep >= Keep::Turns {
                    multiply(&mut self.turns[l - 1][..size], error);
                }
                if keep == Keep::Twists {
                    multiply(&mut self.twists[l - 1][..size], error);
                }
                multiply(error, &self.slopes[l - 1]);
            }
            let error = &*error;
            if let Some((write, gradient)) = &mut gradient {
                let state = if l == 1 { part.x } else { matrix(&self.states[l - 2], rows, net.widths()[l - 1]) };
                gemm_tn(*write, matrix(error, rows, net.widths()[l]), state, net.weight_mut(gradient, l));
                if let Some(bias) = net.bias_mut(gradient, l) {
                    column_sums(*write, error, rows, bias);
                }
            }
            if l > 1 {
                let target = matrix_mut(&mut below[l - 2], rows, net.widths()[l - 1]);
                gemm_nn(Write::Replace, matrix(error, rows, net.widths()[l]), net.weight(theta, l), target);
            }
        }
    }
}
