//! `gramflow sweep`: the same bytes whoever runs it, in whatever order, however often it is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gramflow::folder::{ColumnKind, unit_fields};
use gramflow::record::Values;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use crate::harness::{gramflow, succeed};

/// Twelve units of some ten milliseconds; the depth varies, and with it the columns.
const SCENARIO: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
weight_decay: 0.01
flow: {t_end: 2.0}
record: {linear: {points: 10}}
optimizers: [{gd: {lr: 0.05}}]
sweep:
  grid: {weight_decay: {log: {from: 0.01, to: 1, points: 3}}}
  zip: {network.widths: [[4, 3, 3], [4, 4, 4, 3]], init: [pytorch, {balanced: {scale: 0.3}}]}
  seeds: 2
";

/// A folder with `tiny.yaml`, changed by `edit`.
fn at(edit: impl Fn(String) -> String) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("tiny.yaml"), edit(SCENARIO.to_string())).unwrap();
    at
}

fn run(at: &Path, more: &[&str]) -> String {
    succeed(at, &[&["sweep", "run", "tiny.yaml"], more].concat())
}

/// Both merged files.
fn merged(at: &Path, folders: &[&str]) -> (Vec<u8>, Vec<u8>) {
    succeed(at, &[&["sweep", "merge"], folders, &["--out", "merged"]].concat());
    let read = |name| fs::read(at.join("merged").join(name)).unwrap();
    (read("sweep.parquet"), read("sweep.json"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

fn status(at: &Path, folder: &str) -> Value {
    json(&succeed(at, &["sweep", "status", "--json", folder]))
}

fn units(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join("units")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn workers_and_shards_do_not_show_in_the_table() {
    let at = at(|text| text);
    let at = at.path();
    run(at, &["--jobs", "1", "--out", "one"]);
    let printed = run(at, &["--jobs", "2", "--out", "two"]);
    assert!(printed.contains("tiny: 12 of 12 units done, 0 of them before"), "{printed}");
    for shard in ["1/3", "2/3", "3/3"] {
        run(at, &["--jobs", "2", "--shard", shard, "--out", &format!("shard-{}", &shard[..1])]);
    }
    let one = merged(at, &["one"]);
    assert!(one == merged(at, &["two"]));
    assert!(one == merged(at, &["shard-3", "shard-1", "shard-2"]));
    assert_eq!(status(at, "shard-2")["done"], 4);
    // Once more: nothing is left to do.
    let before: Vec<_> = units(&at.join("one")).iter().map(|unit| unit.metadata().unwrap().modified().unwrap()).collect();
    assert!(run(at, &["--out", "one"]).contains("12 of 12 units done, 12 of them before"));
    let after: Vec<_> = units(&at.join("one")).iter().map(|unit| unit.metadata().unwrap().modified().unwrap()).collect();
    assert_eq!(before, after);
}

#[test]
fn the_table_has_every_unit_by_id_and_the_columns_of_all() {
    let at = at(|text| text);
    let at = at.path();
    let plan = json(&succeed(at, &["sweep", "plan", "tiny.yaml", "--json"]));
    assert_eq!(plan["units"].as_array().unwrap().len(), 12);
    assert_eq!(plan["varied"], json(r#"["weight_decay", "network.widths", "init", "seed"]"#));
    let folder = at.join(plan["sweep_folder"].as_str().unwrap());
    assert!(!folder.exists());
    run(at, &[]);
    succeed(at, &["sweep", "merge", folder.to_str().unwrap()]);
    let table = gramflow::folder::read_table(&folder.join("sweep.parquet")).unwrap();

    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names[..8], ["unit", "weight_decay", "network.widths", "init", "seed", "process", "step", "t"]);
    let place = |name: &str| names.iter().position(|found| *found == name).unwrap();
    assert_eq!(place("balance_gap_2"), place("balance_gap_1") + 1);
    let Some(Values::Text(ids)) = table.column("unit") else { panic!() };
    assert!(ids.iter().is_sorted());
    let distinct: Vec<&str> = ids.runs().map(|(id, _)| id).collect();
    let mut planned: Vec<&str> = plan["units"].as_array().unwrap().iter().map(|unit| unit["unit"].as_str().unwrap()).collect();
    planned.sort();
    assert_eq!(distinct, planned);

    // Each unit's rows are those of its own run, which scenario.json is enough for; what it lacks is null.
    for unit in plan["units"].as_array().unwrap().iter().step_by(5) {
        let (id, shallow) = (unit["unit"].as_str().unwrap(), unit["values"]["network.widths"].as_array().unwrap().len() == 3);
        let scenario = folder.join("units").join(id).join("scenario.json");
        let ran = json(&succeed(at, &["run", scenario.to_str().unwrap(), "--json", "--out", "again"]));
        assert_eq!(&ran["scenario_hash"].as_str().unwrap()[..16], id);
        let own = gramflow::folder::read(&at.join("again")).unwrap().table;
        let floats = |name: &str| match table.column(name).unwrap() {
            Values::Float(values) => table.rows_of(id).map(|row| values[row]).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let Some(Values::Float(loss)) = own.column("loss") else { panic!() };
        assert_eq!(*loss, floats("loss"));
        assert!(floats("weight_decay").iter().all(|value| *value == unit["values"]["weight_decay"].as_f64().unwrap()));
        assert_eq!(floats("balance_gap_2").iter().all(|gap| gap.is_nan()), shallow);
        let kinds = unit_fields(&folder.join("units").join(id)).unwrap();
        assert!(kinds.iter().all(|field| field.kind == table.column(&field.name).unwrap().kind()));
    }
    assert_eq!(table.column("seed").unwrap().kind(), ColumnKind::Integer);
    let Some(Values::Text(widths)) = table.column("network.widths") else { panic!() };
    assert!(widths.iter().any(|widths| widths == "[4,4,4,3]"));
    let summary = json(&fs::read_to_string(folder.join("sweep.json")).unwrap());
    assert_eq!((&summary["units"], &summary["done"]), (&12.into(), &12.into()));
    assert_eq!(summary["terminations"]["flow"]["t_end"], 12);
    assert_eq!(summary["plan_hash"], plan["plan_hash"]);
    let file = fs::File::open(folder.join("sweep.parquet")).unwrap();
    assert_eq!(SerializedFileReader::new(file).unwrap().num_row_groups(), 1);
}

/// Thirty kills over one sweep of 36 units, the n-th once n units or so are done and then at a moment that no one chose.
#[test]
fn killed_and_resumed_it_is_the_table_of_an_undisturbed_sweep() {
    const KILLS: u64 = 30;
    let at =
        at(|text| text.replace("t_end: 2.0", "t_end: 40.0").replace("lr: 0.05", "lr: 0.002").replace("seeds: 2", "seeds: 6"));
    let at = at.path();
    let begin = Instant::now();
    run(at, &["--jobs", "2", "--out", "calm"]);
    let unit = begin.elapsed() / 18;
    let done = || fs::read_dir(at.join("killed/units")).map_or(0, Iterator::count) as u64;
    for kill in 0..KILLS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
            .current_dir(at)
            .args(["sweep", "run", "tiny.yaml", "--jobs", "2", "--out", "killed"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // However slow the machine, every kill but a few meets a sweep that has begun and is not at its end.
        while done() < kill && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(unit * (kill as u32 * 7 % 11) / 10);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run(at, &["--jobs", "2", "--out", "killed"]);
    assert!(merged(at, &["calm"]) == merged(at, &["killed"]));
}

#[test]
fn two_commands_in_one_folder_do_each_other_no_harm() {
    let at = at(|text| text);
    let at = at.path();
    run(at, &["--out", "alone"]);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| run(at, &["--jobs", "2", "--out", "shared"]));
        }
    });
    assert!(merged(at, &["alone"]) == merged(at, &["shared"]));
    assert!(units(&at.join("shared")).iter().all(|unit| !unit.to_string_lossy().contains("partial")));
}

#[test]
fn a_unit_that_cannot_be_run_is_recorded_and_stops_no_other() {
    let at =
        at(|text| text.replace("init: [pytorch, {balanced: {scale: 0.3}}]", "init: [{gaussian: {std: 1.0e+200}}, pytorch]"));
    let at = at.path();
    let output = gramflow(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains(
            "weight_decay = 0.01, network.widths = [4,3,3], init = {\"gaussian\":{\"std\":1e+200}}, seed = 0) failed"
        ),
        "{errors}"
    );
    assert!(errors.contains("6 units failed: gramflow sweep status out says why"), "{errors}");
    let found = status(at, "out");
    assert_eq!((found["done"].as_u64(), found["failed"].as_array().unwrap().len()), (Some(6), 6));
    assert!(found["failed"][0]["reason"].as_str().unwrap().contains("start from smaller weights"));
    // A unit that failed is not taken for one that has not run where its record cannot be read.
    let record = fs::read_dir(at.join("out/failed")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read_to_string(&record).unwrap();
    fs::write(&record, "{}").unwrap();
    let found = status(at, "out");
    let failed = found["failed"].as_array().unwrap();
    assert_eq!((failed.len(), found["missing"].as_array().unwrap().len()), (6, 0));
    let says = |failure: &&Value| failure["reason"].as_str().unwrap().starts_with("its reason is not known, as out/failed/");
    assert_eq!(failed.iter().filter(says).count(), 1, "{found}");
    fs::write(&record, whole).unwrap();
    let output = gramflow(at, &["sweep", "merge", "out"]);
    assert_eq!(output.status.code(), Some(75));
    let summary = json(&fs::read_to_string(at.join("out/sweep.json")).unwrap());
    assert_eq!(summary["failed"].as_object().unwrap().len(), 6);
    assert!(at.join("out/sweep.parquet").exists());
}

#[test]
fn what_is_missing_is_named() {
    let at = at(|text| text);
    let at = at.path();
    run(at, &["--shard", "2/4", "--out", "out"]);
    let found = status(at, "out");
    let missing = found["missing"].as_array().unwrap();
    assert_eq!((found["done"].as_u64(), missing.len()), (Some(3), 9));
    assert_eq!(missing[0]["values"]["seed"], 0);
    let output = gramflow(at, &["sweep", "merge", "out"]);
    assert_eq!(output.status.code(), Some(75));
    assert!(String::from_utf8_lossy(&output.stderr).contains("9 units are missing and 0 failed"));
    let text = fs::read_to_string(at.join("out/sweep.json")).unwrap();
    assert!(missing.iter().all(|unit| text.contains(unit["unit"].as_str().unwrap())));
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_sweep_keeps_what_is_finished_and_says_75() {
    let at = at(|text| text.replace("t_end: 2.0", "t_end: 9.0e+7").replace("seeds: 2", "seeds: [1, 2]"));
    let child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
        .current_dir(at.path())
        .args(["sweep", "run", "tiny.yaml", "--out", "out"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !at.path().join("out/failed").exists() && begin.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(300));
    Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{errors}");
    assert!(errors.contains("interrupted with 12 units to go"), "{errors}");
    assert_eq!(units(&at.path().join("out")).len(), 0);
}

#[test]
fn a_repeated_unit_is_run_once() {
    let at = at(|text| text.replace("seeds: 2", "seeds: [1, 1, 0x1]"));
    let plan = succeed(at.path(), &["sweep", "plan", "tiny.yaml"]);
    assert!(plan.starts_with("tiny: 6 units (12 of 18 combinations repeat another one"), "{plan}");
    assert_eq!(plan.lines().count(), 2 + 1 + 6);
    run(at.path(), &["--out", "out"]);
    assert_eq!(units(&at.path().join("out")).len(), 6);
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_written() {
    let at = at(|text| text);
    fs::create_dir(at.path().join("other")).unwrap();
    fs::write(at.path().join("other/thing"), "").unwrap();
    fs::write(at.path().join("single.yaml"), SCENARIO.split("sweep:").next().unwrap()).unwrap();
    for (words, says) in [
        (
            &["run", "tiny.yaml"][..],
            "tiny.yaml:8:1: sweep: this scenario is a sweep: gramflow sweep plan lists its units, gramflow sweep run runs them",
        ),
        (&["sweep", "run", "single.yaml"], "single.yaml:1:1: sweep: missing"),
        (&["sweep", "plan", "tiny.yaml", "--set", "seed=x"], "--set seed=x: seed: must be a whole number"),
        (&["sweep", "run", "tiny.yaml", "--set", "flow.t_end=0"], "--set flow.t_end=0: flow.t_end: must be greater than 0"),
        (
            &["sweep", "run", "tiny.yaml", "--set", "sweep.grid.weight_decay=[1, -1]"],
            "weight_decay: must be at least 0, got -1.0",
        ),
        (
            &["sweep", "run", "tiny.yaml", "--set", "sweep.zip.init=[pytorch]"],
            "sweep.zip.init: must have as many values as sweep.zip.network.widths",
        ),
        (&["sweep", "run", "tiny.yaml", "--out", "other"], "other exists and is not a sweep's folder"),
        (&["sweep", "run", "tiny.yaml", "--shard", "3/2"], "must be I/N with 1 ≤ I ≤ N"),
        (&["sweep", "run", "tiny.yaml", "--jobs", "0"], "'--jobs <N>': must be a whole number, at least 1"),
        (
            &[
                "sweep",
                "plan",
                "tiny.yaml",
                "--set",
                "init={balanced: {imbalance: 0.5}}",
                "--set",
                "sweep={grid: {network.widths: [[4, 3], [4, 5, 3]]}}",
            ],
            "init.balanced.imbalance: must be 0 with a single layer, which has no neighbour to balance, got 0.5 (in 1 of 2 units, the first \
             with network.widths = [4,3])",
        ),
        (&["sweep", "status", "other"], "other is not a sweep's folder"),
        (&["sweep", "merge", "nowhere"], "nowhere is not a sweep's folder"),
    ] {
        let output = gramflow(at.path(), words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
        assert!(errors.contains(says), "{words:?}: {errors}");
        // Each problem once, however many units have it.
        assert_eq!(errors.matches(says).count(), 1, "{words:?}: {errors}");
    }
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 3);
    assert_eq!(succeed(at.path(), &["check", "tiny.yaml"]), "tiny.yaml: ok: tiny (12 units)\n");

    // Another plan does not join a sweep's folder, nor its table.
    run(at.path(), &["--out", "out", "--shard", "1/12"]);
    let other = ["--set", "sweep.seeds=1"];
    let output = gramflow(at.path(), &[&["sweep", "run", "tiny.yaml", "--out", "out"], &other[..]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("out holds another sweep (plan "));
    run(at.path(), &[&other[..], &["--out", "out-2", "--shard", "1/6"]].concat());
    let output = gramflow(at.path(), &["sweep", "merge", "out", "out-2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("out and out-2 are of different sweeps"));
}
