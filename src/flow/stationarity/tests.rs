//! Saddles, plateaus and minima, integrated tightly.

use std::sync::Arc;

use nalgebra::DMatrix;

use super::*;
use crate::data::{Dataset, Moments};
use crate::flow::GradientFlow;
use crate::loss::Loss;
use crate::network::{Activation, Architecture, Parameters};
use crate::objective::{LinearObjective, MlpObjective};
use crate::ode::testing::Make;
use crate::ode::{Limits, dop853, dopri5, rkc, tsit5};
use crate::rng::{Purpose, gaussian_matrix, stream};

const TOLERANCE: Tolerance = Tolerance { rtol: 1e-8, atol: 1e-11 };

/// Σ_x = I, a diagonal target.
fn diagonal_problem(sigma: &[f64], depth: usize, decay: f64) -> LinearObjective {
    let d = sigma.len();
    let x = DMatrix::identity(d, d) * (d as f64).sqrt();
    let data = Dataset { y: &x * DMatrix::from_diagonal(&DVector::from_column_slice(sigma)), x };
    LinearObjective::new(Architecture::new(&vec![d; depth + 1]), Moments::new(&data).unwrap(), decay)
}

fn scaled_identity(objective: &LinearObjective, scale: f64) -> DVector<f64> {
    let net = objective.layers().unwrap().architecture();
    let d = net.input_dim();
    Parameters::from_weights(net, &vec![DMatrix::identity(d, d) * scale; net.depth()]).values().clone()
}

/// The readings at log-spaced times until the flow stays; and the gradients of integration and monitoring.
fn watched(
    objective: &dyn Objective,
    start: DVector<f64>,
    t_end: f64,
    method: Make,
) -> (Vec<(f64, Reading)>, [u64; 2], DVector<f64>) {
    let field = GradientFlow::new(objective);
    let mut method = method(&field, TOLERANCE, Limits { t_end, ..Limits::default() });
    let mut stationarity = Stationarity::new(&start, t_end, TOLERANCE);
    let (mut theta, mut t, mut spent, mut looks) = (start, 0.0, 0, Vec::new());
    for i in 0..=60 {
        let next = t_end * (t_end / 1e-2).powf(f64::from(i) / 60.0 - 1.0);
        let segment = method.advance(t, next, &mut theta).unwrap();
        assert_eq!(segment.stop, None);
        spent += segment.work.evaluations;
        t = next;
        let look = stationarity.look(objective, t, &theta, spent, || true);
        looks.push((t, look));
        if matches!(look.motion, Motion::Converged | Motion::AtRest) {
            break;
        }
    }
    (looks, [spent, stationarity.gradients()], theta)
}

const TIGHT: Make = |field, tolerance, limits| tsit5(field, tolerance, limits).unwrap();

fn count(looks: &[(f64, Reading)], motion: Motion) -> usize {
    looks.iter().filter(|(_, look)| look.motion == motion).count()
}

/// ∇J = 0 exactly and an open gap, with an indefinite Hessian (L = 2), a zero one (L = 3), or one nonzero layer: the flow never leaves, and
/// is at rest at the first look. With decay the origin of three layers is a strict minimum.
#[test]
fn an_exact_saddle_is_at_rest_and_not_converged() {
    use Motion::{AtRest, Converged};
    for (depth, alive, decay, motion) in [
        (2, 0, 0.0, AtRest),
        (3, 0, 0.0, AtRest),
        (3, 3, 0.0, AtRest),
        (3, 1, 0.0, AtRest),
        (2, 0, 0.1, AtRest),
        (3, 0, 0.1, Converged),
    ] {
        let objective = diagonal_problem(&[2.0, 1.0, 0.5], depth, decay);
        let mut start = Parameters::from_values(objective.layers().unwrap().architecture(), scaled_identity(&objective, 0.0));
        if alive > 0 {
            let l = objective.layers().unwrap().architecture().clone();
            l.weight_mut(start.values_mut().as_mut_slice(), alive).fill_with_identity();
        }
        let dopri5: Make = |field, tolerance, limits| dopri5(field, tolerance, limits).unwrap();
        let (looks, ..) = watched(&objective, start.values().clone(), 1e8, dopri5);
        assert_eq!((looks.len(), looks[0].1.motion), (1, motion), "{depth} {alive} {decay}");
        assert_eq!(looks[0].1.grad_norm, 0.0);
    }
}

/// Near a saddle whose gradient is far from 0 in float64 but for its square, the flow is on a plateau. Of three layers the gradient itself
/// underflows, and no step leads away.
#[test]
fn a_small_gradient_is_0_only_where_float64_has_none() {
    for (depth, motion) in [(2, Motion::Plateau), (3, Motion::AtRest)] {
        let objective = diagonal_problem(&[2.0, 1.0, 0.5], depth, 0.0);
        let start = scaled_identity(&objective, 1e-170);
        let look = Stationarity::new(&start, 1e3, TOLERANCE).look(&objective, 1.0, &start, 100, || true);
        assert_eq!((look.motion, look.grad_norm > 0.0), (motion, depth == 2), "{look:?}");
    }
}

/// Networks of unknown least loss at 0, near it, and with neurons that no sample reaches: they may stay, but no minimum is shown.
#[test]
fn a_point_of_rest_is_no_minimum_unless_it_is_shown_to_be_one() {
    let x = DMatrix::from_fn(20, 2, |i, j| ((3 * i + 7 * j) as f64).sin());
    let y = x.column(0).map(|x| x * x + 1.0);
    let data = Arc::new(Dataset { x, y: DMatrix::from_columns(&[y]) });
    let objective = |activation, widths: &[usize], bias: bool| {
        let mut sigma = vec![activation; widths.len() - 1];
        sigma[widths.len() - 2] = Activation::Identity;
        let mut biases = vec![bias; widths.len() - 1];
        biases[widths.len() - 2] = false;
        MlpObjective::new(Architecture::with_layers(widths, &sigma, &biases), data.clone(), Loss::Mse, 0.0)
    };
    let tanh = objective(Activation::Tanh, &[2, 3, 3, 1], false);
    let direction = gaussian_matrix(18, 1, &mut stream(1, Purpose::Init)).column(0).into_owned();
    for (scale, t_end, rests) in [(0.0, 100.0, true), (1e-9, 1.0, true), (1e-5, 100.0, false), (1e-2, 1.0, false)] {
        let (looks, ..) = watched(&tanh, &direction * scale, t_end, TIGHT);
        assert_eq!(looks[looks.len() - 1].1.motion == Motion::AtRest, rests, "{scale} {:?}", looks.last());
        assert_eq!(count(&looks, Motion::Converged), 0, "{scale}");
    }
    // Hidden neurons with a bias of −10: dead at every sample.
    let relu = objective(Activation::Relu, &[2, 3, 1], true);
    let mut dead = direction.rows(0, relu.layers().unwrap().architecture().parameter_count()).into_owned();
    relu.layers().unwrap().architecture().bias_mut(dead.as_mut_slice(), 1).unwrap().fill(-10.0);
    let (looks, ..) = watched(&relu, dead, 100.0, TIGHT);
    assert_eq!(looks.iter().map(|look| look.1.motion).collect::<Vec<_>>(), [Motion::AtRest]);
}

/// A nonlinear network with more samples than weights, under decay and without: a strict minimum, found as such whatever the horizon, and
/// only at rest where a sample may sit on a kink.
#[test]
fn a_strict_minimum_is_found_whatever_the_horizon() {
    let rng = &mut stream(4, Purpose::Inputs);
    let x = gaussian_matrix(40, 2, rng);
    let y = DMatrix::from_fn(40, 1, |i, _| (x[(i, 0)] - 0.5 * x[(i, 1)]).tanh()) + gaussian_matrix(40, 1, rng) * 0.1;
    let data = Arc::new(Dataset { x, y });
    for decay in [0.02, 0.0] {
        let net = Architecture::with_layers(&[2, 1, 1], &[Activation::Tanh, Activation::Identity], &[false; 2]);
        let objective = MlpObjective::new(net.clone(), data.clone(), Loss::Mse, decay);
        let start = gaussian_matrix(net.parameter_count(), 1, &mut stream(2, Purpose::Init)).column(0).into_owned();
        let mut ends = Vec::new();
        for t_end in [1e5, 1e9] {
            let (looks, [spent, monitoring], theta) = watched(&objective, start.clone(), t_end, TIGHT);
            let (t, last) = looks[looks.len() - 1];
            assert!(
                last.motion == Motion::Converged && t < 1e4 && spent + monitoring < 100_000,
                "{decay} {t_end}: {t} {last:?}"
            );
            ends.push(theta);
            let mut fresh = Stationarity::new(&ends[0], t_end, TOLERANCE);
            assert_eq!(fresh.look(&objective, t, &ends[0], spent, || false).motion, Motion::AtRest);
        }
        assert!((&ends[0] - &ends[1]).norm() < 1e-7);
    }
}

/// A mode u of depth 3 started at ε escapes at t ≈ 1/(σε): the plateau is 90 % of the horizon, or all of it.
#[test]
fn a_plateau_before_or_beyond_the_escape_is_not_convergence() {
    for (t_end, escapes) in [(1.0 / 0.9e-6, true), (0.5e6, false)] {
        let objective = diagonal_problem(&[1.0], 3, 0.0);
        let (looks, ..) = watched(&objective, scaled_identity(&objective, 1e-6), t_end, TIGHT);
        let before: Vec<_> = looks.iter().filter(|(t, _)| *t < 0.85e6).collect();
        assert!(before.iter().all(|(_, look)| look.motion == Motion::Plateau));
        // Control: by its residual alone, this would be convergence to ten digits.
        assert!(before.iter().all(|(_, look)| look.grad_norm < 1e-10));
        assert_eq!(looks[looks.len() - 1].1.motion == Motion::Plateau, !escapes);
    }
    // L = 2: the escape is exponential, at t ≈ log(1/ε)/σ.
    let objective = diagonal_problem(&[1.0], 2, 0.0);
    let (looks, ..) = watched(&objective, scaled_identity(&objective, 1e-12), 30.0, TIGHT);
    assert!(count(&looks, Motion::Plateau) > 20 && count(&looks, Motion::Converged) == 0);
}

/// With decay, plateaus and minima alike have a small gradient and a loss above its bound: the Hessian tells them apart.
#[test]
fn under_decay_a_plateau_has_a_direction_of_escape() {
    let objective = diagonal_problem(&[1.0, 0.3], 2, 0.2);
    // Both modes grow: at 0.8 and 0.1. The second leaves its plateau long after the first has arrived.
    let net = objective.layers().unwrap().architecture().clone();
    let weight = || DMatrix::from_diagonal(&DVector::from_column_slice(&[1e-3, 1e-7]));
    let start = Parameters::from_weights(&net, &[weight(), weight()]).values().clone();
    let t_end = 2000.0;
    let (looks, [spent, monitoring], _) = watched(&objective, start, t_end, TIGHT);
    let between: Vec<_> = looks.iter().filter(|(t, _)| (40.0..100.0).contains(t)).collect();
    assert!(between.len() > 3 && between.iter().all(|(_, look)| look.motion == Motion::Plateau), "{looks:?}");
    let (t, last) = looks[looks.len() - 1];
    assert!(last.motion == Motion::Converged && (200.0..1500.0).contains(&t), "{t} {last:?}");
    // J at the minimum: u² = σ − λ in each mode, so ℒ = λ²/2 and (λ/2)‖θ‖² = λ(σ − λ).
    let exact: f64 = [1.0, 0.3].iter().map(|sigma| 0.5 * 0.04 + 0.2 * (sigma - 0.2)).sum();
    assert!((last.value - exact).abs() < 1e-12);
    assert!(monitoring <= spent + 2 * BEYOND);
}

/// Whatever the method leaves in stiff modes; the labels fit no linear map, so that the least loss is not 0.
#[test]
fn a_flow_that_has_arrived_is_found_to_by_every_method() {
    let rng = &mut stream(3, Purpose::Inputs);
    let (x, y) = (gaussian_matrix(40, 4, rng), gaussian_matrix(40, 2, rng));
    // Widths 3 and 1: nothing lost, and a bottleneck that loses a mode.
    for (inner, decay) in [(3, 0.0), (1, 0.0), (3, 0.05)] {
        let net = Architecture::new(&[4, inner, 2]);
        let moments = Moments::new(&Dataset { x: x.clone(), y: y.clone() }).unwrap();
        let objective = LinearObjective::new(net.clone(), moments, decay);
        let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.7;
        let t_end = 12_000.0;
        let methods: [Make; 4] = [
            TIGHT,
            |field, tolerance, limits| rkc(field, tolerance, limits).unwrap(),
            |field, tolerance, limits| dopri5(field, tolerance, limits).unwrap(),
            |field, tolerance, limits| dop853(field, tolerance, limits).unwrap(),
        ];
        let mut arrived = start.clone();
        for (index, method) in methods.into_iter().enumerate() {
            let (looks, _, theta) = watched(&objective, start.clone(), t_end, method);
            let (t, last) = looks[looks.len() - 1];
            assert!(last.motion == Motion::Converged && t < t_end, "{inner} {decay} method {index}: {t} {last:?}");
            arrived = theta;
        }
        // Restarted from there, with any horizon: found at once, not only by its end at 1e8.
        let (looks, [spent, _], _) = watched(&objective, arrived, 1e8, TIGHT);
        let (t, last) = looks[looks.len() - 1];
        assert!(last.motion == Motion::Converged && spent < 20_000, "{inner} {decay}: {t} {last:?} {spent}");
    }
}

/// J = 1 + ½ Σ c_i θ_i² with a gradient that takes so many operations.
struct Dear {
    curvatures: DVector<f64>,
    operations: Option<u64>,
}

impl Objective for Dear {
    fn dim(&self) -> usize {
        self.curvatures.len()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(Self { curvatures: self.curvatures.clone(), operations: self.operations })
    }

    fn operations(&self) -> Option<u64> {
        self.operations
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        1.0 + 0.5 * theta.component_mul(&self.curvatures).dot(theta)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        gradient.copy_from(&theta.component_mul(&self.curvatures));
    }
}

/// Curvatures from 1e-6 to 1, of which no space of an affordable size finds the smallest: each look tries. Besides them it takes one gradient.
#[test]
fn looks_at_a_dear_network_cost_a_quarter_of_its_flow() {
    let curvatures = DVector::from_fn(2000, |i, _| 10f64.powf(-6.0 * i as f64 / 1999.0));
    let spent = 400;
    for (operations, free) in [(Some(1 << 40), 0), (Some(100_000_000), 100), (None, 100), (Some(0), 3 * spent / 4 + 1000)] {
        let objective = Dear { curvatures: curvatures.clone(), operations };
        let theta = DVector::from_element(2000, 1e-7);
        let mut stationarity = Stationarity::new(&theta, 1e12, TOLERANCE);
        let looks = 40;
        for i in 0..looks {
            stationarity.look(&objective, 2f64.powi(i), &theta, spent, || true);
        }
        let of_spaces = stationarity.gradients() - looks as u64;
        assert!(of_spaces <= spent / 4 + free, "{operations:?}: {of_spaces}");
        assert!(of_spaces > (spent / 4 + free) / 16, "{operations:?}: {of_spaces}");
    }
}

/// A saddle with one direction of escape among many: what the first look finds, the next ones confirm by a product, two gradients.
#[test]
fn a_plateau_is_confirmed_along_the_direction_found_before() {
    let curvatures = DVector::from_fn(500, |i, _| if i == 7 { -1e-3 } else { 1.0 + i as f64 / 500.0 });
    let objective = Dear { curvatures, operations: None };
    let theta = DVector::from_fn(500, |i, _| if i == 7 { 1e-7 } else { 0.0 });
    let mut stationarity = Stationarity::new(&theta, 1e6, TOLERANCE);
    let mut cost = |t: f64| {
        let before = stationarity.gradients();
        let look = stationarity.look(&objective, t, &theta, 1000, || true);
        assert_eq!(look.motion, Motion::Plateau);
        stationarity.gradients() - before
    };
    assert!(cost(1.0) > 10);
    assert_eq!([cost(1.1), cost(1.2)], [3, 3]);
}
