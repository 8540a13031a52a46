use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::data::{Dataset, Moments};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::testing::outputs_and_jacobian;
use crate::objective::{LinearObjective, MlpObjective};
use crate::observe::Scalar;

/// The columns at `now` of a process that started at `start`.
fn measured(objective: &dyn Objective, start: &Parameters, now: &Parameters) -> BTreeMap<String, f64> {
    let mut row = Row::default();
    let snapshot = Snapshot::new(1.0, now, objective, None).unwrap();
    Ntk::new(objective, start).measure(&snapshot, &mut row);
    let number = |(name, scalar)| if let Scalar::Float(value) = scalar { Some((name, value)) } else { None };
    row.scalars.into_iter().filter_map(number).collect()
}

/// A network, its samples and two parameter vectors.
fn problem(activation: Activation, widths: &[usize]) -> (Architecture, Dataset, [Parameters; 2]) {
    let (rng, depth) = (&mut stream(3, Purpose::Init), widths.len() - 1);
    let mut activations = vec![activation; depth];
    activations[depth - 1] = Activation::Identity;
    let net = Architecture::with_layers(widths, &activations, &vec![activation != Activation::Identity; depth]);
    let data = Dataset { x: gaussian_matrix(9, net.input_dim(), rng), y: gaussian_matrix(9, net.output_dim(), rng) };
    let mut place = || {
        let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.7;
        Parameters::from_values(&net, theta)
    };
    let places = [place(), place()];
    (net, data, places)
}

fn objective(net: &Architecture, data: &Dataset) -> Box<dyn Objective> {
    if net.is_linear() {
        Box::new(LinearObjective::new(net.clone(), Moments::new(data).unwrap(), 0.1))
    } else {
        Box::new(MlpObjective::new(net.clone(), Arc::new(data.clone()), Loss::Mse, 0.1))
    }
}

/// A linear network by its moments, and a tanh network with biases by its samples.
#[test]
fn columns_are_those_of_the_jacobian_by_dual_numbers() {
    for activation in [Activation::Identity, Activation::Tanh] {
        let (net, data, [start, now]) = problem(activation, &[4, 5, 3, 2]);
        let [before, after] = [&start, &now].map(|at| {
            let (_, jacobian) = outputs_and_jacobian(&net, at.values(), &data.x);
            &jacobian * jacobian.transpose() / 9.0
        });
        let (y, top) = (DVector::from_column_slice(data.y.as_slice()), after.symmetric_eigenvalues().max());
        let row = measured(&*objective(&net, &data), &start, &now);
        for (name, expected) in [
            ("ntk_max", top),
            ("ntk_rank", after.trace() / top),
            ("ntk_alignment", y.dot(&(&after * &y)) / (after.norm() * y.norm_squared())),
            ("ntk_distance", (&after - &before).norm() / before.norm()),
        ] {
            assert!((row[name] - expected).abs() < 1e-12 * expected, "{activation:?} {name}: {} {expected}", row[name]);
        }
    }
}

/// f = Wx: J does not depend on W. Control: with two layers it does.
#[test]
fn the_kernel_of_one_linear_layer_does_not_move() {
    let (net, data, [start, now]) = problem(Activation::Identity, &[4, 3]);
    assert!(measured(&*objective(&net, &data), &start, &now)["ntk_distance"] <= 1e-15);
    let (net, data, [start, now]) = problem(Activation::Identity, &[4, 5, 3]);
    assert!(measured(&*objective(&net, &data), &start, &now)["ntk_distance"] > 0.1);
}

/// Ranges, and undefined values: zero weights, zero labels, and weights whose kernel underflows.
#[test]
fn ratios_to_nothing_are_not_defined() {
    let (net, mut data, [start, now]) = problem(Activation::Identity, &[4, 5, 3]);
    let row = measured(&*objective(&net, &data), &start, &now);
    assert!((1.0..=12.0).contains(&row["ntk_rank"]) && (0.0..=1.0).contains(&row["ntk_alignment"]));
    let zero = Parameters::from_values(&net, now.values() * 0.0);
    let row = measured(&*objective(&net, &data), &start, &zero);
    assert_eq!((row["ntk_max"], row["ntk_distance"]), (0.0, 1.0));
    assert!(row["ntk_rank"].is_nan() && row["ntk_alignment"].is_nan());
    assert!(measured(&*objective(&net, &data), &zero, &start)["ntk_distance"].is_nan());
    let tiny = Parameters::from_values(&net, now.values() * 1e-158);
    assert!(measured(&*objective(&net, &data), &start, &tiny).values().all(|value| value.is_nan()));
    data.y.fill(0.0);
    assert!(measured(&*objective(&net, &data), &start, &now)["ntk_alignment"].is_nan());
}
