//! `gramflow verify`: a run again has the bits that its folder holds, and every bit that was changed there is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gramflow::folder::{self, FileColumn, FolderError};
use gramflow::npz;
use gramflow::record::{Table, Values};
use serde_json::{Value, json};

use crate::harness::{gramflow, succeed};

/// Every kind of column and array, a claim, weights over time, minibatches and a file, in some ten milliseconds.
const SCENARIO: &str = "\
name: whole
data: {file: {path: data.npz}}
network: {widths: [4, 3, 2]}
init: {orthogonal: {gain: 0.5}}
weight_decay: 0.1
flow: {t_end: 2.0}
record: {linear: {points: 6}, weights: true}
optimizers: [{gd: {lr: 0.05}}, {sgd: {lr: 0.01, batch: 8}}]
claims: [balance-law]
";

/// A folder with the scenario, its data, and the finished run `run`.
fn finished(more: &[&str]) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("whole.yaml"), SCENARIO).unwrap();
    write_data(at.path(), 0.0);
    succeed(at.path(), &[&["run", "whole.yaml", "--out", "run"], more].concat());
    at
}

fn write_data(at: &Path, shift: f64) {
    let array = |columns: usize| npz::Array {
        shape: vec![30, columns],
        data: (0..30 * columns).map(|i| (1.7 * i as f64 + columns as f64).sin() + shift).collect(),
    };
    npz::write(&at.join("data.npz"), &[("X".to_string(), array(4)), ("Y".to_string(), array(2))].into()).unwrap();
}

/// All files below `folder`, with their contents.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(contents(&entry));
        } else {
            files.insert(entry.clone(), fs::read(&entry).unwrap());
        }
    }
    files
}

/// What `verify --json` finds, with its exit status.
fn verified(at: &Path, folder: &str) -> (Value, Option<i32>) {
    let output = gramflow(at, &["verify", folder, "--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    (serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}")), output.status.code())
}

/// Writes the records of the run again, changed by `edit`.
fn tamper(at: &Path, edit: impl Fn(&mut Table)) {
    let path = at.join("run/records.parquet");
    let mut table = folder::read_table(&path).unwrap();
    edit(&mut table);
    let fields: Vec<FileColumn> =
        table.columns.iter().map(|column| FileColumn { name: column.name.clone(), kind: column.values.kind() }).collect();
    folder::write_long(&path, &fields, std::iter::once(Ok::<_, FolderError>(vec![table]))).unwrap();
}

fn numbers<'t>(table: &'t mut Table, name: &str) -> &'t mut Vec<f64> {
    match &mut table.columns.iter_mut().find(|column| column.name == name).unwrap().values {
        Values::Float(values) => values.to_mut(),
        other => panic!("{name} holds {other:?}"),
    }
}

/// Changes the JSON file `name` of the run.
fn edit_json(at: &Path, name: &str, edit: impl Fn(&mut Value)) {
    let path = at.join("run").join(name);
    let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    edit(&mut value);
    fs::write(&path, value.to_string()).unwrap();
}

#[test]
fn a_run_again_has_the_same_bits_and_writes_nothing() {
    let at = finished(&[]);
    let before = contents(at.path());
    let text = succeed(at.path(), &["verify", "run"]);
    assert!(text.starts_with("run: the same bits\nrecords.parquet: all "), "{text}");
    for file in ["arrays.npz", "weights.npz", "trajectory.npz"] {
        assert!(text.contains(&format!("{file}: all ")), "{text}");
    }
    // From anywhere.
    succeed(&at.path().join("run"), &["verify", "."]);
    assert!(contents(at.path()) == before, "something was written");
    let (found, status) = verified(at.path(), "run");
    assert!(status == Some(0) && found["same"] == true, "{found}");
    assert_eq!(found["files"].as_object().unwrap().len(), 4, "{found}");
    assert_eq!(found["files"]["weights.npz"]["same"], 6, "two layers of three processes: {found}");
    // The records are written by this test as by gramflow: what the next test finds are its changes.
    tamper(at.path(), |_| {});
    succeed(at.path(), &["verify", "run"]);
}

/// The least change of one value, in each kind of file.
#[test]
fn one_changed_bit_is_found_where_it_is() {
    let at = finished(&[]);
    let row = 8;
    let table = folder::read_table(&at.path().join("run/records.parquet")).unwrap();
    let (Some(Values::Text(processes)), Some(Values::Float(t))) = (table.column("process"), table.column("t")) else {
        panic!("no process and t")
    };
    tamper(at.path(), |table| {
        let loss = &mut numbers(table, "loss")[row];
        *loss = f64::from_bits(loss.to_bits() + 1);
    });
    let (found, status) = verified(at.path(), "run");
    let records = &found["files"]["records.parquet"];
    let differing = records["differing"].as_array().unwrap();
    assert!(status == Some(1) && found["same"] == false && differing.len() == 1, "{found}");
    let loss = &differing[0];
    assert_eq!((&loss["name"], &loss["differing"]), (&json!("loss"), &json!(1)));
    assert_eq!(loss["absolute"]["at"], json!({"process": processes[row], "t": t[row]}));
    let relative = loss["relative"]["size"].as_f64().unwrap();
    assert!(relative > 0.0 && relative <= f64::EPSILON, "{loss}");
    assert!(found["files"]["arrays.npz"]["differing"].as_array().unwrap().is_empty());
    let output = gramflow(at.path(), &["verify", "run"]);
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("run: not the same bits\n") && text.contains("records.parquet: 1 of "), "{text}");
    assert!(text.contains(&format!("{}, t = {}", &processes[row], t[row])), "{text}");
    assert!(errors.contains("does not have the same bits"), "{errors}");

    let at = finished(&[]);
    for (file, key, place, at_index) in [
        ("weights.npz", "gd/W2", 4, json!([1, 1])),
        ("trajectory.npz", "sgd/W1", 17, json!([1, 1, 1])),
        ("arrays.npz", "flow/sv_W1", 2, json!([0, 2])),
    ] {
        let path = at.path().join("run").join(file);
        let kept = fs::read(&path).unwrap();
        let mut arrays = npz::read(&path).unwrap();
        arrays.get_mut(key).unwrap().data[place] += 0.25;
        npz::write(&path, &arrays).unwrap();
        let (found, status) = verified(at.path(), "run");
        let differing = found["files"][file]["differing"].as_array().unwrap();
        assert!(status == Some(1) && differing.len() == 1 && differing[0]["name"] == key, "{file}: {found}");
        let difference = &differing[0]["absolute"];
        assert!(
            (difference["size"].as_f64().unwrap() - 0.25).abs() < 1e-12 && difference["at"]["index"] == at_index,
            "{found}"
        );
        assert_eq!(difference["at"]["t"].is_number(), file != "weights.npz", "{found}");
        fs::write(&path, kept).unwrap();
    }
    assert_eq!(verified(at.path(), "run").1, Some(0));
}

#[test]
fn rows_columns_and_arrays_that_are_gone_are_named() {
    let at = finished(&[]);
    tamper(at.path(), |table| {
        table.columns.retain(|column| column.name != "objective");
        for column in &mut table.columns {
            match &mut column.values {
                Values::Text(values) => values.truncate(17),
                Values::Integer(values) => values.to_mut().truncate(17),
                Values::Float(values) => values.to_mut().truncate(17),
                Values::Flag(values) => values.to_mut().truncate(17),
            }
        }
        numbers(table, "loss")[0] = f64::NAN;
    });
    let path = at.path().join("run/weights.npz");
    let mut arrays = npz::read(&path).unwrap();
    arrays.remove("gd/W1");
    let own = npz::Array::vector(vec![1.0]);
    arrays.insert("mine".to_string(), own);
    npz::write(&path, &arrays).unwrap();
    edit_json(at.path(), "manifest.json", |manifest| manifest["verdicts"]["balance-law"]["verdict"] = "fails".into());
    let (found, status) = verified(at.path(), "run");
    assert_eq!(status, Some(1));
    let (records, weights) = (&found["files"]["records.parquet"], &found["files"]["weights.npz"]);
    assert_eq!(records["only_repeated"], json!(["objective"]));
    assert_eq!(records["reshaped"], json!(["process sgd had 5 rows and now has 6"]));
    assert_eq!(records["differing"][0]["undefined_in_one"], 1);
    assert_eq!((&weights["only_repeated"], &weights["only_recorded"]), (&json!(["gd/W1"]), &json!(["mine"])));
    assert_eq!(found["manifest"], json!([{"key": "verdicts.balance-law.verdict", "recorded": "fails", "repeated": "holds"}]));
    let text = String::from_utf8(gramflow(at.path(), &["verify", "run"]).stdout).unwrap();
    for says in ["only in the folder: mine", "only in the run made now: objective", "was \"fails\" and now is \"holds\""] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// Each entry of the verdicts and of how processes ended is one that the run makes again, whatever its depth; seconds are not.
#[test]
fn changed_entries_of_the_manifest_are_found() {
    let at = finished(&["--set", "flow.certify=true"]);
    let whole = fs::read(at.path().join("run/manifest.json")).unwrap();
    let verdict = "/verdicts/balance-law";
    for entry in [
        &format!("{verdict}/value"),
        &format!("{verdict}/error"),
        &format!("{verdict}/statement"),
        "/processes/gd/gradients",
        "/processes/flow/t_reached",
        "/processes/flow/certificate/columns/loss/max_error",
    ] {
        edit_json(at.path(), "manifest.json", |manifest| *manifest.pointer_mut(entry).unwrap() = json!("another"));
        let (found, status) = verified(at.path(), "run");
        let key = entry[1..].replace('/', ".");
        assert!(status == Some(1) && found["same"] == false && found["manifest"][0]["key"] == *key, "{entry}: {found}");
        assert_eq!(found["manifest"].as_array().unwrap().len(), 1, "{found}");
        fs::write(at.path().join("run/manifest.json"), &whole).unwrap();
    }
    edit_json(at.path(), "manifest.json", |manifest| manifest["verdicts"] = json!({}));
    let (found, status) = verified(at.path(), "run");
    assert!(status == Some(1) && found["manifest"][0]["key"] == "verdicts.balance-law", "{found}");
    fs::write(at.path().join("run/manifest.json"), &whole).unwrap();

    edit_json(at.path(), "manifest.json", |manifest| {
        manifest["processes"]["gd"]["wall_seconds"] = 1e3.into();
        // Another build may word its sentences otherwise, and know less.
        manifest["git_revision"] = "0123abc".into();
        manifest["verdicts"]["balance-law"]["statement"] = "in other words".into();
        manifest["processes"]["flow"].as_object_mut().unwrap().remove("certificate");
    });
    assert_eq!(verified(at.path(), "run").1, Some(0));
    edit_json(at.path(), "manifest.json", |manifest| manifest["verdicts"]["balance-law"]["value"] = 0.5.into());
    assert_eq!(verified(at.path(), "run").1, Some(1));
}

/// What may explain a difference is said before the run is made again.
#[test]
fn what_may_explain_a_difference_is_said() {
    let at = finished(&[]);
    edit_json(at.path(), "manifest.json", |manifest| {
        assert!(manifest["threads"].as_u64().unwrap() >= 1, "{manifest}");
        manifest["version"] = "0.0.1".into();
        manifest["git_revision"] = "0123abc".into();
        manifest["host"] = json!({"os": "plan9", "arch": manifest["host"]["arch"], "cores": 4});
    });
    write_data(at.path(), 1e-3);
    let output = gramflow(at.path(), &["verify", "run"]);
    let (text, notes) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{text}");
    for says in ["gramflow 0.0.1 made the run", "revision 0123abc", "the system plan9", "which CPU", "the scenario has changed"]
    {
        assert!(notes.contains("note: ") && notes.contains(says) && text.contains(says), "{says}: {notes}\n{text}");
    }
    // A manifest of an earlier version, and the same bits all the same.
    write_data(at.path(), 0.0);
    let output = gramflow(at.path(), &["verify", "run", "--quiet"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn units_of_a_sweep_are_verified_one_by_one() {
    let at = finished(&[]);
    fs::write(at.path().join("sweep.yaml"), format!("{SCENARIO}sweep: {{seeds: 2}}\n")).unwrap();
    succeed(at.path(), &["sweep", "run", "sweep.yaml", "--out", "grid"]);
    let refused = gramflow(at.path(), &["verify", "grid"]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && message.contains("gramflow verify grid/units/"), "{message}");
    let unit = message.trim().rsplit(' ').next().unwrap().to_string();
    let text = succeed(at.path(), &["verify", &unit]);
    assert!(text.contains("trajectory.npz: all ") && !text.contains("arrays.npz"), "{text}");
}

#[test]
fn what_holds_no_finished_run_is_refused_with_a_remedy() {
    let at = finished(&[]);
    let refused = |says: &str| {
        let output = gramflow(at.path(), &["verify", "run"]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty() && message.contains(says), "{says}: {message}");
    };
    let run = at.path().join("run");
    let without = |name: &str, says: &str| {
        let (path, aside) = (run.join(name), at.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        refused(says);
        fs::rename(&aside, &path).unwrap();
    };
    without("records.parquet", "records.parquet is missing");
    without("weights.npz", "gramflow run run/scenario.json makes it again");
    without("trajectory.npz", "trajectory.npz is missing");
    without("scenario.json", "scenario.json");
    without("manifest.json", "is not a run folder");
    without("../data.npz", "data.npz");
    edit_json(at.path(), "manifest.json", |manifest| manifest["processes"]["gd"]["termination"] = "interrupted".into());
    refused("was interrupted");
    edit_json(at.path(), "manifest.json", |manifest| manifest["processes"]["gd"]["termination"] = "t_end".into());
    succeed(at.path(), &["verify", "run"]);
    fs::write(run.join("study.parquet"), "").unwrap();
    refused("is a study");
    assert_eq!(gramflow(at.path(), &["verify", "nowhere"]).status.code(), Some(2));
}
