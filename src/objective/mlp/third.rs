//! D³ℒ(θ)[u, v] of a network: [`along`](super::along)'s products differentiated once more. With ˙ for the derivative along u = (U_1, c_1, …),
//! ′ for that along v = (V_1, …) and ˙′ for both, samples as rows,
//!
//! - up: Ż′_l = Ḣ_{l−1}V_lᵀ + H′_{l−1}U_lᵀ + Ḣ′_{l−1}W_lᵀ, Ḣ′_l = σ_l′∘Ż′_l + σ_l″∘Ż_l∘Z′_l;
//! - down: Ė′_l = σ_l′∘Ē̇′_l + σ_l″∘(Z′_l∘Ē̇_l + Ż_l∘Ē′_l + Ē_l∘Ż′_l) + σ_l‴∘Ē_l∘Ż_l∘Z′_l from Ē̇′_L = ∂²ℒ/∂H_L²·Ḣ′_L +
//!   ∂³ℒ/∂H_L³[Ḣ_L, H′_L], Ē̇′_{l−1} = Ė′_l W_l + Ė_l V_l + E′_l U_l;
//! - outer: T_l = Ė′_lᵀH_{l−1} + Ė_lᵀH′_{l−1} + E′_lᵀḢ_{l−1} + E_lᵀḢ′_{l−1} for W_l, Ė′_lᵀ1 for b_l.
//!
//! A layer that is a product of several is no longer linear in θ: Ẇ′_l adds H_{l−1}Ẇ′_lᵀ to Ż′_l and E_lẆ′_l to Ē̇′_{l−1}, and the derivatives of
//! ∂ℒ/∂W_l along u and along v are formed for the way back through the product. Eighteen products a layer where a gradient has three,
//! fourteen where u = v.

use nalgebra::DMatrixView;

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};
use crate::loss::Loss;
use crate::network::Architecture;

use super::along::{Along, Direction, Taped};
use super::condensed::Condensed;
use super::tape::{buffers, column_sums, is_identity, matrix, matrix_mut, multiply};

/// What one lane forms third derivatives in.
pub(super) struct Twice {
    along: [Once; 2],
    both: Both,
    /// The shares of the derivatives of ∂ℒ/∂θ_c along u and along v, in the layers that are products.
    pub(super) sums: [Vec<f64>; 2],
}

/// The products of one block, differentiated along one direction.
struct Once {
    /// Ż_l; none of an identity, whose Ḣ_l it is.
    inputs: Vec<Vec<f64>>,
    /// Ḣ_l.
    states: Vec<Vec<f64>>,
    /// Ē̇_l; none of an identity, whose Ė_l it is.
    back: Vec<Vec<f64>>,
    /// Ė_l.
    errors: Vec<Vec<f64>>,
}

/// The same along both.
struct Both {
    /// Ḣ′_l.
    states: Vec<Vec<f64>>,
    /// Ė′_l.
    errors: Vec<Vec<f64>>,
    /// Ē̇′_l.
    back: Vec<f64>,
}

/// What one block's third derivative is formed from.
#[derive(Clone, Copy)]
pub(super) struct ThirdJob<'a> {
    pub(super) at: Taped<'a>,
    pub(super) condensed: &'a Condensed,
    /// u_c and v_c.
    pub(super) directions: [&'a [f64]; 2],
    /// Ẇ′ of the layers that are products; empty without any.
    pub(super) bent: &'a [f64],
    /// ℓ and 1/n.
    pub(super) rule: (Loss, f64),
}

impl Twice {
    pub(super) fn new(net: &Architecture, rows: usize) -> Self {
        let sum = || vec![0.0; net.parameter_count()];
        Self { along: [Once::new(net, rows), Once::new(net, rows)], both: Both::new(net, rows), sums: [sum(), sum()] }
    }

    /// `out` ← or += the block's share along both, and the sums likewise. `same`: whether u = v.
    pub(super) fn form(&mut self, job: ThirdJob, same: bool, (write, out): (Write, &mut [f64])) {
        let Self { along: [dot, prime], both, sums: [of_dot, of_prime] } = self;
        dot.form(job, job.directions[0], (write, of_dot));
        if same {
            of_prime.copy_from_slice(of_dot);
            return both.form(job, [dot, dot], (write, out));
        }
        prime.form(job, job.directions[1], (write, of_prime));
        both.form(job, [dot, prime], (write, out));
    }
}

impl Once {
    fn new(net: &Architecture, rows: usize) -> Self {
        let (all, curved) = (|| buffers(net, rows, |_| true), || buffers(net, rows, |l| !is_identity(net, l)));
        Self { inputs: curved(), states: all(), back: curved(), errors: all() }
    }

    /// Ḣ_l, l ≥ 1.
    fn state<'a>(&'a self, at: Taped<'a>, l: usize) -> DMatrixView<'a, f64> {
        matrix(&self.states[l - 1], at.rows(), at.net.widths()[l])
    }

    /// Ė_l.
    fn error<'a>(&'a self, at: Taped<'a>, l: usize) -> DMatrixView<'a, f64> {
        matrix(&self.errors[l - 1], at.rows(), at.net.widths()[l])
    }

    fn form(&mut self, job: ThirdJob, direction: &[f64], (write, sum): (Write, &mut [f64])) {
        let ThirdJob { at, condensed, rule: (loss, share), .. } = job;
        let Taped { net, theta, part, tape } = at;
        let (rows, depth, widths) = (at.rows(), net.depth(), net.widths());
        let mut direction = Along(direction);
        for l in 1..=depth {
            let (below, here) = self.states.split_at_mut(l - 1);
            let z = &mut here[0][..rows * widths[l]];
            direction.up(at, l, z);
            if l > 1 {
                let dot = matrix(&below[l - 2], rows, widths[l - 1]);
                gemm_nt(Write::Add, dot, net.weight(theta, l), matrix_mut(z, rows, widths[l]));
            }
            if !is_identity(net, l) {
                self.inputs[l - 1][..rows * widths[l]].copy_from_slice(z);
                multiply(z, &tape.slopes[l - 1]);
            }
        }
        let top = &mut self.errors[depth - 1][..rows * widths[depth]];
        top.copy_from_slice(&self.states[depth - 1][..rows * widths[depth]]);
        loss.curve(share, tape.outputs(net, rows), part.y, matrix_mut(top, rows, widths[depth]));
        for l in (1..=depth).rev() {
            let (below, here) = self.errors.split_at_mut(l - 1);
            let size = rows * widths[l];
            let error = &mut here[0][..size];
            if !is_identity(net, l) {
                self.back[l - 1][..size].copy_from_slice(error);
                let factors = tape.slopes[l - 1].iter().zip(&tape.turns[l - 1]).zip(&self.inputs[l - 1]);
                error.iter_mut().zip(factors).for_each(|(e, ((slope, turn), z))| *e = slope * *e + turn * z);
            }
            let error = matrix(error, rows, widths[l]);
            if condensed.is_product(l) {
                gemm_tn(write, error, at.state(l - 1), net.weight_mut(sum, l));
                if l > 1 {
                    let below = matrix(&self.states[l - 2], rows, widths[l - 1]);
                    gemm_tn(Write::Add, at.error(l), below, net.weight_mut(sum, l));
                }
            }
            if l > 1 {
                direction.down(at, l, error, &mut below[l - 2][..rows * widths[l - 1]]);
            }
        }
    }
}

impl Both {
    fn new(net: &Architecture, rows: usize) -> Self {
        let widest = net.widths().iter().copied().max().unwrap_or(0);
        Self { states: buffers(net, rows, |_| true), errors: buffers(net, rows, |_| true), back: vec![0.0; rows * widest] }
    }

    fn form(&mut self, job: ThirdJob, [dot, prime]: [&Once; 2], (write, out): (Write, &mut [f64])) {
        let ThirdJob { at, rule: (loss, share), .. } = job;
        let Taped { net, part, tape, .. } = at;
        let (rows, depth, widths) = (at.rows(), net.depth(), net.widths());
        self.rise(job, [dot, prime]);
        let back = &mut self.back[..rows * widths[depth]];
        back.copy_from_slice(&self.states[depth - 1][..rows * widths[depth]]);
        let outputs = tape.outputs(net, rows);
        loss.curve(share, outputs, part.y, matrix_mut(back, rows, widths[depth]));
        let tops = [dot.state(at, depth), prime.state(at, depth)];
        loss.twist(share, outputs, part.y, tops, matrix_mut(back, rows, widths[depth]));
        for l in (1..=depth).rev() {
            let size = rows * widths[l];
            let (error, back) = (&mut self.errors[l - 1][..size], &self.back[..size]);
            if is_identity(net, l) {
                error.copy_from_slice(back);
            } else {
                let (slopes, bends) = (&tape.slopes[l - 1], &tape.bends[l - 1]);
                for i in 0..size {
                    let turned = prime.inputs[l - 1][i] * dot.back[l - 1][i] + dot.inputs[l - 1][i] * prime.back[l - 1][i];
                    error[i] += slopes[i] * back[i] + bends[i] * turned;
                }
            }
            let (entries, error) = (&*error, matrix(error, rows, widths[l]));
            gemm_tn(write, error, at.state(l - 1), net.weight_mut(out, l));
            if let Some(bias) = net.bias_mut(out, l) {
                column_sums(write, entries, rows, bias);
            }
            if l > 1 {
                gemm_tn(Write::Add, dot.error(at, l), prime.state(at, l - 1), net.weight_mut(out, l));
                gemm_tn(Write::Add, prime.error(at, l), dot.state(at, l - 1), net.weight_mut(out, l));
                let below = matrix(&self.states[l - 2], rows, widths[l - 1]);
                gemm_tn(Write::Add, at.error(l), below, net.weight_mut(out, l));
                Self::pass_down(job, l, error, [dot, prime], &mut self.back[..rows * widths[l - 1]]);
            }
        }
    }

    /// Ḣ′_l, and in the place of Ė′_l what it holds of Ż, Z′ and Ż′.
    fn rise(&mut self, ThirdJob { at, condensed, directions: [u, v], bent, .. }: ThirdJob, [dot, prime]: [&Once; 2]) {
        let Taped { net, theta, tape, .. } = at;
        let (rows, widths) = (at.rows(), net.widths());
        for l in 1..=net.depth() {
            let (below, here) = self.states.split_at_mut(l - 1);
            let size = rows * widths[l];
            let z = &mut here[0][..size];
            if l == 1 {
                z.fill(0.0);
            } else {
                gemm_nt(Write::Replace, dot.state(at, l - 1), net.weight(v, l), matrix_mut(z, rows, widths[l]));
                gemm_nt(Write::Add, prime.state(at, l - 1), net.weight(u, l), matrix_mut(z, rows, widths[l]));
                let below = matrix(&below[l - 2], rows, widths[l - 1]);
                gemm_nt(Write::Add, below, net.weight(theta, l), matrix_mut(z, rows, widths[l]));
            }
            if condensed.is_product(l) {
                gemm_nt(Write::Add, at.state(l - 1), net.weight(bent, l), matrix_mut(z, rows, widths[l]));
            }
            if !is_identity(net, l) {
                let (slopes, bends, error) = (&tape.slopes[l - 1], &tape.bends[l - 1], &mut self.errors[l - 1][..size]);
                for i in 0..size {
                    let product = dot.inputs[l - 1][i] * prime.inputs[l - 1][i];
                    error[i] = tape.turns[l - 1][i] * z[i] + tape.twists[l - 1][i] * product;
                    z[i] = slopes[i] * z[i] + bends[i] * product;
                }
            }
        }
    }

    /// `back` ← Ē̇′_{l−1}, l > 1.
    fn pass_down(
        ThirdJob { at, condensed, directions: [u, v], bent, .. }: ThirdJob,
        l: usize,
        error: DMatrixView<f64>,
        [dot, prime]: [&Once; 2],
        back: &mut [f64],
    ) {
        let (net, mut back) = (at.net, matrix_mut(back, at.rows(), at.net.widths()[l - 1]));
        gemm_nn(Write::Replace, error, net.weight(at.theta, l), back.as_view_mut());
        gemm_nn(Write::Add, dot.error(at, l), net.weight(v, l), back.as_view_mut());
        gemm_nn(Write::Add, prime.error(at, l), net.weight(u, l), back.as_view_mut());
        if condensed.is_product(l) {
            gemm_nn(Write::Add, at.error(l), net.weight(bent, l), back);
        }
    }
}
