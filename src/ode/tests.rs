//! Laws that hold for every method.

mod endings;
mod resumption;

use super::testing::{METHODS, attainable};
use nalgebra::DVector;

use super::*;

/// An oscillator that turns at the rate ω = 2 + cos t and settles on the unit circle, ṙ = r(1 − r²): from (½, 0) it is at
/// r = (1 + 3e^{−2t})^{−1/2}, φ = 2t + sin t. Smooth, nonlinear, depends on time.
struct Smooth;

impl VectorField for Smooth {
    fn dim(&self) -> usize {
        2
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        let (rate, pull) = (2.0 + t.cos(), 1.0 - theta.norm_squared());
        dtheta[0] = pull * theta[0] - rate * theta[1];
        dtheta[1] = pull * theta[1] + rate * theta[0];
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Smooth {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        let (rate, pull, along) = (2.0 + t.cos(), 1.0 - theta.norm_squared(), 2.0 * theta.dot(v));
        jv[0] = pull * v[0] - rate * v[1] - along * theta[0];
        jv[1] = pull * v[1] + rate * v[0] - along * theta[1];
    }
}

fn start() -> DVector<f64> {
    DVector::from_column_slice(&[0.5, 0.0])
}

/// The distance of θ from the oscillator's state at time t.
fn off(t: f64, theta: &DVector<f64>) -> f64 {
    let (r, phi) = (1.0 / (1.0 + 3.0 * (-2.0 * t).exp()).sqrt(), 2.0 * t + t.sin());
    (theta[0] - r * phi.cos()).hypot(theta[1] - r * phi.sin())
}

fn error_at(integrator: &mut Integrator, times: &[f64]) -> f64 {
    let mut theta = start();
    for window in times.windows(2) {
        let segment = integrator.advance(window[0], window[1], &mut theta).unwrap();
        assert_eq!((segment.stop, segment.t), (None, window[1]));
    }
    off(times[times.len() - 1], &theta)
}

/// Tolerances so loose that no error estimate matters: every step has the length of the cap.
const FREE: Tolerance = Tolerance { rtol: 1e6, atol: 1e6 };

fn no_longer_than(max_step: f64) -> Limits {
    Limits { max_step, ..Limits::default() }
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|(h, e)| (h.ln(), e.ln())).unzip();
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}

fn observed_order(method: impl Fn(f64) -> Integrator<'static>, step_counts: [usize; 4]) -> f64 {
    // A whole number of steps: no short last one spoils the slope.
    let points = step_counts.map(|n| {
        let h = 4.0 / n as f64;
        (h, error_at(&mut method(h), &[0.0, 4.0]))
    });
    slope(&points)
}

#[test]
fn rk4_converges_with_order_4() {
    let order = observed_order(|h| rk4(Smooth, h, Limits::default()).unwrap(), [48, 64, 96, 128]);
    assert!((order - 4.0).abs() < 0.2, "{order}");
}

#[test]
fn dopri5_converges_with_order_5() {
    let order = observed_order(|h| dopri5(Smooth, FREE, no_longer_than(h)).unwrap(), [128, 192, 256, 384]);
    assert!((order - 5.0).abs() < 0.2, "{order}");
}

#[test]
fn dop853_converges_with_order_8() {
    let order = observed_order(|h| dop853(Smooth, FREE, no_longer_than(h)).unwrap(), [48, 56, 64, 80]);
    assert!((order - 8.0).abs() < 0.2, "{order}");
}

/// In equal steps from the first on: without the driver, whose first steps are short, which shows at order 8. The dense output, of order 7,
/// has a local error of the order of the method's global one.
#[test]
fn dp8_converges_with_order_8_at_its_end_and_inside_its_steps() {
    let errors = |steps: usize| {
        let (rhs, mut method) = (rhs::Rhs::new(&Smooth), dp8::Dp8::new());
        let (h, mut worst) = (4.0 / steps as f64, 0.0f64);
        let mut theta = start();
        let (mut dtheta, mut next, mut dnext, mut inside) = (theta.clone(), theta.clone(), theta.clone(), theta.clone());
        rhs.eval(0.0, &theta, &mut dtheta).unwrap();
        for step in 0..steps {
            let t = step as f64 * h;
            let base = rhs::Base { t, theta: &theta, dtheta: &dtheta };
            method::Method::step(&mut method, &rhs, &base, h, 0.0, &FREE, &mut next, &mut dnext).unwrap();
            let taken = method::Taken { base, h, next: &next, dnext: &dnext };
            for sigma in [0.1, 0.3, 0.5, 0.7, 0.9] {
                method::Method::interpolate(&mut method, &rhs, &taken, sigma, &mut inside).unwrap();
                worst = worst.max(off(t + sigma * h, &inside));
            }
            (theta, dtheta) = (next.clone(), dnext.clone());
        }
        [off(4.0, &theta), worst]
    };
    for (place, counts) in [(0, [48, 56, 64, 80]), (1, [24, 32, 40, 48])] {
        let order = slope(&counts.map(|steps| (4.0 / steps as f64, errors(steps)[place])));
        assert!((order - 8.0).abs() < 0.2, "{place}: {order}");
    }
}

/// θ̇ = (1 + cos t)·θ(1 − θ): logit θ = logit θ(0) + t + sin t. Its Jacobian is real, as stabilised methods require.
struct Logistic;

impl VectorField for Logistic {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = (1.0 + t.cos()) * theta[0] * (1.0 - theta[0]);
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Logistic {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = (1.0 + t.cos()) * (1.0 - 2.0 * theta[0]) * v[0];
    }
}

/// The order with which the largest error at `times` falls with the step, from θ(0) = 0.1.
fn order_on_the_logistic(method: impl Fn(Limits) -> Integrator<'static>, step_counts: [usize; 4], times: &[f64]) -> f64 {
    let t_end = times[times.len() - 1];
    let points = step_counts.map(|n| {
        let h = t_end / n as f64;
        let mut integrator = method(Limits { t_end, ..no_longer_than(h) });
        let (mut t0, mut theta, mut worst) = (0.0, DVector::from_element(1, 0.1), 0.0f64);
        for &t in times {
            assert_eq!(integrator.advance(t0, t, &mut theta).unwrap().stop, None);
            worst = worst.max((theta[0] - 1.0 / (1.0 + 9.0 * (-t - t.sin()).exp())).abs());
            t0 = t;
        }
        (h, worst)
    });
    slope(&points)
}

/// The end of a horizon, and 400 times on the way there.
fn at_steps_and_between() -> [Vec<f64>; 2] {
    [vec![2.0], (1..=400).map(|i| i as f64 * 0.005).collect()]
}

#[test]
fn tsit5_converges_with_order_5_at_its_steps_and_between_them() {
    for times in &at_steps_and_between() {
        let order = order_on_the_logistic(|limits| tsit5(Logistic, FREE, limits).unwrap(), [48, 64, 96, 128], times);
        assert!((order - 5.0).abs() < 0.2, "{}: {order}", times.len());
    }
}

#[test]
fn rkc_converges_with_order_2_at_its_steps_and_between_them_whatever_its_stages() {
    for stages in [2, 3, 6, 15, 60] {
        for times in &at_steps_and_between() {
            let method = |limits| driven(Logistic, || Box::new(rkc::Rkc::with_stages(stages)), FREE, limits).unwrap();
            let order = order_on_the_logistic(method, [64, 96, 128, 192], times);
            assert!((order - 2.0).abs() < 0.2, "{stages} {}: {order}", times.len());
        }
    }
}

/// Its dense output has a local error of the order of the global one.
#[test]
fn rock4_converges_with_order_4_at_its_steps_and_between_them_whatever_its_stages() {
    for stages in [5, 6, 9, 15, 40, 120, 200] {
        for times in &at_steps_and_between() {
            let method = |limits| driven(Logistic, || Box::new(rock4::Rock4::with_stages(stages)), FREE, limits).unwrap();
            let order = order_on_the_logistic(method, [64, 96, 128, 192], times);
            assert!((order - 4.0).abs() < 0.2, "{stages} {}: {order}", times.len());
        }
    }
}

/// A field with a decay that it declares, as if it were (F + λθ) − λθ.
struct Split<'a>(&'a dyn VectorField, f64);

impl VectorField for Split<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        self.0.eval(t, theta, dtheta);
    }

    fn decay(&self) -> f64 {
        self.1
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Split<'_> {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        self.0.jacobian().unwrap().jacobian_vector(t, theta, v, jv);
    }
}

/// In equal steps, without the driver, whose first steps are short: at order 6 that shows. At several times: at the end alone the leading
/// term of the error of two stages nearly vanishes.
#[test]
fn gauss_converges_with_twice_the_order_of_its_stages_whatever_the_decay() {
    let error = |stages: usize, decay: f64, steps: usize| {
        let (field, mut method) = (Split(&Logistic, decay), gauss::Gauss::new(stages));
        let (rhs, h) = (rhs::Rhs::new(&field), 2.0 / steps as f64);
        let (mut theta, mut worst) = (DVector::from_element(1, 0.1), 0.0f64);
        let (mut dtheta, mut next, mut dnext) = (theta.clone(), theta.clone(), theta.clone());
        rhs.eval(0.0, &theta, &mut dtheta).unwrap();
        for step in 1..=steps {
            let t = step as f64 * h;
            let base = rhs::Base { t: t - h, theta: &theta, dtheta: &dtheta };
            assert!(method::Method::step(&mut method, &rhs, &base, h, 2.0, &FREE, &mut next, &mut dnext).unwrap() < 1.0);
            (theta, dtheta) = (next.clone(), dnext.clone());
            if step % (steps / 4) == 0 {
                worst = worst.max((theta[0] - 1.0 / (1.0 + 9.0 * (-t - t.sin()).exp())).abs());
            }
        }
        worst
    };
    for (stages, counts) in [(1, [64, 96, 128, 192]), (2, [32, 48, 64, 96]), (3, [8, 16, 24, 32])] {
        for decay in [0.0, 1.0] {
            let order = slope(&counts.map(|steps| (2.0 / steps as f64, error(stages, decay, steps))));
            assert!((order - 2.0 * stages as f64).abs() < 0.2, "{stages} {decay}: {order}");
        }
    }
}

/// Every method, including the one without a tolerance.
fn all_methods(field: &dyn VectorField, rtol: f64) -> Vec<(&'static str, Integrator<'_>)> {
    let tolerance = Tolerance { rtol, atol: rtol * 1e-3 };
    let rk4 = rk4(field, 1e-3, Limits::default()).unwrap();
    METHODS.iter().map(|(name, make)| (*name, make(field, tolerance, Limits::default()))).chain([("rk4", rk4)]).collect()
}

#[test]
fn the_error_follows_the_tolerance() {
    for (name, mut integrator) in all_methods(&Smooth, 1e-10) {
        let error = error_at(&mut integrator, &[0.0, 3.0, 10.0]);
        assert!(error < 100.0 * attainable(name, 1e-10), "{name}: {error:e}");
    }
}

/// Times that no step size divides, some closer than any step.
#[test]
fn every_record_time_is_hit_exactly_and_the_step_is_carried() {
    let mut times = vec![0.0, 1e-9, 0.1, 0.1 + f64::EPSILON, 0.1 + 1e-12];
    times.extend((1..200).map(|i| 0.1 + 0.37 * i as f64 / 7.0));
    for (name, mut integrator) in all_methods(&Smooth, 1e-9) {
        let error = error_at(&mut integrator, &times);
        assert!(error < 100.0 * attainable(name, 1e-9), "{name}: {error:e}");
    }
    let mut fresh = Work::default();
    let mut carried = Work::default();
    let (mut a, mut b) = (start(), start());
    let tolerance = Tolerance { rtol: 1e-9, atol: 1e-12 };
    let method = || dopri5(Smooth, tolerance, Limits::default()).unwrap();
    let mut one = method();
    for window in times.windows(2) {
        fresh += method().advance(window[0], window[1], &mut a).unwrap().work;
        carried += one.advance(window[0], window[1], &mut b).unwrap().work;
    }
    assert!(carried.evaluations < fresh.evaluations, "{} against {}", carried.evaluations, fresh.evaluations);
}

#[test]
fn an_empty_segment_does_nothing() {
    for (_, mut integrator) in all_methods(&Smooth, 1e-8) {
        let mut theta = start();
        let segment = integrator.advance(2.0, 2.0, &mut theta).unwrap();
        assert_eq!(segment, Segment { t: 2.0, work: Work::default(), stop: None });
    }
}
