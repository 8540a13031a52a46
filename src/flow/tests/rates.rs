//! Layers with rates and decays of their own.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use super::*;
use crate::flow::{GradientFlow, Motion, Stationarity};
use crate::loss::Loss;
use crate::network::{Activation, Architecture, LayerRates, Parameters, WeightDecay, init};
use crate::objective::{MlpObjective, Objective};
use crate::ode::testing::Make;
use crate::ode::testing::check_jacobian;
use crate::ode::{Limits, Tolerance, VectorField, dop853, gauss, rkc, rock4, tsit5};
use crate::rng::{Purpose, gaussian_matrix, stream};
use crate::theory::balance::BalanceLaw;

const TIGHT: Tolerance = Tolerance { rtol: 1e-12, atol: 1e-15 };
const WIDTHS: [usize; 4] = [4, 5, 3, 2];

fn samples() -> Dataset {
    let rng = &mut stream(3, Purpose::Inputs);
    Dataset { x: gaussian_matrix(20, 4, rng), y: gaussian_matrix(20, 2, rng) }
}

fn linear(decay: impl Into<WeightDecay>) -> LinearObjective {
    LinearObjective::new(Architecture::new(&WIDTHS), Moments::new(&samples()).unwrap(), decay)
}

fn start(objective: &dyn Objective) -> Parameters {
    let net = objective.layers().unwrap().architecture();
    let theta = gaussian_matrix(net.parameter_count(), 1, &mut stream(4, Purpose::Init)).column(0) * 0.5;
    Parameters::from_values(net, theta)
}

/// θ(t) by `method` in the flow's own variables.
fn flown(objective: &dyn Objective, rates: &LayerRates, start: &Parameters, t: f64, method: Make) -> Parameters {
    let field = GradientFlow::with_rates(objective, rates, start);
    let mut theta = start.clone();
    let mut state = field.state(start).unwrap_or_else(|| start.values().clone());
    let segment = method(&field, TIGHT, Limits { t_end: t, ..Limits::default() }).advance(0.0, t, &mut state).unwrap();
    assert_eq!(segment.stop, None);
    field.weights(&state, &mut theta);
    theta
}

const TSIT5: Make = |field, tolerance, limits| tsit5(field, tolerance, limits).unwrap();

/// −K∇J in θ itself, formed layer by layer.
struct Plain<'a>(&'a dyn Objective, &'a LayerRates);

impl VectorField for Plain<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let net = self.0.layers().unwrap().architecture();
        self.0.gradient(theta, dtheta);
        for l in 1..=net.depth() {
            dtheta.as_mut_slice()[net.layer_range(l)].iter_mut().for_each(|x| *x *= -self.1.layer(l));
        }
    }
}

/// Every method finds the flow −K∇J, in variables where its Jacobian is symmetric; with frozen layers and biases, too.
#[test]
fn every_method_follows_the_flow_of_the_rates() {
    let data = Arc::new(samples());
    let net = Architecture::with_layers(
        &WIDTHS,
        &[Activation::Tanh, Activation::Identity, Activation::Identity],
        &[true, false, true],
    );
    let mlp = MlpObjective::new(net, data, Loss::Mse, vec![0.3, 0.0, 0.1]);
    let cases: [(&dyn Objective, Vec<f64>); 3] =
        [(&linear(vec![0.3, 0.0, 0.1]), vec![1.0, 2.0, 0.5]), (&linear(0.2), vec![3.0, 0.0, 0.5]), (&mlp, vec![0.2, 5.0, 1.0])];
    let methods: [Make; 5] = [
        TSIT5,
        |field, tolerance, limits| dop853(field, tolerance, limits).unwrap(),
        |field, tolerance, limits| rock4(field, tolerance, limits).unwrap(),
        |field, tolerance, limits| gauss(field, 3, tolerance, limits).unwrap(),
        |field, _, limits| rkc(field, Tolerance { rtol: 1e-9, atol: 1e-11 }, limits).unwrap(),
    ];
    for (objective, kappa) in cases {
        let (rates, start, t) = (LayerRates::from(kappa), start(objective), 3.0);
        let mut exact = start.values().clone();
        dop853(Plain(objective, &rates), TIGHT, Limits::default()).unwrap().advance(0.0, t, &mut exact).unwrap();
        for (index, method) in methods.iter().enumerate() {
            let off = (flown(objective, &rates, &start, t, *method).values() - &exact).norm() / exact.norm();
            assert!(off < if index == 4 { 1e-6 } else { 1e-10 }, "method {index} at {rates}: {off:e}");
        }
        // Control: the flow of equal rates is another.
        let plain = flown(objective, &LayerRates::default(), &start, t, TSIT5);
        assert!((plain.values() - &exact).norm() > 1e-2 * exact.norm());
    }
}

#[test]
fn the_jacobian_in_scaled_variables_is_that_of_the_field_and_symmetric() {
    let objective = linear(vec![0.3, 0.0, 0.1]);
    let start = start(&objective);
    for kappa in [vec![1.0, 2.0, 0.5], vec![3.0, 0.0, 0.5]] {
        let field = GradientFlow::with_rates(&objective, &kappa.into(), &start);
        let state = field.state(&start).unwrap();
        check_jacobian(&field, 0.0, &state, 1e-10);
        let column = |i: usize| {
            let (mut e, mut out) = (DVector::zeros(field.dim()), DVector::zeros(field.dim()));
            e[i] = 1.0;
            field.jacobian().unwrap().jacobian_vector(0.0, &state, &e, &mut out);
            out
        };
        let jacobian = DMatrix::from_columns(&(0..field.dim()).map(column).collect::<Vec<_>>());
        assert!((&jacobian - jacobian.transpose()).norm() <= 1e-14 * jacobian.norm());
    }
}

/// D_l = W_{l+1}ᵀW_{l+1}/κ_{l+1} − W_lW_lᵀ/κ_l decays as e^{−2ct} where κ_lλ_l = c; with one λ for all it does not.
#[test]
fn the_weighted_imbalance_decays_by_its_law() {
    let (kappa, c, t) = ([1.0, 2.0, 0.5], 0.2, 3.0);
    let rates = LayerRates::from(kappa.to_vec());
    let off = |decay: WeightDecay, method: Make| {
        let objective = linear(decay.clone());
        let start = start(&objective);
        let law = BalanceLaw::new(&decay, &rates, 3);
        let end = flown(&objective, &rates, &start, t, method);
        let pairs = law.imbalances(&end).into_iter().zip(law.imbalances(&start));
        pairs
            .map(|(now, before)| (now - &before * (-2.0 * c * t).exp()).norm() / (before.norm() * (-2.0 * c * t).exp()))
            .fold(0.0, f64::max)
    };
    let in_proportion = || WeightDecay::from(kappa.map(|kappa| c / kappa).to_vec());
    let lawful = off(in_proportion(), TSIT5);
    assert!(lawful < 1e-10, "{lawful:e}");
    // A method that keeps quadratic invariants keeps this one, whatever its tolerance.
    let kept = off(in_proportion(), |field, _, limits| gauss(field, 2, Tolerance { rtol: 1e-4, atol: 1e-7 }, limits).unwrap());
    assert!(kept < 1e-12, "{kept:e}");
    let lawless = off(c.into(), TSIT5);
    assert!(lawless > 0.1, "{lawless:e}");
}

/// From D = 0 in the sense of the rates, A_f = Π_{l>1}(κ_l/κ_1)·(W_1ᵀW_1)^L for all time; without the constant it does not hold.
#[test]
fn the_ansatz_holds_with_its_constant_from_a_balanced_start() {
    let kappa = [1.0, 2.0, 0.5, 3.0];
    let rates = LayerRates::from(kappa.to_vec());
    let widths = [4, 5, 3, 4, 2];
    let decay = WeightDecay::from(kappa.map(|kappa| 0.01 / kappa).to_vec());
    let net = Architecture::new(&widths);
    let objective = LinearObjective::new(net.clone(), Moments::new(&samples()).unwrap(), decay.clone());
    let scheme = init::Init::Balanced { scale: 0.5, singular_values: Some(vec![1.0, 0.6]), imbalance: 0.0 };
    let start = init::start(&scheme, &net, &rates, 7).unwrap();
    let law = BalanceLaw::new(&decay, &rates, 4);
    assert!(law.imbalances(&start).iter().all(|d| d.norm() < 1e-14));
    let product = |theta: &Parameters| (1..=4).fold(DMatrix::identity(4, 4), |p, l| theta.weight(l) * p);
    // The singular values of the product are those asked for: 0.5 and 0.3.
    assert!((product(&start).norm_squared() - 0.34).abs() < 1e-14);
    for t in [1.0, 5.0, 30.0] {
        let end = flown(&objective, &rates, &start, t, TSIT5);
        let (p, gram) = (product(&end), end.weight(1).transpose() * end.weight(1));
        let (agop, power) = (p.transpose() * &p, gram.pow(4));
        let constant = kappa[1..].iter().map(|other| other / kappa[0]).product::<f64>();
        let off = |c: f64| (&agop - &power * c).norm() / agop.norm();
        assert!(off(constant) < 1e-10 && off(1.0) > 0.1, "{:e} {:e}", off(constant), off(1.0));
        assert!((constant - rates.ansatz_constant(1, 4)).abs() < 1e-15);
    }
}

/// A frozen layer stays bit for bit by every method, and the others converge to a minimum although its gradient is not 0.
#[test]
fn a_frozen_layer_stays_bit_for_bit_and_does_not_keep_the_flow_from_converging() {
    let objective = linear(vec![0.05, 0.3, 0.05]);
    let (start, rates) = (start(&objective), LayerRates::from(vec![1.0, 0.0, 2.0]));
    let frozen = start.architecture().layer_range(2);
    let methods: [Make; 4] = [
        TSIT5,
        |field, tolerance, limits| rkc(field, Tolerance { rtol: 1e-6, ..tolerance }, limits).unwrap(),
        |field, tolerance, limits| rock4(field, tolerance, limits).unwrap(),
        |field, tolerance, limits| gauss(field, 2, Tolerance { rtol: 1e-8, ..tolerance }, limits).unwrap(),
    ];
    for method in methods {
        let end = flown(&objective, &rates, &start, 5.0, method);
        assert_eq!(end.values().as_slice()[frozen.clone()], start.values().as_slice()[frozen.clone()]);
        assert!((end.values() - start.values()).norm() > 0.1);
    }
    let (field, t_end) = (GradientFlow::with_rates(&objective, &rates, &start), 5000.0);
    let tolerance = Tolerance { rtol: 1e-8, atol: 1e-11 };
    let mut state = field.state(&start).unwrap();
    let mut stationarity = Stationarity::new(&state.clone(), t_end, tolerance);
    let mut integrator = TSIT5(&field, tolerance, Limits { t_end, ..Limits::default() });
    let (mut t, mut spent, mut motions) = (0.0, 0, Vec::new());
    for i in 0..40 {
        let next = 5.0 * 1.2f64.powi(i);
        spent += integrator.advance(t, next, &mut state).unwrap().work.evaluations;
        t = next;
        motions.push(stationarity.look(field.objective(), t, &state, spent, || true).motion);
    }
    assert_eq!(motions.last(), Some(&Motion::Converged), "{motions:?}");
    let (mut theta, mut gradient) = (start.clone(), start.values().clone());
    field.weights(&state, &mut theta);
    objective.gradient(theta.values(), &mut gradient);
    let norm = |l: usize| gradient.rows_range(theta.architecture().layer_range(l)).norm();
    assert!(norm(1) < 1e-6 && norm(3) < 1e-6 && norm(2) > 1e-2, "{:e} {:e} {:e}", norm(1), norm(3), norm(2));
}

/// Without rates, and with rates of 1, it is the same field to the bit.
#[test]
fn rates_of_one_change_nothing() {
    let (one, each) = (linear(0.2), linear(vec![0.2; 3]));
    let start = start(&one);
    let plain = flown(&one, &LayerRates::default(), &start, 3.0, TSIT5);
    assert_eq!(plain, flown(&each, &LayerRates::from(vec![1.0; 3]), &start, 3.0, TSIT5));
}
