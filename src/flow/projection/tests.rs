//! The projection against the law, evaluated independently, and against the motions that it must not undo.

use super::*;
use crate::data::{Dataset, Moments};
use crate::flow::GradientFlow;
use crate::network::Architecture;
use crate::objective::{LinearObjective, Objective};
use crate::ode::{Limits, Tolerance, dopri5};
use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};
use proptest::prelude::*;
use rand::RngExt;

/// Weights whose singular values fall over `decades` from a largest one between ½ and 1 times `scale`, another in each layer.
fn spread(widths: &[usize], scale: f64, decades: f64, seed: u64) -> Parameters {
    let rng = &mut stream(seed, Purpose::Init);
    Parameters::from_shapes(&Architecture::new(widths), |rows, columns| {
        let r = rows.min(columns);
        let top = scale * rng.random_range(0.5..1.0);
        let sigma = DVector::from_fn(r, |i, _| top * 10f64.powf(-decades * i as f64 / (r.max(2) - 1) as f64));
        orthonormal_columns(rows, r, rng) * DMatrix::from_diagonal(&sigma) * orthonormal_columns(columns, r, rng).transpose()
    })
}

/// θ plus a random vector of norm `relative`·‖θ‖, in place of an integration error.
fn perturbed(theta: &Parameters, relative: f64, seed: u64) -> Parameters {
    let noise = gaussian_matrix(theta.values().len(), 1, &mut stream(seed, Purpose::Imbalance)).column(0).normalize();
    Parameters::from_values(theta.architecture(), theta.values() + noise * (relative * theta.values().norm()))
}

/// max_l ‖D_l − factor·D_l(0)‖_F in plain float64.
fn law_residual(start: &Parameters, now: &Parameters, factor: f64) -> f64 {
    let off: Vec<_> = now.imbalances().iter().zip(start.imbalances()).map(|(now, start)| now - start * factor).collect();
    largest_norm(&off)
}

fn regression(widths: &[usize], weight_decay: f64, seed: u64) -> LinearObjective {
    let rng = &mut stream(seed, Purpose::Inputs);
    let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
    let data = Dataset { x: gaussian_matrix(20, inputs, rng), y: gaussian_matrix(20, outputs, rng) };
    LinearObjective::new(Architecture::new(widths), Moments::new(&data).unwrap(), weight_decay)
}

proptest! {
    /// e^{−λt}·θ(0) obeys the law at time t: weights near it are projected back onto the law.
    #[test]
    fn perturbed_weights_return_to_the_law(
        widths in prop::collection::vec(1usize..9, 3..7), scale in 0.03f64..3.0, decades in 0.0f64..3.0, error in -10i32..-4,
        t in 0.0f64..3.0, seed in 0u64..10_000,
    ) {
        let (start, decay_rate) = (spread(&widths, scale, decades, seed), 0.2);
        let projection = BalanceProjection::new(&start, decay_rate);
        let factor = decay(decay_rate, t);
        let exact = Parameters::from_values(start.architecture(), start.values() * factor.sqrt());
        let mut theta = perturbed(&exact, 10f64.powi(error), seed);
        let correction = projection.project(t, &mut theta).unwrap();
        prop_assert!(correction.reached(), "{correction:?}");
        // Evaluated in float64, which adds its own rounding.
        let residual = law_residual(&start, &theta, factor);
        let rounding = f64::EPSILON * (start.values().norm_squared() + theta.values().norm_squared());
        prop_assert!(residual <= 1e-14 * start.balance_gap() + rounding, "{residual:e} {correction:?}");
    }

    /// A step along −∇ℒ leaves D unchanged to first order, whatever the loss: so its correction leaves the step unchanged.
    #[test]
    fn motions_along_the_law_are_left_alone(widths in prop::collection::vec(2usize..7, 3..6), seed in 0u64..10_000) {
        let start = spread(&widths, 1.0, 1.0, seed);
        let mut gradient = start.values().clone();
        regression(&widths, 0.0, seed).loss_gradient(start.values(), &mut gradient);
        let projection = BalanceProjection::new(&start, 0.0);
        let correction = |step: f64| {
            let moved = start.values() - gradient.normalize() * step;
            projection.project(0.0, &mut Parameters::from_values(start.architecture(), moved)).unwrap().size
        };
        let (large, small) = (correction(1e-3), correction(1e-4));
        prop_assert!(small < 1e-2 * 1e-4 && (large / small - 100.0).abs() < 30.0, "{large:e} {small:e}");
    }

    /// e^{−2λt} = 1e-10, integrated at rtol 1e-6: the weights are of size 1, D is 1e-10 of what it was.
    #[test]
    fn a_decayed_imbalance_is_right_to_its_own_digits(widths in prop::collection::vec(1usize..6, 3..6), seed in 0u64..10_000) {
        let (decay_rate, t) = (0.05, 230.2585);
        let (start, objective) = (spread(&widths, 1.0, 0.5, seed), regression(&widths, decay_rate, seed));
        let mut end = start.clone();
        // atol is below every direction that has not decayed to 0.
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-15 };
        let segment = dopri5(GradientFlow::new(&objective), tolerance, Limits::default()).unwrap().advance(0.0, t, end.values_mut()).unwrap();
        prop_assert_eq!(segment.stop, None);

        let projection = BalanceProjection::new(&start, decay_rate);
        // The D of a nearly balanced start has fewer than fourteen digits in float64.
        let envelope = decay(decay_rate, t) * ExtendedParameters::from(start.clone()).balance_gap();
        let mut extended = ExtendedParameters::from(end.clone());
        let correction = projection.project_extended(t, &mut extended).unwrap();
        // If a direction is lost in the integration error, no scaling of what is left of it leads back to the law; the correction says so.
        prop_assume!(correction.reached());
        // 106 bits leave at most this much, also of a start balanced to ten digits.
        let floor = DOUBLE_DOUBLE_FLOOR * end.values().norm_squared();
        prop_assert!(correction.residual <= 1e-14 * envelope + floor, "{correction:?}");
        prop_assert!(correction.relative < 1e-4, "{correction:?}");
        let gap = extended.balance_gap();
        prop_assert!((gap - envelope).abs() < 1e-13 * envelope + floor, "{}", gap / envelope);
        // Control: float64 weights miss the law, unless they have decayed to 0 too, or their few numbers are right by luck.
        let float64 = projection.project(t, &mut end).unwrap();
        let excused = end.values().norm() < 0.1 || end.values().len() < 20;
        prop_assert!(excused || float64.residual > 1e-9 * envelope, "{float64:?}");
    }
}

/// Four layers of width 20 with singular values over 3.5 decades: the law holds to its last digits, and conjugate gradients do not stall.
#[test]
fn ill_conditioned_weights_take_few_iterations() {
    let start = spread(&[20, 20, 20, 20, 20], 1.0, 3.5, 1);
    let mut theta = perturbed(&start, 1e-7, 2);
    let correction = BalanceProjection::new(&start, 0.0).project(0.0, &mut theta).unwrap();
    assert!(correction.residual <= 1e-15 * start.balance_gap() && correction.iterations < 100, "{correction:?}");
}

#[test]
fn a_second_projection_finds_nothing_to_do() {
    let start = spread(&[5, 7, 4, 6], 1.0, 1.0, 3);
    let projection = BalanceProjection::new(&start, 0.0);
    let mut theta = perturbed(&start, 1e-4, 4);
    projection.project(0.0, &mut theta).unwrap();
    let projected = theta.clone();
    let again = projection.project(0.0, &mut theta).unwrap();
    assert_eq!((again.rounds, again.size, theta == projected), (0, 0.0, true));
}

/// Weights of low rank with D(0) = 0, whose S_l has a null space, are projected to rounding in either precision.
#[test]
fn balanced_weights_of_low_rank_stay_balanced() {
    let (widths, rank) = ([6, 10, 12, 8, 3], 2);
    let rng = &mut stream(5, Purpose::Init);
    let bases: Vec<_> = widths.iter().map(|&d| orthonormal_columns(d, rank, rng)).collect();
    let weights: Vec<_> = bases.windows(2).map(|q| &q[1] * q[0].transpose()).collect();
    let start = Parameters::from_weights(&Architecture::new(&widths), &weights);
    for weight_decay in [0.0, 0.1] {
        let projection = BalanceProjection::new(&start, weight_decay);
        for relative in [1e-3, 1e-6, 1e-9] {
            let mut theta = perturbed(&start, relative, 6);
            let mut extended = ExtendedParameters::from(theta.clone());
            let plain = projection.project(1.0, &mut theta).unwrap();
            assert!(plain.reached() && theta.balance_gap() < 1e-14, "{plain:?}");
            let fine = projection.project_extended(1.0, &mut extended).unwrap();
            assert!(fine.reached(), "{fine:?}");
        }
    }
}

#[test]
fn one_layer_has_no_law_to_keep() {
    let start = spread(&[4, 3], 1.0, 0.0, 7);
    let mut theta = perturbed(&start, 0.1, 8);
    let before = theta.clone();
    let correction = BalanceProjection::new(&start, 0.1).project(1.0, &mut theta).unwrap();
    assert!(correction.reached() && correction.rounds == 0 && theta == before);
}

/// At W = 0 D is stationary to first order: there is no correction, and the result says so.
#[test]
fn a_law_out_of_reach_is_reported() {
    let start = spread(&[3, 4, 2], 1.0, 0.5, 9);
    let mut theta = Parameters::from_values(start.architecture(), start.values() * 0.0);
    let correction = BalanceProjection::new(&start, 0.0).project(0.0, &mut theta).unwrap();
    assert!(!correction.reached() && correction.relative == 0.0, "{correction:?}");
    assert!((correction.residual / start.balance_gap() - 1.0).abs() < 1e-14);
    // Under weight decay the law itself leads to zero weights.
    assert!(BalanceProjection::new(&start, 1.0).project(100.0, &mut theta).unwrap().reached());
}

#[test]
fn weights_that_are_not_finite_are_left_alone() {
    let start = spread(&[3, 4, 2], 1.0, 0.5, 10);
    let projection = BalanceProjection::new(&start, 0.1);
    for bad in [f64::INFINITY, 1e200] {
        let mut theta = start.clone();
        theta.values_mut()[5] = bad;
        let before = theta.clone();
        assert_eq!(projection.project(1.0, &mut theta), Err(ProjectionError::NotFinite { t: 1.0 }));
        assert_eq!(theta, before);
        let mut extended = ExtendedParameters::from(theta);
        assert!(projection.project_extended(1.0, &mut extended).is_err() && *extended.high() == before);
    }
    let mut theta = start.clone();
    theta.values_mut()[0] = f64::NAN;
    assert!(projection.project(1.0, &mut theta).is_err());
    assert!(projection.project(f64::NAN, &mut start.clone()).is_err());
}
