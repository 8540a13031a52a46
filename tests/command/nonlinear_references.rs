//! Nonlinear networks against other people's software: flows by scipy on gradients that are not ours, steps by `torch.optim`.
//!
//! `tests/references/nonlinear.py` made the cases and says how. Each is run by the command from files with its data and its start.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gramflow::network::Parameters;
use gramflow::npz::{self, Arrays};
use gramflow::ode::Interrupt;
use gramflow::optim::Layout;
use gramflow::run::{Problem, run};
use gramflow::scenario;
use serde::Deserialize;

use crate::harness::succeed;
use crate::optimizers::list;
use crate::references::references;

/// What `nonlinear.py` writes about a case.
#[derive(Deserialize, Clone)]
struct Case {
    widths: Vec<usize>,
    activations: Vec<String>,
    bias: Vec<bool>,
    loss: String,
    decay: f64,
    t_end: f64,
    steps: bool,
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(&fs::read_to_string(references().join("nonlinear.json")).unwrap()).unwrap()
}

fn arrays() -> Arrays {
    npz::read(&references().join("nonlinear.npz")).unwrap()
}

/// The arrays under `prefix`, without it.
fn under(arrays: &Arrays, prefix: &str) -> Arrays {
    arrays.iter().filter_map(|(key, array)| Some((key.strip_prefix(prefix)?.to_string(), array.clone()))).collect()
}

impl Case {
    /// Leaves data and start of the case `name` in the folder `at`, and says what to run there.
    fn scenario(&self, at: &Path, name: &str, optimizers: &str) -> String {
        let own = under(&arrays(), &format!("{name}/"));
        let data = ["X", "Y"].map(|key| (key.to_string(), own[key].clone()));
        npz::write(&at.join("data.npz"), &Arrays::from(data)).unwrap();
        let mut start = under(&own, "start/");
        start.retain(|key, _| !key.starts_with('b') || self.bias[key[1..].parse::<usize>().unwrap() - 1]);
        npz::write(&at.join("start.npz"), &start).unwrap();
        let Self { widths, activations, bias, decay, t_end, .. } = self;
        let (loss, activations) = (if self.loss == "mean_squared" { "mse" } else { &self.loss }, activations.join(", "));
        format!(
            "name: {name}
data: {{file: {{path: '{here}/data.npz'}}}}
network: {{widths: {widths:?}, activations: [{activations}], bias: {bias:?}}}
loss: {loss}
init: {{file: {{path: '{here}/start.npz'}}}}
weight_decay: {decay:?}
flow: {{t_end: {t_end:?}, rtol: 1.0e-10, atol: 1.0e-13}}
record: {{times: [0.0, {:?}, {t_end:?}]}}
optimizers: {optimizers}
",
            t_end / 3.0,
            here = at.display(),
        )
    }

    /// The same by the library, without the pictures.
    fn finish(&self, name: &str, optimizers: &str) -> Arrays {
        let folder = tempfile::tempdir().unwrap();
        let text = self.scenario(folder.path(), name, optimizers);
        let scenario = scenario::parse(&text, Path::new("x.yaml"), &[]).unwrap().0;
        let finished = run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
        let named = |(process, end): &(String, Parameters)| {
            end.to_arrays().into_iter().map(|(key, array)| (format!("{process}/{key}"), array)).collect::<Vec<_>>()
        };
        finished.weights.iter().flat_map(named).collect()
    }

    /// Final weights of a run of the command, keys `process/W1`, `process/b1`, ….
    fn run(&self, name: &str, optimizers: &str) -> Arrays {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::write(at.join("scenario.yaml"), self.scenario(at, name, optimizers)).unwrap();
        succeed(at, &["run", "scenario.yaml", "--out", "out"]);
        npz::read(&at.join("out/weights.npz")).unwrap()
    }
}

/// ‖θ − θ_ref‖/‖θ_ref‖ over the parameters of `ours`.
fn distance(ours: &Arrays, reference: &Arrays) -> f64 {
    let (mut off, mut norm) = (0.0, 0.0);
    for (key, got) in ours {
        let wanted = &reference[key];
        assert_eq!(got.shape, wanted.shape, "{key}");
        off += got.data.iter().zip(&wanted.data).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        norm += wanted.data.iter().map(|b| b * b).sum::<f64>();
    }
    (off / norm).sqrt()
}

fn error(weights: &Arrays, name: &str, process: &str) -> f64 {
    let ours = under(weights, &format!("{process}/"));
    assert!(!ours.is_empty(), "{name}: no {process}");
    distance(&ours, &under(&arrays(), &format!("{name}/{process}/")))
}

#[test]
fn flows_of_nonlinear_networks_are_those_of_scipy() {
    let errors: BTreeMap<String, f64> =
        cases().iter().map(|(name, case)| (name.clone(), error(&case.run(name, "[]"), name, "flow"))).collect();
    assert_eq!(errors.len(), 16);
    for (name, error) in &errors {
        // As measured, within 2e-11 of smooth activations, and within 5e-9 of relu and leaky_relu, whose kinks each cost a few tolerances.
        let bound = if name.contains("relu") { 1e-7 } else { 1e-9 };
        assert!(*error <= bound, "{name} is {error:.1e} from the reference: {errors:?}");
    }
}

/// The controls: another activation, a network whose biases are gone, half the decay, one of three layers left linear.
#[test]
fn another_activation_a_missing_bias_and_half_the_decay_are_noticed() {
    let cases = cases();
    let other = |name: &str, change: fn(&mut Case)| {
        let mut case = cases[name].clone();
        change(&mut case);
        let error = error(&case.finish(name, "[]"), name, "flow");
        assert!(error > 1e-3, "{name}: only {error:.1e} away");
    };
    other("gelu", |case| case.activations[0] = "swish".into());
    other("erf", |case| case.activations[1] = "tanh".into());
    other("relu", |case| case.activations[0] = "tanh".into());
    other("tanh", |case| case.activations[1] = "identity".into());
    other("tanh", |case| case.bias[1] = false);
    other("tanh", |case| case.decay /= 2.0);
    other("gelu-cross-entropy", |case| case.decay /= 2.0);
    other("tanh-logistic", |case| case.loss = "mean_squared".into());
}

#[test]
fn every_optimizer_steps_nonlinear_networks_as_torch_does() {
    let mut errors = BTreeMap::new();
    for (name, case) in cases().iter().filter(|(_, case)| case.steps) {
        let weights = case.finish(name, &list());
        let processes: Vec<&str> = weights.keys().filter_map(|key| key.strip_suffix("/W1")).collect();
        assert_eq!(processes.len(), 14);
        for process in processes.into_iter().filter(|process| *process != "flow") {
            errors.insert(format!("{name} {process}"), error(&weights, name, process));
        }
    }
    assert_eq!(errors.len(), 3 * 13);
    for (which, error) in &errors {
        // Within 3e-15 as measured; sign to the bit.
        assert!(*error <= 1e-12, "{which} is {error:.1e} from torch: {errors:?}");
    }
}

/// The same batches in both, given by their indices.
#[test]
fn minibatches_of_nonlinear_networks_step_as_torch_does() {
    for (name, case) in cases().iter().filter(|(_, case)| case.steps) {
        let folder = tempfile::tempdir().unwrap();
        let text = case.scenario(folder.path(), name, "[sgd: {lr: 0.01, batch: 4, momentum: 0.9, steps: 200}]");
        let scenario = scenario::parse(&text, Path::new("x.yaml"), &[]).unwrap().0;
        let problem = Problem::new(&scenario).unwrap();
        let reference = under(&arrays(), &format!("{name}/minibatches/"));
        let mut minibatch = problem.objective.batches().unwrap().minibatch(problem.samples.clone().unwrap(), 4);
        let mut end = problem.start.clone();
        let mut gradient = end.values().clone();
        let mut rule = scenario.optimizers[0].rule(&Layout::new(end.architecture(), case.decay));
        for indices in reference["indices"].data.chunks(4) {
            let batch: Vec<u32> = indices.iter().map(|&i| i as u32).collect();
            minibatch.loss_gradient(&batch, end.values(), &mut gradient);
            rule.step(0.01, gradient.as_slice(), end.values_mut().as_mut_slice());
        }
        let error = distance(&end.to_arrays().into_iter().collect(), &reference);
        // Within 3e-16 as measured.
        assert!(error <= 1e-12, "{name}: {error:.1e}");
    }
}
