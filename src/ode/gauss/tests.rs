//! Coefficients, invariants, stiffness.

use nalgebra::{DMatrix, DMatrixView, DVector};

use super::super::{Integrator, JacobianProducts, Limits, Tolerance, VectorField, dopri5, gauss};
use super::subspace::{Newton, Subspace};
use super::tableau::Tableau;
use super::*;
use crate::rng::{Purpose, gaussian_matrix, stream};

/// B(2s): Σ b_ic_i^{k−1} = 1/k; C(s): Σ_j a_ijc_j^{k−1} = c_i^k/k; together order 2s. And the condition for quadratic invariants.
#[test]
fn the_coefficients_are_those_of_gauss() {
    for s in 1..=3 {
        let Tableau { stages, c, b, a } = Tableau::new(s);
        assert_eq!(stages, s);
        for k in 1..=2 * s as i32 {
            let sum: f64 = (0..s).map(|i| b[i] * c[i].powi(k - 1)).sum();
            assert!((sum - 1.0 / k as f64).abs() < 1e-15, "B({k})");
        }
        // Control: no more than 2s.
        let k = 2 * s as i32 + 1;
        assert!(((0..s).map(|i| b[i] * c[i].powi(k - 1)).sum::<f64>() - 1.0 / k as f64).abs() > 1e-4);
        for i in 0..s {
            for k in 1..=s as i32 {
                let sum: f64 = (0..s).map(|j| a[(i, j)] * c[j].powi(k - 1)).sum();
                assert!((sum - c[i].powi(k) / k as f64).abs() < 1e-15, "C({k})");
            }
            for j in 0..s {
                assert!((b[i] * a[(i, j)] + b[j] * a[(j, i)] - b[i] * b[j]).abs() < 1e-16, "{i} {j}");
            }
        }
    }
}

#[test]
fn the_integrals_of_the_stage_polynomials_are_the_coefficients() {
    for s in 1..=3 {
        let tableau = Tableau::new(s);
        let near = |x: f64, y: f64| (x - y).abs() < 4e-15;
        let whole = tableau.integrals(0.0, 1.0);
        assert!((0..3).all(|j| near(whole[j], tableau.b[j])));
        for i in 0..s {
            let part = tableau.integrals(0.0, tableau.c[i]);
            assert!((0..3).all(|j| near(part[j], tableau.a[(i, j)])), "{part:?}");
        }
    }
}

#[test]
fn the_error_estimate_is_of_order_s_plus_2() {
    for s in 1..=3 {
        let tableau = Tableau::new(s);
        let e = tableau.error_weights();
        let c: Vec<f64> = [0.0].into_iter().chain(tableau.c[..s].iter().copied()).chain([1.0]).collect();
        let moment = |k: i32| c.iter().zip(e).map(|(c, e)| e * c.powi(k)).sum::<f64>();
        assert!((0..=s as i32).all(|k| moment(k).abs() < 1e-15));
        assert!(moment(s as i32 + 1).abs() > 1e-3);
    }
    let simpson = Tableau::new(1).error_weights();
    let exact = [1.0 / 6.0, -1.0 / 3.0, 1.0 / 6.0];
    assert!(simpson.iter().zip(exact).all(|(e, x)| (e - x).abs() < 1e-15));
}

/// Ẇ_1 = −W_2ᵀR − λW_1, Ẇ_2 = −RW_1ᵀ − λW_2, R = W_2W_1 − T, all 2 × 2: D = W_2ᵀW_2 − W_1W_1ᵀ obeys Ḋ = −2λD.
struct TwoLayers {
    target: DMatrix<f64>,
    lambda: f64,
    /// The λ that it declares.
    declared: f64,
}

fn layers(theta: &DVector<f64>) -> [DMatrixView<'_, f64>; 2] {
    let (first, second) = theta.as_slice().split_at(4);
    [DMatrixView::from_slice(first, 2, 2), DMatrixView::from_slice(second, 2, 2)]
}

fn gap(theta: &DVector<f64>) -> DMatrix<f64> {
    let [w1, w2] = layers(theta);
    w2.transpose() * w2 - w1 * w1.transpose()
}

impl VectorField for TwoLayers {
    fn dim(&self) -> usize {
        8
    }
    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let [w1, w2] = layers(theta);
        let r = w2 * w1 - &self.target;
        let (d1, d2) = (w2.transpose() * &r + w1 * self.lambda, &r * w1.transpose() + w2 * self.lambda);
        dtheta.rows_mut(0, 4).copy_from_slice((-d1).as_slice());
        dtheta.rows_mut(4, 4).copy_from_slice((-d2).as_slice());
    }

    fn decay(&self) -> f64 {
        self.declared
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for TwoLayers {
    fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let ([w1, w2], [v1, v2]) = (layers(theta), layers(v));
        let (r, dr) = (w2 * w1 - &self.target, v2 * w1 + w2 * v1);
        let d1 = v2.transpose() * &r + w2.transpose() * &dr + v1 * self.lambda;
        let d2 = &dr * w1.transpose() + &r * v1.transpose() + v2 * self.lambda;
        jv.rows_mut(0, 4).copy_from_slice((-d1).as_slice());
        jv.rows_mut(4, 4).copy_from_slice((-d2).as_slice());
    }
}

/// The largest departure of D(t) from e^{−2λt}D(0) at t = 1, …, 200, relative to ‖D(0)‖.
fn departure(field: &TwoLayers, mut integrator: Integrator) -> f64 {
    let mut theta = DVector::from_column_slice(&[0.9, -0.3, 0.5, 0.4, -0.2, 0.8, 0.7, 0.1]);
    let before = gap(&theta);
    let departures = (0..200).map(|i| {
        let segment = integrator.advance(i as f64, (i + 1) as f64, &mut theta).unwrap();
        assert_eq!(segment.stop, None);
        (gap(&theta) - &before * (-2.0 * field.lambda * (i + 1) as f64).exp()).norm() / before.norm()
    });
    departures.fold(0.0, f64::max)
}

/// Control: with λ not declared, so that there is no invariant, and by a method that keeps none.
#[test]
fn a_decaying_quadratic_form_is_kept_to_rounding() {
    let target = DMatrix::from_column_slice(2, 2, &[2.0, 0.0, 0.3, 0.5]);
    let tolerance = Tolerance { rtol: 1e-5, atol: 1e-8 };
    for lambda in [0.0, 0.01] {
        let field = TwoLayers { target: target.clone(), lambda, declared: lambda };
        for stages in 1..=3 {
            let kept = departure(&field, gauss(&field, stages, tolerance, Limits::default()).unwrap());
            assert!(kept < 5e-14, "{stages} {lambda}: {kept:e}");
        }
        assert!(departure(&field, dopri5(&field, tolerance, Limits::default()).unwrap()) > 1e-9);
    }
    let silent = TwoLayers { target, lambda: 0.01, declared: 0.0 };
    for stages in 1..=3 {
        let lost = departure(&silent, gauss(&silent, stages, tolerance, Limits::default()).unwrap());
        assert!(lost > 1e-9, "{stages}: {lost:e}");
    }
}

/// θ̇ = −ρ(θ − cos t): near cos t whatever ρ. `seen` is the ρ that its Jacobian states.
struct Stiff {
    rho: f64,
    seen: f64,
}

impl VectorField for Stiff {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = -self.rho * (theta[0] - t.cos());
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Stiff {
    fn jacobian_vector(&self, _: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = -self.seen * v[0];
    }
}

#[test]
fn steps_a_hundred_thousand_times_the_explicit_limit_are_stable() {
    let free = Tolerance { rtol: 1e6, atol: 1e6 };
    for stages in 1..=3 {
        let field = Stiff { rho: 1e6, seen: 1e6 };
        let mut integrator = gauss(&field, stages, free, Limits { max_step: 0.2, ..Limits::default() }).unwrap();
        let mut theta = DVector::from_element(1, 3.0);
        for i in 0..100 {
            let segment = integrator.advance(i as f64, (i + 1) as f64, &mut theta).unwrap();
            assert_eq!((segment.stop, segment.work.rejected), (None, 0));
            // |R(−∞)| = 1: the error of the start is hardly damped, but never grows.
            assert!((theta[0] - ((i + 1) as f64).cos()).abs() < 2.01, "{stages}: {}", theta[0]);
        }
    }
}

#[test]
fn the_step_follows_the_solution_and_not_the_stiffness() {
    for stages in 1..=3 {
        let field = Stiff { rho: 1e6, seen: 1e6 };
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-6 };
        let mut theta = DVector::from_element(1, 1.0);
        let segment = gauss(&field, stages, tolerance, Limits::default()).unwrap().advance(0.0, 20.0, &mut theta).unwrap();
        assert_eq!(segment.stop, None);
        // The stages of one step on a stiff component are of order 2 only; an explicit method would take 10,000,000 steps.
        assert!(segment.work.accepted < 10_000, "{segment:?}");
        assert!((theta[0] - 20f64.cos()).abs() < 1e-4, "{stages}: {}", theta[0]);
    }
}

/// Equations that cannot be solved shorten the step: a Jacobian that is wrong costs work, not accuracy.
#[test]
fn a_wrong_jacobian_costs_steps_and_no_accuracy() {
    for seen in [0.0, -1e3, 4e2] {
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-6 };
        let mut theta = DVector::from_element(1, 1.0);
        let field = Stiff { rho: 1e3, seen };
        let segment = gauss(&field, 2, tolerance, Limits::default()).unwrap().advance(0.0, 3.0, &mut theta).unwrap();
        assert_eq!(segment.stop, None);
        assert!(segment.work.rejected > 0 && segment.work.accepted > 300, "{seen}: {segment:?}");
        assert!((theta[0] - 3f64.cos()).abs() < 2e-3, "{seen}: {}", theta[0]);
    }
}

/// θ̇ = −Jθ with J = MMᵀ.
struct Linear(DMatrix<f64>);

impl VectorField for Linear {
    fn dim(&self) -> usize {
        self.0.nrows()
    }
    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta.gemv(-1.0, &self.0, theta, 0.0);
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Linear {
    fn jacobian_vector(&self, t: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        self.eval(t, v, jv);
    }
}

#[test]
fn newton_equations_are_solved_with_no_more_products_than_there_are_directions() {
    let rng = &mut stream(11, Purpose::Inputs);
    // Of rank 6 in 30 dimensions, and of full rank.
    for rank in [6, 30] {
        let factor = gaussian_matrix(30, rank, rng);
        let field = Linear(&factor * factor.transpose());
        let rhs = Rhs::new(&field);
        for s in 1..=3 {
            let tableau = Tableau::new(s);
            let (r, mut delta) = (gaussian_matrix(30, s, rng), DMatrix::zeros(30, s));
            let mut subspace = Subspace::new();
            subspace.start(0.0, &DVector::zeros(30), 0.1);
            let before = rhs.gradients();
            let newton = Newton { a: &tableau.a, h: 10.0, rho: 100.0, may_grow: true };
            assert!(subspace.solve(&rhs, &newton, &r, &mut delta).unwrap());
            let a = tableau.a.view((0, 0), (s, s)).transpose();
            let j = DMatrix::identity(30, 30) * 0.1 - &field.0;
            let left = &r - &delta + j * &delta * a * 10.0;
            assert!(left.norm() <= 0.11 * r.norm(), "{rank} {s}: {}", left.norm() / r.norm());
            assert!(rhs.gradients() - before <= 60);
            // What is known is used again.
            let before = rhs.gradients();
            assert!(subspace.solve(&rhs, &newton, &r, &mut delta).unwrap());
            assert_eq!(rhs.gradients(), before);
        }
    }
}
