use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use super::*;
use crate::data::{Dataset, Moments, Sensing};
use crate::loss::Loss;
use crate::network::Activation;
use crate::objective::testing::{check_moves, check_weighted, product_costs};
use crate::objective::{LinearObjective, MlpObjective, Order};
use crate::rng::{Purpose, gaussian_matrix, stream};

/// Samples of which every third label was not observed, measurements as many, and weights.
fn problem(widths: &[usize], n: usize, seed: u64) -> (Architecture, Dataset, Sensing, DVector<f64>) {
    let rng = &mut stream(seed, Purpose::Inputs);
    let net = Architecture::new(widths);
    let (inputs, outputs) = (net.input_dim(), net.output_dim());
    let mut data = Dataset { x: gaussian_matrix(n, inputs, rng), y: gaussian_matrix(n, outputs, rng) };
    data.y.iter_mut().skip(1).step_by(3).for_each(|y| *y = f64::NAN);
    let maps: Vec<_> = (0..n).map(|_| gaussian_matrix(outputs, inputs, rng)).collect();
    let sensing = Sensing::new(&maps, gaussian_matrix(n, 1, rng).as_slice());
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.7;
    (net, data, sensing, theta)
}

/// An objective, and the samples of its minibatches.
type Sampled = (Box<dyn Objective>, Arc<Samples>);

fn both(widths: &[usize], n: usize, decay: f64, order: Order, seed: u64) -> ([Sampled; 2], DVector<f64>) {
    let (net, data, sensing, theta) = problem(widths, n, seed);
    let observed = EndToEndObjective::observed_with_order(net.clone(), &data, decay, order);
    let sensing = EndToEndObjective::sensing_with_order(net, &sensing, decay, order);
    let (first, second) = (observed.samples().clone(), sensing.samples().clone());
    ([(Box::new(observed), first), (Box::new(sensing), second)], theta)
}

fn of(theta: &DVector<f64>, f: impl Fn(&mut DVector<f64>)) -> DVector<f64> {
    let mut out = DVector::from_element(theta.len(), f64::NAN);
    f(&mut out);
    out
}

/// The five-point rule with step 1e-3.
fn slope<T: Clone + std::ops::Sub<Output = T> + std::ops::Mul<f64, Output = T> + std::ops::Div<f64, Output = T>>(
    f: impl Fn(f64) -> T,
) -> T {
    ((f(1e-3) - f(-1e-3)) * 8.0 - (f(2e-3) - f(-2e-3))) / 12e-3
}

proptest! {
    /// In both orders: gradient, product with the Hessian and third derivative each against the one before.
    #[test]
    fn derivatives_are_derivatives(widths in prop::collection::vec(1usize..6, 2..6), decay in 0.0f64..1.0, seed in 0u64..10_000) {
        for order in [Order::FromInput, Order::FromOutput] {
            let (objectives, theta) = both(&widths, 7, decay, order, seed);
            let rng = &mut stream(seed, Purpose::Noise);
            let mut direction = || gaussian_matrix(theta.len(), 1, rng).column(0).normalize();
            let (u, v) = (direction(), direction());
            for (objective, _) in objectives {
                let gradient = |theta: &DVector<f64>| of(theta, |out| objective.gradient(theta, out));
                let product = |theta: &DVector<f64>| of(theta, |out| objective.hessian_vector(theta, &v, out));
                let third = of(&theta, |out| objective.third().unwrap().third_derivative(&theta, &u, &v, out));
                let scale = 1.0 + objective.value(&theta) + gradient(&theta).norm() + product(&theta).norm() + third.norm();
                let along = |k: f64| &theta + &v * k;
                prop_assert!((gradient(&theta).dot(&v) - slope(|k| objective.value(&along(k)))).abs() < 1e-9 * scale);
                prop_assert!((product(&theta) - slope(|k| gradient(&along(k)))).norm() < 1e-9 * scale);
                prop_assert!((third - slope(|k| product(&(&theta + &u * k)))).norm() < 1e-9 * scale);
            }
        }
    }

    /// W_{l+1}ᵀ∇_{l+1}ℒ = ∇_lℒ W_lᵀ, the identity behind the balance law.
    #[test]
    fn neighbouring_gradients_agree_across_their_interface(widths in prop::collection::vec(1usize..6, 3..7), seed in 0u64..1000) {
        let (objectives, theta) = both(&widths, 8, 0.0, Order::FromInput, seed);
        for (objective, _) in objectives {
            let gradient = of(&theta, |out| objective.loss_gradient(&theta, out));
            let net = objective.layers().unwrap().architecture();
            for l in 1..net.depth() {
                let above = net.weight(theta.as_slice(), l + 1).transpose() * net.weight(gradient.as_slice(), l + 1);
                let below = net.weight(gradient.as_slice(), l) * net.weight(theta.as_slice(), l).transpose();
                prop_assert!((&above - &below).norm() <= 1e-12 * (1.0 + above.norm()));
            }
        }
    }

    /// Batches weigh as many samples as they hold, and a long one leaves nothing in a short one.
    #[test]
    fn the_mean_over_an_epoch_is_the_full_gradient(n in 1usize..20, size in 1usize..20, seed in 0u64..1000) {
        let (objectives, theta) = both(&[5, 4, 3], n, 0.0, Order::FromOutput, seed);
        for (objective, samples) in objectives {
            let full = of(&theta, |out| objective.loss_gradient(&theta, out));
            let mut minibatch = objective.batches().unwrap().minibatch(samples, size);
            let (mut part, mut mean) = (theta.clone(), DVector::zeros(theta.len()));
            let order: Vec<u32> = (0..n as u32).rev().collect();
            for batch in order.chunks(size) {
                minibatch.loss_gradient(batch, &theta, &mut part);
                mean.axpy(batch.len() as f64 / n as f64, &part, 1.0);
            }
            prop_assert!((mean - &full).norm() <= 1e-12 * (1.0 + full.norm()));
        }
    }

    /// What was not observed has no weight, whatever it is given.
    #[test]
    fn weighted_gradients_are_sums_over_samples(widths in prop::collection::vec(1usize..6, 2..6), n in 1usize..20, seed in 0u64..1000) {
        for order in [Order::FromInput, Order::FromOutput] {
            let (objectives, theta) = both(&widths, n, 0.3, order, seed);
            objectives.iter().for_each(|(objective, samples)| {
                check_weighted(&**objective, samples, &theta);
                check_moves(&**objective, samples, &theta);
            });
        }
    }

    /// Backpropagation drops the same terms: value, gradient, product with the Hessian, and the scatter of the samples' gradients.
    #[test]
    fn hidden_labels_are_dropped_as_by_backpropagation(widths in prop::collection::vec(1usize..6, 2..6), n in 1usize..9, seed in 0u64..1000) {
        let (net, data, _, theta) = problem(&widths, n, seed);
        let one = EndToEndObjective::observed(net.clone(), &data, 0.2);
        let two = MlpObjective::new(net.clone(), Arc::new(data.clone()), Loss::Mse, 0.2);
        let close = |a: DVector<f64>, b: DVector<f64>| (&a - &b).norm() <= 1e-12 * (1.0 + b.norm());
        prop_assert!((one.value(&theta) - two.value(&theta)).abs() <= 1e-12 * (1.0 + one.value(&theta)));
        // And the sum as it is written.
        let outputs = &data.x * one.product(&theta).transpose();
        let sum: f64 = outputs.iter().zip(data.y.iter()).filter(|(_, y)| !y.is_nan()).map(|(f, y)| (f - y).powi(2)).sum();
        prop_assert!((one.loss(&theta) - sum / (2.0 * n as f64)).abs() <= 1e-12 * (1.0 + sum));
        let v = &theta * 0.3;
        prop_assert!(close(of(&theta, |out| one.gradient(&theta, out)), of(&theta, |out| two.gradient(&theta, out))));
        prop_assert!(close(of(&theta, |out| one.hessian_vector(&theta, &v, out)), of(&theta, |out| two.hessian_vector(&theta, &v, out))));
        let samples = Samples::new(&data);
        let scatter = |objective: &dyn Objective| of(&theta, |out| objective.batches().unwrap().sample_products(&samples).unwrap().hessian_gradients(&theta, out));
        prop_assert!(close(scatter(&one), scatter(&two)));
    }

    /// M = 1 is the loss of all labels.
    #[test]
    fn with_every_label_observed_it_is_the_loss_by_moments(widths in prop::collection::vec(1usize..6, 2..6), seed in 0u64..1000) {
        let (net, mut data, _, theta) = problem(&widths, 9, seed);
        data.y.apply(|y| *y = if y.is_nan() { 0.5 } else { *y });
        let (one, two) = (
            EndToEndObjective::observed(net.clone(), &data, 0.0),
            LinearObjective::new(net, Moments::new(&data).unwrap(), 0.0),
        );
        prop_assert!((one.loss(&theta) - two.loss(&theta)).abs() <= 1e-12 * (1.0 + two.loss(&theta)));
        let [a, b] = [&one as &dyn Objective, &two].map(|objective| of(&theta, |out| objective.loss_gradient(&theta, out)));
        prop_assert!((&a - &b).norm() <= 1e-12 * (1.0 + b.norm()));
    }

    /// ⟨e_j x_iᵀ, P⟩ = f_j(x_i): labels are measurements, and those that were not observed are none.
    #[test]
    fn measurements_of_outputs_are_labels(n in 1usize..6, seed in 0u64..1000) {
        let (net, data, _, theta) = problem(&[4, 3, 2], n, seed);
        let unit = |j: usize| DMatrix::from_fn(2, 1, |i, _| f64::from(i == j));
        let seen: Vec<(usize, usize)> =
            (0..n).flat_map(|i| [(i, 0), (i, 1)]).filter(|&place| !data.y[place].is_nan()).collect();
        let maps: Vec<_> = seen.iter().map(|&(i, j)| unit(j) * data.x.row(i)).collect();
        let values: Vec<f64> = seen.iter().map(|&place| data.y[place]).collect();
        let sensing = EndToEndObjective::sensing(net.clone(), &Sensing::new(&maps, &values), 0.0);
        let observed = EndToEndObjective::observed(net, &data, 0.0);
        // Means over m measurements and over n samples.
        let (measured, seen) = (sensing.loss(&theta) * seen.len() as f64, observed.loss(&theta) * n as f64);
        prop_assert!((measured - seen).abs() <= 1e-12 * (1.0 + seen));
    }
}

#[test]
fn costs_are_what_is_multiplied() {
    for order in [Order::FromInput, Order::FromOutput] {
        let (net, data, sensing, theta) = problem(&[6, 7, 5, 8, 4], 9, 0);
        let observed = EndToEndObjective::observed_with_order(net.clone(), &data, 0.1, order);
        let sensing = EndToEndObjective::sensing_with_order(net, &sensing, 0.1, order);
        for (objective, flops) in [(&observed as &dyn Objective, observed.flops()), (&sensing, sensing.flops())] {
            let before = crate::linalg::FLOPS.get();
            objective.loss_gradient(&theta, &mut theta.clone());
            assert_eq!(crate::linalg::FLOPS.get() - before, flops);
            let [first, second, moved] = product_costs(objective, flops, &theta);
            assert!(second <= 2.0 && first <= 3.0 && moved == first, "{first} {second} {moved}");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let (net, data, sensing, theta) = problem(&[90, 110, 70, 80], 60, 3);
    let (theta, all) = (theta * 0.1, |threads: usize| {
        let observed = EndToEndObjective::observed(net.clone(), &data, 0.1).with_threads(threads);
        let sensing = EndToEndObjective::sensing(net.clone(), &sensing, 0.1).with_threads(threads);
        (observed, sensing)
    });
    let out = |objective: &dyn Objective| {
        let third = of(&theta, |out| objective.third().unwrap().third_derivative(&theta, &theta, &theta, out));
        [
            of(&theta, |out| objective.loss_gradient(&theta, out)),
            of(&theta, |out| objective.loss_hessian_vector(&theta, &theta, out)),
            third,
        ]
    };
    let (observed, sensing) = all(1);
    let one = (out(&observed), out(&sensing));
    for threads in [2, 3, 7] {
        let (observed, sensing) = all(threads);
        assert!((out(&observed), out(&sensing)) == one);
    }
}

/// A hidden layer that is not linear does not come here.
#[test]
#[should_panic(expected = "linear")]
fn a_nonlinear_network_has_no_end_to_end_matrix() {
    let (_, data, _, _) = problem(&[3, 4, 2], 5, 0);
    let net = Architecture::with_layers(&[3, 4, 2], &[Activation::Tanh, Activation::Identity], &[false; 2]);
    EndToEndObjective::observed(net, &data, 0.0);
}
