//! A step by factors against the same step by formed stages: end, slope, error, what was felt, and dense output.

use nalgebra::{DMatrix, DMatrixView, DVector};

use super::super::Tsit5;
use super::*;
use crate::ode::method::{Method, Taken};
use crate::ode::{self, JacobianProducts, Limits, VectorField};
use crate::rng::{Purpose, gaussian_matrix, stream};

/// Ẇ = −λW + u(W)v(W)ᵀ with u = tanh(Wa) and v = Wᵀb: rank one.
struct Field {
    layout: LowRankLayout,
    a: DVector<f64>,
    b: DVector<f64>,
    decay: f64,
    /// Whether it declares that it is of low rank.
    says: bool,
}

impl Field {
    fn new(decay: f64, says: bool) -> Self {
        let rng = &mut stream(3, Purpose::Init);
        let mut draw = |n: usize| gaussian_matrix(n, 1, rng).column(0).into_owned();
        Self { layout: LowRankLayout::new([(9, 7)], 1), a: draw(7), b: draw(9), decay, says }
    }

    fn start() -> DVector<f64> {
        gaussian_matrix(63, 1, &mut stream(4, Purpose::Init)).column(0) * 0.3
    }
}

impl VectorField for Field {
    fn dim(&self) -> usize {
        63
    }

    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let w = DMatrix::from_column_slice(9, 7, theta.as_slice());
        let g = (&w * &self.a).map(f64::tanh) * (w.transpose() * &self.b).transpose() - &w * self.decay;
        dtheta.copy_from_slice(g.as_slice());
    }

    fn decay(&self) -> f64 {
        self.decay
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        self.says.then_some(self)
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Field {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        // To four digits: what it is used for needs no more.
        let h = 1e-4 / v.norm();
        let mut low = v.clone();
        self.eval(t, &(theta + v * h), jv);
        self.eval(t, &(theta - v * h), &mut low);
        *jv = (&*jv - low) / (2.0 * h);
    }
}

impl LowRank for Field {
    fn layout(&self) -> &LowRankLayout {
        &self.layout
    }

    fn factors(&self, state: &LowRankSum<'_>, out: &mut Factors) {
        let (mut u, mut v) = (DMatrix::zeros(9, 1), DMatrix::zeros(7, 1));
        state.apply(0, DMatrixView::from_slice(self.a.as_slice(), self.a.len(), 1), u.as_view_mut());
        state.apply_transposed(0, DMatrixView::from_slice(self.b.as_slice(), self.b.len(), 1), v.as_view_mut());
        self.layout.u_mut(out, 0).copy_from(&u.map(f64::tanh));
        self.layout.v_mut(out, 0).copy_from(&v);
    }
}

/// All results of two steps of length h from the start, and the states within each.
fn two_steps(field: &Field, h: f64) -> Vec<DVector<f64>> {
    let (rhs, mut method, tolerance) = (Rhs::new(field), Tsit5::new(), Tolerance { rtol: 1e-3, atol: 1e-6 });
    let mut theta = Field::start();
    let mut dtheta = theta.clone();
    field.eval(0.0, &theta, &mut dtheta);
    let mut known = Vec::new();
    for i in 0..2 {
        let (mut next, mut dnext, mut out) = (theta.clone(), theta.clone(), theta.clone());
        let base = Base { t: f64::from(i) * h, theta: &theta, dtheta: &dtheta };
        let error = method.step(&rhs, &base, h, 0.0, &tolerance, &mut next, &mut dnext).unwrap();
        known.push(DVector::from_element(1, error));
        known.push(DVector::from_element(1, method.felt(&base, &next, &dnext)));
        let taken = Taken { base, h, next: &next, dnext: &dnext };
        method.interpolate(&rhs, &taken, 0.4, &mut out).unwrap();
        known.extend([out, next.clone(), dnext.clone()]);
        (theta, dtheta) = (next, dnext);
    }
    known
}

#[test]
fn a_step_by_factors_is_the_step_by_formed_stages() {
    for decay in [0.0, 0.3] {
        let (factored, formed) = (two_steps(&Field::new(decay, true), 0.3), two_steps(&Field::new(decay, false), 0.3));
        for (i, (a, b)) in factored.iter().zip(&formed).enumerate() {
            // Errors and differences of stages are small sums of large terms.
            assert!((a - b).norm() <= 1e-9 * b.norm(), "{i}: {:e}", (a - b).norm() / b.norm());
        }
        // Control: the other decay is seen.
        let other = two_steps(&Field::new(0.1, true), 0.3);
        assert!(factored.iter().zip(&other).all(|(a, b)| (a - b).norm() > 1e-4 * b.norm()));
    }
}

/// A state that was moved between two segments, as by a projection, is where the next step begins.
#[test]
fn a_moved_state_is_taken_up() {
    let end = |says: bool| {
        let field = Field::new(0.1, says);
        let mut integrator = ode::tsit5(&field, Tolerance { rtol: 1e-8, atol: 1e-10 }, Limits::default()).unwrap();
        let mut theta = Field::start();
        for (t0, t1) in [(0.0, 0.4), (0.4, 0.5), (0.5, 1.5)] {
            assert_eq!(integrator.advance(t0, t1, &mut theta).unwrap().stop, None);
            theta *= 1.1;
        }
        theta
    };
    let (factored, formed) = (end(true), end(false));
    assert!((&factored - &formed).norm() < 1e-9 * formed.norm(), "{:e}", (&factored - &formed).norm());
}
