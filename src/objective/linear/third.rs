//! D³ℒ(θ)[u, v] of a linear network: the products of ∇²ℒ(θ)·v, differentiated once more along u, with Ṙ′ = ∂²ℒ/∂P²[Ṗ′], Ṗ′Σ_x where ℒ goes by
//! moments. The chain knows its products along two directions.
//!
//! Eighteen products a layer where a gradient has three: eight for the single derivatives, ten for these; fourteen where u = v. With one layer
//! all of it is 0. Any other loss that is quadratic in P has its own ∂²ℒ/∂P² in the place of Σ_x.

use super::hessian::{Tangent, carry};
use super::{Chain, Close, Scratch};

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
    pub(super) fn form(&mut self, chain: &Chain, curve: Close, tangent: &Tangent, [u, v]: [&[f64]; 2], out: &mut [f64]) {
        if chain.net.depth() == 1 {
            out.fill(0.0);
            return;
        }
        let Tangent { theta, base, .. } = tangent;
        let (theta, Self { along: [dot, prime], both }) = (theta.as_slice(), self);
        carry(chain, curve, theta, base, u, dot);
        let prime = if u == v {
            &*dot
        } else {
            carry(chain, curve, theta, base, v, prime);
            prime
        };
        chain.rise_twice(theta, [u, v], [dot, prime], both);
        let (product, residual) = chain.product_and_residual(both, theta);
        curve(product, residual);
        chain.fall_twice(theta, [u, v], [dot, prime], both);
        chain.close_twice(theta, base, [u, v], [dot, prime], both, out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::LinearObjective;
    use super::super::tests::problem;
    use crate::data::{Dataset, Moments};
    use crate::objective::testing::third_costs;
    use crate::objective::{Objective, Order, ThirdDerivative};
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

    /// As the fields that use it count it, and less along a single direction; once more for the first one at a θ.
    #[test]
    fn it_costs_six_gradients() {
        let (architecture, data, theta) = problem(&[6, 7, 5, 8, 4], 9, 0);
        for order in ORDERS {
            let objective = LinearObjective::with_order(architecture.clone(), Moments::new(&data).unwrap(), 0.1, order);
            let [first, second, once] = third_costs(&objective, objective.flops(), &theta);
            assert!(second <= 6.0 && second > 5.0 && first <= second + 1.0, "{first} {second}");
            assert!(once <= 14.0 / 3.0, "{once}");
        }
    }
}
