//! Laws of reading. The texts below hold every key of the format; what they share is here.

mod bounds;
mod every_key;
mod json_schema;
mod meaning;
mod messages;
mod print;
mod schema;

use std::path::Path;

use serde_yaml::Value;

use super::marks::{Marks, Position};
use super::print::yaml;
use super::*;

/// Every section of the format, those that are not available yet included.
const EVERYTHING: &str = "\
name: everything
description: one line
seed: 7
data:
  synthetic:
    inputs: {dim: 20, samples: 500, distribution: gaussian, condition: 1.0, whiten: true}
    target: {low_rank: {rank: 3, outputs: 20, link: {hermite: {k: 2}}, singular_values: [3.0, 2.0, 1.0]}}
    noise: 0.1
    test: 100
network:
  widths: [20, 20, 20]
  activations: [relu, identity]
  bias: [true, false]
init: {balanced: {scale: 1.0, singular_values: [1.0, 0.5], imbalance: 0.1}}
loss: cross_entropy
weight_decay: 1.0e-3
flow:
  t_end: 3000.0
  integrator: {rk4: {step: 0.01}}
  rtol: 1.0e-8
  atol: 1.0e-11
  preserve: {balance: double_double}
  certify: true
  max_steps: 10000000
  kink: 1.0e-6
record: {log: {points: 200, first: 1.0e-2}, weights: true}
optimizers:
  - gd: {name: slow, lr: 0.01, steps: 10, schedule: constant}
  - sgd: {name: a, lr: 0.01, steps: 10, schedule: constant, batch: 32, replacement: true, momentum: 0.9, dampening: 0.0, nesterov: true, temperature: 0.001, label_noise: 0.1}
  - adam: {name: b, lr: 1.0e-3, steps: 10, schedule: {step: {step_size: 3, gamma: 0.5}}, betas: [0.9, 0.999], eps: 1.0e-8, amsgrad: true}
  - adamw: {name: c, lr: 1.0e-3, steps: 10, schedule: {cosine: {t_max: 10, eta_min: 0.0}}, betas: [0.9, 0.999], eps: 1.0e-8, amsgrad: false}
  - rmsprop: {name: d, lr: 1.0e-3, steps: 10, schedule: {warmup: {total_iters: 5, start_factor: 0.5, end_factor: 1.0}}, alpha: 0.99, eps: 1.0e-8, momentum: 0.5, centered: true}
  - sign: {name: e, lr: 1.0e-3, steps: 10, schedule: constant}
  - muon: {name: f, lr: 1.0e-3, steps: 10, schedule: constant, momentum: 0.9, nesterov: false, ns_coefficients: [3.4445, -4.775, 2.0315], ns_steps: 5, eps: 1.0e-7, adjust_lr_fn: match_rms_adamw, biases: {adamw: {lr: 1.0e-3, schedule: constant, betas: [0.9, 0.999], eps: 1.0e-8, amsgrad: false}}}
stop: {loss: 1.0e-6, grad_norm: 1.0e-9, accuracy: 0.99}
observe: [loss, balance, nfa, distance, sharpness, ledger]
measure: [sharpness, ledger, modified_flow, limit, central_flow, saddles, {sde: {paths: 64, order: 2}}, {hessian: {top: 4, all: true, density: {probes: 10, steps: 80, resolution: 50}}}]
claims: [balance-law, nfa]
style:
  width: 5.5in
  font_size: 9pt
  font: serif
  format: [svg, pdf]
  dpi: 300.0
  title: false
  notes: false
  theme: dark
  legend: right
  colors: [{curve: slow, color: '#d55e00'}]
  axes: [{picture: loss, panel: a, x: {limits: [0.1, 10.0], scale: log, label: time}, y: {limits: [0.0, 1.0], scale: linear, label: loss}}]
";

/// The forms of a choice that `EVERYTHING` does not take.
const OTHER_CHOICES: &[&str] = &[
    "data={file: {path: data.npz, whiten: true}}",
    "data={sensing: {path: sensing.npz}}",
    "data={moments: {path: moments.npz}}",
    "data.synthetic.inputs.samples=population",
    "init={lambda_balanced: {lambda: -2.0, scale: 0.5}}",
    "data.synthetic.inputs.distribution={student_t: {dof: 4.5}}",
    "data.synthetic.inputs.distribution={mixture: {separation: 0.5}}",
    "data.synthetic.target={single_index: {link: {hermite: {k: 3}}}}",
    "data.synthetic.target={multi_index: {rank: 2, link: {hermite: {k: 3}}, singular_values: [2.0, 1.0]}}",
    "data.synthetic.target={teacher: {widths: [20, 7, 20], activation: tanh}}",
    "data.synthetic.target={parity: {k: 3}}",
    "data.synthetic.target={counterexample: {k: 2}}",
    "loss=logistic",
    "init={gaussian: {std: 0.1}}",
    "init={orthogonal: {gain: 2.0}}",
    "init={file: {path: w0.npz}}",
    "init=identity",
    "init=kaiming",
    "init=xavier",
    "init={layers: [{gaussian: {std: 0.1}}, {orthogonal: {gain: 2.0}}]}",
    "init={layers: [kaiming, pytorch]}",
    "flow.integrator={gauss: {stages: 2}}",
    "record={linear: {points: 20}}",
    "record={times: [0, 1.5, 10]}",
    "network.activations=identity",
    "network.bias=false",
    "weight_decay=[1.0e-3, 0.0]",
    "layer_rates=[1.0, 0.5]",
];

/// A scenario that runs.
const SMALL: &str = "\
name: small
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [4, 3, 2]}
flow: {t_end: 10}
";

const FILE: &str = "scenario.yaml";

fn reading(text: &str, sets: &[&str]) -> Result<Scenario, Vec<Diagnostic>> {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    match parse(text, Path::new(FILE), &sets) {
        Ok((scenario, _)) => Ok(scenario),
        Err(ScenarioError::Diagnostics(problems)) => Err(problems),
        Err(other) => panic!("{other}"),
    }
}

/// What a user sees, without a file in the way.
fn complaint(text: &str, sets: &[&str]) -> String {
    ScenarioError::Diagnostics(reading(text, sets).expect_err(text)).to_string()
}

/// `EVERYTHING` in the format's own flow style, and in blocks with every other choice.
fn texts() -> Vec<String> {
    let patched = |given: &&str| {
        let mut tree = serde_yaml::from_str(EVERYTHING).unwrap();
        patch::apply(&mut tree, given).unwrap();
        yaml(&tree)
    };
    std::iter::once(EVERYTHING.to_string()).chain(OTHER_CHOICES.iter().map(patched)).collect()
}

fn at(position: Position) -> Location {
    Location::File { path: FILE.into(), line: position.line, column: position.column }
}

/// The byte offset of `position` in the text, which is ASCII.
fn byte(text: &str, position: Position) -> usize {
    text.split_inclusive('\n').take(position.line - 1).map(str::len).sum::<usize>() + position.column - 1
}

/// The byte offset just after the key of `path`, which is at `position`; before the closing quote if it has one.
fn end(text: &str, path: &str, position: Position) -> usize {
    let begin = byte(text, position);
    begin + usize::from(text[begin..].starts_with('"')) + key(path).len()
}

/// The last key of a path.
fn key(path: &str) -> &str {
    path.rsplit('.').next().unwrap()
}

/// The keys of `text`, items of lists left out.
fn keys(text: &str) -> Vec<(String, Position)> {
    let marks = Marks::of(text);
    marks.paths().filter(|path| !path.ends_with(']')).map(|path| (path.to_string(), marks.get(path).unwrap())).collect()
}

/// The tree of `text` and every path in it: keys and items.
fn values(text: &str) -> (Value, Vec<String>) {
    (serde_yaml::from_str(text).unwrap(), Marks::of(text).paths().map(str::to_string).collect())
}

fn value_at<'v>(tree: &'v mut Value, path: &str) -> &'v mut Value {
    path.split(['.', '[']).fold(tree, |value, segment| match segment.strip_suffix(']') {
        Some(index) => &mut value[index.parse::<usize>().unwrap()],
        None => &mut value[segment],
    })
}

/// `text` with the value at `path` replaced, in blocks.
fn replaced(text: &str, path: &str, value: &str) -> String {
    let mut tree: Value = serde_yaml::from_str(text).unwrap();
    *value_at(&mut tree, path) = serde_yaml::from_str(value).unwrap();
    yaml(&tree)
}

#[track_caller]
fn assert_reported(text: &str, path: &str, location: &Location) -> String {
    let problems = reading(text, &[]).expect_err(text);
    let found = problems.iter().find(|problem| problem.path == path && problem.location == *location);
    let Some(problem) = found else { panic!("{path} at {location} is not reported but {problems:?} in\n{text}") };
    problem.message.clone()
}

/// The paths of all keys in all texts.
pub(super) fn key_paths() -> Vec<String> {
    texts().iter().flat_map(|text| keys(text)).map(|(path, _)| path).collect()
}
