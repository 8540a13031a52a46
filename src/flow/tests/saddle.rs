//! Starts near a saddle, where errors are amplified.

use nalgebra::DVector;

use super::stiff_case;
use crate::flow::GradientFlow;
use crate::objective::Objective;
use crate::ode::testing::METHODS;
use crate::ode::{Limits, Tolerance, auto};

/// `auto` takes up rkc, if at all, only once the loss has fallen.
#[test]
fn auto_does_not_leave_a_saddle_by_rkc() {
    let (objective, start) = stiff_case("saddle", 10, 3, 0.0);
    let field = GradientFlow::new(&objective);
    for rtol in [1e-3, 1e-4, 1e-5] {
        let limits = Limits { t_end: 3000.0, ..Limits::default() };
        let mut integrator = auto(&field, Tolerance { rtol, atol: 1e-3 * rtol }, limits).unwrap();
        let mut theta = start.values().clone();
        let at_start = objective.loss(&theta);
        let (mut t, mut seen) = (0.0, 0);
        while t < 3000.0 {
            assert_eq!(integrator.advance(t, t + 1.0, &mut theta).unwrap().stop, None);
            t += 1.0;
            for change in &integrator.changes()[seen..] {
                assert!(change.method != "rkc" || objective.loss(&theta) < 0.5 * at_start, "rtol {rtol}: {change:?}");
            }
            seen = integrator.changes().len();
        }
        assert_eq!(integrator.changes()[0].method, "rock4");
    }
}

/// θ = 0 of three layers: nothing moves, over any horizon, at no cost.
#[test]
fn an_exact_saddle_is_left_by_no_method() {
    let (objective, start) = stiff_case("saddle", 10, 3, 0.0);
    let field = GradientFlow::new(&objective);
    for (name, make) in METHODS {
        let mut theta = DVector::zeros(start.values().len());
        let limits = Limits { t_end: 1e8, ..Limits::default() };
        let segment = make(&field, Tolerance { rtol: 1e-6, atol: 1e-9 }, limits).advance(0.0, 1e8, &mut theta).unwrap();
        assert_eq!((segment.stop, segment.t, theta.norm()), (None, 1e8, 0.0), "{name}");
        assert!(segment.work.evaluations <= 1000, "{name}: {:?}", segment.work);
    }
}
