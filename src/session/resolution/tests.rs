//! Chains of layers of width 1 with Σ_x = 1 and the target 3, from all weights at w: of two layers u = w² follows u̇ = 2u(3 − u).

use nalgebra::{DMatrix, DVector};

use crate::data::{Dataset, Moments};
use crate::flow::{Flow, Integrator};
use crate::network::Architecture;
use crate::objective::LinearObjective;
use crate::session::{Finished, Session};
use crate::theory::{Mode, logistic};

const TARGET: f64 = 3.0;
const T_END: f64 = 200.0;

fn chain(depth: usize, start: &[f64], flow: Flow) -> Session {
    let net = Architecture::new(&vec![1; depth + 1]);
    let x = DMatrix::from_element(1, 1, 1.0);
    let y = DMatrix::from_element(1, 1, TARGET);
    let objective = LinearObjective::new(net, Moments::new(&Dataset { x, y }).unwrap(), 0.0);
    Session::new(objective, DVector::from_row_slice(start)).flow(flow)
}

/// The end of its sentence, of a run that warns.
fn remedy(run: &Finished) -> Option<&str> {
    let mut warnings = run.manifest.warnings.iter();
    warnings
        .find_map(|warning| warning.split_once("the flow may leave a saddle there late or never; ").map(|(_, remedy)| remedy))
}

/// How much of the way to the target u has made halfway in time, when the closed form has made half of it, from w = 10^`exponent`.
fn halfway(exponent: i32, rtol: f64, atol: f64, integrator: Integrator) -> (f64, Option<String>) {
    // u(t) = 3/(1 + (3/u(0) − 1)e^{−6t}) is half of 3 where e^{6t} = 3/u(0) − 1.
    let ratio = TARGET.ln() - 2.0 * f64::from(exponent) * 10f64.ln();
    let t = (ratio + (-(-ratio).exp()).ln_1p()) / (2.0 * TARGET);
    let start = 10f64.powi(exponent);
    if exponent > -100 {
        let mode = Mode { depth: 2, sigma: TARGET, variance: 1.0, weight_decay: 0.0 };
        assert!((logistic(&mode, start * start, t) / TARGET - 0.5).abs() < 1e-9);
    }
    let flow = Flow { rtol, atol, integrator, ..Flow::new(T_END) };
    let run = chain(2, &[start; 2], flow).record(vec![0.0, t, T_END]).run().unwrap();
    let loss = run.run.table.floats("flow", "loss")[1];
    (1.0 - (2.0 * loss).sqrt() / TARGET, remedy(&run).map(str::to_string))
}

/// By every kind of method, from weights far below atol: they are on their saddle still when the closed form is halfway to the target. With the
/// atol that the warning names they are there with it, even where w² is 0 in float64.
#[test]
fn a_start_below_atol_leaves_its_saddle_late_and_with_the_remedy_on_time() {
    for integrator in [Integrator::Auto, Integrator::Rock4, Integrator::Dopri5, Integrator::Rk6] {
        for exponent in [-30, -150, -170] {
            let (late, warned) = halfway(exponent, 1e-8, 1e-11, integrator);
            let remedy = format!("set flow.atol to 1e{} or lower, or start from weights of 1e-9 or larger", exponent - 8);
            assert_eq!(warned.as_deref(), Some(&*remedy), "{integrator:?}");
            assert!(late < 0.2, "{integrator:?} from 1e{exponent}: {late}");
            let (there, silent) = halfway(exponent, 1e-8, 10f64.powi(exponent - 8), integrator);
            assert!((there - 0.5).abs() < 1e-3 && silent.is_none(), "{integrator:?} from 1e{exponent}: {there} {silent:?}");
        }
    }
}

/// What a reader who keeps to rtol 1e-6 is told about a broken balance law is something else than to lower it to that.
#[test]
fn the_remedy_of_a_broken_balance_law_is_one_that_is_left() {
    let told = |flow: Flow| {
        let run = chain(2, &[1e-30, 2e-30], flow).record(vec![0.0, 5.0, 10.0]).run().unwrap();
        let law = run.manifest.warnings.iter().find(|warning| warning.contains("the balance law is violated"));
        law.and_then(|warning| warning.split_once("; ")).unwrap().1.to_string()
    };
    let flow = Flow { integrator: Integrator::Rock4, ..Flow::new(10.0) };
    assert_eq!(told(flow.clone()), "lower flow.rtol and flow.atol, or use integrator auto");
    assert_eq!(told(flow.clone().rtol(1e-3)), "lower flow.rtol to 1e-6 or below");
    assert_eq!(told(flow.integrator(Integrator::Rk4 { step: 0.4 })), "lower the step of rk4");
}

/// What the warning calls resolved is: at a hundred times atol, flows are off by what one sees at most.
#[test]
fn a_start_above_a_hundred_times_atol_leaves_on_time_without_a_warning() {
    for (exponent, within) in [(-3, 1e-5), (-6, 1e-4), (-8, 1e-2)] {
        let (there, warned) = halfway(exponent, 1e-8, 1e-11, Integrator::Auto);
        assert!((there - 0.5).abs() < within && warned.is_none(), "1e{exponent}: {there} {warned:?}");
    }
}

#[test]
fn what_does_not_grow_from_its_start_is_not_warned_of() {
    let warns = |depth: usize, start: &[f64], flow: Flow| remedy(&chain(depth, start, flow).run().unwrap()).map(str::to_string);
    let flow = || Flow::new(10.0);
    assert!(warns(2, &[1e-30; 2], flow()).is_some());
    // Convex, and moved by the data at once: one layer, or one small layer beside another.
    assert_eq!(warns(1, &[1e-30], flow()), None);
    assert_eq!(warns(2, &[1.0, 1e-30], flow()), None);
    // On its saddle exactly.
    assert_eq!(warns(2, &[0.0; 2], flow()), None);
    // It would take a time of 10^30 to leave, whether ∇J ∝ w² is a number or has underflowed.
    assert_eq!(warns(3, &[1e-30; 3], flow()), None);
    assert_eq!(warns(3, &[1e-170; 3], flow()), None);
    // Steps that no tolerance chooses.
    assert_eq!(warns(2, &[1e-30; 2], flow().integrator(Integrator::Rk4 { step: 0.01 })), None);
    // No tolerance resolves these.
    assert_eq!(warns(2, &[1e-305; 2], flow()).as_deref(), Some("start from weights of 1e-9 or larger"));
}
