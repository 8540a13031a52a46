//! Flows that are paused, saved and taken up by a new integrator on a new field go on bit for bit.

use std::sync::Arc;

use nalgebra::DVector;

use crate::data::{Dataset, Moments};
use crate::flow::GradientFlow;
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::{LinearObjective, MlpObjective};
use crate::ode::testing::check_resumption;
use crate::ode::{Limits, Tolerance, VectorField, auto, rkc, tsit5};
use crate::rng::{Purpose, gaussian_matrix, stream};

/// What is held, awaited and crossed is part of the state: every integrator has a field of its own.
#[test]
fn a_flow_that_slides_along_kinks_goes_on_bit_for_bit() {
    let rng = &mut stream(3, Purpose::Inputs);
    let net = Architecture::with_layers(&[3, 6, 1], &[Activation::Relu, Activation::Identity], &[true, true]);
    let data = Arc::new(Dataset { x: gaussian_matrix(12, 3, rng), y: gaussian_matrix(12, 1, rng) });
    let objective = MlpObjective::new(net.clone(), data, Loss::Mse, 0.01);
    let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.6;
    let tolerance = Tolerance { rtol: 1e-5, atol: 1e-8 };
    let times = [0.0, 0.1, 5.0, 30.0];
    let limits = |interrupt| Limits { t_end: 30.0, interrupt, ..Limits::default() };
    let field = || GradientFlow::sliding(&objective);
    check_resumption("auto", &|interrupt| auto(field(), tolerance, limits(interrupt)).unwrap(), &times, &start, &[1, 2, 5, 17]);
    check_resumption("tsit5", &|interrupt| tsit5(field(), tolerance, limits(interrupt)).unwrap(), &times, &start, &[1, 7]);
    check_resumption("rkc", &|interrupt| rkc(field(), tolerance, limits(interrupt)).unwrap(), &times, &start, &[1, 7]);
    // The law says nothing unless something was held on the way.
    let mut theta = start.clone();
    auto(field(), tolerance, limits(Default::default())).unwrap().advance(0.0, 30.0, &mut theta).unwrap();
    let on = crate::objective::Objective::on_kinks(&objective, &theta, 1e-3);
    assert!(on.iter().any(|on| on.slope.is_some()), "{on:?}");
}

/// Of one output and so many weights that stages are products of thin matrices.
#[test]
fn a_flow_of_low_rank_goes_on_bit_for_bit() {
    let rng = &mut stream(5, Purpose::Inputs);
    let net = Architecture::new(&[64, 64, 64, 1]);
    let data = Dataset { x: gaussian_matrix(80, 64, rng), y: gaussian_matrix(80, 1, rng) };
    let start: DVector<f64> = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.1;
    let objective = LinearObjective::new(net, Moments::new(&data).unwrap(), 0.02);
    assert!(GradientFlow::new(&objective).low_rank().is_some());
    let tolerance = Tolerance { rtol: 1e-7, atol: 1e-10 };
    let make = |interrupt| {
        let limits = Limits { t_end: 3.0, interrupt, ..Limits::default() };
        tsit5(GradientFlow::new(&objective), tolerance, limits).unwrap()
    };
    check_resumption("tsit5", &make, &[0.0, 0.5, 0.6, 3.0], &start, &[1, 3]);
}
