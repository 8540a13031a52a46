//! D³ℒ(θ)[u, v] of a linear network: the products of ∇²ℒ(θ)·v, differentiated once more along U = (U_1, …, U_L). With ˙ for the derivative
//! along U, ′ for that along V, both of them in [`hessian`](super::hessian), and ˙′ for both,
//!
//! - from the input: Ȧ′_l = U_l A′_{l−1} + V_l Ȧ_{l−1} + W_l Ȧ′_{l−1}, Δ̇′_L = Ȧ′_L Σ_x, Δ̇′_{l−1} = U_lᵀΔ′_l + V_lᵀΔ̇_l + W_lᵀΔ̇′_l,
//!   T_l = Δ̇′_l A_{l−1}ᵀ + Δ̇_l A′_{l−1}ᵀ + Δ′_l Ȧ_{l−1}ᵀ + Δ_l Ȧ′_{l−1}ᵀ;
//! - from the output: Ḃ′_{l−1} = Ḃ_l V_l + B′_l U_l + Ḃ′_l W_l, Ė′_0 = Ḃ′_0 Σ_x, Ė′_l = Ė_{l−1}V_lᵀ + E′_{l−1}U_lᵀ + Ė′_{l−1}W_lᵀ,
//!   T_l = B_lᵀĖ′_{l−1} + Ḃ_lᵀE′_{l−1} + B′_lᵀĖ_{l−1} + Ḃ′_lᵀE_{l−1}.
//!
//! Eighteen products a layer where a gradient has three: eight for the single derivatives, ten for these. W_1 and W_L by themselves are
//! linear in θ: Ȧ′_1 = 0 and Ḃ′_{L−1} = 0, and with one layer all of it is 0. Any other loss that is quadratic in P has its own ∂²ℒ/∂P² in the
//! place of Σ_x.

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};

use super::hessian::{Tangent, carry};
use super::{Chain, Close, Order, Scratch};

/// Products differentiated along two directions: along either, and along both.
pub(super) struct Second {
    along: [Scratch; 2],
    both: Scratch,
}

impl Second {
    pub(super) fn new(chain: &Chain) -> Self {
        Self { along: [chain.scratch(), chain.scratch()], both: chain.scratch() }
    }

    /// `out` ← D³ℒ(θ)[u, v] at the θ at which `tangent` has settled; `curve` writes Ṙ, given Ṗ.
    pub(super) fn form(&mut self, chain: &Chain, curve: Close, tangent: &Tangent, directions: [&[f64]; 2], out: &mut [f64]) {
        if chain.net.depth() == 1 {
            out.fill(0.0);
            return;
        }
        let Tangent { theta, base, .. } = tangent;
        for (along, direction) in self.along.iter_mut().zip(directions) {
            carry(chain, curve, theta.as_slice(), base, direction, along);
        }
        match chain.order {
            Order::FromInput => self.form_from_input(chain, curve, theta.as_slice(), base, directions, out),
            Order::FromOutput => self.form_from_output(chain, curve, theta.as_slice(), base, directions, out),
        }
    }

    fn form_from_input(
        &mut self,
        chain: &Chain,
        curve: Close,
        theta: &[f64],
        base: &Scratch,
        [u, v]: [&[f64]; 2],
        out: &mut [f64],
    ) {
        let (net, depth) = (&chain.net, chain.net.depth());
        let Self { along: [dot, prime], both } = self;
        for l in 2..=depth {
            let (below, here) = both.chain.split_at_mut(l);
            gemm_nn(Write::Replace, net.weight(u, l), prime.upward(net, v, l - 1), here[0].as_view_mut());
            gemm_nn(Write::Add, net.weight(v, l), dot.upward(net, u, l - 1), here[0].as_view_mut());
            if l > 2 {
                gemm_nn(Write::Add, net.weight(theta, l), below[l - 1].as_view(), here[0].as_view_mut());
            }
        }
        curve(both.chain[depth].as_view(), &mut both.residual[depth]);
        for l in (2..=depth).rev() {
            let (below, here) = both.residual.split_at_mut(l);
            gemm_tn(Write::Replace, net.weight(u, l), prime.residual[l].as_view(), below[l - 1].as_view_mut());
            gemm_tn(Write::Add, net.weight(v, l), dot.residual[l].as_view(), below[l - 1].as_view_mut());
            gemm_tn(Write::Add, net.weight(theta, l), here[0].as_view(), below[l - 1].as_view_mut());
        }
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

    fn form_from_output(
        &mut self,
        chain: &Chain,
        curve: Close,
        theta: &[f64],
        base: &Scratch,
        [u, v]: [&[f64]; 2],
        out: &mut [f64],
    ) {
        let (net, depth) = (&chain.net, chain.net.depth());
        let Self { along: [dot, prime], both } = self;
        for l in (1..depth).rev() {
            let (here, above) = both.chain.split_at_mut(l);
            gemm_nn(Write::Replace, dot.downward(net, u, l), net.weight(v, l), here[l - 1].as_view_mut());
            gemm_nn(Write::Add, prime.downward(net, v, l), net.weight(u, l), here[l - 1].as_view_mut());
            if l < depth - 1 {
                gemm_nn(Write::Add, above[0].as_view(), net.weight(theta, l), here[l - 1].as_view_mut());
            }
        }
        curve(both.chain[0].as_view(), &mut both.residual[0]);
        for l in 1..depth {
            let (here, above) = both.residual.split_at_mut(l);
            gemm_nt(Write::Replace, dot.residual[l - 1].as_view(), net.weight(v, l), above[0].as_view_mut());
            gemm_nt(Write::Add, prime.residual[l - 1].as_view(), net.weight(u, l), above[0].as_view_mut());
            gemm_nt(Write::Add, here[l - 1].as_view(), net.weight(theta, l), above[0].as_view_mut());
        }
        net.weight_mut(out, depth).copy_from(&both.residual[depth - 1]);
        for l in 1..depth {
            gemm_tn(Write::Replace, base.downward(net, theta, l), both.residual[l - 1].as_view(), net.weight_mut(out, l));
            gemm_tn(Write::Add, dot.downward(net, u, l), prime.residual[l - 1].as_view(), net.weight_mut(out, l));
            gemm_tn(Write::Add, prime.downward(net, v, l), dot.residual[l - 1].as_view(), net.weight_mut(out, l));
            if l < depth - 1 {
                gemm_tn(Write::Add, both.chain[l].as_view(), base.residual[l - 1].as_view(), net.weight_mut(out, l));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LinearObjective;
    use super::super::tests::problem;
    use super::*;
    use crate::data::{Dataset, Moments};
    use crate::objective::{Objective, ThirdDerivative};
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use nalgebra::DVector;
    use proptest::prelude::*;

    const ORDERS: [Order; 2] = [Order::FromInput, Order::FromOutput];

    fn third(objective: &LinearObjective, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>) -> DVector<f64> {
        let mut out = DVector::from_element(theta.len(), f64::NAN);
        objective.third_derivative(theta, u, v, &mut out);
        out
    }

    fn product(objective: &LinearObjective, theta: &DVector<f64>, v: &DVector<f64>) -> DVector<f64> {
        let mut out = DVector::zeros(theta.len());
        objective.hessian_vector(theta, v, &mut out);
        out
    }

    proptest! {
        /// In both orders, against a five-point rule on the Hessian's product; and it is symmetric in its three arguments.
        #[test]
        fn it_is_the_derivative_of_the_hessian_and_symmetric(
            widths in prop::collection::vec(1usize..6, 2..7), decay in 0.0f64..1.0, seed in 0u64..10_000,
        ) {
            let (architecture, data, theta) = problem(&widths, 9, seed);
            let rng = &mut stream(seed, Purpose::Noise);
            let mut direction = || gaussian_matrix(theta.len(), 1, rng).column(0).normalize();
            let (u, v, w) = (direction(), direction(), direction());
            for order in ORDERS {
                let objective = LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), decay, order);
                let (uv, vu, uw) = (third(&objective, &theta, &u, &v), third(&objective, &theta, &v, &u), third(&objective, &theta, &u, &w));
                let moved = |k: f64| product(&objective, &(&theta + &u * (k * 1e-3)), &v);
                let slope = ((moved(1.0) - moved(-1.0)) * 8.0 - (moved(2.0) - moved(-2.0))) / 12e-3;
                // Truncation (1e-3)⁴ and rounding ε/1e-3 against third derivatives and curvatures of size `scale`.
                let scale = 1.0 + moved(0.0).norm() + uv.norm() + uw.norm();
                prop_assert!((&uv - &slope).norm() < 1e-9 * scale, "{order:?} {:e}", (&uv - &slope).norm() / scale);
                prop_assert!((&uv - &vu).norm() < 1e-13 * scale);
                prop_assert!((uv.dot(&w) - uw.dot(&v)).abs() < 1e-13 * scale);
            }
        }

        /// With labels 0, ℒ is a form of degree 2L, so that D³ℒ[θ, v] = (2L − 2)∇²ℒ·v (Euler).
        #[test]
        fn along_the_weights_it_is_a_multiple_of_the_hessian(widths in prop::collection::vec(1usize..6, 2..7), seed in 0u64..1000) {
            let (architecture, data, theta) = problem(&widths, 9, seed);
            let data = Dataset { y: data.y * 0.0, ..data };
            let v = gaussian_matrix(theta.len(), 1, &mut stream(seed, Purpose::Noise)).column(0).into_owned();
            for order in ORDERS {
                let objective = LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), 0.0, order);
                let expected = product(&objective, &theta, &v) * (2 * architecture.depth() - 2) as f64;
                prop_assert!((third(&objective, &theta, &theta, &v) - &expected).norm() <= 1e-12 * (1.0 + expected.norm()));
            }
        }
    }

    /// As the fields that use it count it; once more for the first one at a θ.
    #[test]
    fn it_costs_six_gradients() {
        let (architecture, data, theta) = problem(&[6, 7, 5, 8, 4], 9, 0);
        for order in ORDERS {
            let objective = LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), 0.1, order);
            let cost = |theta: &DVector<f64>| {
                let before = crate::linalg::FLOPS.get();
                third(&objective, theta, theta, theta);
                (crate::linalg::FLOPS.get() - before) as f64 / objective.flops() as f64
            };
            let (first, second) = (cost(&theta), cost(&theta));
            assert!(second <= 6.0 && second > 5.0 && first <= second + 1.0, "{first} {second}");
        }
    }
}
