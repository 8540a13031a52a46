//! What a driver promises at the edges: where segments end, what lies beyond them, and who else touches the state.

use std::thread;
use std::time::Duration;

use nalgebra::DVector;

use crate::ode::testing::{METHODS, Scalar, attainable};
use crate::ode::{Integrator, Interrupt, JacobianProducts, Limits, Termination, Tolerance, VectorField, tsit5};

fn tolerance(rtol: f64) -> Tolerance {
    Tolerance { rtol, atol: rtol * 1e-3 }
}

fn until(t_end: f64) -> Limits {
    Limits { t_end, ..Limits::default() }
}

fn at(theta: f64) -> DVector<f64> {
    DVector::from_element(1, theta)
}

/// θ̇ = −θ.
const DECAY: Scalar = Scalar { rate: |_, theta| -theta, slope: |_, _| -1.0 };

/// Carries θ through `times`, the first of which is the start, and hands each to `see` with the state there. No segment may stop.
fn through(integrator: &mut Integrator, theta: &mut DVector<f64>, times: &[f64], mut see: impl FnMut(f64, f64)) {
    for window in times.windows(2) {
        let segment = integrator.advance(window[0], window[1], theta).unwrap();
        assert_eq!((segment.stop, segment.t), (None, window[1]));
        see(window[1], theta[0]);
    }
}

/// At an exact saddle nothing moves, and the step grows as fast as it may.
#[test]
fn a_field_of_zero_takes_few_steps_over_any_horizon() {
    let field = Scalar { rate: |_, _| 0.0, slope: |_, _| 0.0 };
    for (name, make) in METHODS {
        let mut theta = at(0.0);
        let segment = make(&field, tolerance(1e-6), until(1e8)).advance(0.0, 1e8, &mut theta).unwrap();
        assert_eq!((segment.stop, segment.t, theta[0]), (None, 1e8, 0.0), "{name}");
        assert!(segment.work.accepted <= 50 && segment.work.evaluations <= 1000, "{name}: {:?}", segment.work);
    }
}

/// θ = sin t⁴, faster and faster, so that steps are rejected: whichever times are asked for, at t = 0, within the first step, between steps
/// and after rejected ones, the state is the flow's.
#[test]
fn the_state_is_right_wherever_a_segment_ends() {
    let field = Scalar { rate: |t, _| 4.0 * t.powi(3) * t.powi(4).cos(), slope: |_, _| 0.0 };
    let mut times = vec![0.0, 0.0, 1e-300, 1e-12, 1e-6];
    times.extend((1..=300).map(|i| 0.009 * f64::from(i)));
    for (name, make) in METHODS {
        let mut rejected = 0;
        let mut integrator = make(&field, tolerance(1e-8), until(2.7));
        let mut theta = at(0.0);
        for window in times.windows(2) {
            let segment = integrator.advance(window[0], window[1], &mut theta).unwrap();
            assert_eq!((segment.stop, segment.t), (None, window[1]), "{name}");
            rejected += segment.work.rejected;
            let off = (theta[0] - window[1].powi(4).sin()).abs();
            assert!(off < 300.0 * attainable(name, 1e-8), "{name} at {}: {off:e} off", window[1]);
        }
        // The library's are cut by so many segments that they never try too long a step.
        assert!(
            rejected > 0 || ["dopri5", "dop853"].contains(name),
            "{name} has rejected nothing: this test shows less than it says"
        );
    }
}

/// Times one unit in the last place apart, before and after long steps.
#[test]
fn moments_closer_than_any_step_are_moments() {
    let near = |t: f64| [t, t.next_up(), t.next_up().next_up(), t * (1.0 + 1e-15), t * (1.0 + 1e-13), t + 1e-9];
    let times: Vec<f64> = [0.0].into_iter().chain([1e-3, 0.7, 1.0, 3.0, 3.5].into_iter().flat_map(near)).chain([5.0]).collect();
    for (name, make) in METHODS {
        let mut integrator = make(&DECAY, tolerance(1e-9), until(5.0));
        through(&mut integrator, &mut at(1.0), &times, |t, theta| {
            let off = (theta - (-t).exp()).abs();
            assert!(off < 100.0 * attainable(name, 1e-9), "{name} at {t}: {off:e} off");
        });
    }
}

/// A step past the time asked for may meet the end of the flow: that is reported once it is asked for.
#[test]
fn what_lies_beyond_a_segment_does_not_spoil_it() {
    let field = Scalar {
        rate: |t, theta| if t < 1.0 { -theta } else { f64::NAN },
        slope: |t, _| if t < 1.0 { -1.0 } else { f64::NAN },
    };
    for (name, make) in METHODS {
        let mut integrator = make(&field, tolerance(1e-6), until(5.0));
        let mut theta = at(1.0);
        through(&mut integrator, &mut theta, &[0.0, 0.2, 0.5, 0.9, 0.99, 0.999], |t, theta| {
            let off = (theta - (-t).exp()).abs();
            assert!(off < 100.0 * attainable(name, 1e-6), "{name} at {t}: {off:e} off");
        });
        let segment = integrator.advance(0.999, 2.0, &mut theta).unwrap();
        assert!(matches!(segment.stop, Some(Termination::Diverged { .. })), "{name}: {segment:?}");
        assert!(theta[0].is_finite() && (0.999..=1.0).contains(&segment.t), "{name}: {segment:?}");
    }
}

/// θ = e^{2t} passes 1e12 at t = 13.8155: the end is reported no earlier, whatever the steps, and with the time of the state.
#[test]
fn a_state_blows_up_when_it_does_and_not_when_a_step_ahead_of_it_has() {
    let field = Scalar { rate: |_, theta| 2.0 * theta, slope: |_, _| 2.0 };
    let end = 6.0 * f64::ln(10.0);
    for (name, make) in METHODS {
        let mut integrator = make(&field, tolerance(1e-4), until(100.0));
        let (mut theta, mut t) = (at(1.0), 0.0);
        loop {
            let segment = integrator.advance(t, t + 0.01, &mut theta).unwrap();
            t = segment.t;
            // The error of a loose tolerance moves it a little.
            assert!(t < end + 0.3, "{name} goes on at {t}");
            if let Some(stop) = segment.stop {
                assert!(matches!(stop, Termination::Diverged { .. }) && stop.t() == t, "{name} at {t}: {stop:?}");
                assert!(t > end - 0.3 && (theta[0] / (2.0 * t).exp()).ln().abs() < 0.3, "{name} at {t}: {theta}");
                assert!(theta[0] > 1e12, "{name} at {t}: {theta}");
                break;
            }
            assert!(theta[0] <= 1e12, "{name} at {t}: {theta}");
        }
    }
}

/// θ̇ = sin t − θ never comes to rest.
#[test]
fn an_interrupt_from_another_thread_ends_a_segment_where_it_is() {
    let field = Scalar { rate: |t, theta| t.sin() - theta, slope: |_, _| -1.0 };
    for (name, make) in METHODS {
        let interrupt = Interrupt::default();
        let limits = Limits { t_end: 1e12, max_steps: u64::MAX, interrupt: interrupt.clone(), ..Limits::default() };
        let mut theta = at(1.0);
        let segment = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(10));
                interrupt.raise();
            });
            make(&field, tolerance(1e-6), limits).advance(0.0, 1e12, &mut theta).unwrap()
        });
        assert_eq!(segment.stop, Some(Termination::Interrupted { t: segment.t }), "{name}");
        assert!(segment.t < 1e12 && theta[0].abs() < 1.1, "{name}: {segment:?} {theta}");
    }
}

/// A state that is moved between segments, as by a projection: the flow continues from it, not from where it had run ahead to.
#[test]
fn a_state_changed_between_segments_is_where_the_flow_goes_on() {
    for (name, make) in METHODS {
        let mut integrator = make(&DECAY, tolerance(1e-9), until(3.0));
        let (mut theta, mut exact) = (at(1.0), 1.0);
        for i in 0..30 {
            let (t0, t1) = (0.1 * f64::from(i), 0.1 * f64::from(i + 1));
            assert_eq!(integrator.advance(t0, t1, &mut theta).unwrap().stop, None);
            exact *= (t0 - t1).exp();
            let off = (theta[0] / exact - 1.0).abs();
            assert!(off < 1000.0 * attainable(name, 1e-9), "{name} at {t1}: {off:e} off");
            // Every third time; by a lot and by a little.
            if i % 3 == 0 {
                let factor = if i % 2 == 0 { 3.0 } else { 1.0 + 1e-5 };
                theta[0] *= factor;
                exact *= factor;
            }
        }
    }
}

/// A product with the Hessian costs two evaluations: where nothing is stiff `tsit5` takes six evaluations a step and no product.
#[test]
fn tsit5_takes_no_products_where_nothing_is_stiff() {
    let segment = tsit5(DECAY, tolerance(1e-9), until(2.0)).unwrap().advance(0.0, 2.0, &mut at(1.0)).unwrap();
    let steps = segment.work.accepted + segment.work.rejected;
    assert!(steps > 20, "{steps}");
    // The first at the start, and one for the length of the first step.
    assert_eq!(segment.work.evaluations, 6 * steps + 2);
}

/// θ̇ = −(1000 θ_1, θ_2) from a θ_1 at rest: steps that are too long for θ_1 are found out before it shows.
#[test]
fn a_fast_component_at_rest_is_kept_stable() {
    struct Fast;
    impl VectorField for Fast {
        fn dim(&self) -> usize {
            2
        }
        fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            (dtheta[0], dtheta[1]) = (-1000.0 * theta[0], -theta[1]);
        }

        fn jacobian(&self) -> Option<&dyn JacobianProducts> {
            Some(self)
        }
    }

    impl JacobianProducts for Fast {
        fn jacobian_vector(&self, t: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
            self.eval(t, v, jv);
        }
    }
    let rtol = 1e-4;
    for rest in [0.0, 1e-300, 1e-12, 1e-8] {
        for t_end in [0.5, 5.0] {
            let mut theta = DVector::from_vec(vec![rest, 1.0]);
            let segment = tsit5(Fast, tolerance(rtol), until(t_end)).unwrap().advance(0.0, t_end, &mut theta).unwrap();
            assert_eq!(segment.stop, None);
            let off = theta[0].hypot(theta[1] - (-t_end).exp());
            assert!(off < 5.0 * rtol * (-t_end).exp(), "{rest:e} until {t_end}: {off:e}");
        }
    }
}
