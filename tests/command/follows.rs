//! Which continuous model an optimizer follows, and until when, as a user asks for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gramflow::folder;
use gramflow::record::{Outcome, Run, Verdict};
use serde_json::Value;

use crate::harness::{gramflow, succeed};
use Outcome::{Fails, GridLimited, Holds, IntegratorLimited};

/// An unbalanced start without decay, whose sharpness grows beyond 4: above a rate of about 0.5 gradient descent comes to the edge.
const SCENARIO: &str = "\
name: edge
data: {synthetic: {inputs: {dim: 4, samples: 64, whiten: true}, target: {low_rank: {rank: 4, outputs: 4, singular_values: [1, 1, 1, 1]}}}}
network: {widths: [4, 4, 4, 4]}
init: {balanced: {scale: 0.3, imbalance: 1.0}}
flow: {t_end: 100, rtol: 1.0e-8, atol: 1.0e-11}
record: {log: {points: 60, first: 0.5}}
optimizers: [{gd: {lr: 0.05}}]
";

fn run(at: &Path, more: &[&str]) -> (Run, Value) {
    fs::write(at.join("edge.yaml"), SCENARIO).unwrap();
    let mut arguments = vec!["run", "edge.yaml", "--out", "out"];
    arguments.extend(more.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    let manifest = fs::read_to_string(at.join("out/manifest.json")).unwrap();
    (folder::read(&at.join("out")).unwrap(), serde_json::from_str(&manifest).unwrap())
}

fn verdicts(manifest: &Value) -> BTreeMap<String, Verdict> {
    serde_json::from_value(manifest["verdicts"].clone()).unwrap()
}

const ALL: &str = "claims=[follows-flow, follows-modified-flow, follows-third-order-flow, follows-central-flow]";
const MEASURE: &str = "measure=[modified_flow, central_flow]";

/// Far below the edge every model describes gradient descent, each better than the one before. Past the edge none does over the whole run,
/// which begins with a few large steps, but the central flow ends nearest.
#[test]
fn below_the_edge_each_model_is_better_than_the_one_before_and_past_it_none_is() {
    let at = tempfile::tempdir().unwrap();
    let small = verdicts(&run(at.path(), &[MEASURE, ALL, "optimizers.0.gd.lr=0.02"]).1);
    assert_eq!(small.len(), 4);
    for verdict in small.values() {
        assert!(verdict.verdict == Holds && verdict.error < 0.1 * verdict.value, "{verdict:#?}");
    }
    let off = |claim: &str| small[&format!("{claim}/gd")].value;
    assert!(off("follows-modified-flow") < 0.1 * off("follows-flow"), "{small:#?}");
    assert!(off("follows-third-order-flow") < 0.1 * off("follows-modified-flow"), "{small:#?}");

    let (records, manifest) = run(at.path(), &[MEASURE, ALL, "optimizers.0.gd.lr=0.6"]);
    let edge = verdicts(&manifest);
    for claim in ["follows-flow", "follows-modified-flow", "follows-third-order-flow"] {
        let verdict = &edge[&format!("{claim}/gd")];
        assert!(verdict.verdict == Fails && verdict.details["first step beyond"] > 0.0, "{verdict:#?}");
    }
    let end = |model: &str| *records.table.floats("gd", &format!("distance_to_{model}")).last().unwrap();
    for model in ["flow", "modified_flow", "third_order_flow"] {
        assert!(end("central_flow") < 0.6 * end(model), "{model}: {} {}", end("central_flow"), end(model));
    }
}

/// The error is that of the model: a coarse integration cannot tell whether gradient descent follows, which it just does.
#[test]
fn a_coarse_integration_cannot_tell() {
    let at = tempfile::tempdir().unwrap();
    let judged = |integrator: &str| {
        let sets = ["claims=[follows-flow]", "optimizers.0.gd.lr=0.145", "record.log.points=400", integrator];
        verdicts(&run(at.path(), &sets).1).remove("follows-flow/gd").unwrap()
    };
    let fine = judged("flow.integrator=auto");
    assert!(fine.verdict == Holds && fine.value > 0.045, "{fine:#?}");
    let coarse = judged("flow.integrator={rk4: {step: 0.5}}");
    assert!(coarse.verdict == IntegratorLimited && coarse.statement.ends_with("lower the step of rk4"), "{coarse:#?}");
}

/// With momentum the times of steps round beyond the horizon; the error is known there, too.
#[test]
fn errors_are_known_up_to_the_last_step() {
    let at = tempfile::tempdir().unwrap();
    let sets = ["flow.t_end=10", "claims=[follows-flow]", "optimizers=[{sgd: {lr: 0.01, momentum: 0.9}}]"];
    let (records, _) = run(at.path(), &sets);
    let errors = records.table.floats("sgd", "flow_error");
    assert!(errors.len() > 20 && errors.iter().all(|error| error.is_finite()), "{errors:?}");
}

/// The finer models are beside the run: every other column keeps its bits, and what they cost is counted apart.
#[test]
fn claims_about_optimizers_change_no_record() {
    let at = tempfile::tempdir().unwrap();
    let (plain, before) = run(at.path(), &[MEASURE]);
    let (claimed, after) = run(at.path(), &[MEASURE, ALL]);
    let names: Vec<&str> = plain.table.columns.iter().map(|column| column.name.as_str()).collect();
    for name in names {
        assert_eq!(format!("{:?}", plain.table.column(name)), format!("{:?}", claimed.table.column(name)), "{name}");
    }
    let errors = ["flow_error", "modified_flow_error", "third_order_flow_error", "central_flow_error"];
    for name in errors {
        assert!(plain.table.column(name).is_none());
        assert!(claimed.table.floats("gd", name).iter().all(|error| error.is_finite()), "{name}");
        assert!(claimed.table.floats("flow", name).iter().all(|error| error.is_nan()), "{name}");
    }
    let gd = |manifest: &Value, key: &str| manifest["processes"]["gd"][key].as_u64().unwrap();
    assert_eq!(gd(&before, "gradients"), gd(&after, "gradients"));
    assert!(gd(&before, "gradients_monitoring") < gd(&after, "gradients_monitoring"));
    // Claims about optimizers alone need no second integration of the flow.
    assert!(after["processes"]["flow"]["certificate"].is_null());
}

/// The columns that claims add may be drawn.
#[test]
fn errors_of_models_may_be_drawn() {
    let at = tempfile::tempdir().unwrap();
    let drawn = "{show: {at_end: {x: lr, y: distance_to_flow, also: [flow_error]}}, processes: [gd]}";
    let more =
        format!("sweep: {{grid: {{optimizers.0.gd.lr: [0.1, 0.2]}}}}\npictures:\n  - {{title: errors, panels: [{drawn}]}}\n");
    fs::write(at.path().join("with.yaml"), format!("{SCENARIO}claims: [follows-flow]\n{more}")).unwrap();
    succeed(at.path(), &["check", "with.yaml"]);
    fs::write(at.path().join("without.yaml"), format!("{SCENARIO}{more}")).unwrap();
    let refused = String::from_utf8(gramflow(at.path(), &["check", "without.yaml"]).stderr).unwrap();
    assert!(refused.contains("flow_error"), "{refused}");
}

#[test]
fn what_cannot_be_judged_is_refused_or_said() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("edge.yaml"), SCENARIO).unwrap();
    let refused = |set: &[&str]| {
        let mut arguments = vec!["check", "edge.yaml"];
        arguments.extend(set.iter().flat_map(|set| ["--set", set]));
        String::from_utf8(gramflow(at.path(), &arguments).stderr).unwrap()
    };
    let text = refused(&["claims=[follows-central-flow]"]);
    assert!(text.contains("add central_flow to `measure`"), "{text}");
    let text = refused(&["claims=[follows-flow]", "optimizers=[]"]);
    assert!(text.contains("add one to `optimizers`"), "{text}");
    let text = refused(&["claims=[follows-flow]", "observe=[loss]"]);
    assert!(text.contains("add distance there"), "{text}");
    // Momentum has no central flow.
    let momentum = "optimizers=[{sgd: {lr: 0.01, momentum: 0.9}}]";
    let (_, manifest) = run(at.path(), &["measure=[central_flow]", "claims=[follows-central-flow]", momentum]);
    let absent = &verdicts(&manifest)["follows-central-flow"];
    assert!(absent.verdict == Fails && absent.statement.contains("no optimizer has a central flow beside it"), "{absent:#?}");
}

/// Verdicts on a start far from the fit, which all optimizers leave within a few units of time.
fn of_a_transient(sets: &[&str]) -> BTreeMap<String, Verdict> {
    let scenario = "\
name: transient
seed: 3
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 2, outputs: 4}}}}
network: {widths: [4, 4, 4]}
weight_decay: 0.01
flow: {t_end: 50}
record: {linear: {points: 26}}
optimizers: [{gd: {lr: 0.05}}, {sgd: {name: s, lr: 0.002, batch: 5, momentum: 0.9}}, {adam: {lr: 0.001}}]
claims: [follows-flow]
";
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("transient.yaml"), scenario).unwrap();
    let mut arguments = vec!["run", "transient.yaml", "--out", "out"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at.path(), &arguments);
    let manifest = fs::read_to_string(at.path().join("out/manifest.json")).unwrap();
    verdicts(&serde_json::from_str(&manifest).unwrap())
}

/// `stop` ends the flow at t = 1.5 and Adam before, but the first record is at t = 2. With enough records Adam and SGD leave the flow.
#[test]
fn what_ends_before_the_first_record_is_not_compared() {
    let coarse = of_a_transient(&["stop={loss: 0.05}"]);
    for verdict in coarse.values() {
        assert!(
            verdict.verdict == GridLimited && verdict.statement.contains("nothing is compared: record more times"),
            "{coarse:#?}"
        );
    }
    let fine = of_a_transient(&["stop={loss: 0.05}", "record={linear: {points: 501}}"]);
    let outcomes = ["gd", "s", "adam"].map(|name| fine[&format!("follows-flow/{name}")].verdict);
    assert_eq!(outcomes, [Holds, Fails, Fails], "{fine:#?}");
}

/// Momentum is farthest from the flow at t < 1. Records that begin later find it near, and do not say that it always was.
#[test]
fn a_transient_before_the_first_record_is_not_taken_for_none() {
    let momentum = "optimizers=[{sgd: {name: s, lr: 0.002, batch: 5, momentum: 0.9}}]";
    let judged = |record: &str| of_a_transient(&["flow.t_end=400", momentum, record]).remove("follows-flow/s").unwrap();
    for record in ["record={times: []}", "record={linear: {points: 6}}", "record={linear: {points: 26}}"] {
        let verdict = judged(record);
        assert!(verdict.verdict == GridLimited && verdict.value < 0.05, "{record}: {verdict:#?}");
    }
    let found = judged("record={linear: {points: 401}}");
    assert!(found.verdict == Fails && found.value > 0.05, "{found:#?}");
}

/// `stop` holds at the start: nothing takes a step, and every claim says so.
#[test]
fn what_stops_at_the_start_is_not_judged() {
    let claims = "claims=[follows-flow, stagnates, balance-law, nfa-violated]";
    let judged = of_a_transient(&["stop={loss: 100}", claims]);
    let names: Vec<&String> = judged.keys().collect();
    assert_eq!(names, ["balance-law", "follows-flow/adam", "follows-flow/gd", "follows-flow/s", "nfa-violated", "stagnates"]);
    for verdict in judged.values() {
        let (says, why) = (verdict.statement.starts_with("nothing to judge: "), verdict.statement.contains("at t = 0"));
        assert!(verdict.verdict == Fails && says && why, "{judged:#?}");
    }
}
