//! Central flows of adaptive rules: in closed form, their first order, and at the edge of a network.

use super::*;
use crate::linalg::Eigen;
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
    let square = gaussian_matrix(n, 1, rng).column(0).map(|x| 0.1 + x * x);
    let memory = Memory::new(0.5, 0.2, false);
    let averages = Averages { mean: None, square: Some((memory, 0.2)) };
    let point = Point { theta, mean: DVector::zeros(0), square };
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

/// One that is taken up goes on bit for bit, from within its opening and from beyond.
#[test]
fn its_state_is_all_that_it_remembers() {
    let (objective, start) = (Bowl(vec![3.0, 1.0, 0.2]), DVector::from_vec(vec![0.5, 0.3, 0.4]));
    let settings = Adam { betas: [0.5, 0.9], ..Adam::new(0.01) };
    for steps in [OPENING / 2, 20 * OPENING] {
        let (mut first, mut second) = (flow(&settings, &objective, &start), flow(&settings, &objective, &start));
        (0..steps).for_each(|_| first.step().unwrap());
        let mut written = Archive::written();
        first.archive(&mut written).unwrap();
        second.archive(&mut Archive::read(written.into_bytes())).unwrap();
        for _ in 0..20 {
            first.step().unwrap();
            second.step().unwrap();
        }
        assert_eq!((first.theta(), first.gradients(), first.steps()), (second.theta(), second.gradients(), second.steps()));
        assert_eq!(first.mean_value(), second.mean_value());
    }
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
        (Box::new(Rmsprop { alpha: 0.8, ..rmsprop }), "remember 10 steps"),
        (Box::new(AdamW(Adam { amsgrad: true, ..Adam::new(0.01) })), "amsgrad"),
    ];
    for (settings, word) in refused {
        let reason = settings.central_flow(&ground).unwrap().err().unwrap();
        assert!(reason.contains(word) && reason.starts_with("its central flow is not compared: "), "{reason}");
    }
}
