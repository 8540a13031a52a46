//! Dense output: as accurate inside steps as at their ends, also where components are stiff, and without any change to the steps.

use std::cell::Cell;

use nalgebra::DVector;

use crate::ode::testing::{METHODS, Make, Scalar, attainable};
use crate::ode::{JacobianProducts, Limits, Tolerance, VectorField, Work, dp8};

fn tolerance(rtol: f64) -> Tolerance {
    Tolerance { rtol, atol: 1e-3 * rtol }
}

fn until(t_end: f64) -> Limits {
    Limits { t_end, ..Limits::default() }
}

/// `count` log-spaced times over six decades up to `t_end`.
fn log_spaced(count: i32, t_end: f64) -> Vec<f64> {
    (1..=count)
        .map(|i| if i == count { t_end } else { t_end * 10f64.powf(6.0 * f64::from(i - count) / f64::from(count)) })
        .collect()
}

/// The states at `times`, from θ at 0, and the work.
fn through(make: Make, field: &dyn VectorField, rtol: f64, start: &DVector<f64>, times: &[f64]) -> (Vec<DVector<f64>>, Work) {
    let mut integrator = make(field, tolerance(rtol), until(times[times.len() - 1]));
    let (mut theta, mut t0, mut work) = (start.clone(), 0.0, Work::default());
    let states = times.iter().map(|&t| {
        let segment = integrator.advance(t0, t, &mut theta).unwrap();
        assert_eq!((segment.stop, segment.t), (None, t));
        work += segment.work;
        t0 = t;
        theta.clone()
    });
    (states.collect(), work)
}

/// The gradient flow of a quadratic with curvatures 1, …, 10⁴: θ̇_i = −c_i(θ_i − b_i).
struct Quadratic {
    curvatures: DVector<f64>,
    bottom: DVector<f64>,
}

impl Quadratic {
    fn new() -> Self {
        let dim = 17;
        Self {
            curvatures: DVector::from_fn(dim, |i, _| 10f64.powf(4.0 * i as f64 / (dim - 1) as f64)),
            bottom: DVector::from_fn(dim, |i, _| (1.0 + i as f64).sin()),
        }
    }

    /// The solution at time t from θ(0) = 0.
    fn at(&self, t: f64) -> DVector<f64> {
        self.bottom.zip_map(&self.curvatures, |bottom, curvature| -bottom * (-curvature * t).exp_m1())
    }
}

impl VectorField for Quadratic {
    fn dim(&self) -> usize {
        self.bottom.len()
    }
    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta.copy_from(&(&self.bottom - theta).component_mul(&self.curvatures));
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Quadratic {
    fn jacobian_vector(&self, _: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv.copy_from(&(-v).component_mul(&self.curvatures));
    }
}

/// θ = tanh(sin 3t + t), which is not stiff.
const SMOOTH: Scalar = Scalar {
    rate: |t, theta| (3.0 * (3.0 * t).cos() + 1.0) * (1.0 - theta * theta),
    slope: |t, theta| -2.0 * theta * (3.0 * (3.0 * t).cos() + 1.0),
};

/// Methods of the line-up with dense output.
fn dense() -> impl Iterator<Item = &'static (&'static str, Make)> {
    METHODS.iter().filter(|(name, _)| ["tsit5", "rk6", "rkc", "rock4", "auto"].contains(name))
}

/// States at 300 times cost no more gradients than the end alone, and the end is the same to the bit.
#[test]
fn times_inside_steps_change_no_step() {
    let quadratic = Quadratic::new();
    let fields: [(&dyn VectorField, f64); 2] = [(&quadratic, 10.0), (&SMOOTH, 3.0)];
    for (field, t_end) in fields {
        for (name, make) in dense() {
            for rtol in [1e-3, 1e-5, 1e-7] {
                let start = DVector::zeros(field.dim());
                let (end, least) = through(*make, field, rtol, &start, &[t_end]);
                let (states, work) = through(*make, field, rtol, &start, &log_spaced(300, t_end));
                assert_eq!((work, &states[299]), (least, &end[0]), "{name} {rtol:e}");
            }
        }
    }
}

/// Over the transients of all curvatures, one after the other, and at rest.
#[test]
fn states_inside_steps_are_right_where_components_are_stiff_and_where_none_is() {
    let (quadratic, times) = (Quadratic::new(), log_spaced(300, 10.0));
    let size = quadratic.bottom.norm();
    for (name, make) in dense() {
        for rtol in [1e-3, 1e-5, 1e-7] {
            let most = 10.0 * attainable(name, rtol);
            let (states, _) = through(*make, &quadratic, rtol, &DVector::zeros(17), &times);
            let worst =
                times.iter().zip(&states).map(|(&t, theta)| (theta - quadratic.at(t)).norm()).fold(0.0, f64::max) / size;
            assert!(worst < most, "{name} {rtol:e}: {worst:e}");
            let (states, _) = through(*make, &SMOOTH, rtol, &DVector::zeros(1), &log_spaced(300, 3.0));
            let exact = |t: f64| ((3.0 * t).sin() + t).tanh();
            let worst =
                log_spaced(300, 3.0).iter().zip(&states).map(|(&t, theta)| (theta[0] - exact(t)).abs()).fold(0.0, f64::max);
            assert!(worst < most, "{name} {rtol:e}: {worst:e}");
        }
    }
}

/// Inside every step against its ends: the largest distance from the quadratic's flow at ends of steps, inside them, and inside them by
/// Hermite's cubic through states and slopes at the ends.
fn inside_steps(make: Make, rtol: f64) -> [f64; 3] {
    let field = Quadratic::new();
    let mut integrator = make(&field, tolerance(rtol), until(10.0));
    let (mut theta, mut t, mut worst) = (DVector::zeros(17), 0.0f64, [0.0f64; 3]);
    let size = field.bottom.norm();
    while t < 10.0 {
        t = integrator.advance_or_pause(t, t.next_up(), 10.0, &mut theta).unwrap().t;
        let [from, to] = integrator.last_step().unwrap();
        let (mut before, mut after, mut inside) = (theta.clone(), theta.clone(), theta.clone());
        integrator.within_last_step(from, &mut before).unwrap();
        integrator.within_last_step(to, &mut after).unwrap();
        let (mut f0, mut f1, h) = (theta.clone(), theta.clone(), to - from);
        field.eval(from, &before, &mut f0);
        field.eval(to, &after, &mut f1);
        worst[0] = worst[0].max((&after - field.at(to)).norm() / size);
        for s in [0.1, 0.25, 0.5, 0.75, 0.9] {
            integrator.within_last_step(from + s * h, &mut inside).unwrap();
            let hermite = &before * ((1.0 + 2.0 * s) * (1.0 - s).powi(2))
                + &after * (s * s * (3.0 - 2.0 * s))
                + &f0 * (h * s * (1.0 - s).powi(2))
                - &f1 * (h * s * s * (1.0 - s));
            let exact = field.at(from + s * h);
            worst[1] = worst[1].max((&inside - &exact).norm() / size);
            worst[2] = worst[2].max((&hermite - &exact).norm() / size);
        }
    }
    worst
}

/// The control, Hermite's cubic, shows how F at the ends amplifies the errors of stiff components: for `rock4`, whose steps are not held to
/// a small h·F.
#[test]
fn the_dense_output_of_stiff_methods_does_not_show_the_slopes_of_stiff_errors() {
    for (name, make) in dense().filter(|(name, _)| ["rkc", "rock4"].contains(name)) {
        for rtol in [1e-3, 1e-5, 1e-7] {
            let [ends, inside, hermite] = inside_steps(*make, rtol);
            assert!(inside <= 2.0 * ends.max(rtol), "{name} {rtol:e}: {ends:e} {inside:e} {hermite:e}");
            assert!(*name == "rkc" || hermite > 100.0 * inside, "{name} {rtol:e}: {ends:e} {inside:e} {hermite:e}");
        }
    }
}

/// Inside every step of `make`: the largest distance between the dense output and the polynomial through it at degree + 1 − `fewer` points.
fn off_polynomial(make: Make, fewer: usize) -> f64 {
    let field = Quadratic::new();
    let mut integrator = make(&field, tolerance(1e-6), until(1.0));
    let (mut theta, mut t, mut worst) = (DVector::zeros(17), 0.0f64, 0.0f64);
    while t < 1.0 {
        t = integrator.advance_or_pause(t, t.next_up(), 1.0, &mut theta).unwrap().t;
        let [from, to] = integrator.last_step().unwrap();
        let degree = integrator.dense_degree().unwrap() - fewer;
        let mut at = |sigma: f64| {
            let mut state = theta.clone();
            integrator.within_last_step(from + sigma * (to - from), &mut state).unwrap();
            state
        };
        let nodes: Vec<f64> = (0..=degree).map(|j| j as f64 / degree as f64).collect();
        let states: Vec<DVector<f64>> = nodes.iter().map(|&x| at(x)).collect();
        for sigma in [0.13, 0.42, 0.86] {
            let lagrange = |j: usize| -> f64 {
                (0..=degree).filter(|&m| m != j).map(|m| (sigma - nodes[m]) / (nodes[j] - nodes[m])).product()
            };
            let through: DVector<f64> = states.iter().enumerate().map(|(j, state)| state * lagrange(j)).sum();
            worst = worst.max((through - at(sigma)).norm() / field.bottom.norm());
        }
    }
    worst
}

/// Control: one degree less does not do.
#[test]
fn the_dense_output_is_a_polynomial_of_its_degree() {
    for (name, make) in METHODS.iter().filter(|(name, _)| ["tsit5", "dp8", "rk6", "rkc", "rock4"].contains(name)) {
        let (exact, control) = (off_polynomial(*make, 0), off_polynomial(*make, 1));
        assert!(exact < 1e-12 && control > 1e-10, "{name}: {exact:e} {control:e}");
    }
}

/// θ̇ = −θ, until it breaks.
struct Breakable(Cell<bool>);

impl VectorField for Breakable {
    fn dim(&self) -> usize {
        1
    }

    fn eval(&self, _t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = if self.0.get() { f64::NAN } else { -theta[0] };
    }
}

#[test]
fn a_state_inside_a_step_that_takes_more_of_the_field_is_nan_where_that_is_not_finite() {
    let field = Breakable(Cell::new(false));
    let mut integrator = dp8(&field, tolerance(1e-8), until(10.0)).unwrap();
    let mut theta = DVector::from_element(1, 1.0);
    integrator.advance_or_pause(0.0, 0.1, 10.0, &mut theta).unwrap();
    let [from, to] = integrator.last_step().unwrap();
    field.0.set(true);
    let mut at = |t: f64| {
        let mut state = theta.clone();
        integrator.within_last_step(t, &mut state).unwrap();
        state[0]
    };
    assert!(at(0.5 * (from + to)).is_nan() && at(from).is_finite() && at(to).is_finite());
}
