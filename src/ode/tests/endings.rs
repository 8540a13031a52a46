//! Flows that end early: how each method says so, and what state it leaves.

use super::*;

/// θ̇ = θ²: blows up at t = 1.
struct BlowUp;

impl VectorField for BlowUp {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = theta[0] * theta[0];
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for BlowUp {
    fn jacobian_vector(&self, _: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = 2.0 * theta[0] * v[0];
    }
}

#[test]
fn a_blow_up_ends_as_diverged_with_a_finite_state_near_its_time() {
    for (name, mut integrator) in all_methods(&BlowUp, 1e-6) {
        let mut theta = DVector::from_element(1, 1.0);
        let segment = integrator.advance(0.0, 2.0, &mut theta).unwrap();
        assert!(matches!(segment.stop, Some(Termination::Diverged { .. })), "{name}: {segment:?}");
        assert!(theta[0].is_finite() && (segment.t - 1.0).abs() < 0.02, "{name}: {segment:?}");
    }
}

/// NaN from t = 1 on.
struct BecomesNan;

impl VectorField for BecomesNan {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = if t < 1.0 { -theta[0] } else { f64::NAN };
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for BecomesNan {
    fn jacobian_vector(&self, t: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = if t < 1.0 { -v[0] } else { f64::NAN };
    }
}

#[test]
fn a_field_that_becomes_nan_ends_as_diverged() {
    for (start, end) in [(0.0, 2.0), (1.5, 2.0)] {
        for (name, mut integrator) in all_methods(&BecomesNan, 1e-6) {
            let mut theta = DVector::from_element(1, 1.0);
            let segment = integrator.advance(start, end, &mut theta).unwrap();
            assert!(matches!(segment.stop, Some(Termination::Diverged { .. })), "{name}: {segment:?}");
            assert!(theta[0].is_finite() && segment.t <= start.max(1.0), "{name}: {segment:?}");
        }
    }
}

/// θ̇ = 0 until t = 1, then 1e18·sign(1 − θ): the step underflows while θ stays of order one.
struct TurnsStiff;

impl VectorField for TurnsStiff {
    fn dim(&self) -> usize {
        1
    }
    fn eval(&self, t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta[0] = if t <= 1.0 { 0.0 } else { 1e18 * (1.0 - theta[0]).signum() };
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for TurnsStiff {
    fn jacobian_vector(&self, _: f64, _: &DVector<f64>, _: &DVector<f64>, jv: &mut DVector<f64>) {
        jv[0] = 0.0;
    }
}

#[test]
fn a_step_that_underflows_ends_as_stiff_and_names_the_remedy() {
    for (name, mut integrator) in all_methods(&TurnsStiff, 1e-6).into_iter().filter(|(name, _)| *name != "rk4") {
        let mut theta = DVector::from_element(1, 1.0);
        let segment = integrator.advance(0.0, 2.0, &mut theta).unwrap();
        let stop = segment.stop.expect("it cannot pass t = 1");
        assert!(matches!(stop, Termination::Stiff { .. }), "{name}: {stop:?}");
        assert!(stop.to_string().contains("flow.integrator rkc"), "{stop}");
    }
}

#[test]
fn max_steps_is_one_budget_for_all_segments() {
    let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9 };
    let limits = || Limits { max_steps: 150, ..no_longer_than(0.01) };
    for mut integrator in [
        dopri5(Smooth, tolerance, limits()).unwrap(),
        dop853(Smooth, tolerance, limits()).unwrap(),
        rk4(Smooth, 0.01, limits()).unwrap(),
        tsit5(Smooth, tolerance, limits()).unwrap(),
    ] {
        let mut theta = start();
        assert_eq!(integrator.advance(0.0, 1.0, &mut theta).unwrap().stop, None);
        let segment = integrator.advance(1.0, 2.0, &mut theta).unwrap();
        assert_eq!(segment.stop, Some(Termination::MaxSteps { t: segment.t, steps: 150 }));
        assert!((segment.t - 1.5).abs() < 0.02, "{segment:?}");
    }
}
