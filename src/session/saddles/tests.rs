//! Deep linear networks with Σ_x = I and the target diag(3, 2, 1), from W_l = εI, where modes do not couple: u̇_j = u_j^{L−1}(s_j − u_j^L). With L = 2
//! and k modes learned, ∇²J has −s_j, j > k, at 3 − k pairs of a row and a column each.

use nalgebra::{DMatrix, DVector};

use super::*;
use crate::data::{Dataset, Moments};
use crate::flow::Flow;
use crate::network::{Architecture, Parameters};
use crate::objective::LinearObjective;
use crate::observe::Measure;
use crate::ode::Reason;
use crate::optim::Gd;
use crate::session::{Finished, Session};
use crate::theory::{Mode, logistic};

const MODES: [f64; 3] = [3.0, 2.0, 1.0];
/// A start from which each is learned well before the next.
const START: [f64; 3] = [1e-3, 1e-6, 1e-9];

fn problem(depth: usize) -> (LinearObjective, Architecture) {
    let net = Architecture::new(&vec![3; depth + 1]);
    let x = DMatrix::identity(3, 3) * 3f64.sqrt();
    let y = &x * DMatrix::from_diagonal(&DVector::from_row_slice(&MODES));
    (LinearObjective::new(net.clone(), Moments::new(&Dataset { x, y }).unwrap(), 0.0), net)
}

/// The session from u_j = `start`_j in every layer.
fn session(depth: usize, start: [f64; 3], t_end: f64) -> Session {
    let (objective, net) = problem(depth);
    let weight = DMatrix::from_diagonal(&DVector::from_row_slice(&start));
    let start = Parameters::from_weights(&net, &vec![weight; depth]).values().clone();
    Session::new(objective, start).flow(Flow::new(t_end).rtol(1e-8)).measure(Measure::Saddles)
}

fn saddles(run: &Finished, process: &str) -> Vec<Saddle> {
    run.manifest.processes[process].saddles.clone().unwrap()
}

/// The kinds of the events that visits are.
fn told_as(run: &Finished, process: &str) -> Vec<EventKind> {
    let kinds = run.manifest.processes[process].events.iter().map(|event| event.kind);
    kinds.filter(|kind| matches!(kind, EventKind::Saddle | EventKind::LeastGradient)).collect()
}

/// ‖∇J‖² = 2Σ u_j²(s_j − u_j²)² with u_j² by its closed form.
fn gradient_squared(t: f64) -> f64 {
    let of_mode = |(sigma, start): (f64, f64)| {
        let s = logistic(&Mode { depth: 2, sigma, variance: 1.0, weight_decay: 0.0 }, start * start, t);
        2.0 * s * (sigma - s).powi(2)
    };
    MODES.into_iter().zip(START).map(of_mode).sum()
}

/// The least of the closed form between two times.
fn quietest([from, to]: [f64; 2]) -> f64 {
    let times = (0..=100_000).map(|i| from + (to - from) * f64::from(i) / 1e5);
    times.min_by(|a, b| gradient_squared(*a).total_cmp(&gradient_squared(*b))).unwrap()
}

#[test]
fn two_layers_pass_the_saddles_of_the_closed_form() {
    let found = saddles(&session(2, START, 40.0).run().unwrap(), "flow");
    assert_eq!(found.len(), 3, "{found:#?}");
    for (learned, saddle) in found.iter().enumerate() {
        let unlearned = &MODES[learned..];
        let point = saddle.point.unwrap();
        let loss: f64 = unlearned.iter().map(|s| 0.5 * s * s).sum();
        assert!((point.loss - loss).abs() < 1e-12 && (saddle.loss - loss).abs() < 0.1 * loss, "{learned}: {saddle:#?}");
        assert_eq!(point.index, Some(unlearned.len().pow(2)), "{learned}: {saddle:#?}");
        let rate = unlearned[0];
        assert!(
            (point.least_eigenvalue + rate).abs() < 1e-8 && (point.predicted_rate.unwrap() - rate).abs() < 1e-8,
            "{saddle:#?}"
        );
        let escape = saddle.escape.unwrap();
        assert!((escape.rate - rate).abs() < 0.02 * rate && escape.rate_error < 0.02 * rate, "{saddle:#?}");
        assert!(saddle.t <= escape.from && escape.from + STEADY / escape.rate < escape.to + 0.1, "{saddle:#?}");
        assert!(saddle.resolution > 0.0 && saddle.resolution < 0.3, "{saddle:#?}");
        if learned == 0 {
            assert_eq!(saddle.t, 0.0);
        } else {
            let exact = quietest([found[learned - 1].t + 1.0, saddle.t + 1.0]);
            assert!((saddle.t - exact).abs() <= saddle.resolution, "{learned}: {exact} {saddle:#?}");
            let norm = gradient_squared(saddle.t).sqrt();
            assert!((saddle.grad_norm / norm - 1.0).abs() < 1e-3, "{norm:e} {saddle:#?}");
        }
    }
}

/// The nearer the start, the longer the escape is exponential, and the nearer to the predicted rate.
#[test]
fn a_nearer_visit_has_a_sharper_rate() {
    let off = |start: f64| {
        let found = saddles(&session(2, [start, 0.0, 0.0], 20.0).run().unwrap(), "flow");
        assert_eq!(found.len(), 1, "{found:#?}");
        let escape = found[0].escape.unwrap();
        (escape.rate - 3.0).abs() / 3.0
    };
    assert!(off(1e-6) < 2e-3, "{:e}", off(1e-6));
    assert!(off(1e-6) < 0.5 * off(3e-2), "{:e} {:e}", off(1e-6), off(3e-2));
}

#[test]
fn they_do_not_depend_on_the_record_grid() {
    let few = session(2, START, 40.0).run().unwrap();
    let many = session(2, START, 40.0).record((0..=100).map(|i| 0.4 * f64::from(i))).run().unwrap();
    assert_eq!(saddles(&few, "flow"), saddles(&many, "flow"));
    assert_eq!(told_as(&few, "flow"), [EventKind::Saddle; 3]);
}

/// None is seen where a flow merely converges, stiff or not.
#[test]
fn a_start_near_a_minimum_passes_none() {
    let near = [3f64, 2.0, 1.0].map(|s| s.sqrt() + 0.05);
    for rtol in [1e-3, 1e-8] {
        let run = session(2, near, 200.0).flow(Flow::new(200.0).rtol(rtol)).optimizer(Gd::new(0.1)).run().unwrap();
        // Gradient descent goes on long after its gradients are rounding.
        assert_eq!([saddles(&run, "flow"), saddles(&run, "gd")], [[], []], "{rtol}");
    }
}

/// Three layers leave the origin as 1/(T − t): no negative eigenvalue there, and no exponential.
#[test]
fn three_layers_do_not_leave_exponentially() {
    let run = session(3, [1e-2, 1e-2, 0.0], 300.0).run().unwrap();
    let found = saddles(&run, "flow");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(told_as(&run, "flow"), [EventKind::LeastGradient; 2]);
    for saddle in &found {
        let point = saddle.point.unwrap();
        assert_eq!((point.index, point.predicted_rate, saddle.escape), (Some(0), None, None), "{saddle:#?}");
        assert!(point.least_eigenvalue.abs() <= point.tolerance, "{saddle:#?}");
    }
    let loss = found[1].point.unwrap().loss;
    assert!((loss - 2.5).abs() < 1e-6, "{loss}");
}

/// The factor per step of gradient descent is 1 + ηs: at η = 0.1 its rate is 13 % below that of the flow.
#[test]
fn gradient_descent_has_a_rate_of_its_own() {
    let run = session(2, [1e-3, 1e-6, 0.0], 20.0).optimizer(Gd::new(0.1)).run().unwrap();
    let found = saddles(&run, "gd");
    assert_eq!(found.len(), 2, "{found:#?}");
    for (saddle, s) in found.iter().zip(MODES) {
        let rate = (0.1 * s).ln_1p() / 0.1;
        let (point, escape) = (saddle.point.unwrap(), saddle.escape.unwrap());
        assert!((point.predicted_rate.unwrap() - rate).abs() < 1e-6, "{saddle:#?}");
        assert!((escape.rate - rate).abs() < 0.02 * rate && (escape.rate - s).abs() > 0.05 * s, "{saddle:#?}");
        // The visit is that of a step.
        assert!((saddle.resolution - 0.1).abs() < 1e-12, "{saddle:#?}");
    }
}

/// Gradient descent leaves the origin as the flow does, but at η = 1.5 for good.
#[test]
fn what_blows_up_has_left_no_saddle() {
    let [run, small] = [1.5, 0.1].map(|lr| session(2, [1e-3, 0.0, 0.0], 20.0).optimizer(Gd::new(lr)).run().unwrap());
    assert_eq!((saddles(&run, "flow").len(), saddles(&small, "gd").len()), (1, 1));
    assert_eq!((run.manifest.processes["gd"].termination, saddles(&run, "gd")), (Reason::Diverged, vec![]));
    assert_eq!(told_as(&run, "gd"), []);
}

#[test]
fn a_visit_is_of_a_saddle_only_with_negative_curvature() {
    let (objective, _) = problem(2);
    let theta = diagonal([1e-6, 0.0, 0.0]);
    let least = Least { t: 1.0, norm: 4e-6, theta, resolution: 0.1, followed: true };
    let saddle = visit(&objective, &least, None, &mut 0);
    let there = saddle.point.unwrap();
    let of = |point: Option<SaddlePoint>| {
        let Event { kind, detail, .. } = event(&Saddle { point, ..saddle.clone() });
        (kind, detail)
    };
    assert_eq!((of(saddle.point).0, of(Some(SaddlePoint { index: None, ..there })).0), (EventKind::Saddle, EventKind::Saddle));
    let (kind, detail) = of(None);
    assert!(kind == EventKind::LeastGradient && detail.contains(": no critical point is found from there"), "{detail}");
    for index in [Some(0), None] {
        let (kind, detail) = of(Some(SaddlePoint { index, least_eigenvalue: 0.0, ..there }));
        let words = ": near a critical point without negative curvature beyond";
        assert!(kind == EventKind::LeastGradient && detail.contains(words), "{detail}");
    }
}

/// Off balance, critical points are nearer to three layers than the origin, such as those with one layer that is not 0. They have an index, but
/// no rate that the flow could have.
#[test]
fn a_saddle_that_is_too_far_predicts_no_rate() {
    let (objective, _) = problem(3);
    let start = gaussian_matrix(27, 1, &mut stream(4, Purpose::Init)).column(0) * 0.03;
    let mut gradients = 0;
    let found = point(&objective, &start, None, &mut gradients).unwrap();
    assert!(found.predicted_rate.is_none() && found.hessian_change > -found.least_eigenvalue, "{found:?}");
    assert!(gradients > 54, "all its eigenvalues take 27 products");
}

/// The weights of two layers with these modes.
fn diagonal(modes: [f64; 3]) -> DVector<f64> {
    let weight = DMatrix::from_diagonal(&DVector::from_row_slice(&modes));
    Parameters::from_weights(&problem(2).1, &[weight.clone(), weight]).values().clone()
}

#[test]
fn where_the_gradient_is_zero_nothing_grows() {
    let (objective, _) = problem(2);
    let mut looking = Saddles::of_flow();
    for step in 0..100 {
        looking.look(&objective, f64::from(step), &diagonal([0.0; 3]));
    }
    assert!(looking.rise.is_empty(), "{:?}", looking.rise);
    assert_eq!(looking.ended(false).0, []);
}

/// ‖∇J‖ is known where its square underflows.
#[test]
fn a_start_whose_gradient_has_no_square_has_a_rate() {
    let (objective, _) = problem(2);
    let mut looking = Saddles::of_flow();
    for step in 0..1290 {
        let t = 0.1 * f64::from(step);
        let u = 1e-170 * (3.0 * t).exp();
        looking.look(&objective, t, &diagonal([u, 0.0, 0.0]));
        assert!(looking.least.as_ref().unwrap().norm > 0.0);
    }
    let found = looking.ended(false).0;
    assert_eq!(found.len(), 1, "{found:#?}");
    let escape = found[0].escape.unwrap();
    assert!((escape.rate - 3.0).abs() < 1e-3 && escape.from == 0.0 && escape.to > 120.0, "{found:#?}");
}

#[test]
fn rates_are_steady_or_not_given() {
    let times = || (0..200).map(|i| 0.05 * f64::from(i));
    let of = |height: fn(f64) -> f64| escape(&times().map(|t| [t, height(t)]).collect::<Vec<_>>());
    let straight = of(|t| 0.7 * t - 3.0).unwrap();
    assert!((straight.rate - 0.7).abs() < 1e-12 && straight.rate_error < 1e-10 && straight.to > 9.9);
    // e^{−t} gives way to e^t, which is visible for 8 e-folds.
    let turning = of(|t| (t - 1.5).cosh().ln()).unwrap();
    assert!((turning.rate - 1.0).abs() < 0.01 && turning.from > 3.0, "{turning:?}");
    // 1/(11 − t): the rate changes as fast as ‖∇J‖.
    assert_eq!(of(|t| -(11.0 - t).ln()), None);
    assert_eq!(of(|t| 1.9 * t / 10.0), None, "less than two e-folds");
    assert_eq!(escape(&[[0.0, 1.0]]), None);
}
