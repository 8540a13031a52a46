//! The objective of a linear network by moments: against samples, differences and itself.

use super::*;
use crate::data::Dataset;
use crate::objective::BatchGradient;
use crate::rng::{Purpose, gaussian_matrix, stream};
use proptest::prelude::*;
use std::sync::Arc;

pub(super) fn problem(widths: &[usize], samples: usize, seed: u64) -> (Architecture, Dataset, DVector<f64>) {
    let rng = &mut stream(seed, Purpose::Inputs);
    let architecture = Architecture::new(widths);
    let data = Dataset {
        x: gaussian_matrix(samples, architecture.input_dim(), rng),
        y: gaussian_matrix(samples, architecture.output_dim(), rng),
    };
    let theta = gaussian_matrix(architecture.parameter_count(), 1, rng).column(0).into_owned();
    (architecture, data, theta * 0.7)
}

fn objective(widths: &[usize], samples: usize, decay: f64, seed: u64) -> (LinearObjective, DVector<f64>) {
    let (architecture, data, theta) = problem(widths, samples, seed);
    (LinearObjective::new(architecture, Moments::new(&data).unwrap(), decay), theta)
}

proptest! {
    #[test]
    fn the_gradient_is_the_derivative_of_the_value(
        widths in prop::collection::vec(1usize..6, 2..7), decay in 0.0f64..1.0, seed in 0u64..10_000,
    ) {
        let (objective, theta) = objective(&widths, 9, decay, seed);
        let mut gradient = DVector::zeros(theta.len());
        objective.gradient(&theta, &mut gradient);
        let direction = gaussian_matrix(theta.len(), 1, &mut stream(seed, Purpose::Noise)).column(0).normalize();
        let h = 1e-4;
        // Five-point rule: truncation h⁴ and rounding ε/h are both below 1e-11 of the value.
        let at = |k: f64| objective.value(&(&theta + &direction * (k * h)));
        let slope = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
        let scale = gradient.norm() + objective.value(&theta);
        prop_assert!((gradient.dot(&direction) - slope).abs() < 1e-9 * scale, "{} {slope}", gradient.dot(&direction));
    }

    #[test]
    fn both_orders_give_the_same_gradient(widths in prop::collection::vec(1usize..8, 2..7), seed in 0u64..1000) {
        let (architecture, data, theta) = problem(&widths, 12, seed);
        let moments = Moments::new(&data).unwrap();
        let gradient = |order| {
            let objective = LinearObjective::with_order(architecture.clone(), moments.clone(), 0.0, order);
            let mut gradient = DVector::zeros(theta.len());
            // Twice: nothing of the first call may leak into the second.
            objective.loss_gradient(&(&theta * 3.0), &mut gradient);
            objective.loss_gradient(&theta, &mut gradient);
            gradient
        };
        let (a, b) = (gradient(Order::FromInput), gradient(Order::FromOutput));
        prop_assert!((&a - &b).norm() <= 1e-12 * (1.0 + a.norm()));
    }

    /// W_{l+1}ᵀ∇_{l+1}ℒ = ∇_lℒ W_lᵀ, the identity behind the balance law.
    #[test]
    fn neighbouring_gradients_agree_across_their_interface(widths in prop::collection::vec(1usize..6, 3..7), seed in 0u64..1000) {
        let (objective, theta) = objective(&widths, 8, 0.0, seed);
        let mut gradient = DVector::zeros(theta.len());
        objective.loss_gradient(&theta, &mut gradient);
        let net = objective.architecture();
        for l in 1..net.depth() {
            let above = net.weight(theta.as_slice(), l + 1).transpose() * net.weight(gradient.as_slice(), l + 1);
            let below = net.weight(gradient.as_slice(), l) * net.weight(theta.as_slice(), l).transpose();
            prop_assert!((&above - &below).norm() <= 1e-12 * (1.0 + above.norm()));
        }
    }
}

proptest! {
    #[test]
    fn the_cost_is_what_a_gradient_multiplies(widths in prop::collection::vec(1usize..8, 2..7)) {
        for order in [Order::FromInput, Order::FromOutput] {
            let (architecture, data, theta) = problem(&widths, 5, 0);
            let objective = LinearObjective::with_order(architecture, Moments::new(&data).unwrap(), 0.0, order);
            let before = crate::linalg::FLOPS.get();
            objective.loss_gradient(&theta, &mut theta.clone());
            prop_assert_eq!(crate::linalg::FLOPS.get() - before, objective.flops());
        }
    }
}

proptest! {
    /// The Polyak–Łojasiewicz inequality, at any weights: of wide layers with room, of narrow ones μ = 0.
    #[test]
    fn the_gradient_dominates_the_excess(widths in prop::collection::vec(1usize..6, 2..6), samples in 2usize..9, seed in 0u64..10_000) {
        let (objective, theta) = objective(&widths, samples, 0.0, seed);
        let mut gradient = DVector::zeros(theta.len());
        objective.loss_gradient(&theta, &mut gradient);
        let mu = objective.dominance(&theta).unwrap();
        let excess = objective.moments.excess(&objective.product(&theta));
        prop_assert!(gradient.norm_squared() >= 2.0 * mu * excess * (1.0 - 1e-9), "{mu}");
        let ends = (widths[0].min(samples)).min(widths[widths.len() - 1]);
        let narrow = widths[1..widths.len() - 1].iter().any(|&d| d < ends);
        prop_assert!(!narrow || mu < 1e-20);
    }
}

/// Equality, of one layer along the least eigenvector of Σ_x.
#[test]
fn the_gradient_dominates_by_no_more_than_the_least_curvature() {
    let (objective, _) = objective(&[4, 3], 9, 0.0, 3);
    let mu = objective.dominance(&DVector::zeros(12)).unwrap();
    let least = nalgebra::SymmetricEigen::new(objective.moments.sigma_x.clone()).eigenvalues.min();
    assert!((mu / least - 1.0).abs() < 1e-9, "{mu} {least}");
}

/// Widths whose products stand in two blocks and in one; gradients, products with the Hessian, third derivatives and minibatches.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (net, data, theta) = problem(&[190, 210, 170, 180], 40, 3);
    let (theta, samples) = (theta * 0.1, Arc::new(Samples::new(&data)));
    let all = |threads: usize| {
        let objective = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), 0.1).with_threads(threads);
        let mut out = vec![theta.clone(); 4];
        objective.loss_gradient(&theta, &mut out[0]);
        objective.loss_hessian_vector(&theta, &theta, &mut out[1]);
        objective.third_derivative(&theta, &theta, &theta, &mut out[2]);
        let batch: Vec<u32> = (0..300).map(|i| i % 40).collect();
        Minibatch::new(&objective, samples.clone(), 300).loss_gradient(&batch, &theta, &mut out[3]);
        out
    };
    let one = all(1);
    assert!(one.iter().all(|out| out.iter().all(|x| x.is_finite())));
    assert!([2, 3, 4, 7].into_iter().all(|threads| all(threads) == one));
}

#[test]
fn the_cost_is_linear_in_depth_free_of_samples_and_small_for_one_output() {
    let cost = |layers: usize, d_out: usize, samples: usize| {
        let mut widths = vec![64; layers];
        widths.push(d_out);
        objective(&widths, samples, 0.0, 0).0.flops()
    };
    assert_eq!(cost(5, 64, 10), cost(5, 64, 1000));
    // Constant second differences of zero.
    assert_eq!(cost(8, 64, 10) - cost(5, 64, 10), cost(5, 64, 10) - cost(2, 64, 10));
    assert!(cost(5, 64, 10) >= 10 * cost(5, 1, 10), "{} {}", cost(5, 64, 10), cost(5, 1, 10));
    assert_eq!(objective(&[64, 64, 64, 64, 64, 1], 10, 0.0, 0).0.order(), Order::FromOutput);
    assert_eq!(objective(&[1, 64, 64], 10, 0.0, 0).0.order(), Order::FromInput);
}
