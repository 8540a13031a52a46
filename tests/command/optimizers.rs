//! The optimizers against `torch.optim`, against the flow on their clocks, and against each other.
//!
//! `tests/references/make.py` made the cases and says how.

use std::collections::BTreeMap;
use std::path::Path;

use gramflow::network::Parameters;
use gramflow::npz::{self, Array};
use gramflow::ode::Interrupt;
use gramflow::optim::Layout;
use gramflow::run::{Finished, Problem, run};
use gramflow::scenario;
use nalgebra::DVector;

use crate::harness::bundled;
use crate::references::{Case, cases, references};

/// The scenario of a case, started where the reference starts, with these optimizers.
pub fn scenario_of(name: &str, case: &Case, optimizers: &str) -> scenario::Scenario {
    let here = references().display().to_string();
    let Case { widths, decay, .. } = case;
    let text = format!(
        "name: {name}
data: {{file: {{path: '{here}/{name}-data.npz'}}}}
network: {{widths: {widths:?}}}
init: {{file: {{path: '{here}/{name}-w0.npz'}}}}
weight_decay: {decay:?}
flow: {{t_end: 0.1}}
record: {{times: [0.0, 0.1]}}
optimizers: {optimizers}
"
    );
    scenario::parse(&text, Path::new("x.yaml"), &[]).unwrap().0
}

pub fn finish(scenario: &scenario::Scenario) -> Finished {
    run(scenario, &Problem::new(scenario).unwrap(), &Interrupt::default(), |_| {})
}

/// A bundled scenario with changes, run to its end.
fn quickstart(sets: &[&str]) -> Finished {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    finish(&scenario::read(&bundled("quickstart"), &sets).unwrap().0)
}

fn end<'f>(finished: &'f Finished, process: &str) -> &'f DVector<f64> {
    finished.weights.iter().find(|(name, _)| name == process).expect("a process of this name").1.values()
}

/// ‖W − W_ref‖/‖W_ref‖ over all layers, keys `prefix` W1, ….
pub fn error(weights: &Parameters, reference: &BTreeMap<String, Array>, prefix: &str) -> f64 {
    let (mut off, mut norm) = (0.0, 0.0);
    for (layer, got) in weights.to_arrays() {
        let wanted = &reference[&format!("{prefix}{layer}")];
        assert_eq!(got.shape, wanted.shape);
        off += got.data.iter().zip(&wanted.data).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        norm += wanted.data.iter().map(|b| b * b).sum::<f64>();
    }
    (off / norm).sqrt()
}

/// The optimizers of the references, as a scenario has them.
pub fn list() -> String {
    std::fs::read_to_string(references().join("optimizers.json")).unwrap().replace('\n', "")
}

#[test]
fn every_optimizer_steps_as_torch_does() {
    let mut worst = BTreeMap::new();
    for (name, case) in cases() {
        let reference = npz::read(&references().join(format!("{name}-optimizers.npz"))).unwrap();
        let finished = finish(&scenario_of(&name, &case, &list()));
        for (process, weights) in finished.weights.iter().filter(|(process, _)| process != "flow") {
            let error = error(weights, &reference, &format!("{process}/"));
            let most = worst.entry(process.clone()).or_insert(0.0f64);
            *most = most.max(error);
        }
    }
    assert_eq!(worst.len(), 13);
    for (process, error) in &worst {
        // Within 2e-15 as measured; sign to the bit.
        assert!(*error <= 1e-12, "{process} is {error:.1e} from torch: {worst:?}");
    }
}

/// The controls: a rule or a setting that is another is far outside the bound above.
#[test]
fn another_rule_or_setting_is_noticed() {
    let name = "rectangular";
    let case = &cases()[name];
    let reference = npz::read(&references().join(format!("{name}-optimizers.npz"))).unwrap();
    for (process, other) in [
        ("adamw", "adam: {lr: 0.01"),
        ("adam", "adamw: {lr: 0.01"),
        ("nesterov", "sgd: {lr: 0.005, momentum: 0.9"),
        ("heavy-ball", "sgd: {lr: 0.005, momentum: 0.9, nesterov: true"),
        ("dampened", "sgd: {lr: 0.01, momentum: 0.8"),
        ("adam-set", "adam: {lr: 0.02, betas: [0.4, 0.9], eps: 1e-3"),
        ("rmsprop-set", "rmsprop: {lr: 0.0005, alpha: 0.9, eps: 1e-2, momentum: 0.5"),
        ("gd-step", "gd: {lr: 0.02, schedule: {step: {step_size: 61, gamma: 0.5}}"),
    ] {
        let finished = finish(&scenario_of(name, case, &format!("[{other}, name: other, steps: 200}}]")));
        let error = error(&finished.weights[1].1, &reference, &format!("{process}/"));
        assert!(error > 1e-5, "{other} is only {error:.1e} from {process}");
    }
}

/// The same batches in both, given by their indices.
#[test]
fn minibatches_step_as_torch_does() {
    for (name, case) in cases() {
        let scenario = scenario_of(&name, &case, "[sgd: {lr: 0.01, batch: 4, momentum: 0.9, steps: 200}]");
        let problem = Problem::new(&scenario).unwrap();
        let reference = npz::read(&references().join(format!("{name}-minibatches.npz"))).unwrap();
        let mut minibatch = problem.objective.batches().unwrap().minibatch(problem.samples.clone().unwrap(), 4);
        let mut end = problem.start.clone();
        let mut gradient = end.values().clone();
        let mut rule = scenario.optimizers[0].rule(&Layout::new(end.architecture(), case.decay));
        for indices in reference["indices"].data.chunks(4) {
            let batch: Vec<u32> = indices.iter().map(|&i| i as u32).collect();
            minibatch.loss_gradient(&batch, end.values(), &mut gradient);
            rule.step(0.01, gradient.as_slice(), end.values_mut().as_mut_slice());
        }
        let error = error(&end, &reference, "");
        // Within 2e-15 as measured.
        assert!(error <= 1e-12, "{name}: {error:.1e}");
    }
}

/// The order in which `optimizer` at two rates, a factor of 8 apart, tends to the flow at one time of its clock.
fn order(optimizer: impl Fn(f64) -> String) -> f64 {
    let [a, b] = [4e-4, 5e-5].map(|lr| {
        let set = format!("optimizers=[{}]", optimizer(lr));
        let finished = quickstart(&["flow.t_end=4", "flow.rtol=1e-11", "flow.atol=1e-14", &set]);
        *finished.run.table.floats("other", "distance_to_flow").last().unwrap()
    });
    (a / b).log2() / 3.0
}

#[test]
fn momentum_tends_to_the_flow_with_order_1_on_its_clock() {
    for nesterov in [false, true] {
        let order = order(|lr| format!("{{sgd: {{name: other, lr: {lr:?}, momentum: 0.9, nesterov: {nesterov}}}}}"));
        assert!((order - 1.0).abs() < 0.1, "nesterov {nesterov}: {order}");
    }
    let order = order(|lr| format!("{{sgd: {{name: other, lr: {lr:?}, momentum: 0.8, dampening: 0.4}}}}"));
    assert!((order - 1.0).abs() < 0.1, "dampened: {order}");
}

/// The control: step k of a momentum is not where the flow is at t = k·lr, however small lr.
#[test]
fn momentum_on_the_clock_of_gradient_descent_does_not_tend_to_the_flow() {
    let [a, b] = [(4e-4, 1000), (5e-5, 8000)].map(|(lr, steps)| {
        let set = format!("optimizers=[{{sgd: {{name: other, lr: {lr:?}, momentum: 0.9, steps: {steps}}}}}]");
        let finished = quickstart(&["flow.t_end=0.4", "flow.rtol=1e-11", "flow.atol=1e-14", &set]);
        (end(&finished, "other") - end(&finished, "flow")).norm()
    });
    assert!((a / b).log2() / 3.0 < 0.1, "{a:e} {b:e}");
}

/// A rate that falls is gradient flow as well, each step as long as its rate.
#[test]
fn falling_rates_tend_to_the_flow_on_the_clock_of_their_sum() {
    let order = order(|lr| {
        let t_max = (4.0 / lr * 1.5) as u64;
        format!("{{gd: {{name: other, lr: {lr:?}, schedule: {{cosine: {{t_max: {t_max}}}}}}}}}")
    });
    assert!((order - 1.0).abs() < 0.05, "{order}");
}

#[test]
fn batches_of_all_samples_are_gradient_descent_bit_for_bit() {
    let finished = quickstart(&[
        "flow.t_end=20",
        "optimizers=[{gd: {lr: 0.05}}, {sgd: {lr: 0.05}}, {sgd: {name: all, lr: 0.05, batch: 200}}]",
        "data.synthetic.inputs.samples=200",
    ]);
    assert_eq!(end(&finished, "sgd"), end(&finished, "gd"));
    assert_eq!(end(&finished, "all"), end(&finished, "gd"));
    assert_eq!(finished.run.table.floats("all", "distance_to_flow"), finished.run.table.floats("gd", "distance_to_flow"));
}

/// A process's batches are its own: they depend on seed and name, not on what stands beside it.
#[test]
fn minibatches_are_repeatable_and_differ_by_name_and_seed() {
    let at = |set: &str, seed: &str| quickstart(&["flow.t_end=5", set, seed, "init={orthogonal: {gain: 0.5}}"]);
    let a = "{sgd: {name: a, lr: 0.05, batch: 8}}";
    let both = at(&format!("optimizers=[{{sgd: {{name: b, lr: 0.05, batch: 8}}}}, {a}]"), "seed=0");
    let alone = at(&format!("optimizers=[{a}]"), "seed=0");
    assert_eq!(end(&both, "a"), end(&alone, "a"));
    assert_ne!(end(&both, "a"), end(&both, "b"));
    let replaced = at("optimizers=[{sgd: {name: a, lr: 0.05, batch: 8, replacement: true}}]", "seed=0");
    assert_ne!(end(&replaced, "a"), end(&alone, "a"));
    assert_ne!(end(&at(&format!("optimizers=[{a}]"), "seed=1"), "a"), end(&alone, "a"));
}

/// The mean over seeds stays near gradient descent, and the spread falls as √lr.
#[test]
fn the_spread_of_sgd_falls_as_the_root_of_the_rate() {
    let spread = |lr: f64| {
        let list: Vec<String> =
            (0..48).map(|i| format!("{{sgd: {{name: s{i}, lr: {lr:?}, batch: 4, replacement: true}}}}")).collect();
        let set = format!("optimizers=[{{gd: {{lr: {lr:?}}}}}, {}]", list.join(", "));
        let finished = quickstart(&["flow.t_end=2", "record={times: [0, 2]}", &set]);
        let gd = end(&finished, "gd");
        let square: f64 = (0..48).map(|i| (end(&finished, &format!("s{i}")) - gd).norm_squared()).sum();
        (square / 48.0).sqrt()
    };
    let order = (spread(1.6e-2) / spread(1e-3)).log2() / 4.0;
    assert!((order - 0.5).abs() < 0.1, "{order}");
}

#[test]
fn every_optimizer_that_diverges_says_so_and_stands_at_its_last_good_iterate() {
    for (kind, settings) in [
        ("sgd", "lr: 1.0, batch: 8"),
        ("sgd", "lr: 1.0, momentum: 0.9"),
        ("adam", "lr: 1e13"),
        ("adamw", "lr: 1e13"),
        ("rmsprop", "lr: 1e13"),
        ("sign", "lr: 1e13"),
    ] {
        let set = format!("optimizers=[{{{kind}: {{{settings}, steps: 200}}}}]");
        let finished = quickstart(&["flow.t_end=2", &set]);
        assert_eq!(finished.terminations[1].1.reason().name(), "diverged", "{set}");
        assert!(end(&finished, kind).iter().all(|x| x.is_finite()), "{set}");
        assert!(finished.manifest.warnings.iter().any(|warning| warning.contains("learning rate")), "{set}");
    }
}

/// What a scenario file's own samples say of a batch is known once they are read.
#[test]
fn a_batch_larger_than_the_file_is_refused_at_its_key() {
    let scenario = scenario_of("few-samples", &cases()["few-samples"], "[gd: {lr: 0.01}, sgd: {lr: 0.01, batch: 6}]");
    let error = Problem::new(&scenario).err().expect("an error");
    assert_eq!(error.key(), "optimizers[1].sgd.batch");
    assert_eq!(error.to_string(), "must be at most 5, the number of samples in the file, got 6");
}
