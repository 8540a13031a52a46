//! The first choice, the changes, and that they end.

use nalgebra::DVector;

use super::*;
use crate::ode::testing::Scalar;
use crate::ode::{self, Change, Limits, Tolerance};

fn look(step: f64, longest: f64, rho: f64, speed: f64, horizon: f64) -> Reading {
    Reading { step, longest, rho, speed, t: 0.0, horizon }
}

fn begin(rtol: f64, span: f64, accelerates: bool) -> Auto {
    let given = Given { rtol, high_order: false };
    Auto::begin(given, &look(0.0, f64::INFINITY, 1.0, 1.0, span), accelerates).0
}

/// By tolerance, the length of the horizon in fastest time scales, and whether the flow leaves a saddle.
#[test]
fn the_first_method_follows_from_tolerance_horizon_and_saddle() {
    for (rtol, span, accelerates, expected) in [
        (1e-9, 10.0, false, Choice::Tsit5),
        (1e-9, 1e5, false, Choice::Rock4),
        (1e-6, 10.0, false, Choice::Rock4),
        (1e-3, 10.0, false, Choice::Rock4),
        (1e-3, 1e5, false, Choice::Rkc),
        (1e-3, 1e5, true, Choice::Rock4),
        (1e-5, f64::INFINITY, false, Choice::Rkc),
        (1e-6, 1e5, false, Choice::Rock4),
    ] {
        assert_eq!(begin(rtol, span, accelerates).choice(), expected, "rtol {rtol}, span {span}, {accelerates}");
    }
}

/// Of order 8 where the field favours it, in place of tsit5, if the flow is not stiff; else of order 6, in place of rock4.
#[test]
fn methods_of_high_order_are_taken_where_they_pay() {
    for (rtol, span, expected) in [
        (1e-9, 10.0, Choice::Dp8),
        (1e-7, 10.0, Choice::Dp8),
        (1e-6, 10.0, Choice::Dp8),
        (1e-5, 10.0, Choice::Rk6),
        (1e-3, 10.0, Choice::Rk6),
        (1e-9, 1e5, Choice::Rk6),
        (1e-6, 1e5, Choice::Rk6),
        (1e-3, 1e5, Choice::Rkc),
    ] {
        let given = Given { rtol, high_order: true };
        let begun = Auto::begin(given, &look(0.0, f64::INFINITY, 1.0, 1.0, span), false).0.choice();
        assert_eq!(begun, expected, "{rtol} {span}");
        assert_eq!(given.unseen().map(|(choice, _)| choice), (rtol <= 1e-6).then_some(Choice::Dp8), "{rtol}");
    }
}

/// From one to the next as stability comes to limit the step, and back, each change taking twice as many looks as the one before.
#[test]
fn methods_of_high_order_follow_each_other_as_the_flow_turns_stiff_and_back() {
    let mut auto = Auto::begin(Given { rtol: 1e-9, high_order: true }, &look(0.0, f64::INFINITY, 1.0, 1.0, 10.0), false).0;
    assert_eq!(after(&mut auto, look(5.0, 5.0, 1.0, 1.0, 1e4)), Some((Choice::Rk6, 2)));
    assert_eq!(after(&mut auto, look(15.0, 21.0, 1.0, 1.0, 1e4)), None);
    assert_eq!(after(&mut auto, look(21.0, 21.0, 1.0, 1.0, 1e4)), Some((Choice::Rock4, 4)));
    assert_eq!(after(&mut auto, look(15.0, 1e4, 1.0, 1.0, 1e4)), None);
    assert_eq!(after(&mut auto, look(6.0, 1e4, 1.0, 1.0, 1e4)), Some((Choice::Rk6, 8)));
    assert_eq!(after(&mut auto, look(1.0, 21.0, 1.0, 1.0, 1e4)), Some((Choice::Dp8, 16)));
    // At a loose tolerance that of order 6 stays where nothing is stiff.
    let mut auto = Auto::begin(Given { rtol: 1e-4, high_order: true }, &look(0.0, f64::INFINITY, 1.0, 1.0, 1e3), false).0;
    assert_eq!(after(&mut auto, look(1.0, 21.0, 1.0, 1.0, 1e3)), None);
    assert_eq!(after(&mut auto, look(21.0, 21.0, 1.0, 1.0, 1e3)), Some((Choice::Rock4, 2)));
}

/// The method after as many equal looks as it takes, if it changes within forty.
fn after(auto: &mut Auto, look: Reading) -> Option<(Choice, usize)> {
    (1..=40).find_map(|i| auto.review(&look).map(|(choice, _)| (choice, i)))
}

#[test]
fn one_look_is_no_reason_to_change_and_two_are() {
    let at_cap = look(3.0, 3.0, 1.0, 1.0, 1e4);
    let mut auto = begin(1e-9, 10.0, false);
    assert_eq!(auto.review(&at_cap), None);
    assert_eq!(auto.review(&look(0.1, 3.0, 1.0, 1.0, 1e4)), None);
    // A doubt that was dispelled does not count.
    assert_eq!(after(&mut auto, at_cap), Some((Choice::Rock4, 2)));
    // And back, which takes twice as many.
    assert_eq!(after(&mut auto, look(1.0, 1e4, 1.0, 1.0, 1e4)), Some((Choice::Tsit5, 4)));
}

/// Stability limits the step, but there is nothing left to save.
#[test]
fn a_short_rest_is_finished_with_the_method_at_hand() {
    assert_eq!(after(&mut begin(1e-9, 10.0, false), look(3.0, 3.0, 1.0, 1.0, 50.0)), None);
}

#[test]
fn a_saddle_is_never_given_to_rkc_and_is_taken_from_it_at_once() {
    let stiff = |speed| look(100.0, 1e4, 1.0, speed, 1e5);
    let mut auto = begin(1e-3, 1e5, true);
    // The flow speeds up by 1.3 from look to look.
    let mut speed = 1.0;
    for _ in 0..50 {
        speed *= 1.3;
        assert_eq!(auto.review(&stiff(speed)), None);
    }
    assert_eq!(after(&mut auto, stiff(speed)), Some((Choice::Rkc, 2)));
    assert_eq!(after(&mut auto, stiff(1.3 * speed)), Some((Choice::Rock4, 1)));
}

/// A flow whose looks alternate, each kind any number of times in a row: fewer changes than doublings of the number of looks.
#[test]
fn it_does_not_swing_for_ever() {
    for period in 1..40 {
        let mut auto = begin(1e-9, 10.0, false);
        let changes = (0..10_000)
            .filter(|i| {
                let step = if i / period % 2 == 0 { 3.0 } else { 1.0 };
                let longest = if auto.choice() == Choice::Tsit5 { 3.0 } else { 1e4 };
                auto.review(&look(step, longest, 1.0, 1.0, 1e6)).is_some()
            })
            .count();
        assert!(changes <= 14, "{changes} with a period of {period}");
    }
}

/// θ̇ = −ρ(t)(θ − cos t) − sin t: θ = cos t, however stiff (Prothero & Robinson 1974). Its changes, and its largest error at `times`.
fn track(field: &Scalar, rtol: f64, times: &[f64]) -> (Vec<Change>, f64) {
    let t_end = times[times.len() - 1];
    let mut auto = ode::auto(field, Tolerance { rtol, atol: 1e-3 * rtol }, Limits { t_end, ..Limits::default() }).unwrap();
    let (mut theta, mut worst) = (DVector::from_element(1, 1.0), 0.0f64);
    for window in times.windows(2) {
        assert_eq!(auto.advance(window[0], window[1], &mut theta).unwrap().stop, None);
        worst = worst.max((theta[0] - window[1].cos()).abs());
    }
    (auto.changes().to_vec(), worst)
}

fn hump(t: f64) -> f64 {
    1.0 + 1e5 * (-((t - 10.0) / 2.0).powi(2)).exp()
}

/// Stiff in the middle: tsit5, rock4, tsit5, each with its reason, and the state is right at every moment, those between the steps of
/// tsit5 and about the changes included.
#[test]
fn it_changes_over_where_stiffness_appears_and_back_where_it_goes() {
    let field = Scalar { rate: |t, theta| -hump(t) * (theta - t.cos()) - t.sin(), slope: |t, _| -hump(t) };
    for moments in [20, 500, 4000] {
        let times: Vec<f64> = (0..=moments).map(|i| 20.0 * f64::from(i) / f64::from(moments)).collect();
        let (changes, worst) = track(&field, 1e-9, &times);
        let said: Vec<(&str, &str)> = changes.iter().map(|c| (c.method, c.reason.split([':', ' ']).next().unwrap())).collect();
        assert_eq!(said, [("tsit5", "not"), ("rock4", "stiff"), ("tsit5", "no")], "{changes:?}");
        assert!(changes[0].t == 0.0 && (2.0..10.0).contains(&changes[1].t) && changes[2].t > 12.0, "{changes:?}");
        assert!(worst < 1e-7, "{moments} moments: {worst:e}");
    }
}

fn waves(t: f64) -> f64 {
    1.0 + 1e5 * (0.5 * t).sin().powi(8)
}

/// Stiff again and again.
#[test]
fn a_flow_on_the_border_changes_method_a_few_times_only() {
    let field = Scalar { rate: |t, theta| -waves(t) * (theta - t.cos()) - t.sin(), slope: |t, _| -waves(t) };
    let times: Vec<f64> = (0..=200).map(f64::from).collect();
    let (changes, worst) = track(&field, 1e-7, &times);
    assert!((2..=10).contains(&changes.len()), "{changes:?}");
    assert!(worst < 1e-5, "{worst:e}");
}

/// The ends of horizons on the other side of a threshold that was met are not alike, and all others are.
#[test]
fn what_a_choice_rests_on_is_known() {
    let alike = |auto: &Auto, ends: [f64; 4]| ends.map(|t_end| auto.chooses_alike(t_end));
    // At ρ = 1 the thresholds are times: 600 at tight tolerances, 3000 at loose ones, none between.
    for (rtol, span, expected) in [
        (1e-9, 10.0, [true, true, false, false]),
        (1e-9, 1e5, [false, false, true, true]),
        (1e-6, 10.0, [true; 4]),
        (1e-3, 10.0, [true, true, true, false]),
        (1e-3, 1e5, [false, false, false, true]),
    ] {
        assert_eq!(alike(&begin(rtol, span, false), [50.0, 500.0, 700.0, 4000.0]), expected, "{rtol} {span}");
    }
    assert_eq!(alike(&begin(1e-3, 1e5, true), [50.0, 500.0, 700.0, 4000.0]), [true; 4]);
    // Between these tolerances a field that favours high order rests on the horizon once stability limits its steps.
    for (high_order, expected) in [(false, [true; 4]), (true, [true, true, false, false])] {
        let start = look(0.0, f64::INFINITY, 1.0, 1.0, 10.0);
        let mut auto = Auto::begin(Given { rtol: 3e-6, high_order }, &start, false).0;
        auto.review(&look(21.0, 21.0, 1.0, 1.0, 400.0));
        assert_eq!(alike(&auto, [50.0, 500.0, 700.0, 4000.0]), expected);
    }
    // A later look narrows them: at its cap at t = 100, tsit5 stays as long as the horizon ends before t = 700.
    let mut auto = begin(1e-9, 10.0, false);
    auto.ends = [f64::NEG_INFINITY, f64::INFINITY];
    auto.review(&Reading { t: 100.0, ..look(1.0, 4.0, 1.0, 1.0, 400.0) });
    assert!(auto.chooses_alike(1e9));
    auto.review(&Reading { t: 100.0, ..look(4.0, 4.0, 1.0, 1.0, 400.0) });
    assert_eq!(alike(&auto, [500.0, 699.0, 701.0, 1e9]), [true, true, false, false]);
}
