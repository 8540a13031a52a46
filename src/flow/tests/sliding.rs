//! Flows along kinks: Filippov's solution where there is no classical one, and the classical one everywhere else.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use crate::data::Dataset;
use crate::flow::GradientFlow;
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::{MlpObjective, Objective, OnKink};
use crate::ode::testing::Make;
use crate::ode::{Limits, Tolerance, VectorField, Work, rkc, rock4, tsit5};
use crate::rng::{Purpose, gaussian_matrix, stream};

fn tolerance(rtol: f64) -> Tolerance {
    Tolerance { rtol, atol: 1e-3 * rtol }
}

const TSIT5: Make = |field, tolerance, limits| tsit5(field, tolerance, limits).unwrap();
const RKC: Make = |field, tolerance, limits| rkc(field, tolerance, limits).unwrap();
const ROCK4: Make = |field, tolerance, limits| rock4(field, tolerance, limits).unwrap();

/// θ(t), which must be reached, and the work.
fn flown(field: &GradientFlow, make: Make, rtol: f64, start: &DVector<f64>, t: f64) -> (DVector<f64>, Work) {
    let mut theta = start.clone();
    let limits = Limits { max_steps: 200_000, ..Limits::default() };
    let segment = make(field, tolerance(rtol), limits).advance(0.0, t, &mut theta).unwrap();
    assert_eq!(segment.stop, None);
    (theta, segment.work)
}

fn sliding_at(objective: &MlpObjective, theta: &DVector<f64>) -> Vec<OnKink> {
    objective.on_kinks(theta, 1e-6).into_iter().filter(|on| on.slope.is_some()).collect()
}

/// f(x) = a[w·x]_+ on x_1 = e_1 with the label −3, and x_2 = (1, 1) with the label 1, from w = (0, 0.3) and a = 0.3. Sample 2 pushes
/// w_1 up, sample 1 down as soon as it is positive: it stays 0, and a = w_2 learn sample 2 alone.
fn held_at_zero() -> (MlpObjective, DVector<f64>) {
    let net = Architecture::with_layers(&[2, 1, 1], &[Activation::Relu, Activation::Identity], &[false, false]);
    let data =
        Dataset { x: DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 1.0, 1.0]), y: DMatrix::from_row_slice(2, 1, &[-3.0, 1.0]) };
    (MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.0), DVector::from_vec(vec![0.0, 0.3, 0.3]))
}

/// aw_2 at time t, the logistic curve of ṡ = (1 − s)s.
fn learned(t: f64) -> f64 {
    let s0 = 0.09;
    s0 * t.exp() / (1.0 + s0 * (t.exp() - 1.0))
}

#[test]
fn a_flow_slides_along_a_kink_as_filippov_has_it_by_every_method() {
    let (objective, start) = held_at_zero();
    let t = 2.0;
    for rtol in [1e-4, 1e-6, 1e-8] {
        let field = || GradientFlow::sliding(&objective);
        let ends = [
            flown(&field(), TSIT5, rtol, &start, t),
            flown(&field(), RKC, rtol, &start, t),
            flown(&field(), ROCK4, rtol, &start, t),
        ];
        for (end, work) in ends {
            assert!((end[2] * end[1] - learned(t)).abs() < 30.0 * rtol.powf(2.0 / 3.0).min(1e3 * rtol), "{rtol}: {end}");
            assert!(end[0].abs() < 1e2 * rtol, "{rtol}: {}", end[0]);
            assert!(work.evaluations < 20_000, "{work:?}");
        }
    }
    // Control: where the field jumps, steps are as short as the tolerance.
    let few = Limits { max_steps: 1000, ..Limits::default() };
    let jumping = TSIT5(&GradientFlow::new(&objective), tolerance(1e-6), few).advance(0.0, t, &mut start.clone()).unwrap();
    let (_, sliding) = flown(&GradientFlow::sliding(&objective), TSIT5, 1e-6, &start, t);
    assert!(jumping.t < 0.1 && sliding.accepted + sliding.rejected < 1000, "{sliding:?} {jumping:?}");
    // The slope, −(s − 1)/3, makes ẇ_1 vanish.
    let (end, _) = flown(&GradientFlow::sliding(&objective), TSIT5, 1e-8, &start, t);
    let found = sliding_at(&objective, &end);
    assert_eq!(found.iter().map(|on| (on.layer, on.neuron, on.sample)).collect::<Vec<_>>(), [(1, 0, 0)]);
    assert!((found[0].slope.unwrap() - (1.0 - learned(t)) / 3.0).abs() < 1e-5, "{found:?}");
}

/// a² − ‖w‖² of the neuron, which slides all the way, is conserved to the tolerance of a smooth flow.
#[test]
fn what_kinked_layers_conserve_is_conserved_along_kinks() {
    let (objective, start) = held_at_zero();
    let (end, _) = flown(&GradientFlow::sliding(&objective), TSIT5, 1e-10, &start, 5.0);
    assert!((end[2].powi(2) - end[1].powi(2) - end[0].powi(2)).abs() < 1e-10, "{end}");
    // The field conserves it at every point, too.
    let field = GradientFlow::sliding(&objective);
    let (mut theta, mut slope) = (start.clone(), start.clone());
    let mut integrator = TSIT5(&field, tolerance(1e-6), Limits::default());
    for k in 1..20 {
        integrator.advance(0.1 * f64::from(k - 1), 0.1 * f64::from(k), &mut theta).unwrap();
        field.eval(0.0, &theta, &mut slope);
        assert!((theta[2] * slope[2] - theta[0] * slope[0] - theta[1] * slope[1]).abs() < 1e-14);
    }
}

/// A network with labels that pull its neurons across samples.
fn random(seed: u64, widths: &[usize], activation: Activation, bias: bool) -> (MlpObjective, DVector<f64>) {
    let (rng, depth) = (&mut stream(seed, Purpose::Inputs), widths.len() - 1);
    let mut activations = vec![activation; depth];
    activations[depth - 1] = Activation::Identity;
    let net = Architecture::with_layers(widths, &activations, &vec![bias; depth]);
    let data = Dataset { x: gaussian_matrix(12, widths[0], rng), y: gaussian_matrix(12, widths[depth], rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.7;
    (MlpObjective::new(net, Arc::new(data), Loss::Mse, 1e-2), theta)
}

/// Euler steps, which chatter across a kink: within a few step lengths of Filippov's solution, their limit as steps shorten.
fn chattering(objective: &MlpObjective, start: &DVector<f64>, t: f64, step: f64) -> DVector<f64> {
    let (mut theta, mut gradient) = (start.clone(), start.clone());
    for _ in 0..(t / step).round() as usize {
        objective.gradient(&theta, &mut gradient);
        theta.axpy(-step, &gradient, 1.0);
    }
    theta
}

#[test]
fn it_is_the_limit_of_short_steps_on_random_networks() {
    let mut slid = 0;
    for seed in 0..8 {
        let widths: &[usize] = if seed % 2 == 0 { &[2, 4, 1] } else { &[2, 3, 3, 1] };
        let activation = if seed % 3 == 0 { Activation::LeakyRelu } else { Activation::Relu };
        let (objective, start) = random(seed, widths, activation, seed % 4 > 1);
        let t = 10.0;
        let end = |rtol: f64| flown(&GradientFlow::sliding(&objective), TSIT5, rtol, &start, t).0;
        let (coarse, fine) = (end(1e-5), end(1e-7));
        let [long, short] = [4e-4, 1e-4].map(|step| (chattering(&objective, &start, t, step) - &fine).norm() / fine.norm());
        assert!(short < 3e-3 && short < 0.5 * long, "{seed}: {long:e} {short:e}");
        assert!((coarse - &fine).norm() < 1e-3 * fine.norm(), "{seed}");
        slid += sliding_at(&objective, &fine).len();
    }
    assert!(slid > 0, "no sample slides at the end of any");
}

/// A sample that decays towards a kink from its dead side, and never reaches it, stays dead.
#[test]
fn a_dead_sample_is_not_revived() {
    let net = Architecture::with_layers(&[2, 2, 1], &[Activation::Relu, Activation::Identity], &[false, false]);
    let data = Dataset { x: DMatrix::identity(2, 2), y: DMatrix::from_element(2, 1, 1.0) };
    let decay = 0.1;
    let objective = MlpObjective::new(net, Arc::new(data), Loss::Mse, decay);
    // W_1 = [[1, −1], [−1, −1]] column by column, W_2 = (1, 1).
    let start = DVector::from_vec(vec![1.0, -1.0, -1.0, -1.0, 1.0, 1.0]);
    for rtol in [1e-3, 1e-6] {
        let (end, _) = flown(&GradientFlow::sliding(&objective), ROCK4, rtol, &start, 200.0);
        // Sample 1 is learned up to λ, w·a = 1 − 2λ, sample 2 not at all: the loss is ((2λ)² + 1)/4.
        let loss = objective.loss(&end);
        assert!((loss - ((2.0 * decay).powi(2) + 1.0) / 4.0).abs() < 10.0 * rtol, "{loss}");
        assert!(sliding_at(&objective, &end).is_empty());
    }
}

/// w reaches 0, where the labels pull it below, and stays.
#[test]
fn a_neuron_at_rest_on_its_kink_costs_little() {
    let net = Architecture::with_layers(&[1, 1, 1], &[Activation::Relu, Activation::Identity], &[false, false]);
    let data = Dataset { x: DMatrix::identity(1, 1), y: DMatrix::from_element(1, 1, -1.0) };
    let objective = MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.1);
    let start = DVector::from_vec(vec![1.0, 2.0]);
    let (end, work) = flown(&GradientFlow::sliding(&objective), TSIT5, 1e-8, &start, 20.0);
    assert!(end[0].abs() < 1e-8 && (end[1] - 0.234_407_586_6).abs() < 1e-8, "{end}");
    assert!(work.evaluations < 1500, "{work:?}");
}
