//! Laws of reading: every key, misspelt, mistyped, out of range, twice or missing, is reported where it stands; what is
//! printed reads back; nothing panics. The keys are taken from the texts themselves, so that a new one is tested by being
//! added to them, and `the_texts_hold_every_key` fails until it is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_yaml::Value;

use super::marks::{Marks, Position};
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
network:
  widths: [20, 20, 20]
  activations: [relu, identity]
  bias: [true, false]
init: {balanced: {scale: 1.0, singular_values: [1.0, 0.5], imbalance: 0.1}}
weight_decay: 1.0e-3
flow:
  t_end: 3000.0
  integrator: {rk4: {step: 0.01}}
  rtol: 1.0e-8
  atol: 1.0e-11
  preserve: {balance: double_double}
  certify: true
  max_steps: 10000000
record: {log: {points: 200, first: 1.0e-2}}
optimizers:
  - gd: {name: slow, lr: 0.01, steps: 10}
  - sgd: {name: a, lr: 0.01, steps: 10, batch: 32, momentum: 0.9, nesterov: true}
  - adam: {name: b, lr: 1.0e-3, steps: 10, betas: [0.9, 0.999], eps: 1.0e-8}
  - adamw: {name: c, lr: 1.0e-3, steps: 10, betas: [0.9, 0.999], eps: 1.0e-8}
  - rmsprop: {name: d, lr: 1.0e-3, steps: 10, alpha: 0.99, eps: 1.0e-8, momentum: 0.5}
claims: [balance-law, nfa]
";

/// The forms of a choice that `EVERYTHING` does not take.
const OTHER_CHOICES: &[&str] = &[
    "data={file: {path: data.npz}}",
    "init={gaussian: {std: 0.1}}",
    "init={orthogonal: {gain: 2.0}}",
    "init={file: {path: w0.npz}}",
    "init=identity",
    "flow.integrator={gauss: {stages: 2}}",
    "record={linear: {points: 20}}",
    "record={times: [0, 1.5, 10]}",
    "network.activations=identity",
    "network.bias=false",
];

/// A scenario that runs.
const SMALL: &str = "\
name: small
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [4, 3, 2]}
flow: {t_end: 10}
";

const FILE: &str = "scenario.yaml";

fn reading(text: &str, sets: &[&str]) -> Result<Scenario, Vec<Problem>> {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    match parse(text, Path::new(FILE), &sets) {
        Ok((scenario, _)) => Ok(scenario),
        Err(ScenarioError::Problems(problems)) => Err(problems),
        Err(other) => panic!("{other}"),
    }
}

/// What a user sees, without a file in the way.
fn complaint(text: &str, sets: &[&str]) -> String {
    ScenarioError::Problems(reading(text, sets).expect_err(text)).to_string()
}

/// `EVERYTHING` in the format's own flow style, and in blocks with every other choice.
fn texts() -> Vec<String> {
    let patched = |given: &&str| {
        let mut tree = serde_yaml::from_str(EVERYTHING).unwrap();
        patch::apply(&mut tree, given).unwrap();
        print::yaml(&tree)
    };
    std::iter::once(EVERYTHING.to_string()).chain(OTHER_CHOICES.iter().map(patched)).collect()
}

fn at(position: Position) -> Location {
    Location::File { path: FILE.into(), line: position.line, column: position.column }
}

/// The byte at which `position` stands in the text, which is ASCII.
fn byte(text: &str, position: Position) -> usize {
    text.split_inclusive('\n').take(position.line - 1).map(str::len).sum::<usize>() + position.column - 1
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
    print::yaml(&tree)
}

#[track_caller]
fn assert_reported(text: &str, path: &str, location: &Location) -> String {
    let problems = reading(text, &[]).expect_err(text);
    let found = problems.iter().find(|problem| problem.path == path && problem.location == *location);
    let Some(problem) = found else { panic!("{path} at {location} is not reported but {problems:?} in\n{text}") };
    problem.message.clone()
}

#[test]
fn a_misspelt_key_is_reported_where_it_stands() {
    for text in texts() {
        for (path, position) in keys(&text) {
            let end = byte(&text, position) + key(&path).len();
            let misspelt = format!("{}q{}", &text[..end], &text[end..]);
            let message = assert_reported(&misspelt, &format!("{path}q"), &at(position));
            assert!(message.contains(&format!("did you mean `{}`?", key(&path))), "{message}");
        }
    }
}

/// A message on an unknown key lists the keys that are known there: each of them stands in a text.
#[test]
fn the_texts_hold_every_key() {
    let texts = texts();
    let written: BTreeSet<String> = texts.iter().flat_map(|text| keys(text)).map(|(path, _)| path).collect();
    for text in texts {
        for (path, position) in keys(&text) {
            let end = byte(&text, position) + key(&path).len();
            let message = assert_reported(&format!("{}q{}", &text[..end], &text[end..]), &format!("{path}q"), &at(position));
            let Some((_, known)) = message.split_once("keys here: ") else { continue };
            for other in known.trim_end_matches(')').split(", ") {
                let other = path::child(path.strip_suffix(key(&path)).unwrap().trim_end_matches('.'), other);
                assert!(written.contains(&other), "no text holds {other}");
            }
        }
    }
}

#[test]
fn a_mistyped_value_is_reported_at_its_key() {
    for text in texts() {
        let (tree, paths) = values(&text);
        for path in paths {
            let wrong = if value_at(&mut tree.clone(), &path).is_sequence() { "7" } else { "[]" };
            let text = replaced(&text, &path, wrong);
            assert_reported(&text, &path, &at(Marks::of(&text).get(&path).unwrap()));
        }
    }
}

#[test]
fn non_finite_numbers_and_tags_are_refused_at_their_key() {
    for text in texts() {
        let (tree, paths) = values(&text);
        for path in paths {
            let bad: &[&str] =
                if value_at(&mut tree.clone(), &path).is_f64() { &[".nan", ".inf", "-.inf", "!x 1"] } else { &["!x 1"] };
            for bad in bad {
                // A marked parse finds the key; the value is put in behind it.
                let text = replaced(&text, &path, "placeholder").replace("placeholder", bad);
                assert_reported(&text, &path, &at(Marks::of(&text).get(&path).unwrap()));
            }
        }
    }
}

/// Values out of range, by key; items of lists under `[]`.
const OUT_OF_RANGE: &[(&str, &[&str])] = &[
    ("seed", &["-1", "18446744073709551616", "0.5"]),
    ("data.synthetic.inputs.dim", &["0", "-1", "1.5", "65537"]),
    ("data.synthetic.inputs.samples", &["0", "20", "100000001"]),
    ("data.synthetic.inputs.condition", &["0.5", "-1.0"]),
    ("data.synthetic.target.low_rank.rank", &["0", "21"]),
    ("data.synthetic.target.low_rank.outputs", &["0", "65537"]),
    ("data.synthetic.target.low_rank.link.hermite.k", &["-1", "31"]),
    ("data.synthetic.target.low_rank.singular_values[]", &["0.0", "-1.0"]),
    ("data.synthetic.noise", &["-0.1"]),
    ("network.widths[]", &["0", "65537"]),
    ("init.gaussian.std", &["0.0", "-1.0"]),
    ("init.orthogonal.gain", &["0.0", "-1.0"]),
    ("init.balanced.scale", &["0.0", "-1.0"]),
    ("init.balanced.singular_values[]", &["0.0", "-1.0"]),
    ("init.balanced.imbalance", &["-1.0"]),
    ("weight_decay", &["-1.0e-9"]),
    ("flow.t_end", &["0.0", "-1.0"]),
    ("flow.integrator.rk4.step", &["0.0", "-1.0", "3000.1"]),
    ("flow.integrator.gauss.stages", &["0", "4"]),
    ("flow.rtol", &["0.0", "9.0e-16", "1.0"]),
    ("flow.atol", &["0.0", "-1.0"]),
    ("flow.max_steps", &["0", "-1"]),
    ("record.log.points", &["1", "1000001"]),
    ("record.log.first", &["0.0", "-1.0", "3000.0"]),
    ("record.linear.points", &["1", "1000001"]),
    ("record.times[]", &["-1.0", "3000.1"]),
    ("optimizers[].gd.lr", &["0.0", "-0.1"]),
    ("optimizers[].gd.steps", &["0", "-1"]),
    ("optimizers[].sgd.lr", &["0.0"]),
    ("optimizers[].sgd.steps", &["0"]),
    ("optimizers[].sgd.batch", &["0", "501"]),
    ("optimizers[].sgd.momentum", &["-0.1", "1.0"]),
    ("optimizers[].adam.lr", &["0.0"]),
    ("optimizers[].adam.steps", &["0"]),
    ("optimizers[].adam.betas[]", &["-0.1", "1.0"]),
    ("optimizers[].adam.eps", &["0.0"]),
    ("optimizers[].adamw.lr", &["0.0"]),
    ("optimizers[].adamw.steps", &["0"]),
    ("optimizers[].adamw.betas[]", &["-0.1", "1.0"]),
    ("optimizers[].adamw.eps", &["0.0"]),
    ("optimizers[].rmsprop.lr", &["0.0"]),
    ("optimizers[].rmsprop.steps", &["0"]),
    ("optimizers[].rmsprop.alpha", &["-0.1", "1.0"]),
    ("optimizers[].rmsprop.eps", &["0.0"]),
    ("optimizers[].rmsprop.momentum", &["-0.1", "1.0"]),
];

#[test]
fn every_number_has_a_range_and_is_reported_outside_it() {
    for text in texts() {
        let (tree, paths) = values(&text);
        for path in paths.into_iter().filter(|path| value_at(&mut tree.clone(), path).is_number()) {
            let pattern: String = path.chars().filter(|&c| !c.is_ascii_digit() || !path.contains('[')).collect();
            let pattern = if pattern.starts_with("flow.integrator") || !path.contains('[') { path.clone() } else { pattern };
            let (_, bad) =
                OUT_OF_RANGE.iter().find(|(key, _)| *key == pattern).unwrap_or_else(|| panic!("no range for {path}"));
            for bad in *bad {
                let text = replaced(&text, &path, "placeholder").replace("placeholder", bad);
                let message = assert_reported(&text, &path, &at(Marks::of(&text).get(&path).unwrap()));
                assert!(message.starts_with("must "), "{message}");
            }
        }
    }
}

#[test]
fn a_duplicate_key_is_reported_with_both_positions() {
    for text in texts() {
        for (path, first) in keys(&text) {
            let line_start = byte(&text, Position { column: 1, ..first });
            let start = byte(&text, first);
            let alone = text[line_start..start].chars().all(|c| c == ' ' || c == '-');
            let (between, second) = if alone {
                let position = Position { line: first.line + 1, ..first };
                (format!("\n{:1$}", "", first.column - 1), position)
            } else {
                (", ".to_string(), Position { column: first.column + key(&path).len() + 5, ..first })
            };
            let twice = format!("{}{}: 0{between}{}", &text[..start], key(&path), &text[start..]);
            let message = assert_reported(&twice, &path, &at(second));
            assert_eq!(message, format!("duplicate key, first at {}:{}: keep one", first.line, first.column));
        }
    }
}

#[test]
fn a_missing_key_is_reported_at_the_map_that_lacks_it() {
    for (path, map) in [
        ("name", ""),
        ("data", ""),
        ("network", ""),
        ("flow", ""),
        ("network.widths", "network"),
        ("flow.t_end", "flow"),
        ("flow.integrator.rk4.step", "flow.integrator.rk4"),
        ("data.synthetic.inputs", "data.synthetic"),
        ("data.synthetic.inputs.dim", "data.synthetic.inputs"),
        ("data.synthetic.inputs.samples", "data.synthetic.inputs"),
        ("data.synthetic.target.low_rank.rank", "data.synthetic.target.low_rank"),
        ("data.synthetic.target.low_rank.outputs", "data.synthetic.target.low_rank"),
        ("optimizers[0].gd.lr", "optimizers[0].gd"),
    ] {
        let mut tree: Value = serde_yaml::from_str(EVERYTHING).unwrap();
        let parent = if map.is_empty() { &mut tree } else { value_at(&mut tree, map) };
        parent.as_mapping_mut().unwrap().remove(key(path)).unwrap();
        let text = print::yaml(&tree);
        let position = Marks::of(&text).get(map).unwrap_or(Position { line: 1, column: 1 });
        assert_reported(&text, path, &at(position));
    }
}

#[test]
fn messages_say_what_would_be_right() {
    for (set, right) in [
        ("data.synthetic.inputs.dim=0", "data.synthetic.inputs.dim: must be between 1 and 65536, got 0"),
        ("flow.t_end=abc", "flow.t_end: must be a number, got text \"abc\""),
        ("flow.rtol=.nan", "flow.rtol: must be a finite number, got .nan"),
        ("flow=3", "flow: must be a map with the keys t_end, integrator, rtol, atol, preserve, certify, max_steps, got 3"),
        (
            "flow=[10]",
            "flow: must be a map with the keys t_end, integrator, rtol, atol, preserve, certify, max_steps, got a list",
        ),
        ("flow.rtoll=1", "flow.rtoll: unknown key, did you mean `rtol`? (keys here: t_end, integrator, rtol,"),
        ("init=guassian", "init: unknown word `guassian`, did you mean `gaussian`? (words here: pytorch, identity,"),
        ("init.pytorch=1", "init.pytorch: has no settings: write the word `pytorch` alone"),
        ("init=gaussian", "init.gaussian.std: missing: this key has no default"),
        ("init={}", "init: one key expected: pytorch, identity, gaussian, orthogonal, balanced, file"),
        ("network.bias=maybe", "network.bias: must be"),
        ("network.activations=[tanh]", "network.activations: must have one entry per layer, 2 (the output's included), got 1"),
        ("network.widths=[4]", "network.widths: must list d_in, …, d_out: at least 2 widths, got 1"),
        (
            "network.widths=[4, 60000, 60000, 2]",
            "network.widths: must make at most 500000000 parameters (4 GB), got 3600360000",
        ),
        ("network.widths[0]=5", "network.widths[0]: must be the inputs' dim, 4, got 5"),
        ("network.widths[2]=5", "network.widths[2]: must be the target's outputs, 2, got 5"),
        ("record.times=[1, 1]", "record.times[1]: must be greater than the time before it, 1.0, got 1.0"),
        ("name=No", "name: must consist of a-z, 0-9 and -, got \"No\""),
        ("description=\"a\\nb\"", "description: must be one line"),
        ("optimizers=[gd: {lr: 1}, gd: {lr: 2}]", "optimizers[1].gd.name: `gd` is taken by another optimizer"),
        ("optimizers=[gd: {lr: 1, name: flow}]", "optimizers[0].gd.name: `flow` is the gradient flow's own name"),
        (
            "optimizers=[adam: {lr: 1, betas: [0.9]}]",
            "optimizers[0].adam.betas: must be a list of length 2, got one of length 1",
        ),
        ("data.synthetic.inputs={dim: 4, samples: 4, whiten: true}", "data.synthetic.inputs.samples: must be more than dim 4"),
        ("data.synthetic.inputs={dim: 4, samples: 50, whiten: true, condition: 2}", "data.synthetic.inputs.whiten: whitened"),
        (
            "data.synthetic.target.low_rank.singular_values=[1, 2]",
            "data.synthetic.target.low_rank.singular_values: must have one",
        ),
        ("init.balanced.singular_values=[1, 2, 3]", "init.balanced.singular_values: must have 1 to 2 entries"),
        ("data.file.path=x", "data.file: one key expected here, and `synthetic` is it: keep one of them"),
        ("1=2", "1: unknown key (keys here: name,"),
    ] {
        let message = complaint(SMALL, &[set]);
        assert!(message.starts_with(&format!("--set {set}: {right}")), "{message}");
    }
}

#[test]
fn what_is_not_available_yet_is_named() {
    for (set, path) in [
        ("network.activations=relu", "network.activations"),
        ("network.bias=[false, true]", "network.bias"),
        ("data.synthetic.inputs.distribution=sphere", "data.synthetic.inputs.distribution"),
        ("data.synthetic.target.low_rank.link=relu", "data.synthetic.target.low_rank.link"),
        ("flow.integrator=tsit5", "flow.integrator"),
        ("flow.integrator=rkc", "flow.integrator"),
        ("flow.integrator=rock4", "flow.integrator"),
        ("flow.integrator.gauss.stages=2", "flow.integrator"),
        ("flow.preserve.balance=float64", "flow.preserve"),
        ("flow.certify=true", "flow.certify"),
        ("optimizers=[adamw: {lr: 1}]", "optimizers[0].adamw"),
        ("claims=[nfa]", "claims"),
        ("sweep={}", "sweep"),
    ] {
        let message = complaint(SMALL, &[set]);
        assert!(message.starts_with(&format!("--set {set}: {path}: not available yet: ")), "{message}");
    }
    // An unknown claim is an unknown word, available or not.
    assert!(complaint(SMALL, &["claims=[nfaa]"]).contains("claims[0]: unknown word `nfaa`, did you mean `nfa`?"));
}

#[test]
fn all_problems_are_reported_together() {
    let message = complaint(SMALL, &["flow.rtol=2", "weight_decay=-1", "flow.certify=true"]);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "--set weight_decay=-1: weight_decay: must be at least 0, got -1.0",
            "--set flow.rtol=2: flow.rtol: must be at least 1e-15 and less than 1, got 2.0",
            "--set flow.certify=true: flow.certify: not available yet: certified integration",
        ]
    );
}

#[test]
fn a_text_that_is_no_map_is_refused_at_its_beginning() {
    for text in ["", "# nothing\n", "- name: x\n", "word", "3"] {
        assert!(complaint(text, &["seed=1"]).starts_with("scenario.yaml:1:1: "), "{text}");
    }
    assert!(complaint("name: x\n\tseed: 1\n", &[]).starts_with("scenario.yaml:2:1: "));
    assert!(complaint("name: x\nseed: [1\n", &[]).starts_with("scenario.yaml:3:1: "));
    assert!(complaint(&format!("{SMALL}1: 2\n"), &[]).starts_with("scenario.yaml:5:1: 1: a key must be text"));
    assert!(complaint(&format!("{SMALL}[a]: 2\n"), &[]).contains("a key must be text, got a list"));
    assert!(complaint(&format!("{SMALL}<<: 2\n"), &[]).starts_with("scenario.yaml:5:1: <<: "));
    let two = complaint("init: {gaussian: {std: 1.0}, identity: }", &[]);
    assert!(two.starts_with("scenario.yaml:1:30: init.identity: one key expected here, and `gaussian` is it"), "{two}");
}

#[test]
fn aliases_and_merge_keys_work() {
    let text = format!("{SMALL}optimizers:\n  - gd: &one {{name: one, lr: 0.1}}\n  - gd: {{<<: *one, name: two}}\n");
    let scenario = reading(&text, &[]).unwrap();
    assert_eq!(scenario.optimizers[1].lr(), 0.1);
    assert_eq!(scenario.optimizers[1].name(), "two");
}

#[test]
fn a_word_stands_for_a_choice_with_every_setting_at_its_default() {
    for (word, choice) in [("init=balanced", "init={balanced: {scale: 1.0}}"), ("record=log", "record={log: {points: 200}}")] {
        assert_eq!(reading(SMALL, &[word]), reading(SMALL, &[choice]));
    }
}

#[test]
fn a_single_activation_leaves_the_output_linear() {
    let network =
        Network { widths: vec![4, 3, 3, 2], activations: OneOrEach::One(Activation::Tanh), bias: OneOrEach::One(true) };
    assert_eq!(network.layer_activations(), [Activation::Tanh, Activation::Tanh, Activation::Identity]);
    assert_eq!(network.layer_biases(), [true; 3]);
    assert_eq!(network.parameters(), 3 * 4 + 3 * 3 + 2 * 3 + 3 + 3 + 2);
}

#[test]
fn paths_are_absolute_and_the_hash_depends_on_contents_alone() {
    let folder = tempfile::tempdir().unwrap();
    let hash_with = |name: &str, content: &str| {
        std::fs::write(folder.path().join(name), content).unwrap();
        let set = format!("init.file.path={name}");
        let (scenario, _) = parse(SMALL, &folder.path().join("s.yaml"), &[set]).unwrap();
        assert_eq!(scenario.init, Init::File { path: folder.path().join(name) });
        scenario.hash().unwrap()
    };
    let hash = hash_with("a.npz", "weights");
    assert_eq!(hash.len(), 64);
    assert_eq!(hash, hash_with("b.npz", "weights"));
    assert_ne!(hash, hash_with("b.npz", "other weights"));
    let missing = reading(SMALL, &["init.file.path=/no/such/file.npz"]).unwrap();
    assert!(matches!(missing.hash(), Err(ScenarioError::Unreadable { .. })));
    assert!(complaint(SMALL, &["init.file.path="]).contains("init.file.path: must be text, got nothing"));
    assert!(complaint(SMALL, &["init.file.path=''"]).contains("init.file.path: must name a file"));
}

#[test]
fn defaults_spelt_out_do_not_change_the_hash() {
    let spelt = ["seed=0", "init=pytorch", "flow.rtol=1e-8", "record={log: {points: 200, first: 0.01}}", "optimizers=[]"];
    assert_eq!(reading(SMALL, &spelt).unwrap().hash().unwrap(), reading(SMALL, &[]).unwrap().hash().unwrap());
    assert_ne!(reading(SMALL, &["seed=1"]).unwrap().hash().unwrap(), reading(SMALL, &[]).unwrap().hash().unwrap());
}

#[test]
fn problems_found_later_are_located_too() {
    let sets = ["network.widths[0]=4".to_string()];
    let (_, source) = parse(SMALL, Path::new(FILE), &sets).unwrap();
    let late = |path| source.problem(path, "late").to_string();
    assert_eq!(late("network.widths[0]"), "--set network.widths[0]=4: network.widths[0]: late");
    assert_eq!(late("network.widths[1]"), "scenario.yaml:3:23: network.widths[1]: late");
    assert_eq!(late("flow.rtol"), "scenario.yaml:4:1: flow.rtol: late");
    assert_eq!(late("weight_decay"), "scenario.yaml:1:1: weight_decay: late");
    assert_eq!(late(""), "scenario.yaml:1:1: late");
}

fn positive() -> impl Strategy<Value = f64> {
    (-14.0..6.0).prop_map(|exponent| 10f64.powf(exponent))
}

fn any_init() -> impl Strategy<Value = Init> {
    prop_oneof![
        Just(Init::Pytorch),
        Just(Init::Identity),
        positive().prop_map(|std| Init::Gaussian { std }),
        positive().prop_map(|gain| Init::Orthogonal { gain }),
        (positive(), prop::option::of(prop::collection::vec(positive(), 1)), 0.0..1e3)
            .prop_map(|(scale, singular_values, imbalance)| Init::Balanced { scale, singular_values, imbalance }),
        "[ -~]{1,9}".prop_map(|name| Init::File { path: PathBuf::from("/folder é\u{2028}").join(name) }),
    ]
}

fn any_record(t_end: f64) -> impl Strategy<Value = Record> {
    prop_oneof![
        (2..500usize, 1e-9..0.999).prop_map(move |(points, part)| Record::Log { points, first: Some(part * t_end) }),
        (2..500usize).prop_map(|points| Record::Linear { points }),
        prop::collection::btree_set(0..=1000u32, 0..9)
            .prop_map(move |parts| Record::Times(parts.iter().map(|&part| f64::from(part) * (t_end / 1000.0)).collect()))
            .prop_filter(
                "rounding passed t_end",
                move |record| matches!(record, Record::Times(t) if t.iter().all(|&t| t <= t_end))
            ),
    ]
}

prop_compose! {
    fn any_flow()(t_end in positive(), rtol in 1e-15..1.0, atol in positive(), fixed in any::<bool>()) -> Flow {
        let integrator = if fixed { Integrator::Rk4 { step: t_end / 7.0 } } else { Integrator::Dop853 };
        Flow { t_end, integrator, rtol, atol, preserve: Preserve::None, certify: false, max_steps: 17 }
    }
}

prop_compose! {
    fn any_scenario()(flow in any_flow())(
        record in any_record(flow.t_end),
        flow in Just(flow),
        name in "[a-z0-9-]{1,9}",
        description in prop::option::of("[^\\pC\n]{0,20}"),
        seed in any::<u64>(),
        widths in prop::collection::vec(1..=9usize, 3..6),
        init in any_init(),
        weight_decay in positive(),
        rates in prop::collection::vec((positive(), prop::option::of(1..1000u64)), 0..3),
    ) -> Scenario {
        let low_rank = LowRank { rank: 1, outputs: widths[widths.len() - 1], link: Link::Identity, singular_values: None };
        let inputs = Inputs { dim: widths[0], samples: 50, distribution: Distribution::Gaussian, condition: 3.5, whiten: false };
        let optimizers = rates.into_iter().enumerate();
        Scenario {
            name,
            description,
            seed,
            data: Data::Synthetic(Synthetic { inputs, target: Target::LowRank(low_rank), noise: weight_decay }),
            network: Network { widths, activations: OneOrEach::default(), bias: OneOrEach::default() },
            init,
            weight_decay,
            flow,
            record,
            optimizers: optimizers.map(|(i, (lr, steps))| Optimizer::Gd(Gd { name: Some(format!("gd-{i}")), lr, steps })).collect(),
            claims: Vec::new(),
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(scenario in any_scenario()) {
        prop_assert_eq!(&reading(&scenario.to_yaml(), &[]).unwrap(), &scenario, "{}", scenario.to_yaml());
        prop_assert_eq!(&reading(&scenario.to_json(), &[]).unwrap(), &scenario, "{}", scenario.to_json());
    }

    /// PyYAML's resolver for floats, YAML 1.1: a number with an exponent has a dot and a signed exponent.
    #[test]
    fn printed_floats_are_floats_to_yaml_1_1(exponent in -300.0..300.0) {
        let value = 10f64.powf(exponent);
        let text = print::yaml(&Value::from(value));
        let (mantissa, power) = text.trim().split_once('e').unwrap_or((text.trim(), "+0"));
        prop_assert!(mantissa.contains('.') && power.starts_with(['+', '-']), "{}", text);
        prop_assert_eq!(text.trim().parse::<f64>().unwrap(), value);
    }

    #[test]
    fn record_times_increase_from_zero_to_t_end(flow in any_flow(), points in 2..500usize, part in 1e-12..0.999_999) {
        let first = part * flow.t_end;
        for record in [Record::Log { points, first: Some(first) }, Record::Linear { points }, Record::Times(vec![first])] {
            let times = record.times(flow.t_end);
            prop_assert_eq!(times[0], 0.0);
            prop_assert_eq!(times[times.len() - 1], flow.t_end);
            prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
            match record {
                Record::Log { .. } => {
                    prop_assert_eq!(times[1], first);
                    prop_assert_eq!(times.len(), points + 1);
                    let ratio = (flow.t_end / first).powf(1.0 / (points - 1) as f64);
                    prop_assert!(times[1..].windows(2).all(|pair| (pair[1] / pair[0] / ratio - 1.0).abs() < 1e-9));
                }
                Record::Linear { .. } => {
                    prop_assert_eq!(times.len(), points);
                    let step = flow.t_end / (points - 1) as f64;
                    prop_assert!(times.windows(2).all(|pair| ((pair[1] - pair[0]) / step - 1.0).abs() < 1e-9));
                }
                Record::Times(_) => prop_assert_eq!(times, vec![0.0, first, flow.t_end]),
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4usize, "[\\[\\]{}:,&*!|>'\"#%@`<\\- \t\né0-9a\u{feff}?]{0,3}"), 0..8),
        set in "[a-z.\\[\\]0-9={}: ]{0,12}",
    ) {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        for (place, removed, inserted) in edits {
            let start = place.index(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = parse(&text, Path::new(FILE), &[set]) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
