//! ∇²ℒ(θ)·v of one block: [`tape`](super::tape)'s products differentiated along v = (V_1, c_1, …) (Pearlmutter, Neural Computation 6,
//! 1994). With a dot for the derivative,
//!
//! - up: Ż_l = H_{l−1}V_lᵀ + 1c_lᵀ + Ḣ_{l−1}W_lᵀ, Ḣ_l = σ_l′∘Ż_l;
//! - down: Ė_l = σ_l′∘Ē̇_l + σ_l″∘Ē_l∘Ż_l from Ē̇_L = ∂²ℒ/∂H_L²·Ḣ_L, Ē̇_{l−1} = Ė_l W_l + E_l V_l;
//! - outer: H_l = Ė_lᵀH_{l−1} + E_lᵀḢ_{l−1} for W_l, Ė_lᵀ1 for b_l.
//!
//! The terms with V_l and c_l come from the [`Direction`], which may differ from sample to sample.

use nalgebra::DMatrixView;

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};
use crate::loss::Loss;
use crate::network::Architecture;

use super::blocks::Part;
use super::tape::{Tape, begin, buffers, column_sums, is_identity, matrix, matrix_mut, multiply};

/// A block at θ, and its tape with second derivatives of the activations.
#[derive(Clone, Copy)]
pub(super) struct Taped<'a> {
    pub(super) net: &'a Architecture,
    pub(super) theta: &'a [f64],
    pub(super) part: Part<'a>,
    pub(super) tape: &'a Tape,
}

impl<'a> Taped<'a> {
    pub(super) fn rows(&self) -> usize {
        self.part.x.nrows()
    }

    /// H_l, B × d_l.
    pub(super) fn state(&self, l: usize) -> DMatrixView<'a, f64> {
        if l == 0 { self.part.x } else { matrix(&self.tape.states[l - 1], self.rows(), self.net.widths()[l]) }
    }

    /// E_l, B × d_l.
    pub(super) fn error(&self, l: usize) -> DMatrixView<'a, f64> {
        matrix(&self.tape.errors[l - 1], self.rows(), self.net.widths()[l])
    }
}

/// What to differentiate along.
pub(super) trait Direction {
    /// `z` ← H_{l−1}V_lᵀ + 1c_lᵀ, B × d_l.
    fn up(&mut self, at: Taped, l: usize, z: &mut [f64]);

    /// `back` ← Ė_l W_l + E_l V_l, B × d_{l−1}, l > 1.
    fn down(&mut self, at: Taped, l: usize, error_dot: DMatrixView<f64>, back: &mut [f64]);
}

/// One v, as a flat vector, for all samples.
pub(super) struct Along<'a>(pub(super) &'a [f64]);

impl Direction for Along<'_> {
    fn up(&mut self, at: Taped, l: usize, z: &mut [f64]) {
        let begun = begin(z, at.rows(), at.net.bias(self.0, l));
        gemm_nt(begun, at.state(l - 1), at.net.weight(self.0, l), matrix_mut(z, at.rows(), at.net.widths()[l]));
    }

    fn down(&mut self, at: Taped, l: usize, error_dot: DMatrixView<f64>, back: &mut [f64]) {
        let mut back = matrix_mut(back, at.rows(), at.net.widths()[l - 1]);
        gemm_nn(Write::Replace, error_dot, at.net.weight(at.theta, l), back.as_view_mut());
        gemm_nn(Write::Add, at.error(l), at.net.weight(self.0, l), back);
    }
}

/// The dotted products of one block.
pub(super) struct Dots {
    /// Ḣ_l.
    states: Vec<Vec<f64>>,
    /// Ė_l.
    errors: Vec<Vec<f64>>,
    /// Ē̇_l.
    back: Vec<f64>,
}

impl Dots {
    pub(super) fn new(net: &Architecture, rows: usize) -> Self {
        let widest = net.widths().iter().copied().max().unwrap_or(0);
        Self { states: buffers(net, rows, |_| true), errors: buffers(net, rows, |_| true), back: vec![0.0; rows * widest] }
    }

    /// `product` ← or += the block's share of ∇²ℒ(θ)·v, of each sample with its own v.
    pub(super) fn product(
        &mut self,
        at: Taped,
        direction: &mut impl Direction,
        (loss, share): (Loss, f64),
        (write, product): (Write, &mut [f64]),
    ) {
        let Taped { net, theta, part, tape } = at;
        let (rows, depth, widths) = (at.rows(), net.depth(), net.widths());
        for l in 1..=depth {
            let (below, here) = self.states.split_at_mut(l - 1);
            let size = rows * widths[l];
            let z = &mut here[0][..size];
            direction.up(at, l, z);
            if l > 1 {
                let dot = matrix(&below[l - 2], rows, widths[l - 1]);
                gemm_nt(Write::Add, dot, net.weight(theta, l), matrix_mut(z, rows, widths[l]));
            }
            if !is_identity(net, l) {
                let turned = &mut self.errors[l - 1][..size];
                turned.copy_from_slice(z);
                multiply(turned, &tape.turns[l - 1]);
                multiply(z, &tape.slopes[l - 1]);
            }
        }
        let back = &mut self.back[..rows * widths[depth]];
        back.copy_from_slice(&self.states[depth - 1][..rows * widths[depth]]);
        loss.curve(share, tape.outputs(net, rows), part.y, matrix_mut(back, rows, widths[depth]));
        for l in (1..=depth).rev() {
            let size = rows * widths[l];
            let (error_dot, back) = (&mut self.errors[l - 1][..size], &mut self.back[..size]);
            if is_identity(net, l) {
                error_dot.copy_from_slice(back);
            } else {
                multiply(back, &tape.slopes[l - 1]);
                error_dot.iter_mut().zip(&*back).for_each(|(turned, straight)| *turned += straight);
            }
            let (entries, error_dot) = (&*error_dot, matrix(error_dot, rows, widths[l]));
            gemm_tn(write, error_dot, at.state(l - 1), net.weight_mut(product, l));
            if let Some(bias) = net.bias_mut(product, l) {
                column_sums(write, entries, rows, bias);
            }
            if l > 1 {
                let state_dot = matrix(&self.states[l - 2], rows, widths[l - 1]);
                gemm_tn(Write::Add, at.error(l), state_dot, net.weight_mut(product, l));
                direction.down(at, l, error_dot, &mut self.back[..rows * widths[l - 1]]);
            }
        }
    }
}
