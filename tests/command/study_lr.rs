//! `gramflow study lr`: the orders of theory, what diverges, and that neither workers nor kills show.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gramflow::folder::{read_study, read_table};
use gramflow::record::{Table, Values};
use serde_json::Value;

use crate::harness::{gramflow, succeed};

const SCENARIO: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 5, samples: 60}, target: {low_rank: {rank: 2, outputs: 4}}, noise: 0.1}}
network: {widths: [5, 5, 4]}
init: {orthogonal: {gain: 0.7}}
weight_decay: 0.01
flow: {t_end: 2.0}
record: {linear: {points: 10}}
";

fn at() -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("tiny.yaml"), SCENARIO).unwrap();
    at
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["study", "lr", "tiny.yaml"], more].concat()
}

fn study(at: &Path, more: &[&str]) -> String {
    succeed(at, &arguments(more))
}

fn json(at: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&study(at, &[more, &["--json"]].concat())).unwrap()
}

/// Order, half its interval, and how many rates it is of.
fn order(found: &Value, optimizer: &str, batch: u64, compared_with: &str, at: &str) -> (f64, f64, u64) {
    let mut orders = found["orders"].as_array().unwrap().iter();
    let same = |order: &&Value| {
        order["optimizer"] == optimizer
            && order["batch"] == batch
            && order["compared_with"] == compared_with
            && order["at"] == at
    };
    let order = orders.find(same).unwrap_or_else(|| panic!("{optimizer} {batch} {compared_with} {at} in {found:#}"));
    let number = |key: &str| order[key].as_f64().unwrap_or(f64::NAN);
    (number("order"), number("half_width"), order["points"].as_u64().unwrap())
}

#[track_caller]
fn assert_order(found: &Value, (optimizer, batch): (&str, u64), compared_with: &str, at: &str, wanted: f64, within: f64) {
    let (order, half_width, points) = order(found, optimizer, batch, compared_with, at);
    assert!(
        (order - wanted).abs() <= within && points >= 4,
        "{optimizer} to {compared_with}, {at}: {order} ± {half_width} over {points} rates, not {wanted}"
    );
}

#[test]
fn the_orders_of_descent_and_momentum_are_those_of_theory() {
    let at = at();
    let words =
        ["--lr", "1e-4..0.1", "--per-decade", "2", "--optimizers", "gd,momentum,nesterov,adam,adam-scaled", "--out", "out"];
    let found = json(at.path(), &words);
    for end in ["end", "max"] {
        assert_order(&found, ("gd", 60), "flow", end, 1.0, 0.05);
        assert_order(&found, ("gd", 60), "modified_flow", end, 2.0, 0.1);
        assert_order(&found, ("gd", 60), "third_order_flow", end, 3.0, 0.1);
        assert_order(&found, ("adam-scaled", 60), "limit", end, 1.0, 0.1);
    }
    for momentum in ["momentum", "nesterov"] {
        assert_order(&found, (momentum, 60), "flow", "end", 1.0, 0.1);
        assert_order(&found, (momentum, 60), "modified_flow", "end", 2.0, 0.1);
    }
    // The controls: nothing but the flow that gd modifies is of order 2, and adam stays where its own limit is.
    let (to_flow, half_width, _) = order(&found, "gd", 60, "flow", "end");
    assert!((to_flow - 2.0).abs() > 10.0 * half_width.max(0.05));
    let (adam, _, points) = order(&found, "adam", 60, "flow", "end");
    assert!(points == 0 || adam.abs() < 0.2, "{adam}");

    let folder = at.path().join("out");
    for file in [
        "study.parquet",
        "curves.parquet",
        "fits.parquet",
        "flow.parquet",
        "plan.json",
        "manifest.json",
        "scenario.json",
        "figures/distance.svg",
        "figures/distance.png",
        "figures/companions.svg",
        "figures/alignment.svg",
        "figures/cost.svg",
    ] {
        assert!(folder.join(file).metadata().unwrap().len() > 300, "{file}");
    }
    let picture = fs::read_to_string(folder.join("figures/distance.svg")).unwrap();
    assert!(picture.contains("slope 1") && picture.contains("hollow"));
    let runs = read_study(&folder).unwrap();
    assert_eq!(runs.rows(), 5 * 7);
    // Twice the rate is half the gradients, for adam as well as for gd; and the flow needs some too.
    let [slow, fast] = [0, 2].map(|row| floats(&runs, "gradients_to_loss")[row]);
    assert!((slow / fast / 10.0 - 1.0).abs() < 0.05, "{slow} {fast}");
    assert!(found["flow_gradients_to_loss"].as_f64().unwrap() > 10.0);
    let (cosines, flow) = (floats(&runs, "nfa_cosine"), read_table(&folder.join("flow.parquet")).unwrap());
    assert!((cosines[0] - flow.floats("flow", "nfa_cosine").last().unwrap()).abs() < 1e-4);
}

fn floats(table: &Table, name: &str) -> Vec<f64> {
    let Some(Values::Float(values)) = table.column(name) else { panic!("{name}") };
    values.to_vec()
}

/// Forty seeds: the standard error of a spread is some 5 %, over one and a half decades that is 0.04 of an order.
#[test]
fn the_mean_over_seeds_is_of_order_1_and_their_spread_of_order_a_half() {
    let at = at();
    let words = ["--lr", "0.006..0.2", "--per-decade", "4", "--batch", "48,full", "--seeds", "40", "--out", "out"];
    let found = json(at.path(), &words);
    assert_order(&found, ("sgd", 48), "mean_of_seeds", "end", 0.5, 0.1);
    assert_order(&found, ("sgd", 48), "flow_of_mean", "end", 1.0, 0.2);
    assert_order(&found, ("gd", 60), "flow", "end", 1.0, 0.05);
    // The control: one seed by itself is of the order of the spread, not of the mean.
    let (single, ..) = order(&found, "sgd", 48, "flow", "end");
    assert!(single < 0.85, "{single}");

    // Data and start are those of one problem: only the batches differ.
    let runs = read_study(&at.path().join("out")).unwrap();
    assert_eq!(runs.rows(), 8 * 41);
    let Some(Values::Integer(seeds)) = runs.column("seed") else { panic!() };
    let Some(Values::Integer(batches)) = runs.column("batch") else { panic!() };
    assert_eq!(batches.iter().filter(|batch| **batch == 48).count(), 8 * 40);
    assert!(seeds.iter().zip(batches).all(|(seed, batch)| *batch == 48 || *seed == 0));
    let mut losses: Vec<u64> = floats(&runs, "loss").iter().map(|loss| loss.to_bits()).collect();
    losses.sort_unstable();
    losses.dedup();
    assert_eq!(losses.len(), 8 * 41, "every seed draws its own batches at every rate");
}

#[test]
fn what_diverges_is_recorded_with_its_step_and_shown_and_the_study_goes_on() {
    let at = at();
    let hot = ["--set", "flow.t_end=40", "--set", "network.widths=[5, 5, 5, 4]", "--set", "init.orthogonal.gain=1"];
    let words = ["--lr", "0.01,0.02,0.04,2,3", "--out", "out"];
    let printed = study(at.path(), &[&hot[..], &words].concat());
    assert!(printed.contains("gd on batches of 60 diverges from lr 2 on, at step "), "{printed}");
    let folder = at.path().join("out");
    let runs = read_study(&folder).unwrap();
    let Some(Values::Text(ends)) = runs.column("termination") else { panic!() };
    assert!(ends.iter().eq(["steps", "steps", "steps", "diverged", "diverged"]), "{ends:?}");
    let steps = floats(&runs, "diverged_at");
    assert!(
        steps[..3].iter().all(|step| step.is_nan()) && steps[3..].iter().all(|step| (2.0..20.0).contains(step)),
        "{steps:?}"
    );
    assert!(floats(&runs, "distance_to_flow")[3..].iter().all(|distance| distance.is_nan()));
    let picture = fs::read_to_string(folder.join("figures/distance.svg")).unwrap();
    assert!(picture.contains("gd diverges at η = 2 (step ") && picture.contains("at the upper edge: diverged"));
    // All rates past the bound: there is nothing to fit, and still a picture that says so.
    let printed = study(at.path(), &[&hot[..], &["--lr", "2,3,4", "--out", "all"]].concat());
    assert!(printed.contains("diverges from lr 2 on"), "{printed}");
    assert!(at.path().join("all/figures/distance.svg").exists());
}

/// An optimizer that takes no step within the horizon at some rates keeps the others, and nobody else's go.
#[test]
fn a_rate_whose_first_step_passes_the_end_is_left_out_for_that_optimizer_alone() {
    let at = at();
    let words = ["--lr", "0.05,0.1,0.3,1.5", "--optimizers", "momentum,gd", "--out", "out"];
    let printed = study(at.path(), &words);
    assert!(
        printed.contains("momentum on batches of 60 is left out at lr 0.3, 1.5: its first step would pass t_end"),
        "{printed}"
    );
    assert!(!printed.contains("gd on batches of 60 is left out"), "{printed}");
    let runs = read_study(&at.path().join("out")).unwrap();
    let Some(Values::Text(names)) = runs.column("optimizer") else { panic!() };
    assert!(names.iter().eq(["momentum", "momentum", "gd", "gd", "gd", "gd"]), "{names:?}");
    let found = json(at.path(), &words);
    assert_eq!(found["first_step_passes_t_end"], serde_json::json!({"momentum on batches of 60": [0.3, 1.5]}));
}

#[test]
fn batches_that_no_optimizer_takes_are_not_ignored_silently() {
    let at = at();
    let notes =
        |words: &[&str]| json(at.path(), &[&["--lr", "0.05,0.1", "--batch", "8"], words].concat())["warnings"].to_string();
    assert!(notes(&["--optimizers", "adam", "--out", "adam"]).contains("--batch changes nothing"));
    assert!(!notes(&["--optimizers", "adam,gd", "--out", "both"]).contains("--batch changes nothing"));
}

/// Where the flow's own integration ends early, nobody knows how good it is: no order is fitted, and the caption says so.
#[test]
fn a_flow_that_does_not_get_to_the_end_is_good_to_nothing() {
    let at = at();
    let printed = study(at.path(), &["--lr", "0.01,0.02,0.04", "--set", "flow.max_steps=10", "--out", "out"]);
    assert!(printed.contains("which did not reach T") && !printed.contains("good to"), "{printed}");
}

/// Three points with a wide interval are no order, and what has none says why.
#[test]
fn what_has_no_order_says_why() {
    let at = at();
    let hot = ["--set", "flow.t_end=40", "--set", "network.widths=[5, 5, 5, 4]", "--set", "init.orthogonal.gain=1"];
    let printed = study(at.path(), &[&hot[..], &["--lr", "0.01,0.02,2,3", "--out", "out"]].concat());
    let reason = "gd on batches of 60, flow, end: no order: only 2 of 4 rates can be used, and 3 are needed: 2 diverged";
    assert!(printed.contains(reason), "{printed}");
    let found = json(at.path(), &[&hot[..], &["--lr", "0.01,0.02,2,3", "--out", "out"]].concat());
    for order in found["orders"].as_array().unwrap() {
        // Either an order or a reason, and an order is known to a quarter.
        assert_eq!(order["order"].is_null(), order["no_order"].is_string(), "{order}");
        assert!(order["order"].is_null() || order["half_width"].as_f64().unwrap() <= 0.25, "{order}");
    }
    let fits = read_table(&at.path().join("out/fits.parquet")).unwrap();
    let Some(Values::Text(reasons)) = fits.column("no_order") else { panic!() };
    assert!(reasons[0].starts_with("only 2 of 4 rates can be used") && floats(&fits, "order")[0].is_nan(), "{reasons:?}");
}

const CHAIN: &str = "\
name: chain
data: {synthetic: {inputs: {dim: 1, samples: 8}, target: {low_rank: {rank: 1, outputs: 1}}, noise: 0.5}}
network: {widths: [1, 1, 1]}
init: {gaussian: {std: 0.7}}
flow: {t_end: 1.0}
record: {linear: {points: 3}}
measure: [{sde: {paths: 4}}]
optimizers: [{sgd: {lr: 0.1, batch: 8, replacement: true}}]
";

/// Expectations of the equations are off by η and by η², in tables, picture and report, and a second command finds all of it there.
#[test]
fn the_weak_orders_of_a_chain_are_1_and_2() {
    let at = at();
    fs::write(at.path().join("tiny.yaml"), CHAIN).unwrap();
    let words = ["--lr", "0.04,0.05,0.0625,0.1,0.125", "--ensemble", "1500", "--out", "out"];
    let found = json(at.path(), &words);
    for phi in ["objective", "norm_squared"] {
        assert_order(&found, ("sgd", 8), &format!("sde_1_{phi}"), "end", 1.0, 0.1);
        assert_order(&found, ("sgd", 8), &format!("sde_2_{phi}"), "end", 2.0, 0.15);
    }
    assert!(found["options"]["ensemble"] == 1500 && found["ensemble_gradients"].as_u64().unwrap() > 1500 * 79 * 25);
    let warnings = found["warnings"].to_string();
    assert!(warnings.contains("measure: sde is left out") && warnings.contains("over 1500 seeds and paths"), "{warnings}");

    let folder = at.path().join("out");
    let ensembles = read_table(&folder.join("ensemble.parquet")).unwrap();
    assert_eq!(ensembles.rows(), 5 * 3);
    let [with, without] = ["objective_error", "objective_error_uncontrolled"].map(|name| floats(&ensembles, name));
    assert!(with.iter().zip(&without).all(|(with, without)| *with < 0.2 * without), "{with:?} {without:?}");
    let picture = fs::read_to_string(folder.join("figures/weak.svg")).unwrap();
    assert!(picture.contains("slope 1") && picture.contains("slope 2"));
    let before = bytes(&folder);
    let kept = fs::read(folder.join("ensemble.parquet")).unwrap();
    // On another number of threads, in a folder where nothing is known.
    study(at.path(), &[&words[..4], &["--out", "other", "--jobs", "1"]].concat());
    assert_eq!(fs::read(at.path().join("other/ensemble.parquet")).unwrap(), kept);
    study(at.path(), &words);
    assert!(bytes(&folder) == before && fs::read(folder.join("ensemble.parquet")).unwrap() == kept);
    succeed(at.path(), &["report", "out"]);
    let report = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(report.contains("sde 2 norm squared") && report.contains("--ensemble 1500"));
}

/// An optimizer with a temperature does not tend to the flow, and the study says so. It advises nothing that it leaves out itself.
#[test]
fn a_temperature_leads_away_from_the_flow() {
    let at = at();
    let warm = ["--set", "optimizers=[{sgd: {lr: 0.1, temperature: 0.01}}]"];
    let found = json(at.path(), &[&warm[..], &["--lr", "0.1,0.2", "--out", "out"]].concat());
    let warnings = found["warnings"].to_string();
    let advises = |warnings: &str, words: &str| warnings.contains(words) && !warnings.contains("; measure");
    assert!(advises(&warnings, "the noise that it adds by itself; compare its expectations by --ensemble"), "{warnings}");
    let compared = json(at.path(), &[&warm[..], &["--lr", "0.1,0.2", "--ensemble", "2", "--out", "other"]].concat());
    let of_both = compared["warnings"].to_string();
    assert!(advises(&of_both, "the noise that it adds by itself; see its weak errors"), "{of_both}");
    assert!(warnings.contains("sgd on batches of 60: its temperature moves it away from the flow at any rate"), "{warnings}");
    assert!(found["ensemble_gradients"] == 0 && !at.path().join("out/ensemble.parquet").exists());
}

/// The records of all units and the tables, without times.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder.join("units"))
        .unwrap()
        .map(|unit| unit.unwrap().path())
        // A kill while a unit was being written leaves its draft behind.
        .filter(|unit| !unit.file_name().unwrap().to_string_lossy().starts_with('.'))
        .flat_map(|unit| ["records.parquet", "weights.npz"].map(|name| unit.join(name)))
        .chain(["curves.parquet", "fits.parquet", "figures/distance.svg"].map(|name| folder.join(name)))
        .map(|path| (path.strip_prefix(folder).unwrap().display().to_string(), fs::read(&path).unwrap()))
        .collect();
    let mut runs = read_study(folder).unwrap();
    runs.columns.retain(|column| !column.name.starts_with("wall_seconds"));
    files.push(("study".to_string(), format!("{runs:?}").into_bytes()));
    files.sort();
    files
}

#[test]
fn neither_workers_nor_kills_show() {
    let at = at();
    let at = at.path();
    let words = ["--lr", "1e-3..0.1", "--per-decade", "3", "--optimizers", "gd,momentum", "--batch", "8,full", "--seeds", "3"];
    let begin = Instant::now();
    study(at, &[&words[..], &["--out", "calm", "--jobs", "1"]].concat());
    let whole = begin.elapsed();
    for kill in 0..6_u32 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
            .current_dir(at)
            .args(arguments(&[&words[..], &["--out", "killed", "--jobs", "2"]].concat()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(5) + whole * (kill * 7 % 5) / 20);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    study(at, &[&words[..], &["--out", "killed", "--jobs", "2"]].concat());
    let calm = bytes(&at.join("calm"));
    assert!(calm.len() > 20 && calm == bytes(&at.join("killed")));
    // Words in another order are the same study: nothing is left to run, and the tables follow the words.
    let units = || {
        fs::read_dir(at.join("calm/units")).unwrap().map(|unit| unit.unwrap().path().metadata().unwrap().modified().unwrap())
    };
    let before: Vec<_> = units().collect();
    let again = ["--lr", "1e-3..0.1", "--per-decade", "3", "--optimizers", "momentum,gd", "--batch", "8,full", "--seeds", "3"];
    study(at, &[&again[..], &["--out", "calm"]].concat());
    assert_eq!(before, units().collect::<Vec<_>>());
    // What the scenario's own integration costs is its own, though units do not depend on it.
    let cost =
        |set: &str| json(at, &[&words[..], &["--out", "calm", "--set", set]].concat())["flow_gradients_to_loss"].as_f64();
    let [first, other] = ["flow.integrator=auto", "flow.integrator={rk4: {step: 0.0005}}"].map(cost);
    assert!(other.unwrap() > 5.0 * first.unwrap(), "{first:?} {other:?}");
    // Another study does not join its folder.
    let output = gramflow(at, &arguments(&["--lr", "0.1", "--out", "calm"]));
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn wrong_words_are_refused_with_what_would_be_right_and_nothing_is_written() {
    let at = at();
    for (words, says) in [
        (&["--lr", "0.1", "--optimizers", "gdd"][..], "not an optimizer: there are gd, sgd, adam"),
        (&["--lr", "1..0.1"], "FROM..TO"),
        (&["--lr", "0"], "FROM..TO"),
        (&[], "--lr"),
        (&["--lr", "0.1", "--batch", "61"], "--batch 61: at most 60, the number of samples"),
        (&["--lr", "0.1", "--batch", "0"], "`full` or a number of samples"),
        (
            &["--lr", "0.5,0.6", "--optimizers", "momentum"],
            "--lr 0.5: the first step of momentum would pass t_end: at most 0.2",
        ),
        (&["--lr", "1e300"], "--lr 1e300: the first step of gd would pass t_end: at most 2"),
        (&["--lr", "1e-10"], "steps"),
        (&["--lr", "0.1", "--seeds", "0"], "--seeds"),
        (&["--lr", "0.1", "--loss", "0"], "greater than 0"),
        (&["--lr", "0.1", "--ensemble", "1"], "--ensemble"),
        (&["--lr", "0.1", "--per-decade", "0"], "--per-decade"),
        (&["--lr", "0.1", "--out", "."], "is not a sweep's folder"),
        (&["--lr", "0.1", "--set", "flow.rtol=2"], "--set flow.rtol=2"),
    ] {
        let output = gramflow(at.path(), &arguments(words));
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {message}");
        assert!(message.contains(says), "{words:?}: {message}");
        assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "{words:?}");
    }
}
