//! Products of a run of weight matrices, P = W_L⋯W_1, and the way back: ∇_l = (W_L⋯W_{l+1})ᵀ R (W_{l−1}⋯W_1)ᵀ for R = ∂ℒ/∂P.
//!
//! The chain can be carried from either end:
//!
//! - from the input: A_l = W_l⋯W_1 (d_l × d_0) up, Δ_l = W_{l+1}ᵀΔ_{l+1} (d_l × d_0) down from Δ_L = R, ∇_l = Δ_l A_{l−1}ᵀ;
//! - from the output: B_l = W_L⋯W_{l+1} (d_L × d_l) down, E_l = E_{l−1}W_lᵀ (d_L × d_l) up from E_0 = R, ∇_l = B_lᵀE_{l−1}.
//!
//! Every product of the first has d_0 columns, every one of the second d_L rows: the cheaper is chosen by counting. For
//! d_L = 1 the second is matrix–vector work and forms no d × d product.
//!
//! Differentiated along V = (V_1, …, V_L) (Pearlmutter, Neural Computation 6, 1994), with a dot for the derivative,
//!
//! - from the input: Ȧ_l = V_l A_{l−1} + W_l Ȧ_{l−1}, Δ̇_{l−1} = V_lᵀΔ_l + W_lᵀΔ̇_l from Δ̇_L = Ṙ, H_l = Δ̇_l A_{l−1}ᵀ + Δ_l Ȧ_{l−1}ᵀ;
//! - from the output: Ḃ_{l−1} = B_l V_l + Ḃ_l W_l, Ė_l = E_{l−1}V_lᵀ + Ė_{l−1}W_lᵀ from Ė_0 = Ṙ, H_l = B_lᵀĖ_{l−1} + Ḃ_lᵀE_{l−1}.

mod second;

use nalgebra::{DMatrix, DMatrixView};

use crate::linalg::{Scaled, Write, gemm_nn, gemm_nt, gemm_tn};
use crate::network::Architecture;

use super::Jacobian;

/// From which end the products are carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// With d_0 columns throughout.
    FromInput,
    /// With d_L rows throughout.
    FromOutput,
}

/// The shapes of W_1, …, W_L and the end that their products are carried from.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// A linear network: θ = (W_1, …, W_L).
    pub(super) net: Architecture,
    pub(super) order: Order,
}

/// The intermediate products of one gradient, or their derivatives along a direction.
pub(super) struct Scratch {
    /// A_1, …, A_L or B_{L−1}, …, B_0, at index l: A_l or B_l. Those not needed are empty.
    pub(super) chain: Vec<DMatrix<f64>>,
    /// Δ_l or E_l at index l.
    pub(super) residual: Vec<DMatrix<f64>>,
}

impl Scratch {
    pub(super) fn new(architecture: &Architecture, order: Order) -> Self {
        let (depth, widths) = (architecture.depth(), architecture.widths());
        let (d_in, d_out) = (architecture.input_dim(), architecture.output_dim());
        let matrices = || -> Vec<DMatrix<f64>> {
            let shape = |&d: &usize| match order {
                Order::FromInput => DMatrix::zeros(d, d_in),
                Order::FromOutput => DMatrix::zeros(d_out, d),
            };
            widths.iter().map(shape).collect()
        };
        let (mut chain, residual) = (matrices(), matrices());
        // W_1 alone is A_1, W_L alone is B_{L−1}, and A_0 = I, B_L = I: never stored.
        let unused: &[usize] = match order {
            Order::FromInput => &[0, 1],
            Order::FromOutput => &[depth, depth - 1],
        };
        for &l in unused {
            chain[l] = DMatrix::zeros(0, 0);
        }
        Self { chain, residual }
    }

    /// A_l, l ≥ 1, or its derivative, where `weights` are those that it is made of, or the direction.
    pub(super) fn upward<'a>(&'a self, net: &'a Architecture, weights: &'a [f64], l: usize) -> DMatrixView<'a, f64> {
        if l == 1 { net.weight(weights, 1) } else { self.chain[l].as_view() }
    }

    /// B_l, l < L, likewise.
    pub(super) fn downward<'a>(&'a self, net: &'a Architecture, weights: &'a [f64], l: usize) -> DMatrixView<'a, f64> {
        if l == net.depth() - 1 { net.weight(weights, net.depth()) } else { self.chain[l].as_view() }
    }
}

impl Chain {
    /// The chain in the cheaper order.
    pub(super) fn new(net: Architecture) -> Self {
        // Of equal ones, as with two layers, the thinner.
        let cost = |order| match order {
            Order::FromInput => (flops(&net, order), net.input_dim()),
            Order::FromOutput => (flops(&net, order), net.output_dim()),
        };
        let order = if cost(Order::FromOutput) < cost(Order::FromInput) { Order::FromOutput } else { Order::FromInput };
        Self { net, order }
    }

    /// Operations of [`Chain::rise`] and [`Chain::fall`] together, a multiplication and an addition counting two.
    pub(super) fn flops(&self) -> u64 {
        flops(&self.net, self.order)
    }

    pub(super) fn scratch(&self) -> Scratch {
        Scratch::new(&self.net, self.order)
    }

    /// P = W_L⋯W_1, multiplied from the narrower end.
    pub(super) fn end_to_end(&self, theta: &[f64]) -> DMatrix<f64> {
        let (weight, depth) = (|l| self.net.weight(theta, l), self.net.depth());
        match self.order {
            Order::FromInput => (2..=depth).fold(weight(1).into_owned(), |p, l| weight(l) * p),
            Order::FromOutput => (1..depth).rev().fold(weight(depth).into_owned(), |p, l| p * weight(l)),
        }
    }

    /// J_l = W_L⋯W_l for l = 1, …, L, the same at every sample.
    pub(super) fn jacobians(&self, theta: &[f64]) -> Vec<Jacobian> {
        let mut jacobians: Vec<Jacobian> = Vec::with_capacity(self.net.depth());
        for l in (1..=self.net.depth()).rev() {
            let weight = Scaled::new(self.net.weight(theta, l).into_owned());
            let (product, exponent) = match jacobians.last() {
                None => (weight.matrix, weight.exponent),
                Some(above) => (&above.mean * weight.matrix, above.exponent + weight.exponent),
            };
            let mut jacobian = Jacobian::constant(product);
            jacobian.exponent += exponent;
            jacobians.push(jacobian);
        }
        jacobians.reverse();
        jacobians
    }

    /// The index of P in the chain, and of R among the residuals.
    fn top(&self) -> usize {
        match self.order {
            Order::FromInput => self.net.depth(),
            Order::FromOutput => 0,
        }
    }

    /// Forms A or B.
    pub(super) fn rise(&self, scratch: &mut Scratch, theta: &[f64]) {
        let (depth, chain) = (self.net.depth(), &mut scratch.chain);
        let weight = |l| self.net.weight(theta, l);
        match self.order {
            Order::FromInput => {
                for l in 2..=depth {
                    let (below, here) = chain.split_at_mut(l);
                    let previous = if l == 2 { weight(1) } else { below[l - 1].as_view() };
                    gemm_nn(Write::Replace, weight(l), previous, here[0].as_view_mut());
                }
            }
            Order::FromOutput => {
                for l in (1..depth).rev() {
                    let (here, above) = chain.split_at_mut(l);
                    let previous = if l == depth - 1 { weight(depth) } else { above[0].as_view() };
                    gemm_nn(Write::Replace, previous, weight(l), here[l - 1].as_view_mut());
                }
            }
        }
    }

    /// P, once the chain has risen; its derivative Ṗ for a differentiated one and the direction in the place of `theta`.
    pub(super) fn product<'a>(&'a self, scratch: &'a Scratch, theta: &'a [f64]) -> DMatrixView<'a, f64> {
        if self.net.depth() == 1 { self.net.weight(theta, 1) } else { scratch.chain[self.top()].as_view() }
    }

    /// P and the place for R.
    pub(super) fn product_and_residual<'a>(
        &'a self,
        scratch: &'a mut Scratch,
        theta: &'a [f64],
    ) -> (DMatrixView<'a, f64>, &'a mut DMatrix<f64>) {
        let top = self.top();
        let product = if self.net.depth() == 1 { self.net.weight(theta, 1) } else { scratch.chain[top].as_view() };
        (product, &mut scratch.residual[top])
    }

    /// `gradient` ← ∇_1, …, ∇_L from R, which stands in its place.
    pub(super) fn fall(&self, Scratch { chain, residual }: &mut Scratch, theta: &[f64], gradient: &mut [f64]) {
        let (net, depth) = (&self.net, self.net.depth());
        let weight = |l| net.weight(theta, l);
        match self.order {
            Order::FromInput => {
                for l in (1..=depth).rev() {
                    let mut target = net.weight_mut(gradient, l);
                    match l {
                        1 => target.copy_from(&residual[1]),
                        2 => gemm_nt(Write::Replace, residual[2].as_view(), weight(1), target),
                        _ => gemm_nt(Write::Replace, residual[l].as_view(), chain[l - 1].as_view(), target),
                    }
                    if l > 1 {
                        let (below, here) = residual.split_at_mut(l);
                        gemm_tn(Write::Replace, weight(l), here[0].as_view(), below[l - 1].as_view_mut());
                    }
                }
            }
            Order::FromOutput => {
                for l in 1..=depth {
                    let mut target = net.weight_mut(gradient, l);
                    match depth - l {
                        0 => target.copy_from(&residual[depth - 1]),
                        1 => gemm_tn(Write::Replace, weight(depth), residual[l - 1].as_view(), target),
                        _ => gemm_tn(Write::Replace, chain[l].as_view(), residual[l - 1].as_view(), target),
                    }
                    if l < depth {
                        let (here, above) = residual.split_at_mut(l);
                        gemm_nt(Write::Replace, here[l - 1].as_view(), weight(l), above[0].as_view_mut());
                    }
                }
            }
        }
    }

    /// Ȧ or Ḃ along `v`, of what has risen in `base`.
    pub(super) fn rise_along(&self, theta: &[f64], base: &Scratch, v: &[f64], dot: &mut Scratch) {
        let (net, depth) = (&self.net, self.net.depth());
        let (weight, direction) = (|l| net.weight(theta, l), |l| net.weight(v, l));
        match self.order {
            Order::FromInput => {
                for l in 2..=depth {
                    let (below, here) = dot.chain.split_at_mut(l);
                    let (carried, previous) =
                        if l == 2 { (weight(1), direction(1)) } else { (base.chain[l - 1].as_view(), below[l - 1].as_view()) };
                    gemm_nn(Write::Replace, direction(l), carried, here[0].as_view_mut());
                    gemm_nn(Write::Add, weight(l), previous, here[0].as_view_mut());
                }
            }
            Order::FromOutput => {
                for l in (1..depth).rev() {
                    let (here, above) = dot.chain.split_at_mut(l);
                    let (carried, previous) = if l == depth - 1 {
                        (weight(depth), direction(depth))
                    } else {
                        (base.chain[l].as_view(), above[0].as_view())
                    };
                    gemm_nn(Write::Replace, carried, direction(l), here[l - 1].as_view_mut());
                    gemm_nn(Write::Add, previous, weight(l), here[l - 1].as_view_mut());
                }
            }
        }
    }

    /// Δ̇ or Ė along `v` from Ṙ, which stands in its place in `dot`; `base` has fallen.
    pub(super) fn fall_along(&self, theta: &[f64], base: &Scratch, v: &[f64], dot: &mut Scratch) {
        let (net, depth) = (&self.net, self.net.depth());
        let (weight, direction) = (|l| net.weight(theta, l), |l| net.weight(v, l));
        match self.order {
            Order::FromInput => {
                for l in (2..=depth).rev() {
                    let (below, here) = dot.residual.split_at_mut(l);
                    gemm_tn(Write::Replace, direction(l), base.residual[l].as_view(), below[l - 1].as_view_mut());
                    gemm_tn(Write::Add, weight(l), here[0].as_view(), below[l - 1].as_view_mut());
                }
            }
            Order::FromOutput => {
                for l in 1..depth {
                    let (here, above) = dot.residual.split_at_mut(l);
                    gemm_nt(Write::Replace, base.residual[l - 1].as_view(), direction(l), above[0].as_view_mut());
                    gemm_nt(Write::Add, here[l - 1].as_view(), weight(l), above[0].as_view_mut());
                }
            }
        }
    }

    /// `hv` ← H_1, …, H_L, once `dot` has risen and fallen along `v`.
    pub(super) fn close(&self, theta: &[f64], base: &Scratch, v: &[f64], dot: &Scratch, hv: &mut [f64]) {
        let (net, depth) = (&self.net, self.net.depth());
        match self.order {
            Order::FromInput => {
                net.weight_mut(hv, 1).copy_from(&dot.residual[1]);
                for l in 2..=depth {
                    let (carried, carried_dot) = (base.upward(net, theta, l - 1), dot.upward(net, v, l - 1));
                    gemm_nt(Write::Replace, dot.residual[l].as_view(), carried, net.weight_mut(hv, l));
                    gemm_nt(Write::Add, base.residual[l].as_view(), carried_dot, net.weight_mut(hv, l));
                }
            }
            Order::FromOutput => {
                net.weight_mut(hv, depth).copy_from(&dot.residual[depth - 1]);
                for l in 1..depth {
                    let (carried, carried_dot) = (base.downward(net, theta, l), dot.downward(net, v, l));
                    gemm_tn(Write::Replace, carried, dot.residual[l - 1].as_view(), net.weight_mut(hv, l));
                    gemm_tn(Write::Add, carried_dot, base.residual[l - 1].as_view(), net.weight_mut(hv, l));
                }
            }
        }
    }
}

/// With c = d_0 columns: A_2, …, A_L cost 2c·d_l·d_{l−1} each for l ≥ 2, and so do Δ and ∇; with c = d_L rows the same for l ≤ L − 1.
fn flops(net: &Architecture, order: Order) -> u64 {
    let widths = net.widths();
    let (carried, layers) = match order {
        Order::FromInput => (net.input_dim(), 2..=net.depth()),
        Order::FromOutput => (net.output_dim(), 1..=net.depth() - 1),
    };
    layers.map(|l| (3 * 2 * carried * widths[l] * widths[l - 1]) as u64).sum()
}
