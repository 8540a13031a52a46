//! Laws of gradients, products with the Hessian and Jacobians of nonlinear networks.

mod references;
mod third;

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

use super::*;
use crate::data::Moments;
use crate::network::{Activation, Parameters};
use crate::objective::BatchGradient;
use crate::objective::testing::{check_moves, check_weighted, product_costs};
use crate::objective::{LinearObjective, Samples};
use crate::rng::{Purpose, gaussian_matrix, stream};

const LOSSES: [Loss; 3] = [Loss::Mse, Loss::Logistic, Loss::CrossEntropy];

/// A layer: its width, its activation and whether it has a bias. Half of them linear, so that there are runs.
fn layer() -> impl Strategy<Value = (usize, Activation, bool)> {
    let linear = (1usize..6, Just(Activation::Identity), Just(false));
    let any = (1usize..6, prop::sample::select(&Activation::ALL[..]), any::<bool>());
    prop_oneof![linear, any]
}

fn network(d_in: usize, layers: &[(usize, Activation, bool)]) -> Architecture {
    let widths: Vec<usize> = [d_in].into_iter().chain(layers.iter().map(|layer| layer.0)).collect();
    let activations: Vec<_> = layers.iter().map(|layer| layer.1).collect();
    let biases: Vec<_> = layers.iter().map(|layer| layer.2).collect();
    Architecture::with_layers(&widths, &activations, &biases)
}

fn vector(length: usize, seed: u64, purpose: Purpose) -> DVector<f64> {
    gaussian_matrix(length, 1, &mut stream(seed, purpose)).column(0).into_owned()
}

/// Labels fit for any loss: positive rows of sum 1.
fn problem(net: &Architecture, samples: usize, seed: u64) -> (Arc<Dataset>, DVector<f64>) {
    let rng = &mut stream(seed, Purpose::Inputs);
    let x = gaussian_matrix(samples, net.input_dim(), rng);
    let mut y = gaussian_matrix(samples, net.output_dim(), rng).map(f64::abs);
    for mut row in y.row_iter_mut() {
        row /= row.sum();
    }
    (Arc::new(Dataset { x, y }), vector(net.parameter_count(), seed, Purpose::Init) * 0.6)
}

/// With blocks of 8 samples on lanes of two blocks, its runs multiplied out whether or not that pays.
fn in_lanes(net: &Architecture, data: &Dataset, loss: Loss, decay: f64) -> MlpObjective {
    let condensed = Condensed::new(net, 1_000_000);
    let lanes = data.x.nrows().div_ceil(8).div_ceil(2);
    let division = Division { rows: 8.min(data.x.nrows()), blocks_per_lane: 2, lanes };
    MlpObjective::with_division(net.clone(), data, loss, decay.into(), (condensed, division))
}

fn gradient(objective: &impl Objective, theta: &DVector<f64>) -> DVector<f64> {
    let mut gradient = DVector::from_element(theta.len(), f64::NAN);
    objective.gradient(theta, &mut gradient);
    gradient
}

fn product(objective: &impl Objective, theta: &DVector<f64>, v: &DVector<f64>) -> DVector<f64> {
    let mut hv = DVector::from_element(theta.len(), f64::NAN);
    objective.hessian_vector(theta, v, &mut hv);
    hv
}

fn third(objective: &impl Objective, theta: &DVector<f64>, u: &DVector<f64>, v: &DVector<f64>) -> DVector<f64> {
    let mut out = DVector::from_element(theta.len(), f64::NAN);
    objective.third().unwrap().third_derivative(theta, u, v, &mut out);
    out
}

/// Layers l, …, L by themselves.
fn above(net: &Architecture, theta: &DVector<f64>, l: usize) -> Parameters {
    let layers = l..=net.depth();
    let activations: Vec<_> = layers.clone().map(|l| net.activation(l)).collect();
    let biases: Vec<_> = layers.map(|l| net.has_bias(l)).collect();
    let upper = Architecture::with_layers(&net.widths()[l - 1..], &activations, &biases);
    let start = net.weight_range(l).start;
    Parameters::from_values(&upper, theta.rows(start, theta.len() - start).into_owned())
}

/// H_l of all samples, l ≥ 0.
fn states(net: &Architecture, theta: &DVector<f64>, x: &DMatrix<f64>, l: usize) -> DMatrix<f64> {
    if l == 0 {
        return x.clone();
    }
    let (activations, biases): (Vec<_>, Vec<_>) = (1..=l).map(|l| (net.activation(l), net.has_bias(l))).unzip();
    let lower = Architecture::with_layers(&net.widths()[..=l], &activations, &biases);
    let values = theta.rows(0, lower.parameter_count()).into_owned();
    Parameters::from_values(&lower, values).outputs(x)
}

/// On which side of its kink each unit is, at each sample.
fn sides(net: &Architecture, theta: &DVector<f64>, x: &DMatrix<f64>) -> Vec<bool> {
    let kinked = |l: &usize| matches!(net.activation(*l), Activation::Relu | Activation::LeakyRelu);
    (1..=net.depth()).filter(kinked).flat_map(|l| states(net, theta, x, l).map(|h| h > 0.0).as_slice().to_vec()).collect()
}

proptest! {
    #[test]
    fn derivatives_are_those_of_the_value(
        d_in in 1usize..5, layers in prop::collection::vec(layer(), 1..5), loss in prop::sample::select(&LOSSES[..]),
        samples in 1usize..40, decay in 0.0f64..1.0, seed in 0u64..10_000,
    ) {
        let net = network(d_in, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let v = vector(theta.len(), seed, Purpose::Noise).normalize();
        let h = 3e-4;
        let moved = |k: f64| &theta + &v * (k * h);
        prop_assume!(sides(&net, &moved(2.0), &data.x) == sides(&net, &moved(-2.0), &data.x));
        for objective in [in_lanes(&net, &data, loss, decay), MlpObjective::new(net.clone(), data.clone(), loss, decay)] {
            let value = |k: f64| objective.value(&moved(k));
            let slope = (8.0 * (value(1.0) - value(-1.0)) - (value(2.0) - value(-2.0))) / (12.0 * h);
            let along = |k: f64| gradient(&objective, &moved(k));
            let bend = ((along(1.0) - along(-1.0)) * 8.0 - (along(2.0) - along(-2.0))) / (12.0 * h);
            let (g, hv) = (gradient(&objective, &theta), product(&objective, &theta, &v));
            // Truncation h⁴ times a fifth derivative, rounding ε/h.
            let scale = 1.0 + g.norm() + hv.norm() + objective.value(&theta);
            prop_assert!((g.dot(&v) - slope).abs() < 1e-9 * scale * scale, "{} {slope}", g.dot(&v));
            prop_assert!((&hv - &bend).norm() < 1e-9 * scale * scale, "{:e}", (&hv - &bend).norm() / scale);
            let u = vector(theta.len(), seed, Purpose::Target).normalize();
            let hu = product(&objective, &theta, &u);
            prop_assert!((hu.dot(&v) - hv.dot(&u)).abs() < 1e-12 * (scale + hu.norm()));
        }
    }

    /// Whether or not runs are multiplied out, in one block or in many.
    #[test]
    fn identities_are_the_linear_objective(
        widths in prop::collection::vec(1usize..7, 2..7), samples in 1usize..40, decay in 0.0f64..1.0, seed in 0u64..10_000,
    ) {
        let linear = Architecture::new(&widths);
        // Zero biases that are not there: with them no layer belongs to a run.
        let layers: Vec<_> = widths[1..].iter().map(|&d| (d, Activation::Identity, true)).collect();
        let biased = network(widths[0], &layers);
        let (data, theta) = problem(&linear, samples, seed);
        let v = vector(theta.len(), seed, Purpose::Noise);
        let expected = LinearObjective::new(linear.clone(), Moments::new(&data).unwrap(), decay);
        let close = |a: &DVector<f64>, b: &DVector<f64>| (a - b).norm() <= 1e-12 * (1.0 + b.norm());
        for objective in [
            MlpObjective::new(linear.clone(), data.clone(), Loss::Mse, decay),
            in_lanes(&linear, &data, Loss::Mse, decay),
        ] {
            prop_assert!((objective.value(&theta) - expected.value(&theta)).abs() <= 1e-12 * (1.0 + expected.value(&theta)));
            prop_assert!(close(&gradient(&objective, &theta), &gradient(&expected, &theta)));
            prop_assert!(close(&product(&objective, &theta, &v), &product(&expected, &theta, &v)));
            let ours = third(&objective, &theta, &theta, &v);
            prop_assert!(close(&ours, &third(&expected, &theta, &theta, &v)));
            for (ours, theirs) in objective.jacobians(&theta).into_iter().zip(expected.jacobians(&theta)) {
                prop_assert!((ours.mean - &theirs.mean).norm() <= 1e-13 * (1.0 + theirs.mean.norm()));
                prop_assert!(ours.centred.norm() <= 1e-13 * (1.0 + theirs.mean.norm()));
            }
        }
        let objective = in_lanes(&biased, &data, Loss::Mse, decay);
        let weights: Vec<_> = (1..=linear.depth()).map(|l| linear.weight(theta.as_slice(), l).into_owned()).collect();
        let ours = gradient(&objective, Parameters::from_weights(&biased, &weights).values());
        let theirs = gradient(&expected, &theta);
        for l in 1..=linear.depth() {
            let off = (biased.weight(ours.as_slice(), l) - linear.weight(theirs.as_slice(), l)).norm();
            prop_assert!(off <= 1e-12 * (1.0 + theirs.norm()));
        }
    }

    /// J_l(x_i) by differences of what lies above layer l − 1, sample by sample.
    #[test]
    fn jacobians_are_those_of_the_layers_above(
        d_in in 1usize..5, layers in prop::collection::vec(layer(), 1..5), samples in 1usize..40, seed in 0u64..10_000,
    ) {
        let net = network(d_in, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let jacobians = in_lanes(&net, &data, Loss::Mse, 0.0).jacobians(&theta);
        prop_assert_eq!(jacobians.len(), net.depth());
        let h = 3e-4;
        for (index, jacobian) in jacobians.iter().enumerate() {
            let (l, upper) = (index + 1, above(&net, &theta, index + 1));
            let below = states(&net, &theta, &data.x, index);
            let (d_out, d) = (net.output_dim(), net.widths()[index]);
            let mut each = vec![DMatrix::zeros(d_out, d); samples];
            for j in 0..d {
                let moved = |k: f64| {
                    let mut moved = below.clone();
                    moved.column_mut(j).add_scalar_mut(k * h);
                    moved
                };
                let side = |k: f64| sides(upper.architecture(), upper.values(), &moved(k));
                prop_assume!(side(2.0) == side(-2.0));
                let f = |k: f64| upper.outputs(&moved(k));
                let slope = ((f(1.0) - f(-1.0)) * 8.0 - (f(2.0) - f(-2.0))) / (12.0 * h);
                (0..samples).for_each(|i| each[i].set_column(j, &slope.row(i).transpose()));
            }
            let n = samples as f64;
            let mean = each.iter().sum::<DMatrix<f64>>() / n;
            let gram = each.iter().map(|j| j.transpose() * j).sum::<DMatrix<f64>>() / n;
            let spread = each.iter().map(|j| (j - &mean).transpose() * (j - &mean)).sum::<DMatrix<f64>>() / n;
            let largest = each.iter().map(DMatrix::norm).fold(1.0, f64::max);
            let bound = 1e-8 * largest * largest;
            let of = |m: &DMatrix<f64>| m.transpose() * m;
            prop_assert!((&jacobian.mean - &mean).norm() < bound, "mean of layer {l}");
            prop_assert!((of(&jacobian.factor()) - gram).norm() < bound * largest, "uncentred of layer {l}");
            prop_assert!((of(&jacobian.centred) - spread).norm() < bound * largest, "centred of layer {l}");
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits(
        layers in prop::collection::vec(layer(), 1..5), samples in 1usize..100, loss in prop::sample::select(&LOSSES[..]), seed in 0u64..1000,
    ) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let v = vector(theta.len(), seed, Purpose::Noise);
        let all = |threads: usize| {
            let objective = in_lanes(&net, &data, loss, 0.1).with_threads(threads);
            (objective.value(&theta).to_bits(), gradient(&objective, &theta), product(&objective, &theta, &v))
        };
        let one = all(1);
        prop_assert!((2..5).all(|threads| all(threads) == one));
    }

    #[test]
    fn a_loss_on_the_way_of_a_gradient_has_the_same_bits(
        layers in prop::collection::vec(layer(), 1..5), samples in 1usize..100, loss in prop::sample::select(&LOSSES[..]), seed in 0u64..1000,
    ) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let objective = in_lanes(&net, &data, loss, 0.1);
        let [mut apart, mut together] = [(); 2].map(|()| DVector::from_element(theta.len(), f64::NAN));
        let found = objective.loss_and_gradient(&theta, &mut together);
        objective.loss_gradient(&theta, &mut apart);
        prop_assert_eq!(found.to_bits(), objective.loss(&theta).to_bits());
        prop_assert_eq!(apart, together);
    }

    /// A batch is a data set of its own; a long batch before must leave nothing in a short one.
    #[test]
    fn the_gradient_of_a_batch_is_that_of_its_samples(
        layers in prop::collection::vec(layer(), 1..5), batch in prop::collection::vec(0u32..12, 1..20),
        loss in prop::sample::select(&LOSSES[..]), seed in 0u64..1000,
    ) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, 12, seed);
        let rows: Vec<usize> = batch.iter().map(|&i| i as usize).collect();
        let own = Arc::new(Dataset { x: data.x.select_rows(&rows), y: data.y.select_rows(&rows) });
        let expected = gradient(&MlpObjective::new(net.clone(), own, loss, 0.0), &theta);
        let objective = MlpObjective::new(net, data.clone(), loss, 0.0);
        let mut minibatch = MlpMinibatch::new(&objective, Arc::new(Samples::new(&data)), 20);
        let mut ours = theta.clone();
        minibatch.loss_gradient(&[3; 20], &(&theta * 1.5), &mut ours);
        minibatch.loss_gradient(&batch, &theta, &mut ours);
        prop_assert!((&ours - &expected).norm() <= 1e-12 * (1.0 + expected.norm()));
    }

    /// And with labels that move, those of samples with moved labels.
    #[test]
    fn labels_of_a_batch_move(layers in prop::collection::vec(layer(), 1..5), samples in 1usize..40, seed in 0u64..1000) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let moves = gaussian_matrix(net.output_dim(), samples, &mut stream(seed, Purpose::LabelNoise));
        let moved = Arc::new(Dataset { x: data.x.clone(), y: &data.y + moves.transpose() });
        let expected = gradient(&MlpObjective::new(net.clone(), moved, Loss::Mse, 0.0), &theta);
        let objective = MlpObjective::new(net, data.clone(), Loss::Mse, 0.0);
        let all = Arc::new(Samples::new(&data));
        let (order, mut ours): (Vec<u32>, _) = ((0..samples as u32).collect(), theta.clone());
        MlpMinibatch::new(&objective, all.clone(), samples).moved_gradient(&order, moves.as_slice(), &theta, &mut ours);
        prop_assert!((&ours - &expected).norm() <= 1e-12 * (1.0 + expected.norm()));
        check_moves(&objective, &all, &theta);
    }

    #[test]
    fn weighted_gradients_are_sums_over_samples(
        layers in prop::collection::vec(layer(), 1..5), samples in 1usize..40, loss in prop::sample::select(&LOSSES[..]), seed in 0u64..1000,
    ) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, samples, seed);
        let all = Arc::new(Samples::new(&data));
        for objective in [in_lanes(&net, &data, loss, 0.3), MlpObjective::new(net.clone(), data.clone(), loss, 0.3)] {
            check_weighted(&objective, &all, &theta);
        }
    }

    /// Whether what they share is kept for all samples or formed anew for each.
    #[test]
    fn products_with_the_hessian_do_not_depend_on_what_is_kept(layers in prop::collection::vec(layer(), 1..5), seed in 0u64..1000) {
        let net = network(3, &layers);
        let (data, theta) = problem(&net, 50, seed);
        let objective = in_lanes(&net, &data, Loss::Logistic, 0.0);
        let v = vector(theta.len(), seed, Purpose::Noise);
        let twice = |budget: usize| {
            let mut tangent = Tangent::new(&objective, budget, Keep::Turns);
            assert_eq!(tangent.kept, budget > 0);
            let (mut first, mut second) = (theta.clone(), theta.clone());
            tangent.settle(&objective, &(&theta * 2.0), &mut first);
            tangent.product(&objective, v.as_slice(), first.as_mut_slice());
            tangent.settle(&objective, &theta, &mut second);
            tangent.product(&objective, v.as_slice(), second.as_mut_slice());
            (first, second)
        };
        prop_assert_eq!(twice(KEPT), twice(0));
    }

    #[test]
    fn the_cost_is_what_a_gradient_multiplies(d_in in 1usize..9, layers in prop::collection::vec(layer(), 1..6), samples in 1usize..50) {
        let net = network(d_in, &layers);
        let (data, theta) = problem(&net, samples, 0);
        let objective = MlpObjective::new(net, data, Loss::Mse, 0.0).with_threads(1);
        let before = crate::linalg::FLOPS.get();
        objective.loss_gradient(&theta, &mut theta.clone());
        prop_assert_eq!(crate::linalg::FLOPS.get() - before, objective.flops());
    }
}

/// Deviations of 1e-9 from a Jacobian of size 1 keep their digits, which ‖J‖² − ‖J̄‖² would lose altogether.
#[test]
fn small_deviations_of_the_jacobian_keep_their_digits() {
    let net = network(3, &[(4, Activation::Erf, false), (1, Activation::Identity, false)]);
    let (data, theta) = problem(&net, 40, 3);
    let scaled = |small: f64| {
        let mut theta = theta.clone();
        net.weight_mut(theta.as_mut_slice(), 1).scale_mut(small);
        net.weight_mut(theta.as_mut_slice(), 2).scale_mut(1.0 / small);
        let jacobian = in_lanes(&net, &data, Loss::Mse, 0.0).jacobians(&theta).swap_remove(0);
        (jacobian.mean.norm(), jacobian.centred.norm() / (small * small))
    };
    // erf′(z) = 2/√π(1 − z² + …): deviations go as the square of the scale.
    let ((size, coarse), (_, fine)) = (scaled(1e-3), scaled(3e-5));
    assert!(size > 0.1 && (fine / coarse - 1.0).abs() < 1e-5, "{size} {coarse} {fine}");
}

/// aᵀ[W_L⋯W_1 x + b_1]_+ + b_2: what a sample costs does not grow with the depth of the trunk.
#[test]
fn a_deep_trunk_costs_samples_no_more_than_one_layer() {
    let per_sample = |trunk: usize| {
        let mut layers = vec![(20, Activation::Identity, false); trunk - 1];
        layers.extend([(20, Activation::Relu, true), (1, Activation::Identity, true)]);
        let net = network(20, &layers);
        let flops = |samples| MlpObjective::new(net.clone(), problem(&net, samples, 0).0, Loss::Mse, 0.0).flops();
        flops(2000) - flops(1000)
    };
    assert_eq!(per_sample(1), per_sample(6));
}

/// A run that narrows to one unit is cheaper layer by layer.
#[test]
fn a_bottleneck_is_not_multiplied_out() {
    let narrow = Condensed::new(&Architecture::new(&[100, 1, 100]), 1000);
    assert!(narrow.is_full() && narrow.net.depth() == 2);
    let wide = Condensed::new(&Architecture::new(&[100, 100, 100]), 1000);
    assert!(!wide.is_full() && wide.net.depth() == 1);
}

/// At the second product and all later ones at the same weights.
#[test]
fn a_product_with_the_hessian_costs_two_gradients() {
    let net = network(6, &[(20, Activation::Tanh, true), (20, Activation::Erf, true), (3, Activation::Identity, true)]);
    let (data, theta) = problem(&net, 100, 0);
    let objective = MlpObjective::new(net, data, Loss::Mse, 0.0).with_threads(1);
    let [first, second, moved] = product_costs(&objective, objective.flops(), &theta);
    assert!(second <= 2.0 && first <= 3.0 && moved == first, "{first} {second} {moved}");
}

/// (1/n) Σ ∇_xℓ_i x_iᵀ, the loss of each sample differentiated by itself.
#[test]
fn feature_gradients_are_sums_over_samples() {
    let net = network(3, &[(5, Activation::Tanh, true), (2, Activation::Swish, true)]);
    let (data, theta) = problem(&net, 10, 0);
    let objective = MlpObjective::new(net.clone(), data.clone(), Loss::Logistic, 0.0);
    let mut gradient = theta.clone();
    objective.loss_gradient(&theta, &mut gradient);
    let ours = objective.feature_gradients(&theta, &gradient);
    let mut expected = DMatrix::zeros(3, 3);
    for i in 0..10 {
        let loss = |j: usize, k: f64| {
            let mut x = data.x.rows(i, 1).into_owned();
            x[(0, j)] += k * 1e-3;
            let one = Arc::new(Dataset { x, y: data.y.rows(i, 1).into_owned() });
            MlpObjective::new(net.clone(), one, Loss::Logistic, 0.0).loss(&theta)
        };
        let slope = |j| (8.0 * (loss(j, 1.0) - loss(j, -1.0)) - (loss(j, 2.0) - loss(j, -2.0))) / 12e-3;
        expected += DVector::from_fn(3, |j, _| slope(j)) * data.x.row(i) / 10.0;
    }
    assert!((&ours[0] - &expected).norm() < 1e-10, "{} {expected}", ours[0]);
}
