//! Minibatches without replacement against the flow of their mean over orders, by all orders there are.

use std::path::Path;

use gramflow::npz::{self, Array, Arrays};
use gramflow::ode::{Interrupt, Limits, Tolerance, dop853};
use gramflow::optim::{ModifiedFlow, Optimizer, Sgd};
use gramflow::run::{Finished, Problem, run};
use gramflow::scenario::{self, Scenario};
use nalgebra::DVector;

/// A problem of `samples` samples with one `sgd`.
fn scenario_of(network: &str, samples: usize, settings: &str, loss: &str) -> Scenario {
    let text = format!(
        "name: small
data: {{synthetic: {{inputs: {{dim: 2, samples: {samples}}}, target: {{low_rank: {{rank: 1, outputs: 2}}}}}}}}
network: {network}
init: {{gaussian: {{std: 0.7}}}}
loss: {loss}
weight_decay: 0.1
flow: {{t_end: 1}}
record: {{times: [0, 1]}}
optimizers: [{{sgd: {{lr: 0.1, {settings}}}}}]
measure: [modified_flow]
"
    );
    scenario::parse(&text, Path::new("x.yaml"), &[]).unwrap().0
}

const NETWORKS: [(&str, &str); 2] =
    [("{widths: [2, 3, 2]}", "mse"), ("{widths: [2, 3, 2], activations: tanh, bias: true}", "logistic")];

/// All orders of 0, …, n − 1.
fn orders(samples: usize) -> Vec<Vec<u32>> {
    (0..samples as u32).fold(vec![vec![]], |shorter, next| {
        let insert = |order: &Vec<u32>| -> Vec<Vec<u32>> {
            let at = |place| [&order[..place], &[next], &order[place..]].concat();
            (0..=order.len()).map(at).collect()
        };
        shorter.iter().flat_map(insert).collect()
    })
}

/// The settings at another rate.
fn at_rate(scenario: &Scenario, lr: f64) -> Optimizer {
    scenario.optimizers[0].at_rate("sgd", lr, 1)
}

/// The mean over all orders of every one of `epochs` epochs.
fn mean(scenario: &Scenario, problem: &Problem, lr: f64, epochs: usize) -> DVector<f64> {
    let settings = at_rate(scenario, lr);
    let Optimizer::Sgd(Sgd { batch: Some(batch), .. }) = settings else { panic!() };
    let samples = problem.samples.clone().unwrap();
    let orders = orders(samples.count());
    let mut minibatch = problem.objective.batches().unwrap().minibatch(samples, batch);
    let (mut sum, mut gradient) = (problem.start.values() * 0.0, problem.start.values().clone());
    let courses = orders.len().pow(epochs as u32);
    for course in 0..courses {
        let mut rule = settings.rule_of(problem.start.architecture(), &scenario.weight_decay, &problem.rates);
        let (mut theta, mut rest) = (problem.start.values().clone(), course);
        for _ in 0..epochs {
            for batch in orders[rest % orders.len()].chunks(batch) {
                minibatch.loss_gradient(batch, &theta, &mut gradient);
                rule.step(lr, gradient.as_slice(), theta.as_mut_slice());
            }
            rest /= orders.len();
        }
        sum += theta / courses as f64;
    }
    sum
}

/// How far the mean is from its flow and from that without the term of minibatches.
fn distances(scenario: &Scenario, lr: f64, epochs: usize) -> [f64; 2] {
    let problem = Problem::new(scenario).unwrap();
    let Optimizer::Sgd(settings) = at_rate(scenario, lr) else { panic!() };
    let samples = problem.samples.clone().unwrap();
    let batches = samples.count() / settings.batch.unwrap();
    let t_end = at_rate(scenario, lr).time((epochs * batches) as u64);
    let end = |flow: ModifiedFlow| {
        let mut state = flow.start(problem.start.values());
        let mut method = dop853(&flow, Tolerance { rtol: 1e-12, atol: 1e-14 }, Limits::default()).unwrap();
        assert_eq!(method.advance(0.0, t_end, &mut state).unwrap().stop, None);
        state
    };
    let objective = &*problem.objective;
    let products = objective.batches().unwrap().sample_products(&samples).unwrap();
    let mean = mean(scenario, &problem, lr, epochs);
    [ModifiedFlow::of_epochs(objective, &settings, products, batches), ModifiedFlow::of_momentum(objective, &settings)]
        .map(|flow| (end(flow) - &mean).norm())
}

/// The orders of two distances between a rate and its half.
fn slopes([coarse, fine]: [[f64; 2]; 2]) -> [f64; 2] {
    [0, 1].map(|i| (coarse[i] / fine[i]).log2())
}

/// Two samples have two orders an epoch: to a fixed time the mean follows its flow with order 2, and the full gradient's with order 1.
#[test]
fn the_mean_over_orders_follows_its_flow_with_order_2() {
    for (network, loss) in NETWORKS {
        for momentum in ["momentum: 0", "momentum: 0.5", "momentum: 0.5, nesterov: true", "momentum: 0.5, dampening: 0.3"] {
            let scenario = scenario_of(network, 2, &format!("batch: 1, {momentum}"), loss);
            let [with, without] = slopes([6, 12].map(|epochs| distances(&scenario, 0.12 / epochs as f64, epochs)));
            // Twelve steps and more: terms of the next order still count, in both.
            assert!(with > 1.75 && without < 1.6 && with - without > 0.5, "{network} {momentum}: {with} {without}");
        }
    }
}

/// Batches of several samples: after one epoch, from the same start, one order more.
#[test]
fn batches_are_random_and_their_scatter_is_that_of_the_expectation() {
    for (network, loss) in NETWORKS {
        for (samples, batch) in [(6, 2), (6, 3), (4, 1)] {
            let scenario = scenario_of(network, samples, &format!("batch: {batch}"), loss);
            let [with, without] = slopes([0.0005, 0.00025].map(|lr| distances(&scenario, lr, 1)));
            assert!((with - 3.0).abs() < 0.1 && (without - 2.0).abs() < 0.1, "{network} {batch}: {with} {without}");
        }
    }
}

fn finish(scenario: &Scenario) -> Finished {
    run(scenario, &Problem::new(scenario).unwrap(), &Interrupt::default(), |_| {})
}

/// Two scalar layers on four samples: over 1500 seeds the mean of ‖θ‖ is 1.1890 ± 0.0008 without replacement, the flow ends at 1.2017, and that
/// of the full gradient's steps at 1.2090. With replacement it is 1.181 ± 0.004, and no flow of θ alone goes there.
#[test]
fn the_flow_of_a_small_problem_ends_where_its_mean_does() {
    let at = tempfile::tempdir().unwrap();
    let vector = |values: &[f64]| Array::new(&[values.len(), 1], values.to_vec());
    let write = |name: &str, arrays: Vec<(&str, Array)>| {
        let arrays: Arrays = arrays.into_iter().map(|(name, array)| (name.to_string(), array)).collect();
        npz::write(&at.path().join(name), &arrays).unwrap();
    };
    write("data.npz", vec![("X", vector(&[1.0, 0.5, 1.5, 0.8])), ("Y", vector(&[2.0, -1.0, 1.0, 0.5]))]);
    write("w0.npz", vec![("W1", vector(&[0.6])), ("W2", vector(&[0.4]))]);
    let text = "
name: case
data: {file: {path: data.npz}}
network: {widths: [1, 1, 1]}
init: {file: {path: w0.npz}}
flow: {t_end: 1.6, rtol: 1e-11, atol: 1e-13}
record: {times: [0]}
optimizers:
  - sgd: {lr: 0.1, batch: 1}
  - sgd: {name: repl, lr: 0.1, batch: 1, replacement: true}
measure: [modified_flow]
";
    let scenario = scenario::parse(text, &at.path().join("x.yaml"), &[]).unwrap().0;
    let finished = finish(&scenario);
    let last = |process: &str, column: &str| *finished.run.table.floats(process, column).last().unwrap();
    let norm = last("sgd", "distance_to_modified_flow") / last("sgd", "distance_to_modified_flow_relative");
    assert!((norm - 1.1928).abs() < 1e-4, "{norm}");
    assert!(finished.manifest.processes["sgd"].companions["modified_flow"].formula.contains("∇V"));
    assert!(last("repl", "distance_to_modified_flow").is_nan());
    let warned = |words: &str| finished.manifest.warnings.iter().any(|warning| warning.contains(words));
    assert!(
        warned("repl: its modified flow is not compared: batches drawn with replacement"),
        "{:?}",
        finished.manifest.warnings
    );
}

/// Epochs that do not cancel the noise of their batches, and those that are not completed.
#[test]
fn what_has_no_flow_of_its_mean_says_why() {
    for (settings, reason) in [
        ("batch: 4", "do not divide 10 samples"),
        ("batch: 5, replacement: true", "with replacement"),
        ("batch: 2, steps: 4", "whole epochs, of 5 steps here, and there are 4"),
        ("batch: 5, momentum: 0.5", "distance_to_third_order_flow is null"),
    ] {
        let finished = finish(&scenario_of("{widths: [2, 3, 2]}", 10, settings, "mse"));
        assert_eq!(finished.manifest.warnings.len(), 1, "{:?}", finished.manifest.warnings);
        assert!(finished.manifest.warnings[0].contains(reason), "{:?}", finished.manifest.warnings);
    }
}
