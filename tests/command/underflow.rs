//! Weights that shrink for ever: what is recorded of them stays right, or is null.

use std::path::Path;

use gramflow::ode::Interrupt;
use gramflow::record::Values;
use gramflow::run::{Problem, run};
use gramflow::scenario;

/// Five layers that decay to ‖θ‖ ≈ 10^−36 at t = 800 and 10^−88 at t = 2000, where A_f underflows. All layers shrink alike, so that their
/// angles stay.
#[test]
fn angles_of_vanishing_weights_stay() {
    let text = "
name: under
seed: 2
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 2, outputs: 4}}}}
network: {widths: [4, 4, 4, 4, 4, 4]}
init: {gaussian: {std: 0.1}}
weight_decay: 0.1
flow: {t_end: 2000.0}
record: {linear: {points: 21}}
optimizers: [{gd: {lr: 0.5}}]
";
    let scenario = scenario::parse(text, Path::new("x.yaml"), &[]).unwrap().0;
    let finished = run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
    for column in &finished.run.table.columns {
        if let Values::Float(values) = &column.values {
            assert!(!values.iter().any(|value| value.is_infinite()), "{}", column.name);
            assert!(!column.name.contains("cosine") || !values.iter().any(|value| value.abs() > 1.0), "{}", column.name);
        }
    }
    let of = |name: &str| finished.run.table.floats("gd", name);
    let (times, norms) = (of("t"), of("weight_norm"));
    assert!(norms.last().unwrap() < &1e-80, "{norms:?}");
    for (name, expected) in [("nfa_cosine", 0.767904), ("nfa_residual_relative", 0.949225), ("fact_cosine_W1", -0.062683)] {
        let late: Vec<f64> = times.iter().zip(of(name)).filter(|(t, _)| **t >= 400.0).map(|(_, value)| value).collect();
        assert!(late.iter().all(|value| value.is_nan() || (value - expected).abs() < 1e-5), "{name}: {late:?}");
        // At t = 800 it is defined.
        assert!(!late[4].is_nan(), "{name}: {late:?}");
    }
    assert!(of("nfa_residual_relative").iter().all(|value| value.is_finite()));
}
