//! Finished runs that go on over a longer horizon.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{gramflow, succeed};

/// A method that does not depend on the horizon, recorded at times that do not either.
const SCENARIO: &str = "name: tiny
data: {synthetic: {inputs: {dim: 3, samples: 20}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 4, 2]}
weight_decay: 0.01
flow: {t_end: 10, integrator: tsit5}
record: {times: [0.1, 1, 3, 5.5], weights: true}
optimizers: [{gd: {lr: 0.01}}]
observe: [loss, balance]
style: {format: [svg]}
";

fn run(at: &Path, out: &str, t_end: &str, more: &[&str]) {
    fs::write(at.join("tiny.yaml"), SCENARIO).unwrap();
    let set = format!("flow.t_end={t_end}");
    succeed(at, &[&["run", "tiny.yaml", "--out", out, "--set", &set], more].concat());
}

fn extend(at: &Path, run: &str, t_end: &str) -> String {
    succeed(at, &["run", "--resume", run, "--set", &format!("flow.t_end={t_end}")])
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

fn assert_same(files: &[&str], here: &Path, there: &Path) {
    for name in files {
        assert!(fs::read(here.join(name)).unwrap() == fs::read(there.join(name)).unwrap(), "{name} differs");
    }
}

const FILES: [&str; 5] = ["scenario.json", "records.parquet", "arrays.npz", "weights.npz", "trajectory.npz"];

#[test]
fn an_extended_run_has_the_bytes_of_one_that_had_the_longer_horizon_from_the_start() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    run(at, "run", "5.5", &["--checkpoint", "1h"]);
    run(at, "undisturbed", "10", &[]);
    extend(at, "run", "10");
    assert_same(&FILES, &at.join("run"), &at.join("undisturbed"));
    let (extended, whole) = (manifest(&at.join("run")), manifest(&at.join("undisturbed")));
    assert_eq!(extended["extended_from"], serde_json::json!([5.5]));
    assert_eq!(whole.get("extended_from"), None);
    for key in ["steps_accepted", "steps_rejected", "gradients", "termination", "t_reached"] {
        assert_eq!(extended["processes"]["flow"][key], whole["processes"]["flow"][key], "{key}");
        assert_eq!(extended["processes"]["gd"][key], whole["processes"]["gd"][key], "{key}");
    }
    assert_eq!((&extended["scenario_hash"], &extended["warnings"]), (&whole["scenario_hash"], &whole["warnings"]));
    assert!(!at.join("run.checkpoint").exists());
}

/// Grids follow the horizon: the records so far stay, and after them come those of the longer grid. What was run is in the scenario.
#[test]
fn the_grid_of_the_longer_horizon_goes_on_after_the_records_so_far() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let grid = ["--checkpoint", "1h", "--set", "record={linear: {points: 5}}", "--set", "flow.integrator=dp8"];
    run(at, "run", "40", &grid);
    let times = |of: &str| gramflow::folder::read(&at.join("run")).unwrap().table.floats(of, "t").to_vec();
    assert_eq!(times("flow"), [0.0, 10.0, 20.0, 30.0, 40.0]);
    extend(at, "run", "60");
    extend(at, "run", "120");
    assert_eq!(times("flow"), [0.0, 10.0, 20.0, 30.0, 40.0, 45.0, 60.0, 90.0, 120.0]);
    assert_eq!(times("gd").len(), 9);
    assert_eq!(manifest(&at.join("run"))["extended_from"], serde_json::json!([40.0, 60.0]));
    // The folder says what was run, and running that gives the same bits.
    succeed(at, &["verify", "run"]);
}

#[test]
fn an_extension_that_is_killed_goes_on_by_the_same_command() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let more = ["--set", "optimizers.0.gd.lr=0.002"];
    run(at, "run", "5.5", &[&["--checkpoint", "0s"], &more[..]].concat());
    run(at, "undisturbed", "25", &more);
    let words = ["run", "--resume", "run", "--set", "flow.t_end=25", "--quiet"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
        .current_dir(at)
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !at.join("run.checkpoint").exists() {
        assert!(child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(120), "no checkpoint comes");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The finished run stands, and another horizon has to wait.
    assert_eq!(manifest(&at.join("run"))["processes"]["flow"]["t_reached"], 5.5);
    let output = gramflow(at, &["run", "--resume", "run", "--set", "flow.t_end=200"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains("first go on with it, by gramflow run --resume run"), "{errors}");
    succeed(at, &words);
    assert_same(&FILES, &at.join("run"), &at.join("undisturbed"));
    assert_eq!(manifest(&at.join("run"))["extended_from"], serde_json::json!([5.5]));
    assert!(!at.join("run.checkpoint").exists());
}

/// It stays where it is, and the optimizer goes on beside it.
#[test]
fn a_flow_that_has_converged_stays_and_the_others_go_on() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    run(at, "run", "20000", &["--set", "record={log: {points: 5}}", "--set", "optimizers.0.gd.lr=1", "--checkpoint", "1h"]);
    let process = |name: &str| manifest(&at.join("run"))["processes"][name].clone();
    let (flow, gd) = (process("flow"), process("gd"));
    assert_eq!((&flow["termination"], &gd["t_reached"]), (&"converged".into(), &20000.0.into()));
    extend(at, "run", "30000");
    assert_eq!((&process("flow")["termination"], &process("gd")["t_reached"]), (&"converged".into(), &30000.0.into()));
    for key in ["t_reached", "steps_accepted", "gradients"] {
        assert_eq!(process("flow")[key], flow[key], "{key}");
    }
    assert_eq!(gramflow::folder::read(&at.join("run")).unwrap().table.floats("gd", "t").last(), Some(&30000.0));
}

#[test]
fn what_cannot_be_extended_is_refused_by_name() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let refused = |run: &str, sets: &[&str]| {
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        let output = gramflow(at, &[&["run", "--resume", run], &sets[..]].concat());
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    run(at, "plain", "5.5", &[]);
    let errors = refused("plain", &["flow.t_end=100"]);
    assert!(errors.contains("horizon.checkpoint does not exist: only a run with --checkpoint keeps the state"), "{errors}");
    assert!(errors.contains("run plain/scenario.json with --set flow.t_end=… from the start"), "{errors}");
    run(at, "run", "5.5", &["--checkpoint", "1h"]);
    let errors = refused("run", &["flow.t_end=100", "seed=1"]);
    assert!(errors.contains("only flow.t_end may be set, not `seed`"), "{errors}");
    let errors = refused("run", &["flow.t_end=5.5"]);
    assert!(errors.contains("flow.t_end must be greater than 5.5, where the run in run ends, got 5.5"), "{errors}");
    let errors = refused("run", &[]);
    assert!(
        errors.contains("the run in run has ended: to go on beyond its end, give a later one by --set flow.t_end=…"),
        "{errors}"
    );
    fs::write(at.join("run/horizon.checkpoint"), "my notes").unwrap();
    assert!(refused("run", &["flow.t_end=100"]).contains("is not a checkpoint of gramflow"));
}

/// A network of which samples lie on kinks from t ≈ 10 on, along which the flow slides.
const SLIDING: &str = "name: sliding
seed: 1
data: {synthetic: {inputs: {dim: 4, samples: 30}, target: {low_rank: {rank: 2, outputs: 3, link: tanh}}, noise: 0.1}}
network: {widths: [4, 6, 5, 3], activations: [relu, leaky_relu, identity], bias: true}
weight_decay: 0.01
flow: {t_end: 72}
record: {linear: {points: 12}}
observe: [loss]
style: {format: [svg]}
";

/// What a flow knows of the kinks along which it slides does not depend on when it is looked at: neither on the records nor on the end of an
/// earlier horizon.
#[test]
fn a_flow_that_slides_is_the_same_on_every_grid_and_goes_on_to_the_bit() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("sliding.yaml"), SLIDING).unwrap();
    for integrator in ["dp8", "rock4"] {
        let integrator = format!("flow.integrator={integrator}");
        for points in ["2", "60"] {
            let points_set = format!("record.linear.points={points}");
            succeed(at, &["run", "sliding.yaml", "--out", points, "--set", &integrator, "--set", &points_set]);
        }
        assert_same(&["weights.npz"], &at.join("2"), &at.join("60"));
        for key in ["steps_accepted", "steps_rejected"] {
            let [few, many] = ["2", "60"].map(|points| manifest(&at.join(points))["processes"]["flow"][key].clone());
            assert_eq!(few, many, "{integrator}: {key}");
        }
    }
    let warnings = manifest(&at.join("60"))["warnings"].to_string();
    assert!(warnings.contains("the flow slides there"), "{warnings}");

    succeed(at, &["run", "sliding.yaml", "--out", "run", "--checkpoint", "1h", "--set", "flow.t_end=33"]);
    extend(at, "run", "72");
    let told = succeed(at, &["verify", "run"]);
    assert!(told.contains("weights.npz: all 6 arrays are the same"), "{told}");
}
