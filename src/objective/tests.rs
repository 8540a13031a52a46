//! Layers without neurons: a network through one is constant, and whatever is asked of it has an answer.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use super::testing::check_weighted;
use super::{LinearObjective, MlpObjective, Objective, Order, Samples};
use crate::data::{Dataset, Moments};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::rng::{Purpose, gaussian_matrix, stream};

/// Gradient, Hessian products and third derivatives against central differences, minibatches against the whole, and the shapes of the
/// Jacobians.
fn check(objective: &dyn Objective, samples: &Arc<Samples>, n: usize, theta: &DVector<f64>, v: &DVector<f64>) {
    let net = objective.layers().unwrap().architecture();
    let of = |f: &dyn Fn(&mut DVector<f64>)| {
        let mut out = DVector::from_element(theta.len(), f64::NAN);
        f(&mut out);
        out
    };
    let gradient = |theta: &DVector<f64>| of(&|out| objective.gradient(theta, out));
    let (h, tolerance) = (1e-5, 1e-6);
    let (up, down) = (theta + v * h, theta - v * h);
    let slope = (objective.value(&up) - objective.value(&down)) / (2.0 * h);
    assert!((gradient(theta).dot(v) - slope).abs() < tolerance * (1.0 + objective.value(theta) + slope.abs()));
    let turned = (gradient(&up) - gradient(&down)) / (2.0 * h);
    let product = |theta: &DVector<f64>| of(&|out| objective.hessian_vector(theta, v, out));
    assert!((product(theta) - &turned).norm() < tolerance * (1.0 + turned.norm()));
    if let Some(third) = objective.third() {
        let bent = (product(&up) - product(&down)) / (2.0 * h);
        assert!((of(&|out| third.third_derivative(theta, v, v, out)) - &bent).norm() < tolerance * (1.0 + bent.norm()));
    }
    let batch: Vec<u32> = (0..n as u32).collect();
    let mut minibatch = objective.batches().unwrap().minibatch(samples.clone(), n);
    let (mut whole, mut drawn) = (theta.clone(), theta.clone());
    objective.loss_gradient(theta, &mut whole);
    minibatch.loss_gradient(&batch, theta, &mut drawn);
    assert!((&whole - &drawn).norm() < 1e-12 * (1.0 + whole.norm()));
    check_weighted(objective, samples, theta);
    for (l, jacobian) in (1..).zip(objective.layers().unwrap().jacobians(theta)) {
        let (rows, columns) = (net.output_dim(), net.widths()[l - 1]);
        assert_eq!((jacobian.mean.shape(), jacobian.centred.ncols()), ((rows, columns), columns), "layer {l}");
    }
    for (l, features) in (1..).zip(objective.layers().unwrap().feature_gradients(theta, &whole)) {
        assert_eq!(features.shape(), (net.widths()[l - 1], net.widths()[l - 1]));
    }
}

proptest! {
    #[test]
    fn layers_may_be_without_neurons(
        hidden in prop::collection::vec(0usize..4, 1..4), ends in prop::array::uniform2(1usize..4), bias in any::<bool>(), seed in 0u64..100,
    ) {
        let widths: Vec<usize> = [ends[0]].into_iter().chain(hidden).chain([ends[1]]).collect();
        let rng = &mut stream(seed, Purpose::Init);
        let n = 5;
        let data = Dataset { x: gaussian_matrix(n, ends[0], rng), y: gaussian_matrix(n, ends[1], rng) };
        let samples = Arc::new(Samples::new(&data));
        let linear = Architecture::new(&widths);
        let mut direction = |net: &Architecture| {
            [(); 2].map(|()| DVector::from_column_slice(gaussian_matrix(net.parameter_count(), 1, rng).as_slice()) * 0.5)
        };
        let [theta, v] = direction(&linear);
        for order in [Order::FromInput, Order::FromOutput] {
            let objective = LinearObjective::with_order(linear.clone(), Moments::new(&data).unwrap(), 0.1, order);
            check(&objective, &samples, n, &theta, &v);
        }
        let activation = |l: usize| [Activation::Tanh, Activation::Identity][l % 2];
        let layers: Vec<_> = (1..widths.len()).map(|l| (activation(l), bias && l % 2 == 1)).collect();
        let (activations, biases): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
        let net = Architecture::with_layers(&widths, &activations, &biases);
        let [theta, v] = direction(&net);
        check(&MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.1), &samples, n, &theta, &v);
    }
}

/// What overwrote foreign memory.
#[test]
fn a_hidden_layer_of_width_0_leaves_no_gradient() {
    let data = Dataset { x: DMatrix::from_element(40, 32, 1.0), y: DMatrix::from_element(40, 32, 2.0) };
    let net = Architecture::new(&[32, 0, 32]);
    let (theta, mut gradient) = (DVector::zeros(0), DVector::zeros(0));
    let linear = LinearObjective::new(net.clone(), Moments::new(&data).unwrap(), 0.0);
    let by_samples = MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.0);
    for objective in [&linear as &dyn Objective, &by_samples] {
        objective.gradient(&theta, &mut gradient);
        // ½·32·2².
        assert!((objective.value(&theta) - 64.0).abs() < 1e-12, "{}", objective.value(&theta));
    }
}

/// Decay of its own in each layer, by finite differences, biases among it.
#[test]
fn layers_decay_at_their_own_rates() {
    let (rng, n, widths) = (&mut stream(9, Purpose::Init), 6, [3, 4, 2]);
    let data = Dataset { x: gaussian_matrix(n, 3, rng), y: gaussian_matrix(n, 2, rng) };
    let samples = Arc::new(Samples::new(&data));
    let decay = vec![0.7, 0.1];
    let net = Architecture::with_layers(&widths, &[Activation::Tanh, Activation::Identity], &[true, false]);
    let mlp = MlpObjective::new(net, Arc::new(data.clone()), Loss::Mse, decay.clone());
    let linear = LinearObjective::new(Architecture::new(&widths), Moments::new(&data).unwrap(), decay.clone());
    let objectives: [&dyn Objective; 2] = [&linear, &mlp];
    for objective in objectives {
        let net = objective.layers().unwrap().architecture();
        let mut random = || gaussian_matrix(net.parameter_count(), 1, rng).column(0).into_owned();
        let (theta, v) = (random(), random());
        check(objective, &samples, n, &theta, &v);
        let layer = |l: usize| theta.rows_range(net.layer_range(l)).norm_squared();
        let penalty = 0.5 * (decay[0] * layer(1) + decay[1] * layer(2));
        assert!((objective.value(&theta) - objective.loss(&theta) - penalty).abs() < 1e-14 * penalty);
    }
}
