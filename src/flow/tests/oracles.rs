//! Every method against closed forms, to 1e-10, at tight tolerance.

use nalgebra::{DMatrix, DVector};

use super::objective;
use crate::data::{Dataset, Moments};
use crate::flow::GradientFlow;
use crate::network::init::LambdaBalanced;
use crate::network::{Architecture, Parameters};
use crate::ode::testing::{METHODS, Make};
use crate::ode::{JacobianProducts, Limits, Tolerance, VectorField, dop853};
use crate::rng::{Purpose, gaussian_matrix, orthonormal_columns, stream};
use crate::theory::{Mode, Riccati, ScalarChain, logistic, one_layer};

/// The tolerance at which a method is within 1e-10.
fn tight(name: &str) -> Tolerance {
    let rtol = match name {
        // Of order 2: the error of rkc is about 0.25·rtol^{2/3}, which is 5e-11 here, after half a million steps.
        "rkc" => 3e-15,
        "gauss1" => 1e-15,
        _ => 1e-12,
    };
    Tolerance { rtol, atol: 1e-3 * rtol }
}

/// The weights at time t, from every method.
fn ends(start: &[DMatrix<f64>], data: &Dataset, decay: f64, t: f64) -> Vec<(&'static str, Parameters)> {
    let objective = objective(start, data, decay);
    let mut widths = vec![start[0].ncols()];
    widths.extend(start.iter().map(DMatrix::nrows));
    let architecture = Architecture::new(&widths);
    let flown = |(name, make): &(&'static str, Make)| {
        let mut weights = Parameters::from_weights(&architecture, start);
        let limits = Limits { t_end: t, ..Limits::default() };
        let segment = make(&GradientFlow::new(&objective), tight(name), limits).advance(0.0, t, weights.values_mut()).unwrap();
        assert_eq!(segment.stop, None, "{name}");
        (*name, weights)
    };
    METHODS.iter().map(flown).collect()
}

/// Inputs with Σ_x = `variance`·I, and outputs with Σ_yx = diag(σ).
fn aligned(sigma: &[f64], variance: f64) -> Dataset {
    let d = sigma.len();
    let x = DMatrix::identity(d, d) * (d as f64 * variance).sqrt();
    let y = &x * DMatrix::from_diagonal(&DVector::from_column_slice(sigma)) / variance;
    Dataset { x, y }
}

fn assert_close(what: &str, found: f64, exact: f64) {
    let off = (found / exact - 1.0).abs();
    assert!(off <= 1e-10, "{what}: {off:e} off");
}

/// L = 1: any condition number, here 1e4, and 1,000 fastest time scales.
#[test]
fn one_stiff_layer() {
    let rng = &mut stream(1, Purpose::Inputs);
    let basis = orthonormal_columns(4, 4, rng);
    let scales = DMatrix::from_diagonal(&DVector::from_column_slice(&[100.0, 10.0, 1.0, 0.01]).map(f64::sqrt));
    let x = orthonormal_columns(12, 4, rng) * 12f64.sqrt() * scales * basis.transpose();
    let data = Dataset { y: gaussian_matrix(12, 3, rng), x };
    let start = gaussian_matrix(3, 4, rng);
    let moments = Moments::new(&data).unwrap();
    for (decay, t) in [(0.0, 10.0), (0.3, 10.0)] {
        let exact = |decay: f64| one_layer(&moments.sigma_x, &moments.sigma_yx, decay, &start, t);
        for (name, end) in ends(std::slice::from_ref(&start), &data, decay, t) {
            let off = |decay: f64| (end.weight(1) - exact(decay)).norm() / exact(decay).norm();
            assert!(off(decay) <= 1e-10, "{name}: {:e} off", off(decay));
            // The control: another decay gives another curve.
            assert!(off(0.5 * decay + 0.01) > 1e-4 && off(2.0 * decay + 0.01) > 1e-4);
        }
    }
}

/// L = 2, aligned: the logistic of every mode, one of which decays to 0.
#[test]
fn two_aligned_layers() {
    let (sigma, s0, decay, variance) = ([2.0, 1.0, 0.05], 0.05, 0.1, 0.5);
    let start = vec![DMatrix::identity(3, 3) * f64::sqrt(s0); 2];
    for t in [2.0, 6.0] {
        for (name, end) in ends(&start, &aligned(&sigma, variance), decay, t) {
            let product = end.weight(2) * end.weight(1);
            for (i, &sigma) in sigma.iter().enumerate() {
                let mode = Mode { depth: 2, sigma, variance, weight_decay: decay };
                assert_close(&format!("{name}, mode {i}, t = {t}"), product[(i, i)], logistic(&mode, s0, t));
            }
        }
    }
}

/// L ≥ 3, aligned, no decay: the hypergeometric time of every mode, including those that start above their end.
#[test]
fn three_and_five_aligned_layers() {
    let (sigma, variance) = ([2.0, 1.0, 0.4], 0.5);
    for depth in [3u32, 5] {
        let (u0, t) = (0.9, 3.0);
        let start = vec![DMatrix::identity(3, 3) * u0; depth as usize];
        for (name, end) in ends(&start, &aligned(&sigma, variance), 0.0, t) {
            for (i, &sigma) in sigma.iter().enumerate() {
                let mode = Mode { depth, sigma, variance, weight_decay: 0.0 };
                let u = end.weight(1)[(i, i)];
                assert_close(&format!("{name}, L = {depth}, mode {i}"), u, mode.after(u0, t));
                // The control: another depth gives another time.
                let wrong = Mode { depth: depth + 1, ..mode };
                assert!((u / wrong.after(u0, t) - 1.0).abs() > 1e-4);
            }
        }
    }
}

/// Below the threshold a mode ends at its positive equilibrium, above it at 0.
#[test]
fn the_threshold_parts_learning_from_dying() {
    for depth in [2u32, 3, 4] {
        let free = Mode { depth, sigma: 1.0, variance: 1.0, weight_decay: 0.0 };
        for factor in [0.8, 1.25] {
            let mode = Mode { weight_decay: factor * free.threshold(), ..free };
            let start = vec![DMatrix::from_element(1, 1, 1.0); depth as usize];
            let objective = objective(&start, &aligned(&[1.0], 1.0), mode.weight_decay);
            // Not gauss1: its long steps reflect what is left instead of damping it, and at order 2 it would need millions of short ones.
            for (name, make) in METHODS.iter().filter(|(name, _)| *name != "gauss1") {
                // The end does not depend on the accuracy of the path, except for gauss, for the same reason.
                let tolerance = if name.starts_with("gauss") { tight(name) } else { Tolerance { rtol: 1e-11, atol: 1e-14 } };
                let mut theta = DVector::from_element(depth as usize, 1.0);
                let limits = Limits { t_end: 400.0, ..Limits::default() };
                make(&GradientFlow::new(&objective), tolerance, limits).advance(0.0, 400.0, &mut theta).unwrap();
                match mode.stationary() {
                    Some(u) => assert_close(&format!("{name}, L = {depth}"), theta[0], u),
                    None => assert!(factor > 1.0 && theta[0].abs() < 1e-10, "{name}, L = {depth}: {theta}"),
                }
            }
        }
    }
}

/// ‖QQᵀ − M‖/‖M‖ with Q = [W_1ᵀ; W_2] and M the solution of the Riccati equation.
fn off_riccati(weights: &Parameters, exact: &DMatrix<f64>) -> f64 {
    let (w1, w2) = (weights.weight(1), weights.weight(2));
    let mut q = DMatrix::zeros(w1.ncols() + w2.nrows(), w1.nrows());
    q.rows_mut(0, w1.ncols()).copy_from(&w1.transpose());
    q.rows_mut(w1.ncols(), w2.nrows()).copy_from(&w2);
    (&q * q.transpose() - exact).norm() / exact.norm()
}

/// L = 2 on whitened inputs, from starts whose modes mix: balanced with decay, and λ-balanced (D = ςI) without.
#[test]
fn two_layers_on_whitened_inputs() {
    let (d, hidden, t) = (4, 3, 3.0);
    let rng = &mut stream(2, Purpose::Init);
    let x = orthonormal_columns(12, d, rng) * 12f64.sqrt();
    let data = Dataset { y: &x * gaussian_matrix(d, d, rng) * 0.5, x };
    let moments = Moments::new(&data).unwrap();
    for (imbalance, decay) in [(0.0, 0.0), (0.0, 0.2), (0.5, 0.0)] {
        let mut frame = |rows| orthonormal_columns(rows, hidden, rng);
        let (inner, below, above) = (frame(hidden), frame(d), frame(d));
        let s = DVector::from_column_slice(&[0.2, 0.4, 0.6]);
        let lifted = s.map(|s: f64| (s * s + imbalance).sqrt());
        let w1 = &inner * DMatrix::from_diagonal(&s) * below.transpose();
        let w2 = above * DMatrix::from_diagonal(&lifted) * inner.transpose();
        let exact = Riccati::new(&w1, &w2, &moments.sigma_yx, decay, imbalance).at(t).unwrap();
        let before = Riccati::new(&w1, &w2, &moments.sigma_yx, decay, imbalance).at(0.99 * t).unwrap();
        for (name, end) in ends(&[w1.clone(), w2.clone()], &data, decay, t) {
            let off = |exact: &DMatrix<f64>| off_riccati(&end, exact);
            assert!(off(&exact) <= 1e-10, "{name}, ς = {imbalance}, λ = {decay}: {:e} off", off(&exact));
            assert!(off(&before) > 1e-4);
        }
    }
}

/// The start `lambda_balanced` follows the closed form, and not that of another imbalance.
#[test]
fn lambda_balanced_starts_flow_by_the_riccati_equation() {
    let t = 3.0;
    for (lambda, widths) in [(-2.0, [4, 3, 5]), (0.0, [4, 5, 3]), (3.0, [4, 3, 5])] {
        let rng = &mut stream(3, Purpose::Inputs);
        let x = orthonormal_columns(12, widths[0], rng) * 12f64.sqrt();
        let data = Dataset { y: &x * gaussian_matrix(widths[0], widths[2], rng) * 0.5, x };
        let moments = Moments::new(&data).unwrap();
        let settings = LambdaBalanced { lambda, scale: 0.3 };
        let start = settings.draw(&Architecture::new(&widths), &mut stream(4, Purpose::Init));
        let (w1, w2) = (start.weight(1).into_owned(), start.weight(2).into_owned());
        let at = |lambda: f64| Riccati::new(&w1, &w2, &moments.sigma_yx, 0.0, lambda).at(t).unwrap();
        let objective = objective(&[w1.clone(), w2.clone()], &data, 0.0);
        let mut end = start.clone();
        let limits = Limits { t_end: t, ..Limits::default() };
        dop853(GradientFlow::new(&objective), tight("dop853"), limits).unwrap().advance(0.0, t, end.values_mut()).unwrap();
        let off = |exact: &DMatrix<f64>| off_riccati(&end, exact);
        assert!(off(&at(lambda)) <= 1e-10, "λ = {lambda}: {:e} off", off(&at(lambda)));
        // Control: another λ.
        assert!(off(&at(lambda + 0.1)) > 1e-3);
    }
}

/// The reduced equation of a scalar chain.
struct Reduced(ScalarChain);

impl VectorField for Reduced {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, w: &DVector<f64>, dw: &mut DVector<f64>) {
        dw[0] = self.0.velocity(t, w[0]);
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Reduced {
    fn jacobian_vector(&self, t: f64, w: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let h = 1e-6;
        jv[0] = (self.0.velocity(t, w[0] + h) - self.0.velocity(t, w[0] - h)) / (2.0 * h) * v[0];
    }
}

/// Scalar layers from an unbalanced start, of which one passes through zero: w_l² = w_m² + c_l·e^{−2λt}, and w_m by its own equation.
#[test]
fn a_chain_of_scalars() {
    let (weights, decay, t) = ([0.8, -0.3, 0.9, 1.2], 0.1, 5.0);
    let start: Vec<_> = weights.iter().map(|&w| DMatrix::from_element(1, 1, w)).collect();
    let chain = ScalarChain::new(&weights, 1.5, 0.5, decay);
    let mut smallest = DVector::from_element(1, weights[chain.smallest()]);
    dop853(Reduced(chain.clone()), Tolerance { rtol: 1e-13, atol: 1e-15 }, Limits::default())
        .unwrap()
        .advance(0.0, t, &mut smallest)
        .unwrap();
    let exact = chain.weights(t, smallest[0]);
    // The smallest weight started at −0.3: it has passed through zero.
    assert!(smallest[0] > 0.3, "{smallest}");
    for (name, end) in ends(&start, &aligned(&[1.5], 0.5), decay, t) {
        for (l, exact) in exact.iter().enumerate() {
            assert_close(&format!("{name}, layer {}", l + 1), end.values()[l], *exact);
        }
        // Without the closed form, too: the differences of squares shrink as e^{−2λt}, not as e^{−λt}.
        let (first, last, gap) = (end.values()[0], end.values()[3], weights[0] * weights[0] - weights[3] * weights[3]);
        let off = |rate: f64| (first * first - last * last - gap * (-rate * t).exp()).abs() / (first * first + last * last);
        assert!(off(2.0 * decay) <= 1e-10 && off(decay) > 0.03, "{name}: {:e} {:e}", off(2.0 * decay), off(decay));
    }
}
