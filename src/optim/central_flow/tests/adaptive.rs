//! Central flows of adaptive rules: in closed form, their first order, and at the edge of a network.

use std::sync::Arc;

use super::*;
use crate::linalg::Eigen;
use crate::loss::Loss;
use crate::network::{self, Activation};
use crate::objective::MlpObjective;
use crate::optim::settings::Settings;
use crate::optim::testing::problem;
use crate::optim::{Adam, AdamW, Layout, Rmsprop};

/// J = ½ Σ h_i x_i².
#[derive(Clone)]
struct Bowl(Vec<f64>);

impl Objective for Bowl {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.clone())
    }
    fn loss(&self, theta: &DVector<f64>) -> f64 {
        self.0.iter().zip(theta.iter()).map(|(h, x)| 0.5 * h * x * x).sum()
    }
    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        gradient.copy_from(&DVector::from_fn(theta.len(), |i, _| self.0[i] * theta[i]));
    }
}

fn flow<'a>(settings: &dyn Settings, objective: &'a dyn Objective, start: &'a DVector<f64>) -> CentralFlow<'a> {
    let ground = Ground { objective, samples: None, start, steps: 1 };
    settings.central_flow(&ground).expect("it is known for this kind").unwrap()
}

/// The largest eigenvalue of A over the edge, from all products with the Hessian.
fn at_edge(flow: &CentralFlow) -> f64 {
    let n = flow.theta().len();
    let roots = flow.averages.factors(&flow.point).map(f64::sqrt);
    let mut a = DMatrix::zeros(n, n);
    for i in 0..n {
        let (mut unit, mut image) = (DVector::zeros(n), DVector::zeros(n));
        unit[i] = roots[i];
        flow.decay.hessian_vector(flow.objective, flow.theta(), &unit, &mut image);
        a.set_column(i, &image.component_mul(&roots));
    }
    Eigen::symmetric(((&a + a.transpose()) * 0.5).as_view()).unwrap().values[n - 1] / flow.edge(flow.t())
}

/// In the end every weight oscillates by ±η/2, so that √v = h_iη/2 is at the edge: the mean of J is Σ h_iη²/8. Adam's average of g is
/// (1 − β₁)/(1 + β₁) of an oscillating one, and so is the amplitude of its weights.
#[test]
fn on_a_quadratic_the_mean_loss_is_that_of_the_final_oscillation() {
    let (curvatures, lr) = (vec![3.0, 1.0, 0.2], 0.01);
    let (objective, start) = (Bowl(curvatures.clone()), DVector::from_vec(vec![0.5, 0.3, 0.4]));
    let expected = |amplitude: f64| curvatures.iter().map(|h| 0.5 * h * amplitude * amplitude).sum::<f64>();
    let rmsprop = Rmsprop { alpha: 0.9, ..Rmsprop::new(lr) };
    let adam = Adam { betas: [0.5, 0.9], ..Adam::new(lr) };
    let settings: [(&dyn Settings, f64); 2] = [(&rmsprop, lr / 2.0), (&adam, lr / 6.0)];
    for (settings, amplitude) in settings {
        let mut flow = flow(settings, &objective, &start);
        (0..400).for_each(|_| flow.step().unwrap());
        let (mean, expected) = (flow.mean_value(), expected(amplitude));
        assert!((mean / expected - 1.0).abs() < 1e-3, "{mean:e} {expected:e}");
        assert!(flow.oscillating() == 3 && (at_edge(&flow) - 1.0).abs() < 1e-3, "{} {}", flow.oscillating(), at_edge(&flow));
    }
    // The rule itself gets there.
    let mut rule = rmsprop.rule(&Layout::vector(3, 0.0));
    let (mut theta, mut gradient) = (start.clone(), start.clone());
    for _ in 0..400 {
        objective.gradient(&theta, &mut gradient);
        rule.step(lr, gradient.as_slice(), theta.as_mut_slice());
    }
    assert!((objective.value(&theta) / expected(lr / 2.0) - 1.0).abs() < 1e-3, "{:e}", objective.value(&theta));
}

/// A change of θ and of v, and what an oscillation does about it, against A itself.
#[test]
fn what_it_knows_of_a_is_its_derivative() {
    let (objective, theta) = problem(0.0);
    let n = theta.len();
    let rng = &mut stream(5, Purpose::Inputs);
    let squares = gaussian_matrix(n, 1, rng).column(0).map(|x| 0.1 + x * x);
    let [mean, square] = [Memory::new(0.5, 0.2, false); 2];
    let averages = Averages::Both { mean, square, eps: 0.2 };
    let point = Point { theta, mean: DVector::zeros(n), square: squares };
    let a = |point: &Point| {
        let roots = averages.factors(point).map(f64::sqrt);
        let column = |i: usize| {
            let (mut unit, mut image) = (DVector::zeros(n), DVector::zeros(n));
            unit[i] = roots[i];
            objective.hessian_vector(&point.theta, &unit, &mut image);
            image.component_mul(&roots)
        };
        DMatrix::from_columns(&(0..n).map(column).collect::<Vec<_>>())
    };
    let (own, eigen) = (a(&point), Eigen::symmetric(a(&point).as_view()).unwrap());
    let edge = eigen.values[n - 1];
    let w: Vec<DVector<f64>> = [n - 1, n - 2].map(|i| eigen.vectors.column(i).into_owned()).to_vec();
    let critical = |w: &[DVector<f64>]| {
        Critical::new(&averages, &point, edge, w, |u, v| {
            let mut out = DVector::zeros(n);
            objective.third_along(&point.theta, u, v, &mut out);
            out
        })
    };
    // One direction: Hu = eD⁻¹u, so that both sides have one eigenvalue.
    let one = critical(&w[..1]);
    let (h, mut moved) = (1e-7, point.clone());
    moved.theta += gaussian_matrix(n, 1, rng).column(0) * h;
    moved.square += gaussian_matrix(n, 1, rng).column(0) * h;
    let found = one.raised(&(&moved.theta - &point.theta), &averages.factors(&moved))[(0, 0)];
    let expected = (w[0].transpose() * (a(&moved) - &own) * &w[0])[(0, 0)];
    assert!((found - expected).abs() < 1e-3 * expected.abs(), "{found:e} {expected:e}");
    // diag(HΣH) of Σ = 2uuᵀ.
    let squares = one.push(&DMatrix::from_element(1, 1, 2.0)).squares;
    let (mut image, u) = (DVector::zeros(n), w[0].component_mul(&averages.factors(&point).map(f64::sqrt)));
    objective.hessian_vector(&point.theta, &u, &mut image);
    assert!((squares - image.map(|x| 2.0 * x * x)).norm() < 1e-9 * edge);
    // B[X] is how fast an oscillation lowers WᵀAW.
    let both = critical(&w);
    let x = DMatrix::from_row_slice(2, 2, &[1.5, -0.4, -0.4, 0.7]);
    let (fading, mut after) = (averages.fading(0.0), point.clone());
    both.shift(&mut after, &both.push(&x), fading, h);
    let fallen = both.raised(&(&after.theta - &point.theta), &averages.factors(&after)) / -h;
    let expected = lowered(&both.gram(fading), &x);
    assert!((&fallen - &expected).norm() < 1e-3 * expected.norm(), "{fallen} {expected}");
}

/// At the edge of a deep linear network eigenvalues of A stay there, and half the step has half the error.
#[test]
fn it_stays_at_the_edge_and_converges_with_order_1() {
    let rng = &mut stream(3, Purpose::Inputs);
    let net = Architecture::new(&[4, 6, 2]);
    let x = gaussian_matrix(30, 4, rng);
    let y = &x * gaussian_matrix(4, 2, rng);
    let objective = LinearObjective::new(net.clone(), Moments::new(&Dataset { x, y }).unwrap(), 0.01);
    let start = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.5;
    let (rmsprop, adam) = (Rmsprop { alpha: 0.95, ..Rmsprop::new(0.03) }, Adam { betas: [0.5, 0.9], ..Adam::new(0.03) });
    let decoupled = AdamW(adam.clone());
    let settings: [&dyn Settings; 3] = [&rmsprop, &adam, &decoupled];
    for settings in settings {
        let run = |substeps: u32| {
            let mut flow = flow(settings, &objective, &start).with_substeps(substeps);
            let mut off: f64 = 0.0;
            for _ in 0..70 {
                flow.step().unwrap();
                if flow.oscillating() > 0 && flow.steps() > 50 {
                    off = off.max(at_edge(&flow) - 1.0);
                }
            }
            (flow, off)
        };
        let (finest, _) = run(16);
        let substeps = [1, 2, 4];
        let errors = substeps.map(|substeps| {
            let (flow, off) = run(substeps);
            assert!(off < 0.01 && flow.oscillating() > 0 && at_edge(&flow) > 0.99, "{off} {}", at_edge(&flow));
            (flow.theta() - finest.theta()).norm()
        });
        let (x, y): (Vec<f64>, Vec<f64>) =
            substeps.iter().zip(errors).map(|(n, error)| (f64::from(*n).ln(), error.ln())).unzip();
        let order = -Line::through(&x, &y).unwrap().slope;
        // 1.16 of errors in proportion to 1/n − 1/16.
        assert!((order - 1.2).abs() < 0.35, "{order} {errors:?}");
    }
}

/// A tanh network of widths 1, 12, 12, 1 on 20 Chebyshev points of T₄, and a start.
fn chebyshev(seed: u64) -> (MlpObjective, DVector<f64>) {
    let net =
        Architecture::with_layers(&[1, 12, 12, 1], &[Activation::Tanh, Activation::Tanh, Activation::Identity], &[true; 3]);
    let x = DMatrix::from_fn(20, 1, |i, _| ((i as f64 + 0.5) / 20.0 * std::f64::consts::PI).cos());
    let y = x.map(|x| 8.0 * x.powi(4) - 8.0 * x * x + 1.0);
    let start = network::init::pytorch(&net, &mut stream(seed, Purpose::Init));
    (MlpObjective::new(net, Arc::new(Dataset { x, y }), Loss::Mse, 0.0), start.values().clone())
}

/// J at the iterates of the rule, the last of which is returned.
fn descend(
    settings: &dyn Settings,
    objective: &dyn Objective,
    lr: f64,
    start: &DVector<f64>,
    steps: usize,
) -> (Vec<f64>, DVector<f64>) {
    let mut rule = settings.rule(&Layout::vector(start.len(), 0.0));
    let (mut theta, mut gradient, mut values) = (start.clone(), start.clone(), Vec::new());
    for _ in 0..steps {
        values.push(objective.value(&theta));
        objective.gradient(&theta, &mut gradient);
        rule.step(lr, gradient.as_slice(), theta.as_mut_slice());
    }
    (values, theta)
}

/// While nothing oscillates, a flow at half the rate for the same time is some quarter as far from its rule.
#[test]
fn below_the_edge_it_follows_its_rule_to_second_order() {
    let (objective, start) = problem(0.0);
    let rmsprop = |lr: f64| Rmsprop { alpha: 0.95, eps: 0.1, ..Rmsprop::new(lr) };
    let adam = |lr: f64| Adam { betas: [0.8, 0.95], eps: 0.1, ..Adam::new(lr) };
    let off = |settings: &dyn Settings, lr: f64| {
        let steps = (1.0 / lr).round() as usize;
        let mut flow = flow(settings, &objective, &start);
        (0..steps).for_each(|_| flow.step().unwrap());
        assert_eq!(flow.oscillating(), 0);
        (descend(settings, &objective, lr, &start, steps).1 - flow.theta()).norm()
    };
    for (first, second) in
        [(off(&rmsprop(2e-3), 2e-3), off(&rmsprop(1e-3), 1e-3)), (off(&adam(2e-3), 2e-3), off(&adam(1e-3), 1e-3))]
    {
        // The long first steps of RMSProp leave something of first order.
        assert!(first > 2.5 * second && first < 0.02 * 2e-3, "{first:e} {second:e}");
    }
}

/// Means over windows of 200 steps, after the loss of a flow without the oscillation has left that of the rule.
#[test]
fn at_the_edge_of_a_tanh_network_it_follows_its_rule_where_no_other_flow_does() {
    let (objective, start) = chebyshev(4);
    let (rmsprop, adam) = (Rmsprop::new(0.001), Adam::new(0.004));
    let settings: [(&dyn Settings, f64, usize); 2] = [(&rmsprop, 0.001, 1000), (&adam, 0.004, 600)];
    for (settings, lr, steps) in settings {
        let (values, theta) = descend(settings, &objective, lr, &start, steps);
        let follow = |mut flow: CentralFlow| {
            let mut predicted = Vec::new();
            for _ in 0..steps {
                predicted.push(flow.mean_value());
                flow.step().unwrap();
            }
            let mean = |of: &[f64], from: usize| of[from..from + 200].iter().sum::<f64>() / 200.0;
            let off = |from: usize| (mean(&predicted, from) / mean(&values, from) - 1.0).abs();
            let windows: Vec<f64> = (200..steps).step_by(200).map(off).collect();
            (windows, (&theta - flow.theta()).norm(), flow.oscillating(), flow.gradients())
        };
        let (off, distance, directions, gradients) = follow(flow(settings, &objective, &start));
        assert!(off.iter().all(|off| *off < 0.05) && directions == 2, "{off:?} {directions}");
        // The control: without the oscillation.
        let free = CentralFlow { bound: f64::INFINITY, ..flow(settings, &objective, &start) };
        let (free_off, free_distance, ..) = follow(free);
        assert!(
            free_off[free_off.len() - 1] > 0.2 && distance < 0.2 * free_distance,
            "{free_off:?} {distance} {free_distance}"
        );
        assert!(gradients < 45 * steps as u64, "{gradients}");
    }
}

/// One that is taken up goes on bit for bit, from within its opening and from beyond.
#[test]
fn its_state_is_all_that_it_remembers() {
    let (objective, start) = (Bowl(vec![3.0, 1.0, 0.2]), DVector::from_vec(vec![0.5, 0.3, 0.4]));
    let settings = Adam { betas: [0.5, 0.9], ..Adam::new(0.01) };
    for steps in [CentralFlow::OPENING / 2, 20 * CentralFlow::OPENING] {
        check_taken_up(|| flow(&settings, &objective, &start), steps);
    }
}

/// Near a minimum D grows: the steps of Adam, and not η, are what is too large.
#[test]
fn where_too_much_is_at_the_edge_it_names_eps() {
    let bowl = Bowl(vec![1.0; MOST + 1]);
    let start = DVector::from_element(MOST + 1, 0.1);
    let settings = Adam { betas: [0.5, 0.9], ..Adam::new(0.01) };
    let mut flow = flow(&settings, &bowl, &start);
    let ended = (0..1000).find_map(|_| flow.step().err()).unwrap();
    assert!(matches!(ended, CentralFlowError::PreconditionedCrowded { found, most: MOST } if found > MOST), "{ended}");
    let words = ended.to_string();
    assert!(words.contains("raise eps") && !words.contains("learning rate"), "{words}");
}

/// Each with its reason.
#[test]
fn what_has_none_says_why() {
    let (objective, start) = problem(0.0);
    let ground = Ground { objective: &objective, samples: None, start: &start, steps: 1 };
    let rmsprop = Rmsprop::new(0.01);
    let refused: [(Box<dyn Settings>, &str); 4] = [
        (Box::new(Rmsprop { momentum: 0.5, ..rmsprop.clone() }), "without momentum"),
        (Box::new(Rmsprop { centered: true, ..rmsprop.clone() }), "centered"),
        (Box::new(Rmsprop { alpha: 0.8, ..rmsprop }), "alpha = 0.9 or more, got 0.8"),
        (Box::new(AdamW(Adam { amsgrad: true, ..Adam::new(0.01) })), "amsgrad"),
    ];
    for (settings, word) in refused {
        let reason = settings.central_flow(&ground).unwrap().err().unwrap();
        assert!(reason.contains(word) && reason.starts_with("its central flow is not compared: "), "{reason}");
    }
}
