//! Warnings are kept where the results are: in manifests, in `--json`, in reports; also when nobody is to be disturbed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{bundled, gramflow, succeed};

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

fn manifest(folder: &Path) -> Value {
    json(&fs::read_to_string(folder.join("manifest.json")).unwrap())
}

/// The lines that begin with `warning: `, without that.
fn printed(errors: &[u8]) -> Vec<String> {
    let errors = String::from_utf8_lossy(errors);
    errors.lines().filter_map(|line| Some(line.strip_prefix("warning: ")?.to_string())).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect()
}

#[test]
fn every_warning_of_a_run_is_in_its_manifest_its_json_and_its_report() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let scenario = bundled("quickstart");
    // At this tolerance the balance law breaks visibly.
    let words = ["run", scenario.to_str().unwrap(), "--set", "flow.rtol=1e-1", "--out", "run"];
    let output = gramflow(at, &words);
    let warnings = printed(&output.stderr);
    assert!(warnings.iter().any(|warning| warning.contains("the balance law is violated by")), "{warnings:?}");
    assert_eq!(texts(&manifest(&at.join("run"))["warnings"]), warnings);

    succeed(at, &["report", "run"]);
    let page = fs::read_to_string(at.join("run/report.html")).unwrap();
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    assert!(place("the balance law is violated by") < place("<h2>Processes</h2>"), "on top");

    // Quiet: nothing is printed, everything is kept, and the summary says how much that is.
    let quiet = gramflow(at, &[&words[..], &["--quiet"]].concat());
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
    assert_eq!(texts(&manifest(&at.join("run"))["warnings"]), warnings);
    let summary = String::from_utf8_lossy(&quiet.stdout).to_string();
    assert!(summary.contains("warning") && summary.contains("in manifest.json"), "{summary}");
    let quiet = gramflow(at, &[&words[..], &["--quiet", "--json"]].concat());
    assert_eq!(texts(&json(&String::from_utf8_lossy(&quiet.stdout))["warnings"]), warnings);

    // A run without warnings has the key all the same.
    succeed(at, &["run", scenario.to_str().unwrap(), "--set", "flow.t_end=1", "--out", "calm"]);
    assert_eq!(manifest(&at.join("calm"))["warnings"], json("[]"));
}

#[test]
fn the_time_spent_observing_stands_beside_that_of_each_process() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("quickstart");
    let words =
        ["run", scenario.to_str().unwrap(), "--set", "flow.t_end=5", "--set", "optimizers=[{gd: {lr: 0.01}}]", "--out", "run"];
    let summary = succeed(at.path(), &words);
    assert!(summary.contains("seconds  observing"), "{summary}");
    let processes = &manifest(&at.path().join("run"))["processes"];
    for process in ["flow", "gd"] {
        assert!(processes[process]["observation_seconds"].as_f64().unwrap() > 0.0, "{process}");
    }
}

/// gd is unstable at the larger of two rates: one unit of two warns.
const SWEEP: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
flow: {t_end: 40.0}
record: {linear: {points: 10}}
optimizers: [{gd: {lr: 0.05}}]
sweep:
  grid: {optimizers.0.gd.lr: [0.05, 20.0]}
  seeds: 2
pictures:
  - {title: the loss, panels: [{show: {over_time: {y: loss}}, lines: lr}]}
";

#[test]
fn the_warnings_of_units_are_counted_and_named() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("tiny.yaml"), SWEEP).unwrap();
    let output = gramflow(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    let warnings = printed(&output.stderr);
    assert!(!warnings.is_empty() && warnings.iter().all(|warning| warning.contains("lr = 20.0")), "{warnings:?}");

    let status = json(&succeed(at, &["sweep", "status", "out", "--json"]));
    let warned = status["warnings"].as_array().unwrap();
    assert_eq!(warned.len(), 2);
    assert!(
        warned.iter().all(|unit| unit["values"].as_object().unwrap().values().any(|value| *value == 20.0)
            && !texts(&unit["warnings"]).is_empty())
    );
    let status = succeed(at, &["sweep", "status", "out"]);
    assert!(status.contains("4 done (2 with warnings)") && status.contains("warning: 2 units, first "), "{status}");

    succeed(at, &["sweep", "merge", "out"]);
    let merged = json(&fs::read_to_string(at.join("out/sweep.json")).unwrap());
    assert_eq!(merged["warnings"].as_object().unwrap().len(), 2);
    for unit in warned {
        assert_eq!(merged["warnings"][unit["unit"].as_str().unwrap()], unit["warnings"]);
    }
    succeed(at, &["report", "out"]);
    let page = fs::read_to_string(at.join("out/report.html")).unwrap();
    assert!(page.contains("<h2>Warnings</h2>") && page.contains("2 units, first "));

    // A figure made of them says the same.
    fs::create_dir(at.join("paper")).unwrap();
    fs::write(at.join("paper/tiny.yaml"), SWEEP).unwrap();
    let output = gramflow(at, &["figures", "--scenarios", "paper", "--json", "--quiet"]);
    let figure = &json(&String::from_utf8_lossy(&output.stdout))["figures"][0];
    let units: Vec<u64> =
        figure["warnings"].as_array().unwrap().iter().map(|warned| warned["units"].as_u64().unwrap()).collect();
    assert!(units.contains(&2), "{units:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn studies_keep_their_warnings_too() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let scenario = bundled("quickstart");
    // Enough steps for dop853 as a reference, not for rock4.
    let words = ["study", "integrators", scenario.to_str().unwrap(), "--set", "flow.t_end=5", "--set", "flow.max_steps=1000"];
    let output = gramflow(at, &[&words[..], &["--methods", "tsit5", "--rtol", "1e-4", "--out", "out"]].concat());
    let warnings = printed(&output.stderr);
    assert!(!warnings.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(texts(&manifest(&at.join("out"))["warnings"]), warnings);

    fs::write(at.join("tiny.yaml"), SWEEP.split("sweep:").next().unwrap()).unwrap();
    let words = ["study", "lr", "tiny.yaml", "--lr", "0.01,0.02,0.04,20", "--out", "lr"];
    let warnings = printed(&gramflow(at, &words).stderr);
    assert!(!warnings.is_empty());
    assert_eq!(texts(&manifest(&at.join("lr"))["warnings"]), warnings);
    let quiet = gramflow(at, &[&words[..], &["--quiet", "--json"]].concat());
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
    assert_eq!(texts(&json(&String::from_utf8_lossy(&quiet.stdout))["warnings"]), warnings);
}
