//! Layers with rates and decays of their own, through the command.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{gramflow, succeed};
use gramflow::folder;
use gramflow::record::Run;

const SCENARIO: &str = "
name: rates
seed: 3
data: {synthetic: {inputs: {dim: 6, samples: 60}, target: {low_rank: {rank: 2, outputs: 4}}}}
network: {widths: [6, 5, 5, 4]}
init: {balanced: {imbalance: 0.3}}
layer_rates: [1, 2, 0.5]
weight_decay: [0.02, 0.01, 0.04]
flow: {t_end: 60}
record: {linear: {points: 31}}
measure: [sharpness]
claims: [balance-law, decay-rate]
";

/// Runs it with changes; its records and its manifest.
fn run(at: &Path, sets: &[&str]) -> (Run, Value) {
    fs::write(at.join("rates.yaml"), SCENARIO).unwrap();
    let mut arguments = vec!["run", "rates.yaml", "--out", "run", "--strict"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    let manifest = fs::read_to_string(at.join("run/manifest.json")).unwrap();
    (folder::read(&at.join("run")).unwrap(), serde_json::from_str(&manifest).unwrap())
}

fn column(run: &Run, name: &str) -> Vec<f64> {
    run.table.floats("flow", name)
}

#[test]
fn the_weighted_imbalance_obeys_its_law_and_the_claims_hold() {
    let at = tempfile::tempdir().unwrap();
    let (run, manifest) = run(at.path(), &[]);
    for claim in ["balance-law", "decay-rate"] {
        assert_eq!(manifest["verdicts"][claim]["verdict"], "holds", "{manifest:#}");
    }
    assert_eq!(manifest["warnings"], Value::Array(Vec::new()));
    let gap = column(&run, "balance_gap");
    assert!((gap[0] - 0.3).abs() < 1e-13, "the imbalance is that of the rates: {}", gap[0]);
    assert!(column(&run, "balance_law_residual_relative").iter().all(|off| *off < 1e-6));
    // dJ/dt = −grad_norm².
    let (t, objective, speed) = (column(&run, "t"), column(&run, "objective"), column(&run, "grad_norm"));
    let last = t.len() - 1;
    let slope = (objective[last] - objective[last - 2]) / (t[last] - t[last - 2]);
    assert!((slope / -speed[last - 1].powi(2) - 1.0).abs() < 0.1, "{slope:e} {:e}", speed[last - 1]);
    assert!(column(&run, "sharpness").iter().all(|sharpness| *sharpness > 0.0));
}

#[test]
fn from_a_start_that_is_balanced_for_the_rates_the_ansatz_is_exact_in_every_layer() {
    let at = tempfile::tempdir().unwrap();
    let (run, manifest) = run(at.path(), &["init={balanced: {scale: 0.5}}", "claims=[nfa-exact, nfa, balance-law]"]);
    assert_eq!(manifest["verdicts"]["nfa-exact"]["verdict"], "holds", "{manifest:#}");
    for name in ["nfa_residual_relative", "nfa_residual_relative_W2", "nfa_residual_relative_W3"] {
        assert!(column(&run, name).iter().all(|off| *off < 1e-6), "{name}");
    }
}

/// Decays that are not in proportion: nothing is compared with a law that does not hold, and a warning says so.
#[test]
fn without_a_law_nothing_is_measured_against_it() {
    let at = tempfile::tempdir().unwrap();
    let (run, manifest) = run(at.path(), &["weight_decay=0.02", "claims=[]"]);
    for name in ["balance_law_residual", "balance_law_residual_relative", "balance_gap_over_envelope"] {
        assert!(column(&run, name).iter().all(|value| value.is_nan()), "{name}");
    }
    assert!(column(&run, "balance_gap").iter().all(|gap| *gap > 0.0));
    assert!(manifest["warnings"].to_string().contains("κ_lλ_l is not the same for all layers"), "{}", manifest["warnings"]);
    assert!(!manifest["warnings"].to_string().contains("not to be trusted"));
}

/// Optimizers step layer l at the rate κ_l·η under λ_l: they tend to the flow of the rates with η, gradient descent at order 1.
#[test]
fn optimizers_step_layers_at_their_rates() {
    let at = tempfile::tempdir().unwrap();
    let optimizers =
        "optimizers=[{gd: {name: a, lr: 0.02}}, {gd: {name: b, lr: 0.01}}, {sgd: {name: c, lr: 0.001, momentum: 0.9}}]";
    let (run, manifest) = run(at.path(), &[optimizers, "flow.t_end=5", "claims=[]", "measure=[]"]);
    let off = |process: &str| run.table.floats(process, "distance_to_flow_relative")[15];
    let order = (off("a") / off("b")).log2();
    assert!((order - 1.0).abs() < 0.05, "order {order}");
    assert!(off("c") < 0.02, "{}", off("c"));
    assert!(!manifest["warnings"].to_string().contains("layer"), "{}", manifest["warnings"]);
}

#[test]
fn a_frozen_layer_keeps_its_weights() {
    let at = tempfile::tempdir().unwrap();
    let (run, _) = run(
        at.path(),
        &[
            "layer_rates=[1, 0, 2]",
            "weight_decay=[0.02, 0.3, 0.01]",
            "claims=[]",
            "record={times: [0, 60]}",
            "optimizers=[{adam: {lr: 0.1}}]",
        ],
    );
    for process in ["flow", "adam"] {
        let [first, second] = ["sv_W1", "sv_W2"].map(|name| &run.arrays[&format!("{process}/{name}")]);
        assert_eq!(second.row(0), second.row(second.rows() - 1), "{process}");
        assert_ne!(first.row(0), first.row(first.rows() - 1), "{process}");
    }
    assert!(
        column(&run, "balance_gap").iter().all(|gap| gap.is_nan()) && column(&run, "nfa_residual").iter().all(|r| r.is_nan())
    );
}

#[test]
fn lists_of_the_wrong_length_and_measures_of_one_rate_are_refused_where_they_stand() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("rates.yaml"), SCENARIO).unwrap();
    for (set, right) in [
        ("layer_rates=[1, 2]", "layer_rates: must have one entry per layer, 3, got 2"),
        ("weight_decay=[0, 1]", "weight_decay: must be a number or a list of one per layer, 3, got 2"),
        ("measure=[modified_flow]", "measure[0]: modified_flow assumes one rate and one weight decay"),
        ("measure=[central_flow]", "measure[0]: central_flow assumes one rate and one weight decay"),
        ("measure=[{sde: {paths: 4}}]", "measure[0]: sde assumes one rate and one weight decay"),
        ("measure=[ledger]", "measure[0]: ledger assumes one rate and one weight decay"),
    ] {
        let output = gramflow(at.path(), &["check", "rates.yaml", "--set", set]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(right), "{errors}");
    }
}

/// The resolved scenario reads back; a single number stays one.
#[test]
fn the_keys_are_printed_as_they_are_meant() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("rates.yaml"), SCENARIO).unwrap();
    let text = succeed(at.path(), &["explain", "rates.yaml"]);
    assert!(text.contains("layer_rates: [1.0, 2.0, 0.5]") && text.contains("weight_decay: [0.02, 0.01, 0.04]"), "{text}");
    fs::write(at.path().join("plain.yaml"), SCENARIO.replace("layer_rates: [1, 2, 0.5]\n", "")).unwrap();
    let text = succeed(at.path(), &["explain", "plain.yaml", "--set", "weight_decay=0.02"]);
    assert!(!text.contains("layer_rates") && text.contains("weight_decay: 0.02"), "{text}");
}
