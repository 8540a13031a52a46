//! ∇²ℒ(θ)·v of a linear network: the products of its gradient, differentiated along V = (V_1, …, V_L) (Pearlmutter, Neural
//! Computation 6, 1994). With a dot for the derivative,
//!
//! - from the input: Ȧ_l = V_l A_{l−1} + W_l Ȧ_{l−1}, Δ̇_L = Ȧ_L Σ_x, Δ̇_{l−1} = V_lᵀΔ_l + W_lᵀΔ̇_l, H_l = Δ̇_l A_{l−1}ᵀ + Δ_l Ȧ_{l−1}ᵀ;
//! - from the output: Ḃ_{l−1} = B_l V_l + Ḃ_l W_l, Ė_0 = Ḃ_0 Σ_x, Ė_l = E_{l−1}V_lᵀ + Ė_{l−1}W_lᵀ, H_l = B_lᵀĖ_{l−1} + Ḃ_lᵀE_{l−1}.
//!
//! Six products a layer where a gradient has three; the undotted ones are kept as long as θ stays. The derivative of this one again,
//! D³ℒ(θ)[u, v], is in [`third`](super::third).

use nalgebra::DVector;

use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};
use crate::network::Architecture;

use super::{LinearObjective, Order, Scratch};

/// What derivatives at one θ share.
pub(super) struct Tangent {
    /// The θ that `base` belongs to.
    pub(super) theta: DVector<f64>,
    /// A and Δ, or B and E.
    pub(super) base: Scratch,
    /// Their derivatives along one direction.
    dot: Scratch,
}

impl Tangent {
    pub(super) fn new(architecture: &Architecture, order: Order) -> Self {
        let scratch = || Scratch::new(architecture, order);
        // No θ equals NaN: the first call settles.
        Self { theta: DVector::from_element(architecture.parameter_count(), f64::NAN), base: scratch(), dot: scratch() }
    }

    /// Forms the undotted products at θ unless they stand already; `spare` is overwritten.
    pub(super) fn settle(&mut self, objective: &LinearObjective, theta: &DVector<f64>, spare: &mut DVector<f64>) {
        if self.theta != *theta {
            self.theta.copy_from(theta);
            objective.carry(&mut self.base, theta.as_slice(), spare.as_mut_slice());
        }
    }

    /// `hv` ← ∇²ℒ(θ)·v at the settled θ.
    pub(super) fn product(&mut self, objective: &LinearObjective, v: &[f64], hv: &mut [f64]) {
        let (Self { theta, base, dot }, net) = (self, &objective.architecture);
        carry(objective, theta.as_slice(), base, v, dot);
        match objective.order {
            Order::FromInput => close_from_input(net, theta.as_slice(), base, v, dot, hv),
            Order::FromOutput => close_from_output(net, theta.as_slice(), base, v, dot, hv),
        }
    }
}

/// `dot` ← the derivatives of the products in `base`, which belong to `theta`, along `v`.
pub(super) fn carry(objective: &LinearObjective, theta: &[f64], base: &Scratch, v: &[f64], dot: &mut Scratch) {
    match objective.order {
        Order::FromInput => carry_from_input(objective, theta, base, v, dot),
        Order::FromOutput => carry_from_output(objective, theta, base, v, dot),
    }
}

fn carry_from_input(objective: &LinearObjective, theta: &[f64], base: &Scratch, v: &[f64], dot: &mut Scratch) {
    let (net, depth) = (&objective.architecture, objective.architecture.depth());
    let (weight, direction) = (|l| net.weight(theta, l), |l| net.weight(v, l));
    for l in 2..=depth {
        let (below, here) = dot.chain.split_at_mut(l);
        let (carried, previous) =
            if l == 2 { (weight(1), direction(1)) } else { (base.chain[l - 1].as_view(), below[l - 1].as_view()) };
        gemm_nn(Write::Replace, direction(l), carried, here[0].as_view_mut());
        gemm_nn(Write::Add, weight(l), previous, here[0].as_view_mut());
    }
    let product = if depth == 1 { direction(1) } else { dot.chain[depth].as_view() };
    gemm_nn(Write::Replace, product, objective.moments.sigma_x.as_view(), dot.residual[depth].as_view_mut());
    for l in (2..=depth).rev() {
        let (below, here) = dot.residual.split_at_mut(l);
        gemm_tn(Write::Replace, direction(l), base.residual[l].as_view(), below[l - 1].as_view_mut());
        gemm_tn(Write::Add, weight(l), here[0].as_view(), below[l - 1].as_view_mut());
    }
}

fn carry_from_output(objective: &LinearObjective, theta: &[f64], base: &Scratch, v: &[f64], dot: &mut Scratch) {
    let (net, depth) = (&objective.architecture, objective.architecture.depth());
    let (weight, direction) = (|l| net.weight(theta, l), |l| net.weight(v, l));
    for l in (1..depth).rev() {
        let (here, above) = dot.chain.split_at_mut(l);
        let (carried, previous) =
            if l == depth - 1 { (weight(depth), direction(depth)) } else { (base.chain[l].as_view(), above[0].as_view()) };
        gemm_nn(Write::Replace, carried, direction(l), here[l - 1].as_view_mut());
        gemm_nn(Write::Add, previous, weight(l), here[l - 1].as_view_mut());
    }
    let product = if depth == 1 { direction(1) } else { dot.chain[0].as_view() };
    gemm_nn(Write::Replace, product, objective.moments.sigma_x.as_view(), dot.residual[0].as_view_mut());
    for l in 1..depth {
        let (here, above) = dot.residual.split_at_mut(l);
        gemm_nt(Write::Replace, base.residual[l - 1].as_view(), direction(l), above[0].as_view_mut());
        gemm_nt(Write::Add, here[l - 1].as_view(), weight(l), above[0].as_view_mut());
    }
}

/// H_1, …, H_L.
fn close_from_input(net: &Architecture, theta: &[f64], base: &Scratch, v: &[f64], dot: &Scratch, hv: &mut [f64]) {
    net.weight_mut(hv, 1).copy_from(&dot.residual[1]);
    for l in 2..=net.depth() {
        let (carried, carried_dot) = (base.upward(net, theta, l - 1), dot.upward(net, v, l - 1));
        gemm_nt(Write::Replace, dot.residual[l].as_view(), carried, net.weight_mut(hv, l));
        gemm_nt(Write::Add, base.residual[l].as_view(), carried_dot, net.weight_mut(hv, l));
    }
}

/// H_1, …, H_L.
fn close_from_output(net: &Architecture, theta: &[f64], base: &Scratch, v: &[f64], dot: &Scratch, hv: &mut [f64]) {
    let depth = net.depth();
    net.weight_mut(hv, depth).copy_from(&dot.residual[depth - 1]);
    for l in 1..depth {
        let (carried, carried_dot) = (base.downward(net, theta, l), dot.downward(net, v, l));
        gemm_tn(Write::Replace, carried, dot.residual[l - 1].as_view(), net.weight_mut(hv, l));
        gemm_tn(Write::Add, carried_dot, base.residual[l - 1].as_view(), net.weight_mut(hv, l));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::problem;
    use super::*;
    use crate::data::Moments;
    use crate::objective::Objective;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use proptest::prelude::*;

    proptest! {
        /// In both orders, against a five-point rule on the gradient; and the Hessian is symmetric.
        #[test]
        fn the_product_is_the_derivative_of_the_gradient_and_symmetric(
            widths in prop::collection::vec(1usize..6, 2..7), decay in 0.0f64..1.0, seed in 0u64..10_000,
        ) {
            let (architecture, data, theta) = problem(&widths, 9, seed);
            let rng = &mut stream(seed, Purpose::Noise);
            let mut direction = || gaussian_matrix(theta.len(), 1, rng).column(0).normalize();
            let (u, v) = (direction(), direction());
            for order in [Order::FromInput, Order::FromOutput] {
                let objective =
                    LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), decay, order);
                let gradient = |k: f64| {
                    let mut out = DVector::zeros(theta.len());
                    objective.gradient(&(&theta + &v * (k * 1e-3)), &mut out);
                    out
                };
                let product = |v: &DVector<f64>| {
                    let mut out = DVector::zeros(theta.len());
                    objective.hessian_vector(&theta, v, &mut out);
                    out
                };
                let slope = ((gradient(1.0) - gradient(-1.0)) * 8.0 - (gradient(2.0) - gradient(-2.0))) / 12e-3;
                let (hu, hv) = (product(&u), product(&v));
                // Truncation (1e-3)⁴ and rounding ε/1e-3 against gradients and curvatures of size `scale`.
                let scale = 1.0 + gradient(0.0).norm() + hv.norm();
                prop_assert!((&hv - &slope).norm() < 1e-9 * scale, "{order:?} {:e}", (&hv - &slope).norm() / scale);
                prop_assert!((hu.dot(&v) - hv.dot(&u)).abs() < 1e-13 * scale);
            }
        }
    }

    /// The undotted products are kept while θ stays, and formed anew when it moves.
    #[test]
    fn a_second_product_at_the_same_weights_costs_two_gradients() {
        let (architecture, data, theta) = problem(&[6, 7, 5, 8, 4], 9, 0);
        for order in [Order::FromInput, Order::FromOutput] {
            let objective = LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), 0.1, order);
            let mut hv = DVector::zeros(theta.len());
            let mut cost = |theta: &DVector<f64>| {
                let before = crate::linalg::FLOPS.get();
                objective.hessian_vector(theta, &DVector::from_element(theta.len(), 1.0), &mut hv);
                (crate::linalg::FLOPS.get() - before) as f64 / objective.flops() as f64
            };
            let (first, second, moved) = (cost(&theta), cost(&theta), cost(&(&theta * 2.0)));
            assert!(second <= 2.0 && first <= 3.0 && moved == first, "{first} {second} {moved}");
        }
    }
}
