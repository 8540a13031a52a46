//! The methods that keep to a tolerance, for tests that hold for every one of them.

use std::sync::Arc;

use nalgebra::DVector;

use crate::archive::Archive;

use super::*;

/// Makes a method on a field.
pub(crate) type Make = for<'f> fn(&'f dyn VectorField, Tolerance, Limits) -> Integrator<'f>;

/// Each method, ours or the library's, is one line here.
pub(crate) const METHODS: &[(&str, Make)] = &[
    ("dopri5", |field, tolerance, limits| dopri5(field, tolerance, limits).unwrap()),
    ("dop853", |field, tolerance, limits| dop853(field, tolerance, limits).unwrap()),
    ("tsit5", |field, tolerance, limits| tsit5(field, tolerance, limits).unwrap()),
    ("dp8", |field, tolerance, limits| dp8(field, tolerance, limits).unwrap()),
    ("rk6", |field, tolerance, limits| rk6(field, tolerance, limits).unwrap()),
    ("rkc", |field, tolerance, limits| rkc(field, tolerance, limits).unwrap()),
    ("rock4", |field, tolerance, limits| rock4(field, tolerance, limits).unwrap()),
    ("gauss1", |field, tolerance, limits| gauss(field, 1, tolerance, limits).unwrap()),
    ("gauss2", |field, tolerance, limits| gauss(field, 2, tolerance, limits).unwrap()),
    ("gauss3", |field, tolerance, limits| gauss(field, 3, tolerance, limits).unwrap()),
    ("auto", |field, tolerance, limits| auto(field, tolerance, limits).unwrap()),
];

/// The error that a method attains: rtol^{2/3} at order 2 with control of the error per step, which `auto` uses at loose tolerances.
pub(crate) fn attainable(name: &str, rtol: f64) -> f64 {
    if ["rkc", "gauss1"].contains(&name) || name == "auto" && rtol >= 1e-5 { rtol.powf(2.0 / 3.0) } else { rtol }
}

/// The states at these times and the work of an integration that `make` begins. With a number it is paused whenever it has asked so often
/// whether to stop, saved, and goes on as a new integrator.
pub(crate) fn resumed<'f>(
    make: &dyn Fn(Interrupt) -> Integrator<'f>,
    times: &[f64],
    start: &DVector<f64>,
    every: Option<u64>,
) -> (Vec<DVector<f64>>, Work) {
    let interrupt =
        || every.map_or_else(Interrupt::default, |every| Interrupt::default().pausing(Arc::new(true.into()), every));
    let (mut integrator, mut theta, mut t) = (make(interrupt()), start.clone(), times[0]);
    let (mut states, mut work) = (Vec::new(), Work::default());
    for &end in &times[1..] {
        // Pauses for a look on the way, too.
        let pause = t + 0.3 * (end - t);
        while t < end {
            let segment = integrator.advance_or_pause(t, if t < pause { pause } else { end }, end, &mut theta).unwrap();
            work += segment.work;
            t = segment.t;
            match segment.stop {
                None => states.push(theta.clone()),
                Some(Termination::Interrupted { .. }) => {
                    let mut written = Archive::written();
                    integrator.archive(&mut written).unwrap();
                    integrator = make(interrupt());
                    integrator.archive(&mut Archive::read(written.into_bytes())).unwrap();
                }
                Some(stop) => panic!("{stop}"),
            }
        }
        if let Some([from, to]) = integrator.last_step() {
            let mut inside = theta.clone();
            work.evaluations += integrator.within_last_step(0.5 * (from + to), &mut inside).unwrap_or(0);
            states.push(inside);
        }
    }
    (states, work)
}

/// However often it is paused, an integration gives the states of one that is not, at the same work.
pub(crate) fn check_resumption<'f>(
    name: &str,
    make: &dyn Fn(Interrupt) -> Integrator<'f>,
    times: &[f64],
    start: &DVector<f64>,
    every: &[u64],
) {
    let undisturbed = resumed(make, times, start, None);
    for &every in every {
        assert!(resumed(make, times, start, Some(every)) == undisturbed, "{name}, every {every}");
    }
}

/// θ̇ = rate(t, θ) in one dimension, with slope = ∂rate/∂θ.
pub(crate) struct Scalar {
    pub rate: fn(f64, f64) -> f64,
    pub slope: fn(f64, f64) -> f64,
}

impl VectorField for Scalar {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = (self.rate)(t, theta[0]);
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Scalar {
    fn jacobian_vector(&self, t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = (self.slope)(t, theta[0]) * v[0];
    }
}

/// The spectral radius as the driver estimates it, at one state after the other.
pub(crate) fn radii<'a>(field: &dyn VectorField, states: impl IntoIterator<Item = &'a DVector<f64>>) -> Vec<f64> {
    let mut radius = spectral_radius::SpectralRadius::new();
    let rhs = rhs::Rhs::new(field);
    let value = |theta: &DVector<f64>| {
        let mut dtheta = theta.clone();
        field.eval(0.0, theta, &mut dtheta);
        radius.update(&rhs, &rhs::Base { t: 0.0, theta, dtheta: &dtheta }).expect("a finite Jacobian");
        radius.value()
    };
    states.into_iter().map(value).collect()
}

/// Products with the Jacobian against a five-point rule on the field, to `tolerance` of their size.
pub(crate) fn check_jacobian(field: &dyn VectorField, t: f64, state: &DVector<f64>, tolerance: f64) {
    let v = DVector::from_fn(field.dim(), |i, _| (2.0 * i as f64 + 1.0).cos()).normalize();
    let at = |k: f64| {
        let mut out = DVector::from_element(field.dim(), f64::NAN);
        field.eval(t, &(state + &v * (k * 1e-3)), &mut out);
        out
    };
    let slope = ((at(1.0) - at(-1.0)) * 8.0 - (at(2.0) - at(-2.0))) / 12e-3;
    let mut product = DVector::from_element(field.dim(), f64::NAN);
    field.jacobian().unwrap().jacobian_vector(t, state, &v, &mut product);
    let off = (&product - &slope).norm() / (1.0 + slope.norm());
    assert!(off < tolerance, "{off:e}");
}
