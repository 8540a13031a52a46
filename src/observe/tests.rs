//! Laws of all observables, for any weights.

use std::sync::Arc;

use nalgebra::DMatrix;
use proptest::prelude::*;

use crate::data::{Dataset, Moments};
use crate::linalg::scale;
use crate::network::{Activation, Architecture};
use crate::objective::{LinearObjective, MlpObjective, Objective};
use crate::rng::{Purpose, gaussian_matrix, stream};

use super::*;

const DECAY: f64 = 0.1;

/// Samples, a network and its weights.
fn problem(activation: Activation, widths: &[usize], seed: u64) -> (Architecture, Dataset, Parameters) {
    let rng = &mut stream(seed, Purpose::Init);
    let mut activations = vec![activation; widths.len() - 1];
    activations[widths.len() - 2] = Activation::Identity;
    let net = Architecture::with_layers(widths, &activations, &vec![false; widths.len() - 1]);
    let (d, k) = (net.input_dim(), net.output_dim());
    let data = Dataset { x: gaussian_matrix(12, d, rng), y: gaussian_matrix(12, k, rng) };
    let parameters = Parameters::from_shapes(&net, |rows, columns| gaussian_matrix(rows, columns, rng) * 0.5);
    (net, data, parameters)
}

fn objective(net: &Architecture, data: &Dataset) -> Box<dyn Objective> {
    if net.is_linear() {
        Box::new(LinearObjective::new(net.clone(), Moments::new(data).unwrap(), DECAY))
    } else {
        Box::new(MlpObjective::new(net.clone(), Arc::new(data.clone()), crate::loss::Loss::Mse, DECAY))
    }
}

/// All columns at `start`; none where products of the weights overflow.
fn columns(objective: &dyn Objective, start: &Parameters) -> Vec<(String, f64)> {
    let Ok(snapshot) = Snapshot::new(1.0, start, objective, Some(start)) else { return Vec::new() };
    let target = DMatrix::from_fn(2, start.architecture().input_dim(), |i, j| (1 + i + 2 * j) as f64);
    let mut row = Row::default();
    let mut observables = all(start, DECAY, Some(&target));
    observables.push(Box::new(Learned { constant: 0.7 }));
    observables.push(Box::new(Ntk::new(objective, start)));
    observables.iter().for_each(|observable| observable.measure(&snapshot, &mut row));
    assert!(row.vectors.iter().all(|(_, values)| !values.iter().any(|value| value.is_infinite())));
    let number = |(name, scalar)| if let Scalar::Float(value) = scalar { Some((name, value)) } else { None };
    row.scalars.into_iter().filter_map(number).collect()
}

/// Whether the column of a linear network is unchanged when all weights are scaled by the same factor.
fn is_scale_free(name: &str) -> bool {
    let relative =
        ["nfa_cosine", "nfa_residual_relative", "nfa_alignment_residual", "nfa_peak", "nfa_exponent", "agop_target_cosine"];
    relative.iter().any(|prefix| name.starts_with(prefix)) || name.contains("_rank_")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Weights from 1e-300 to 1e100, scaled by exact powers of two: every column keeps its value or is undefined, no cosine exceeds 1, and
    /// nothing is infinite.
    #[test]
    fn columns_are_finite_and_do_not_depend_on_the_size_of_the_weights(
        exponent in -1000i32..332, kind in 0usize..3, depth in 1usize..6, seed in 0u64..100,
    ) {
        let activation = [Activation::Identity, Activation::Relu, Activation::Tanh][kind];
        let (net, data, parameters) = problem(activation, &vec![4; depth + 1], seed);
        let moved = Parameters::from_values(&net, parameters.values().map(|x| scale(x, exponent)));
        let objective = objective(&net, &data);
        let plain = columns(&*objective, &parameters);
        for (index, (name, value)) in columns(&*objective, &moved).into_iter().enumerate() {
            prop_assert!(!value.is_infinite(), "{name}");
            prop_assert!(!name.contains("cosine") || value.is_nan() || value.abs() <= 1.0, "{name} {value}");
            if net.is_linear() && is_scale_free(&name) {
                let expected = plain[index].1;
                // A maximizer is found only to the square root of the rounding error.
                let tolerance = if name == "nfa_peak" { 1e-6 } else { 1e-9 };
                let close = (value - expected).abs() <= tolerance * (1.0 + expected.abs()) || (value.is_nan() && expected.is_nan());
                prop_assert!(close, "{name} at 2^{exponent}: {value}, and {expected} at 1");
            }
        }
    }
}

/// A product that underflows must not look like a network without features.
#[test]
fn what_underflow_took_is_not_defined() {
    let (net, data, parameters) = problem(Activation::Tanh, &[4, 4, 4, 4], 0);
    let tiny = Parameters::from_values(&net, parameters.values().map(|x| scale(x, -400)));
    let columns = columns(&*objective(&net, &data), &tiny);
    for name in ["nfa_cosine", "nfa_residual_relative", "stable_rank_product"] {
        assert!(columns.iter().any(|(own, value)| own == name && value.is_nan()), "{name}");
    }
    // The last layer is its own Jacobian.
    assert!(columns.iter().any(|(own, value)| own == "nfa_cosine_W3" && (value - 1.0).abs() < 1e-12));
}
