//! What an integrator refuses, and what it is bound to.

use std::cell::Cell;

use super::*;
use crate::linalg::{Factors, LowRankLayout, LowRankSum};
use crate::ode::testing::{METHODS, Scalar};
use crate::ode::{dop853, dopri5, field, gauss, rk4, spectral_radius, tsit5};

const TOLERANCE: Tolerance = Tolerance { rtol: 1e-8, atol: 1e-11 };

/// θ̇ = −θ and θ̇ = θ.
const DECAY: Scalar = Scalar { rate: |_, theta| -theta, slope: |_, _| -1.0 };
const GROWTH: Scalar = Scalar { rate: |_, theta| theta, slope: |_, _| 1.0 };

/// Every method, including the one without a tolerance.
fn methods(field: &dyn VectorField) -> Vec<(&'static str, Integrator<'_>)> {
    let made = METHODS.iter().map(|(name, make)| (*name, make(field, TOLERANCE, Limits::default())));
    made.chain([("rk4", rk4(field, 1e-3, Limits::default()).unwrap())]).collect()
}

/// From where one integrator has arrived, another on another field: it knows nothing of the first one's derivatives.
#[test]
fn another_field_is_followed_by_another_integrator() {
    for ((name, mut down), (_, mut up)) in methods(&DECAY).into_iter().zip(methods(&GROWTH)) {
        let mut theta = DVector::from_element(1, 1.0);
        down.advance(0.0, 1.0, &mut theta).unwrap();
        let before = theta[0];
        up.advance(1.0, 1.05, &mut theta).unwrap();
        // 1.051; with the derivatives of the first it was 0.951.
        let ratio = theta[0] / before;
        assert!((ratio - 0.05f64.exp()).abs() < 1e-5, "{name}: {ratio}");
    }
}

/// A field lent, boxed or shared is the same field, with all that it declares.
#[test]
fn a_field_may_be_given_or_lent() {
    let end = |mut integrator: Integrator| {
        let mut theta = DVector::from_element(1, 1.0);
        integrator.advance(0.0, 1.0, &mut theta).unwrap();
        theta[0].to_bits()
    };
    let lent = end(tsit5(&DECAY, TOLERANCE, Limits::default()).unwrap());
    assert_eq!(lent, end(tsit5(DECAY, TOLERANCE, Limits::default()).unwrap()));
    assert_eq!(lent, end(tsit5(Rc::new(DECAY), TOLERANCE, Limits::default()).unwrap()));
    let boxed: Box<dyn VectorField> = Box::new(DECAY);
    assert_eq!(lent, end(tsit5(boxed, TOLERANCE, Limits::default()).unwrap()));
}

#[test]
fn segments_that_lead_nowhere_are_errors() {
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    for (name, mut integrator) in methods(&DECAY) {
        let mut theta = DVector::from_element(1, 1.0);
        for (t0, t1) in [(0.0, nan), (nan, 1.0), (0.0, infinity), (-infinity, 1.0), (infinity, infinity), (1.0, 0.5)] {
            let error = integrator.advance(t0, t1, &mut theta).unwrap_err();
            assert!(matches!(error, OdeError::Times { .. }), "{name} from {t0} to {t1}: {error}");
        }
        assert_eq!(theta[0], 1.0);
        // None of them is remembered, and time may be negative.
        for (t0, t1) in [(-1.0, -0.5), (-0.5, -0.5), (-0.5, 1.0)] {
            assert_eq!(integrator.advance(t0, t1, &mut theta).unwrap().stop, None, "{name} from {t0} to {t1}");
        }
        assert!((theta[0] - (-2f64).exp()).abs() < 1e-4, "{name}: {}", theta[0]);
    }
}

#[test]
fn a_state_of_another_length_is_an_error() {
    for (name, mut integrator) in methods(&DECAY) {
        for found in [0, 2, 100] {
            let mut theta = DVector::from_element(found, 1.0);
            let error = integrator.advance(0.0, 1.0, &mut theta).unwrap_err();
            assert_eq!(error, OdeError::StateLength { found, wanted: 1 }, "{name}");
        }
        let mut theta = DVector::from_element(1, 1.0);
        assert_eq!(integrator.advance(0.0, 1.0, &mut theta).unwrap().stop, None);
    }
    assert_eq!(spectral_radius(&DECAY, 0.0, &DVector::zeros(3)), Err(OdeError::StateLength { found: 3, wanted: 1 }));
    assert!((spectral_radius(&DECAY, 0.0, &DVector::zeros(1)).unwrap() - 1.05).abs() < 1e-12);
}

/// At the start and later, and also if the field does not depend on the state.
#[test]
fn a_state_that_is_no_number_ends_as_diverged() {
    let constant = Scalar { rate: |_, _| 1.0, slope: |_, _| 0.0 };
    for field in [&DECAY, &constant] {
        for bad in [f64::NAN, f64::INFINITY] {
            for later in [false, true] {
                for (name, mut integrator) in methods(field) {
                    let (mut theta, mut t) = (DVector::from_element(1, 1.0), 0.0);
                    if later {
                        t = integrator.advance(0.0, 0.1, &mut theta).unwrap().t;
                    }
                    theta[0] = bad;
                    let segment = integrator.advance(t, 1.0, &mut theta).unwrap();
                    assert!(matches!(segment.stop, Some(Termination::Diverged { .. })), "{name} {bad}: {segment:?}");
                    assert_eq!((segment.t, segment.work), (t, Work::default()), "{name} {bad}");
                }
            }
        }
    }
}

/// A field of any dimension that declares a form by thin matrices of 4 components.
struct Odd(usize, Option<LowRankLayout>);

impl VectorField for Odd {
    fn dim(&self) -> usize {
        self.0
    }
    fn eval(&self, _: f64, _: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta.fill(0.0);
    }

    fn low_rank(&self) -> Option<&dyn LowRank> {
        self.1.as_ref().map(|_| self as &dyn LowRank)
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Odd {
    fn jacobian_vector(&self, _: f64, _: &DVector<f64>, _: &DVector<f64>, jv: &mut DVector<f64>) {
        jv.fill(0.0);
    }
}

impl LowRank for Odd {
    fn layout(&self) -> &LowRankLayout {
        self.1.as_ref().unwrap()
    }
    fn factors(&self, _: &LowRankSum<'_>, _: &mut Factors) {}
}

#[test]
fn what_cannot_be_integrated_is_refused_at_once() {
    let refused = |made: Result<Integrator, OdeError>| made.err();
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    for (rtol, atol) in
        [(0.0, 0.0), (1e-6, 0.0), (-1e-6, 1e-9), (1e-6, -1e-9), (nan, 1e-9), (1e-6, nan), (infinity, 1e-9), (1e-6, infinity)]
    {
        let tolerance = Tolerance { rtol, atol };
        for made in [
            tsit5(DECAY, tolerance, Limits::default()),
            dopri5(DECAY, tolerance, Limits::default()),
            dop853(DECAY, tolerance, Limits::default()),
            gauss(DECAY, 1, tolerance, Limits::default()),
        ] {
            assert!(matches!(refused(made), Some(OdeError::Tolerance { .. })), "{rtol} {atol}");
        }
    }
    for max_step in [0.0, -1.0, nan] {
        let limits = || Limits { max_step, ..Limits::default() };
        for made in [tsit5(DECAY, TOLERANCE, limits()), dopri5(DECAY, TOLERANCE, limits()), rk4(DECAY, 0.1, limits())] {
            assert!(matches!(refused(made), Some(OdeError::MaxStep { .. })), "{max_step}");
        }
    }
    let endless = Limits { t_end: nan, ..Limits::default() };
    assert_eq!(refused(tsit5(DECAY, TOLERANCE, endless)), Some(OdeError::EndTime));
    for step in [0.0, -0.1, nan, infinity] {
        assert!(matches!(refused(rk4(DECAY, step, Limits::default())), Some(OdeError::Step { .. })), "{step}");
    }
    for stages in [0, 4, usize::MAX] {
        assert_eq!(refused(gauss(DECAY, stages, TOLERANCE, Limits::default())), Some(OdeError::Stages { stages }));
    }
    assert_eq!(refused(tsit5(Odd(0, None), TOLERANCE, Limits::default())), Some(OdeError::NoComponents));
    assert_eq!(spectral_radius(&Odd(0, None), 0.0, &DVector::zeros(0)), Ok(0.0));
    let layout = LowRankLayout::new([(2, 2)], 1);
    let odd = Odd(5, Some(layout.clone()));
    assert_eq!(refused(tsit5(odd, TOLERANCE, Limits::default())), Some(OdeError::LowRank { dim: 5, blocks: 4 }));
    assert!(tsit5(Odd(4, Some(layout)), TOLERANCE, Limits::default()).is_ok());
}

/// Pointers hide nothing of what a field declares, its costs included.
#[test]
fn a_lent_field_declares_its_costs() {
    struct Dear(Cell<u64>);
    impl VectorField for Dear {
        fn dim(&self) -> usize {
            1
        }
        fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
            self.0.set(self.0.get() + 1);
            dtheta[0] = -theta[0];
        }

        fn evaluation_cost(&self) -> u64 {
            7
        }

        fn jacobian(&self) -> Option<&dyn JacobianProducts> {
            Some(self)
        }
    }

    impl JacobianProducts for Dear {
        fn jacobian_vector(&self, _: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
            jv[0] = -v[0];
        }
    }
    let field = Dear(Cell::new(0));
    let mut theta = DVector::from_element(1, 1.0);
    let work = tsit5(&field, TOLERANCE, Limits::default()).unwrap().advance(0.0, 0.5, &mut theta).unwrap().work;
    assert_eq!(work.evaluations, 7 * field.0.get());
}

/// A field that raises the interrupt and gives up, as one does whose user has asked for the end: interrupted, not diverged.
#[test]
fn what_gives_up_once_it_is_interrupted_has_not_diverged() {
    for (name, make) in METHODS {
        let interrupt = Interrupt::default();
        let evaluations = Cell::new(0);
        let giving_up = field(1, |_t, theta: &DVector<f64>, out: &mut DVector<f64>| {
            evaluations.set(evaluations.get() + 1);
            if evaluations.get() > 40 {
                interrupt.raise();
            }
            out[0] = if interrupt.is_raised() { f64::NAN } else { -theta[0] };
        });
        let limits = Limits { interrupt: interrupt.clone(), ..Limits::default() };
        let segment = make(&giving_up, TOLERANCE, limits).advance(0.0, 1e3, &mut DVector::from_element(1, 1.0)).unwrap();
        assert!(matches!(segment.stop, Some(Termination::Interrupted { .. })), "{name}: {:?}", segment.stop);
    }
}
