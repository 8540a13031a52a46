//! The products of a [`Chain`] differentiated along two directions, U = (U_1, …, U_L) and V = (V_1, …, V_L). With ˙ for the derivative along U,
//! ′ for that along V and ˙′ for both, R the residual that the chain goes back from,
//!
//! - from the input: Ȧ′_l = U_l A′_{l−1} + V_l Ȧ_{l−1} + W_l Ȧ′_{l−1}, Δ̇′_L = Ṙ′, Δ̇′_{l−1} = U_lᵀΔ′_l + V_lᵀΔ̇_l + W_lᵀΔ̇′_l,
//!   T_l = Δ̇′_l A_{l−1}ᵀ + Δ̇_l A′_{l−1}ᵀ + Δ′_l Ȧ_{l−1}ᵀ + Δ_l Ȧ′_{l−1}ᵀ;
//! - from the output: Ḃ′_{l−1} = Ḃ_l V_l + B′_l U_l + Ḃ′_l W_l, Ė′_0 = Ṙ′, Ė′_l = Ė_{l−1}V_lᵀ + E′_{l−1}U_lᵀ + Ė′_{l−1}W_lᵀ,
//!   T_l = B_lᵀĖ′_{l−1} + Ḃ_lᵀE′_{l−1} + B′_lᵀĖ_{l−1} + Ḃ′_lᵀE_{l−1}.
//!
//! Ten products a layer, on top of four for each single derivative. W_1 and W_L by themselves are linear in θ: Ȧ′_1 = 0 and Ḃ′_{L−1} = 0.

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};

use super::{Chain, Order, Scratch};

impl Chain {
    /// Ȧ′ or Ḃ′ along `directions`, of what has risen along each of them in `along`. With one layer there is nothing to do.
    pub(in crate::objective) fn rise_twice(
        &self,
        theta: &[f64],
        [u, v]: [&[f64]; 2],
        [dot, prime]: [&Scratch; 2],
        both: &mut Scratch,
    ) {
        let (net, depth) = (&self.net, self.net.depth());
        match self.order {
            Order::FromInput => {
                for l in 2..=depth {
                    let (below, here) = both.chain.split_at_mut(l);
                    gemm_nn(Write::Replace, net.weight(u, l), prime.upward(net, v, l - 1), here[0].as_view_mut());
                    gemm_nn(Write::Add, net.weight(v, l), dot.upward(net, u, l - 1), here[0].as_view_mut());
                    if l > 2 {
                        gemm_nn(Write::Add, net.weight(theta, l), below[l - 1].as_view(), here[0].as_view_mut());
                    }
                }
            }
            Order::FromOutput => {
                for l in (1..depth).rev() {
                    let (here, above) = both.chain.split_at_mut(l);
                    gemm_nn(Write::Replace, dot.downward(net, u, l), net.weight(v, l), here[l - 1].as_view_mut());
                    gemm_nn(Write::Add, prime.downward(net, v, l), net.weight(u, l), here[l - 1].as_view_mut());
                    if l < depth - 1 {
                        gemm_nn(Write::Add, above[0].as_view(), net.weight(theta, l), here[l - 1].as_view_mut());
                    }
                }
            }
        }
    }

    /// Δ̇′ or Ė′ from Ṙ′, which stands in its place in `both`; `along` have fallen.
    pub(in crate::objective) fn fall_twice(
        &self,
        theta: &[f64],
        [u, v]: [&[f64]; 2],
        [dot, prime]: [&Scratch; 2],
        both: &mut Scratch,
    ) {
        let (net, depth) = (&self.net, self.net.depth());
        match self.order {
            Order::FromInput => {
                for l in (2..=depth).rev() {
                    let (below, here) = both.residual.split_at_mut(l);
                    gemm_tn(Write::Replace, net.weight(u, l), prime.residual[l].as_view(), below[l - 1].as_view_mut());
                    gemm_tn(Write::Add, net.weight(v, l), dot.residual[l].as_view(), below[l - 1].as_view_mut());
                    gemm_tn(Write::Add, net.weight(theta, l), here[0].as_view(), below[l - 1].as_view_mut());
                }
            }
            Order::FromOutput => {
                for l in 1..depth {
                    let (here, above) = both.residual.split_at_mut(l);
                    gemm_nt(Write::Replace, dot.residual[l - 1].as_view(), net.weight(v, l), above[0].as_view_mut());
                    gemm_nt(Write::Add, prime.residual[l - 1].as_view(), net.weight(u, l), above[0].as_view_mut());
                    gemm_nt(Write::Add, here[l - 1].as_view(), net.weight(theta, l), above[0].as_view_mut());
                }
            }
        }
    }

    /// `out` ← T_1, …, T_L, once `both` has risen and fallen.
    pub(in crate::objective) fn close_twice(
        &self,
        theta: &[f64],
        base: &Scratch,
        [u, v]: [&[f64]; 2],
        [dot, prime]: [&Scratch; 2],
        both: &Scratch,
        out: &mut [f64],
    ) {
        let (net, depth) = (&self.net, self.net.depth());
        match self.order {
            Order::FromInput => {
                net.weight_mut(out, 1).copy_from(&both.residual[1]);
                for l in 2..=depth {
                    gemm_nt(Write::Replace, both.residual[l].as_view(), base.upward(net, theta, l - 1), net.weight_mut(out, l));
                    gemm_nt(Write::Add, dot.residual[l].as_view(), prime.upward(net, v, l - 1), net.weight_mut(out, l));
                    gemm_nt(Write::Add, prime.residual[l].as_view(), dot.upward(net, u, l - 1), net.weight_mut(out, l));
                    if l > 2 {
                        gemm_nt(Write::Add, base.residual[l].as_view(), both.chain[l - 1].as_view(), net.weight_mut(out, l));
                    }
                }
            }
            Order::FromOutput => {
                net.weight_mut(out, depth).copy_from(&both.residual[depth - 1]);
                for l in 1..depth {
                    gemm_tn(
                        Write::Replace,
                        base.downward(net, theta, l),
                        both.residual[l - 1].as_view(),
                        net.weight_mut(out, l),
                    );
                    gemm_tn(Write::Add, dot.downward(net, u, l), prime.residual[l - 1].as_view(), net.weight_mut(out, l));
                    gemm_tn(Write::Add, prime.downward(net, v, l), dot.residual[l - 1].as_view(), net.weight_mut(out, l));
                    if l < depth - 1 {
                        gemm_tn(Write::Add, both.chain[l].as_view(), base.residual[l - 1].as_view(), net.weight_mut(out, l));
                    }
                }
            }
        }
    }
}
