//! docs/scenario.md lists every key of the format, and no other, each with its default.

use std::collections::BTreeSet;
use std::fs;

use serde_yaml::Value;

use crate::harness::{gramflow, succeed};
use crate::pages::{my_study, page, root, with};

/// Its rows: the path of a key, and its default.
fn rows() -> Vec<(String, String)> {
    let page = page("docs/scenario.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let key = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        Some((key.to_string(), cells[3].to_string()))
    };
    page.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// A scenario's `a.b[].c` alone, in the flow style of YAML: `a: {b: [{c: null}]}`.
fn alone(path: &str) -> String {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let (key, list) = first.strip_suffix("[]").map_or((first, false), |key| (key, true));
    let value = if rest.is_empty() { "null".to_string() } else { format!("{{{}}}", alone(rest)) };
    if list { format!("{key}: [{value}]") } else { format!("{key}: {value}") }
}

/// What `gramflow check` says of the tutorial's scenario with this key alone in its section.
fn complaint(path: &str) -> String {
    let at = tempfile::tempdir().unwrap();
    let sweep = if path.starts_with("pictures") { "sweep: {seeds: 2}\n" } else { "" };
    fs::write(at.path().join("s.yaml"), with(&my_study(), &format!("{sweep}{}\n", alone(path)))).unwrap();
    String::from_utf8(gramflow(at.path(), &["check", "s.yaml"]).stderr).unwrap()
}

#[test]
fn every_key_of_the_page_exists() {
    for wrong in ["flow.nonsense", "data.nonsense", "optimizers[].gd.nonsense", "pictures[].nonsense"] {
        assert!(complaint(wrong).contains("unknown"), "{wrong}: {}", complaint(wrong));
    }
    let rows = rows();
    assert!(rows.len() > 100, "{}", rows.len());
    let keys: BTreeSet<&String> = rows.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), rows.len(), "a key is listed twice");
    for (key, _) in &rows {
        let complaint = complaint(key);
        assert!(!complaint.contains("unknown"), "{key}: {complaint}");
    }
}

/// The keys that the program knows by their places, each on the page.
#[test]
fn every_key_that_exists_is_on_the_page() {
    let source = fs::read_to_string(root().join("src/scenario/places.rs")).unwrap();
    let keys = source.split("const KEYS").nth(1).unwrap().split("];").next().unwrap();
    let page = page("docs/scenario.md");
    let mut found = 0;
    for key in keys.split('"').skip(1).step_by(2) {
        found += 1;
        assert!(page.contains(&format!("`{key}")) || page.contains(&format!("`{}`", key.rsplit('.').next().unwrap())), "{key}");
    }
    assert!(found > 80, "{found}");
}

/// The value at `path`, where any item of a list may hold it.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let below = |value: &'v Value| if rest.is_empty() { Some(value) } else { at(value, rest) };
    match first.strip_suffix("[]") {
        Some(key) => value.get(key)?.as_sequence()?.iter().find_map(below),
        None => below(value.get(first)?),
    }
}

/// Defaults, as `gramflow explain` fills them in.
#[test]
fn every_default_of_the_page_is_that_of_the_program() {
    const SMALL: &str = "\
name: small
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 1, outputs: 1}}}}
network: {widths: [4, 1, 1]}
flow: {t_end: 10}
";
    const CHOICES: [&str; 10] = [
        "init={balanced: {}}",
        "init={orthogonal: {}}",
        "init={lambda_balanced: {lambda: 1}}",
        "data.synthetic.inputs.distribution={student_t: {}}",
        "data.synthetic.inputs.distribution={mixture: {}}",
        "data.synthetic.target={multi_index: {rank: 1}}",
        "record=linear",
        "optimizers=[{gd: {lr: 0.1, steps: 9, schedule: {step: {step_size: 3}}}}, {sgd: {lr: 0.1}}, {adam: {lr: 0.1}}, {adamw: {lr: 0.1}}, \
         {rmsprop: {lr: 0.1}}, {muon: {lr: 0.1}}]",
        "optimizers=[{gd: {lr: 0.1, steps: 9, schedule: {cosine: {t_max: 3}}}}]",
        "optimizers=[{gd: {lr: 0.1, steps: 9, schedule: {warmup: {}}}}]",
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.yaml"), SMALL).unwrap();
    let explain = |sets: &[&str]| -> Value {
        let printed = succeed(folder.path(), &[&["explain", "small.yaml"], sets].concat());
        serde_yaml::from_str(&printed).unwrap()
    };
    let plain = explain(&[]);
    let chosen: Vec<Value> = CHOICES.iter().map(|choice| explain(&["--set", choice])).collect();
    let mut compared = 0;
    for (key, default) in rows() {
        let Some(default) = default.strip_prefix('`').and_then(|default| default.strip_suffix('`')) else { continue };
        // Left out where they are the default, and those of pictures, which explain does not print.
        if key.starts_with("pictures") || key == "record.weights" {
            continue;
        }
        let constant = key == "optimizers[].gd.schedule";
        let bare = explain(&["--set", "optimizers=[{gd: {lr: 0.1}}]"]);
        let filled =
            if constant { at(&bare, &key) } else { at(&plain, &key).or_else(|| chosen.iter().find_map(|all| at(all, &key))) };
        let filled = filled.unwrap_or_else(|| panic!("{key} is in no explanation"));
        assert_eq!(filled, &serde_yaml::from_str::<Value>(default).unwrap(), "{key}");
        compared += 1;
    }
    assert!(compared > 35, "{compared}");
}
