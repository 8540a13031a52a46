//! ∇²ℒ(θ)·v of a linear network: the products of its gradient, differentiated along V = (V_1, …, V_L), with Ṙ = ∂²ℒ/∂P²[Ṗ]: ṖΣ_x where ℒ goes
//! by moments.
//!
//! Six products a layer where a gradient has three; the undotted ones are kept as long as θ stays. The derivative of this one again,
//! D³ℒ(θ)[u, v], is in [`third`](super::third).

use nalgebra::DVector;

use crate::linalg::vectorised;

use super::{Chain, Close, Scratch};

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
    pub(super) fn new(chain: &Chain) -> Self {
        // No θ equals NaN: the first call settles.
        let theta = DVector::from_element(chain.net.parameter_count(), f64::NAN);
        Self { theta, base: chain.scratch(), dot: chain.scratch() }
    }

    /// Forms the undotted products at θ by `carry`, a gradient, unless they stand already.
    pub(super) fn settle(&mut self, theta: &DVector<f64>, carry: impl FnOnce(&mut Scratch)) {
        if !same(self.theta.as_slice(), theta.as_slice()) {
            self.theta.copy_from(theta);
            carry(&mut self.base);
        }
    }

    /// `hv` ← ∇²ℒ(θ)·v at the settled θ; `curve` writes Ṙ, given Ṗ.
    pub(super) fn product(&mut self, chain: &Chain, curve: Close, v: &[f64], hv: &mut [f64]) {
        let Self { theta, base, dot } = self;
        carry(chain, curve, theta.as_slice(), base, v, dot);
        chain.close(theta.as_slice(), base, v, dot, hv);
    }
}

vectorised! {
    /// Whether x = y, without the branch a number that nalgebra's comparison takes: on thin networks that cost as much as the product.
    fn same(x: &[f64], y: &[f64]) -> bool {
        x.len() == y.len() && x.chunks(64).zip(y.chunks(64)).all(|(x, y)| x.iter().zip(y).fold(true, |same, (x, y)| same & (x == y)))
    }
}

/// `dot` ← the derivatives of the products in `base`, which belong to `theta`, along `v`.
pub(super) fn carry(chain: &Chain, curve: Close, theta: &[f64], base: &Scratch, v: &[f64], dot: &mut Scratch) {
    chain.rise_along(theta, base, v, dot);
    let (product, residual) = chain.product_and_residual(dot, v);
    curve(product, residual);
    chain.fall_along(theta, base, v, dot);
}

#[cfg(test)]
mod tests {
    use super::super::LinearObjective;
    use super::super::tests::problem;
    use super::*;
    use crate::data::Moments;
    use crate::objective::testing::product_costs;
    use crate::objective::{Objective, Order};
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
            let [first, second, moved] = product_costs(&objective, objective.flops(), &theta);
            assert!(second <= 2.0 && first <= 3.0 && moved == first, "{first} {second} {moved}");
        }
    }
}
