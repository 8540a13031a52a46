//! Optimizers against the flows of their own: orders by regression over halved rates at one horizon.

use std::path::Path;

use crate::harness::{bundled, succeed};
use gramflow::flow::Integrator;
use gramflow::objective::Objective;
use gramflow::observe::Measure;
use gramflow::ode::{Interrupt, Limits, Tolerance, VectorField, dop853, dopri5};
use gramflow::optim::{Decay, ModifiedFlow, NormalisedFlow, Optimizer, RmspropLimit, ThirdOrderFlow};
use gramflow::run::{Finished, Problem, run};
use gramflow::scenario::{self, Scenario};
use nalgebra::DVector;

/// A network of three layers to time 2, with one optimizer for each rate: `optimizer(name, rate)`.
fn scenario_of(decay: f64, optimizers: &[String]) -> Scenario {
    let text = format!(
        "name: small
data: {{synthetic: {{inputs: {{dim: 4, samples: 40}}, target: {{low_rank: {{rank: 2, outputs: 3}}}}}}}}
network: {{widths: [4, 5, 4, 3]}}
init: {{gaussian: {{std: 0.5}}}}
weight_decay: {decay:?}
flow: {{t_end: 2, integrator: dop853, rtol: 1e-12, atol: 1e-14}}
record: {{times: [0, 2]}}
optimizers: [{}]
measure: [modified_flow, limit]
",
        optimizers.join(", ")
    );
    scenario::parse(&text, Path::new("x.yaml"), &[]).unwrap().0
}

fn finish(scenario: &Scenario) -> Finished {
    run(scenario, &Problem::new(scenario).unwrap(), &Interrupt::default(), |_| {})
}

/// The slope of log distance on log rate, by least squares.
fn slope(rates: &[f64], distances: &[f64]) -> f64 {
    let (x, y): (Vec<f64>, Vec<f64>) = rates.iter().zip(distances).map(|(r, d)| (r.ln(), d.ln())).unzip();
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (mx, my) = (mean(&x), mean(&y));
    let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}

/// Four rates, each half of the one before.
fn halved(from: f64) -> Vec<f64> {
    (0..4).map(|i| from / f64::from(1 << i)).collect()
}

/// The optimizers r0, r1, … at these rates; `settings` has NAME and LR for theirs.
fn list(rates: &[f64], settings: impl Fn(f64) -> String) -> Vec<String> {
    let one = |(i, &rate): (usize, &f64)| settings(rate).replace("NAME", &format!("name: r{i}, lr: {rate:?}"));
    rates.iter().enumerate().map(one).collect()
}

/// The slopes of the last distances in these columns.
fn slopes<const N: usize>(decay: f64, rates: &[f64], settings: impl Fn(f64) -> String, columns: [&str; N]) -> [f64; N] {
    let finished = finish(&scenario_of(decay, &list(rates, settings)));
    // Of flows that are asked for of every optimizer, the scenario's may lack some.
    let lacks = |warning: &String| warning.starts_with("measure: ") || warning.contains("distance_to_third_order_flow is null");
    assert!(finished.manifest.warnings.iter().all(lacks), "{:?}", finished.manifest.warnings);
    columns.map(|column| {
        let last = |i| *finished.run.table.floats(&format!("r{i}"), &format!("distance_to_{column}")).last().unwrap();
        slope(rates, &(0..rates.len()).map(last).collect::<Vec<f64>>())
    })
}

/// The slope of the distance of these optimizers' ends to another flow than their companion: `flow(rate, objective, θ_0)` gives its field and
/// where it starts.
fn slope_to(
    decay: f64,
    rates: &[f64],
    settings: impl Fn(f64) -> String,
    flow: impl for<'a> Fn(f64, &'a dyn Objective, &DVector<f64>) -> (Held<'a>, DVector<f64>),
) -> f64 {
    let mut scenario = scenario_of(decay, &list(rates, settings));
    scenario.measure.clear();
    let (finished, problem) = (finish(&scenario), Problem::new(&scenario).unwrap());
    let distance = |(i, &rate): (usize, &f64)| {
        let (field, mut state) = flow(rate, &*problem.objective, problem.start.values());
        let mut method = dop853(field, Tolerance { rtol: 1e-12, atol: 1e-14 }, Limits::default()).unwrap();
        assert_eq!(method.advance(0.0, 2.0, &mut state).unwrap().stop, None);
        let end = finished.weights[i + 1].1.values();
        (end - state.rows(0, end.len())).norm()
    };
    slope(rates, &rates.iter().enumerate().map(distance).collect::<Vec<f64>>())
}
type Held<'a> = Box<dyn VectorField + 'a>;

fn is_about(slope: f64, order: f64, within: f64) {
    assert!((slope - order).abs() <= within, "slope {slope}, not {order} ± {within}");
}

const DECAYS: [f64; 2] = [0.0, 0.1];

#[test]
fn gradient_descent_follows_its_flows_with_orders_1_2_and_3() {
    for decay in DECAYS {
        let gd = |_| "{gd: {NAME}}".to_string();
        let [flow, modified, third] = slopes(decay, &halved(0.01), gd, ["flow", "modified_flow", "third_order_flow"]);
        is_about(flow, 1.0, 0.05);
        is_about(modified, 2.0, 0.1);
        is_about(third, 3.0, 0.1);
    }
}

/// A smooth network with biases, by its exact third derivatives; one with kinks has none, and says so.
#[test]
fn a_smooth_network_follows_its_third_order_flow_with_order_3() {
    let of = |activation: &str, flow: &str| {
        let mut scenario = scenario_of(0.1, &list(&halved(0.05), |_| "{gd: {NAME}}".to_string()));
        scenario.measure = vec![Measure::ModifiedFlow];
        let network = format!("network={{widths: [4, 5, 4, 3], activations: {activation}, bias: true}}");
        let sets = [network, format!("flow={flow}")];
        let text = scenario.to_yaml();
        finish(&scenario::parse(&text, Path::new("x.yaml"), &sets).unwrap().0)
    };
    let smooth = of("tanh", "{t_end: 2, integrator: dop853, rtol: 1e-12, atol: 1e-14}");
    assert_eq!(smooth.manifest.warnings, [""; 0]);
    let last = |i: usize| *smooth.run.table.floats(&format!("r{i}"), "distance_to_third_order_flow").last().unwrap();
    is_about(slope(&halved(0.05), &(0..4).map(last).collect::<Vec<f64>>()), 3.0, 0.1);
    // Its flow slides along kinks, where dop853 at such a tolerance takes millions of steps.
    let kinked = of("relu", "{t_end: 2, rtol: 1e-6}");
    assert!(kinked.run.table.floats("r0", "distance_to_third_order_flow")[1].is_nan());
    let reason =
        "r0: distance_to_third_order_flow is null: it needs third derivatives, and the activation of layer 1 has a kink";
    assert!(kinked.manifest.warnings.iter().any(|warning| warning == reason), "{:?}", kinked.manifest.warnings);
}

/// The control: of the term of η² in gradient form.
#[test]
fn the_third_order_term_is_not_a_gradient() {
    for decay in DECAYS {
        let order = slope_to(
            decay,
            &halved(0.01),
            |_| "{gd: {NAME}}".into(),
            |lr, objective, start| {
                (Box::new(ThirdOrderFlow::with_weights(objective, lr, [1.0 / 3.0, 1.0 / 6.0])), start.clone())
            },
        );
        is_about(order, 2.0, 0.2);
    }
}

const MOMENTA: [&str; 4] =
    ["momentum: 0.9", "momentum: 0.9, nesterov: true", "momentum: 0.8, dampening: 0.5", "momentum: 0.3, dampening: 0.7"];

#[test]
fn momentum_follows_the_flow_with_order_1_and_its_modified_flow_with_order_2() {
    for decay in DECAYS {
        for momentum in MOMENTA {
            let sgd = |_| format!("{{sgd: {{NAME, {momentum}}}}}");
            let [flow, modified] = slopes(decay, &halved(4e-4), sgd, ["flow", "modified_flow"]);
            is_about(flow, 1.0, 0.1);
            is_about(modified, 2.0, 0.1);
        }
    }
}

/// The controls: from θ_0 itself; and Nesterov's from where heavy ball's starts.
#[test]
fn momentum_does_not_follow_its_modified_flow_from_another_start() {
    let cases = [
        (MOMENTA[0], 0.0),
        (MOMENTA[1], 0.0),
        (MOMENTA[2], 0.0),
        (MOMENTA[3], 0.0),
        ("momentum: 0.5, nesterov: true", 0.5 / 0.25),
    ];
    for (momentum, shift) in cases {
        let rates = halved(4e-4);
        let sgd = |_| format!("{{sgd: {{NAME, {momentum}}}}}");
        let order = slope_to(0.1, &rates, sgd, |lr, objective, start| {
            let optimizers = list(&[lr], sgd);
            let Optimizer::Sgd(settings) = scenario_of(0.1, &optimizers).optimizers.remove(0) else { panic!() };
            let flow = ModifiedFlow::of_momentum(objective, &settings);
            let moved = ModifiedFlow::new(objective, 0.0, shift * lr).start(start);
            (Box::new(flow), moved)
        });
        is_about(order, 1.0, 0.15);
    }
}

/// β_i = 1 − c_iη, so that the averages remember for as long whatever η; to the default eps.
#[test]
fn adam_follows_its_limit_with_order_1() {
    for (kind, eps) in [("adam", 0.1), ("adam", 1e-8), ("adamw", 0.1), ("adamw", 1e-8)] {
        for decay in DECAYS {
            let adam = |lr| format!("{{{kind}: {{NAME, betas: [{:?}, {:?}], eps: {eps:?}}}}}", 1.0 - 5.0 * lr, 1.0 - 2.0 * lr);
            let [flow, limit] = slopes(decay, &halved(0.01), adam, ["flow", "limit"]);
            is_about(limit, 1.0, 0.1);
            // The control: it is not gradient flow that it tends to.
            is_about(flow, 0.0, 0.1);
        }
    }
}

/// The control: coupled decay is not the decay of adamw.
#[test]
fn adam_does_not_follow_the_limit_of_adamw() {
    let rates = halved(0.01);
    let ends = |kind: &str| {
        let adam = |lr| format!("{{{kind}: {{NAME, betas: [{:?}, {:?}], eps: 0.1}}}}", 1.0 - 5.0 * lr, 1.0 - 2.0 * lr);
        let mut scenario = scenario_of(0.1, &list(&rates, adam));
        scenario.measure.clear();
        finish(&scenario).weights
    };
    let (coupled, decoupled) = (ends("adam"), ends("adamw"));
    let apart = |i: usize| (coupled[i].1.values() - decoupled[i].1.values()).norm();
    is_about(slope(&rates, &(1..=4).map(apart).collect::<Vec<f64>>()), 0.0, 0.1);
}

/// At fixed averages, whose memory vanishes with η: θ̇ = −g/(|g| + ε).
#[test]
fn adam_at_fixed_betas_tends_to_the_normalised_flow() {
    let adam = |_| "{adam: {NAME, betas: [0.9, 0.99], eps: 0.1}}".to_string();
    let order = slope_to(0.0, &halved(1e-4), adam, |_, objective, start| {
        (Box::new(NormalisedFlow::new(objective, 0.1, Decay::Coupled)), start.clone())
    });
    is_about(order, 0.98, 0.1);
    // Without memory it is that flow's Euler method, and the flow its limit.
    for memoryless in [
        "adam: {NAME, betas: [0, 0], eps: 0.1}",
        "adamw: {NAME, betas: [0, 0], eps: 0.1}",
        "rmsprop: {NAME, alpha: 0, eps: 0.1}",
    ] {
        let [limit] = slopes(0.1, &halved(0.01), |_| format!("{{{memoryless}}}"), ["limit"]);
        is_about(limit, 1.0, 0.1);
    }
}

#[test]
fn rmsprop_follows_its_limit_with_order_1() {
    for (settings, per_step) in [("", 1.0), (", centered: true", 1.0), (", momentum: 0.5", 2.0)] {
        let rmsprop = |lr: f64| format!("{{rmsprop: {{NAME, alpha: {:?}, eps: 0.5{settings}}}}}", 1.0 - 2.0 * per_step * lr);
        let [limit] = slopes(0.1, &halved(1e-3 / per_step), rmsprop, ["limit"]);
        is_about(limit, 1.0, 0.1);
    }
}

/// One weight, whose gradient keeps its sign, at the default eps: from v = 0 the limit is of order ½, and its start takes that term away.
#[test]
fn the_limit_of_rmsprop_starts_ahead_for_the_first_steps() {
    let text = "name: one
data: {synthetic: {inputs: {dim: 1, samples: 9}, target: {low_rank: {rank: 1, outputs: 1, singular_values: [5.0]}}}}
network: {widths: [1, 1]}
init: {gaussian: {std: 0.1}}
flow: {t_end: 2, rtol: 1e-12, atol: 1e-15}
record: {times: [0, 2]}
measure: [limit]
";
    let rates = halved(1e-4);
    let rmsprop = |lr: f64| format!("{{rmsprop: {{NAME, alpha: {:?}}}}}", 1.0 - 2.0 * lr);
    let text = format!("{text}optimizers: [{}]\n", list(&rates, rmsprop).join(", "));
    let scenario = scenario::parse(&text, Path::new("x.yaml"), &[]).unwrap().0;
    let (finished, problem) = (finish(&scenario), Problem::new(&scenario).unwrap());
    let last = |i| *finished.run.table.floats(&format!("r{i}"), "distance_to_limit").last().unwrap();
    let from_zero = |i: usize| {
        let Optimizer::Rmsprop(settings) = &scenario.optimizers[i] else { panic!() };
        let field = RmspropLimit::new(&*problem.objective, settings);
        // u of v = 0, so small that the first step leaves it behind.
        let mut state = DVector::from_column_slice(&[problem.start.values()[0], 1e-9]);
        let mut method = dopri5(field, Tolerance { rtol: 1e-10, atol: 1e-13 }, Limits::default()).unwrap();
        assert_eq!(method.advance(0.0, 2.0, &mut state).unwrap().stop, None);
        (state[0] - finished.weights[i + 1].1.values()[0]).abs()
    };
    let from_zero: Vec<f64> = (0..4).map(from_zero).collect();
    is_about(slope(&rates, &from_zero), 0.5, 0.01);
    for (i, from_zero) in from_zero.iter().enumerate() {
        assert!(last(i) < 2e-3 * from_zero, "{:e} {from_zero:e}", last(i));
    }
}

/// What a user does, and what the run folder then holds.
#[test]
fn the_command_records_order_2_to_the_modified_flow() {
    let at = tempfile::tempdir().unwrap();
    let rates = [0.02, 0.01, 0.005];
    let optimizers = format!("optimizers=[{}]", list(&rates, |_| "{gd: {NAME}}".into()).join(", "));
    let scenario = bundled("quickstart");
    let sets = ["flow.t_end=5", "flow.rtol=1e-11", "flow.atol=1e-14", "measure=[modified_flow]", &optimizers];
    let mut words = vec!["run", scenario.to_str().unwrap(), "--out", "run"];
    words.extend(sets.iter().flat_map(|set| ["--set", set]));
    let shown = succeed(at.path(), &words);
    let folder = at.path().join("run");
    let run = gramflow::folder::read(&folder).unwrap();
    let last = |column: &str| -> Vec<f64> {
        (0..rates.len()).map(|i| *run.table.floats(&format!("r{i}"), column).last().unwrap()).collect()
    };
    is_about(slope(&rates, &last("distance_to_modified_flow")), 2.0, 0.1);
    is_about(slope(&rates, &last("distance_to_third_order_flow_relative")), 3.0, 0.1);
    assert!(run.table.column("distance_to_limit").is_none());
    assert!(run.table.floats("flow", "distance_to_modified_flow").iter().all(|distance| distance.is_nan()));
    // At the start they are where the optimizer is.
    assert_eq!(run.table.floats("r0", "distance_to_modified_flow")[0], 0.0);
    let manifest: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let process = &manifest["processes"]["r1"];
    assert_eq!(process["gradients"], 500);
    let companion = &process["companions"]["modified_flow"];
    assert_eq!(companion["formula"], "θ̇ = −∇J − 0.005·∇²J∇J");
    assert_eq!(companion["termination"], "t_end");
    assert_eq!(companion["t_reached"], 5.0);
    // Each evaluation takes a gradient and a product.
    assert!(companion["gradients"].as_u64().unwrap() > 3 * 100);
    assert!(manifest["processes"]["flow"].get("companions").is_none());
    assert!(shown.contains(" to its modified flow, θ̇ = −∇J − 0.005·∇²J∇J"), "{shown}");
}

/// Null, and why: a warning where the kind of optimizer has such a flow and this one has not.
#[test]
fn what_has_no_companion_says_so() {
    let optimizers = [
        "{gd: {lr: 0.01}}",
        "{sgd: {lr: 0.01, batch: 8}}",
        "{sgd: {name: momentum, lr: 0.01, momentum: 0.5}}",
        "{gd: {name: falling, lr: 0.01, schedule: {step: {step_size: 10}}, steps: 20}}",
        "{adam: {lr: 0.01}}",
        "{adam: {name: largest, lr: 0.01, amsgrad: true}}",
        "{sign: {lr: 0.01}}",
    ];
    let finished = finish(&scenario_of(0.1, &optimizers.map(str::to_string)));
    let is_there = |process: &str, flow: &str| {
        let distances = finished.run.table.floats(process, &format!("distance_to_{flow}"));
        assert_eq!(finished.manifest.processes[process].companions.contains_key(flow), !distances[1].is_nan());
        !distances[1].is_nan()
    };
    let flows = ["modified_flow", "third_order_flow", "limit"];
    for (process, there) in [
        ("flow", [false, false, false]),
        ("gd", [true, true, false]),
        ("sgd", [true, false, false]),
        ("momentum", [true, false, false]),
        ("falling", [false, false, false]),
        ("adam", [false, false, true]),
        ("largest", [false, false, false]),
        ("sign", [false, false, false]),
    ] {
        assert_eq!(flows.map(|flow| is_there(process, flow)), there, "{process}");
    }
    let warned = |process: &str, word: &str| {
        finished
            .manifest
            .warnings
            .iter()
            .any(|warning| warning.starts_with(&format!("{process}: its ")) && warning.contains(word))
    };
    assert!(warned("falling", "schedule") && warned("largest", "amsgrad"), "{:?}", finished.manifest.warnings);
    assert!(finished.manifest.warnings.iter().any(|warning| warning.starts_with("sign: it has no limit")));
    for process in ["sgd", "momentum"] {
        let wanted = format!("{process}: distance_to_third_order_flow is null");
        assert!(
            finished.manifest.warnings.iter().any(|warning| warning.starts_with(&wanted)),
            "{:?}",
            finished.manifest.warnings
        );
    }
    assert_eq!(finished.manifest.warnings.len(), 5, "{:?}", finished.manifest.warnings);
}

/// Divided by √v, which decays with the gradient: beyond the noise of the rule the flow is stiffer than any step follows.
#[test]
fn a_limit_that_outruns_its_optimizer_is_given_up_and_leaves_nulls() {
    let sets = ["flow.t_end=30", "measure=[limit]", "record={linear: {points: 30}}", "optimizers=[rmsprop: {lr: 0.01}]"];
    let (scenario, _) = scenario::read(&bundled("quickstart"), &sets.map(str::to_string)).unwrap();
    let finished = finish(&scenario);
    let companion = &finished.manifest.processes["rmsprop"].companions["limit"];
    assert_eq!(companion.termination.name(), "max_steps");
    assert!(companion.termination_detail.contains("below the learning rate"), "{}", companion.termination_detail);
    let (times, distances) =
        (finished.run.table.floats("rmsprop", "t"), finished.run.table.floats("rmsprop", "distance_to_limit"));
    assert!(times.iter().zip(&distances).all(|(&t, distance)| distance.is_nan() == (t > companion.t_reached)));
    assert!(distances.iter().any(|distance| distance.is_nan()) && !distances[1].is_nan());
    assert!(
        finished.manifest.warnings.iter().any(|warning| warning.contains("distance_to_limit ends at")),
        "{:?}",
        finished.manifest.warnings
    );
    // The optimizer goes on.
    assert_eq!(finished.terminations[1].1.reason().name(), "t_end");
}

/// A start that momentum moves far away, on a loss of degree six: a run ends all the same, and says what would help.
#[test]
fn a_modified_flow_beyond_stability_is_given_up() {
    let finished = finish(&scenario_of(0.1, &["{sgd: {lr: 2, momentum: 0.9, steps: 5}}".to_string()]));
    let companion = &finished.manifest.processes["sgd"].companions["modified_flow"];
    assert_eq!(companion.termination.name(), "max_steps");
    assert!(companion.termination_detail.contains("lower its lr"), "{}", companion.termination_detail);
    // Steps of a fixed length are the scenario's own affair.
    let mut fixed = scenario_of(0.0, &["{gd: {lr: 0.5}}".to_string()]);
    (fixed.flow.integrator, fixed.flow.t_end) = (Integrator::Rk4 { step: 5e-5 }, 2.0);
    let finished = finish(&fixed);
    assert_eq!(finished.manifest.processes["gd"].companions["modified_flow"].termination.name(), "t_end");
}
