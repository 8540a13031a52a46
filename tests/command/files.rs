//! No lost file: what stands is replaced only by what is whole, what others wrote stays, and what was edited is a message.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{gramflow, succeed};

/// A run of some ten milliseconds, but for its pictures.
const TINY: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 3, samples: 8}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 3, 2]}
claims: [balance-law]
flow: {t_end: 1.0}
record: {linear: {points: 4}}
";

const SWEEP: &str = "\
sweep:
  grid: {weight_decay: [0, 0.5]}
pictures:
  - title: the gap
    panels: [{show: {over_time: {y: balance_gap}}, lines: weight_decay}]
";

/// A folder with `tiny.yaml` and, of the same with a sweep, `paper/tiny.yaml`.
pub fn at() -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("tiny.yaml"), TINY).unwrap();
    fs::create_dir(at.path().join("paper")).unwrap();
    fs::write(at.path().join("paper/tiny.yaml"), format!("{TINY}{SWEEP}")).unwrap();
    at
}

pub fn run(at: &Path, out: &str, more: &[&str]) {
    succeed(at, &[&["run", "tiny.yaml", "--quiet", "--out", out], more].concat());
}

/// The command must end with `status` and say `says`; it does not panic.
fn refused(at: &Path, words: &[&str], status: i32, says: &str) {
    let output = gramflow(at, words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
    assert!(errors.contains(says) && !errors.contains("panicked"), "{words:?}: {errors}");
}

/// Names, relative to `folder`, and contents of all files below it.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn add(folder: &Path, root: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => add(&path, root, all),
                false => all.push((path.strip_prefix(root).unwrap().into(), fs::read(&path).unwrap())),
            }
        }
    }
    let mut all = Vec::new();
    add(folder, folder, &mut all);
    all.sort();
    all
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn notes_in_a_run_folder_stay_and_its_own_files_are_replaced() {
    let at = at();
    let at = at.path();
    run(at, "out", &[]);
    succeed(at, &["report", "out"]);
    fs::write(at.join("out/notes.md"), "mine").unwrap();
    fs::write(at.join("out/figures/sketch.svg"), "mine").unwrap();
    run(at, "out", &["--set", "seed=1"]);
    assert_eq!(json(at.join("out/manifest.json"))["seed"], 1);
    for name in ["notes.md", "figures/sketch.svg"] {
        assert_eq!(fs::read_to_string(at.join("out").join(name)).unwrap(), "mine");
    }
    // The page was of the earlier run.
    assert!(!at.join("out/report.html").exists());
    // Drawn again, the sketch stays too.
    succeed(at, &["plot", "out"]);
    assert!(at.join("out/figures/sketch.svg").exists());
    assert_eq!(fs::read_dir(at).unwrap().count(), 3, "nothing but the scenarios and the run is left");
}

#[test]
fn a_folder_with_files_of_a_runs_names_is_not_a_runs() {
    let at = at();
    let at = at.path();
    run(at, "out", &[]);
    fs::create_dir(at.join("theirs")).unwrap();
    for name in ["manifest.json", "records.parquet"] {
        fs::copy(at.join("out").join(name), at.join("theirs").join(name)).unwrap();
    }
    fs::write(at.join("theirs/thesis.tex"), "mine").unwrap();
    let before = contents(&at.join("theirs"));
    refused(at, &["run", "tiny.yaml", "--out", "theirs"], 2, "has no list of the files that gramflow wrote");
    assert_eq!(contents(&at.join("theirs")), before);
}

/// A scenario that would take days: what is wrong with the target is said at once.
#[test]
fn a_target_that_cannot_be_written_is_refused_before_the_work() {
    let at = at();
    let at = at.path();
    let long = "a".repeat(256);
    let days =
        ["--set", "flow.t_end=9e7", "--set", "flow.integrator={rk4: {step: 1e-4}}", "--set", "flow.max_steps=1000000000000"];
    for out in [&long, "tiny.yaml", "tiny.yaml/run", &format!("{long}/run"), "paper"] {
        refused(at, &[&["run", "tiny.yaml", "--out", out], &days[..]].concat(), 2, "choose another --out");
    }
    for out in [&long, "tiny.yaml/sweep"] {
        refused(at, &["sweep", "run", "paper/tiny.yaml", "--out", out], 2, "choose another --out");
    }
    fs::create_dir(at.join("figures")).unwrap();
    for name in ["tiny.svg", "tiny.json", "claims.md"] {
        fs::write(at.join("figures").join(name), "mine").unwrap();
        refused(at, &["figures", "--scenarios", "paper"], 2, &format!("figures/{name} exists, and gramflow has no record"));
        fs::remove_file(at.join("figures").join(name)).unwrap();
    }
    assert!(!at.join("runs").exists());
    refused(at, &["figures", "--scenarios", "paper", "--out", "tiny.yaml"], 2, "tiny.yaml");
    // The folder of the file is not there.
    let output = gramflow(at, &["export", "tiny.yaml", "--out", "nowhere/data.npz"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.starts_with("cannot write in nowhere: ") && errors.contains("choose another --out"), "{errors}");
    assert!(!errors.contains("gramflow-partial"), "{errors}");
}

#[test]
fn merge_and_report_do_not_overwrite_what_they_did_not_write() {
    let at = at();
    let at = at.path();
    succeed(at, &["sweep", "run", "paper/tiny.yaml", "--out", "sweep"]);
    for name in ["sweep.parquet", "sweep.json", "verdicts.parquet"] {
        let to = at.join("to");
        fs::create_dir(&to).unwrap();
        fs::write(to.join(name), "mine").unwrap();
        refused(at, &["sweep", "merge", "sweep", "--out", "to"], 2, &format!("to/{name} exists, and gramflow has no record"));
        assert_eq!(contents(&to), [(PathBuf::from(name), b"mine".to_vec())]);
        fs::remove_dir_all(to).unwrap();
    }
    for _ in 0..2 {
        succeed(at, &["sweep", "merge", "sweep"]);
        succeed(at, &["report", "sweep"]);
        succeed(at, &["report", "sweep", "--out", "page.html"]);
    }
    fs::write(at.join("thesis.html"), "mine").unwrap();
    fs::write(at.join("sweep/report.html"), "mine").unwrap();
    fs::remove_file(at.join("sweep/.gramflow.json")).unwrap();
    refused(at, &["report", "sweep", "--out", "thesis.html"], 2, "thesis.html exists, and gramflow has no record");
    refused(at, &["report", "sweep"], 2, "sweep/report.html exists, and gramflow has no record");
    assert_eq!(fs::read(at.join("thesis.html")).unwrap(), b"mine");
    assert_eq!(fs::read(at.join("sweep/report.html")).unwrap(), b"mine");
}

/// Names in a manifest that somebody has edited, and links in the place of folders: nothing outside is removed, written or shown.
#[test]
fn figures_stay_in_their_folder() {
    let at = at();
    let at = at.path();
    let figures = ["figures", "--scenarios", "paper"];
    succeed(at, &figures);
    fs::create_dir(at.join("victims")).unwrap();
    for name in ["v.svg", "v.png"] {
        fs::write(at.join("victims").join(name), "<svg>secret</svg>").unwrap();
    }
    fs::write(at.join("figures/mine.svg"), "mine").unwrap();
    let victims = contents(&at.join("victims"));
    let path = at.join("figures/tiny.json");
    let mut manifest = json(path.clone());
    for name in ["../victims/v", "mine"] {
        manifest["pictures"].as_array_mut().unwrap().push(serde_json::json!({"name": name, "title": ""}));
    }
    fs::write(&path, manifest.to_string()).unwrap();
    succeed(at, &["report", "figures"]);
    assert!(!fs::read_to_string(at.join("figures/report.html")).unwrap().contains("secret"));
    succeed(at, &figures);
    assert_eq!(contents(&at.join("victims")), victims);
    assert_eq!(fs::read_to_string(at.join("figures/mine.svg")).unwrap(), "mine");

    #[cfg(unix)]
    {
        let sweep = fs::read_dir(at.join("runs/figures")).unwrap().next().unwrap().unwrap().path();
        fs::remove_dir_all(sweep.join("figures")).unwrap();
        std::os::unix::fs::symlink(at.join("victims"), sweep.join("figures")).unwrap();
        refused(at, &figures, 2, "is a link or a file, not a folder");
        assert_eq!(contents(&at.join("victims")), victims);
    }
}

/// A unit counts as done if all of it is there and it is of that scenario.
#[test]
fn units_that_do_not_fit_are_run_again() {
    let at = at();
    let at = at.path();
    let sweep = ["sweep", "run", "paper/tiny.yaml", "--out", "sweep"];
    succeed(at, &sweep);
    let mut units: Vec<PathBuf> = fs::read_dir(at.join("sweep/units")).unwrap().map(|entry| entry.unwrap().path()).collect();
    units.sort();
    let records = fs::read(units[0].join("records.parquet")).unwrap();
    let empty = |unit: &Path| {
        fs::remove_dir_all(unit).unwrap();
        fs::create_dir(unit).unwrap();
    };
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage; 6] = [
        ("empty", &empty),
        ("foreign", &|unit| {
            empty(unit);
            fs::write(unit.join("thesis.tex"), "mine").unwrap();
        }),
        ("another's", &|unit| {
            assert_eq!(fs::read_to_string(unit.join("thesis.tex")).unwrap(), "mine");
            empty(unit);
            for (name, bytes) in contents(&units[1]) {
                fs::write(unit.join(name), bytes).unwrap();
            }
        }),
        ("truncated", &|unit| fs::write(unit.join("records.parquet"), &records[..records.len() / 2]).unwrap()),
        ("edited", &|unit| {
            let text = fs::read_to_string(unit.join("scenario.json")).unwrap();
            fs::write(unit.join("scenario.json"), text.replace("\"t_end\": 1.0", "\"t_end\": 2.0")).unwrap();
        }),
        ("no manifest", &|unit| fs::write(unit.join("manifest.json"), "[").unwrap()),
    ];
    for (what, damage) in damages {
        damage(&units[0]);
        let status: Value = serde_json::from_str(&succeed(at, &["sweep", "status", "--json", "sweep"])).unwrap();
        assert_eq!(status["done"], 1, "{what}");
        let printed = succeed(at, &sweep);
        assert!(printed.contains("2 of 2 units done, 1 of them before"), "{what}: {printed}");
        assert_eq!(fs::read(units[0].join("records.parquet")).unwrap(), records, "{what}");
        assert_eq!(units[0].join("thesis.tex").exists(), what == "foreign", "{what}");
    }
    assert_eq!(fs::read_dir(at.join("sweep/units")).unwrap().count(), 2);
}

/// Files of a run folder, edited or cut short: a message that names the file.
#[test]
fn edited_files_of_a_run_are_messages() {
    let at = at();
    let at = at.path();
    run(at, "whole", &[]);
    let scenario = fs::read_to_string(at.join("whole/scenario.json")).unwrap();
    let manifest = fs::read_to_string(at.join("whole/manifest.json")).unwrap();
    let records = fs::read(at.join("whole/records.parquet")).unwrap();
    let arrays = fs::read(at.join("whole/arrays.npz")).unwrap();
    let text = |text: String| text.into_bytes();
    let cases = [
        ("scenario.json", text(scenario.replace("\"name\": \"tiny\"", "\"name\": \"../tiny\"")), 2, "a-z, 0-9 and -"),
        ("scenario.json", text(scenario.replace("\"t_end\": 1.0", "\"t_end\": -1.0")), 2, "flow.t_end: must be greater than 0"),
        ("scenario.json", text(scenario.replace("\"seed\": 0", "\"sede\": 0")), 2, "sede"),
        ("scenario.json", text(scenario[..scenario.len() / 2].into()), 2, "scenario.json"),
        ("scenario.json", text(String::new()), 2, "nothing here"),
        ("manifest.json", text(manifest[..manifest.len() / 2].into()), 1, "is not a manifest"),
        ("records.parquet", records[..records.len() / 2].to_vec(), 1, "is not a table of records"),
        ("records.parquet", Vec::new(), 1, "is not a table of records"),
        ("arrays.npz", arrays[..arrays.len() / 2].to_vec(), 1, "is not an NPZ archive"),
    ];
    for (file, bytes, status, says) in cases {
        assert_ne!(bytes, fs::read(at.join("whole").join(file)).unwrap());
        run(at, "out", &[]);
        fs::write(at.join("out").join(file), bytes).unwrap();
        let before = contents(&at.join("out"));
        refused(at, &["report", "out"], status, says);
        // Pictures need no manifest.
        if file == "manifest.json" {
            succeed(at, &["plot", "out"]);
            continue;
        }
        refused(at, &["plot", "out"], status, says);
        refused(at, &["plot", "out"], status, &format!("out/{file}"));
        assert_eq!(contents(&at.join("out")), before);
    }
    // The wrong shapes: pictures are drawn of what fits.
    fs::copy(at.join("whole/weights.npz"), at.join("out/arrays.npz")).unwrap();
    fs::copy(at.join("whole/scenario.json"), at.join("out/scenario.json")).unwrap();
    succeed(at, &["plot", "out"]);
    // A table, but not of a run.
    succeed(at, &["study", "integrators", "tiny.yaml", "--rtol", "1e-3", "--methods", "tsit5", "--out", "study"]);
    fs::copy(at.join("study/study.parquet"), at.join("out/records.parquet")).unwrap();
    refused(at, &["plot", "out"], 1, "is not a table of a run's records: it has no column `process`");
    // Nor does a manifest of other contents break a page.
    for manifest in ["[]", "7", r#"{"verdicts": {"nfa": 3}, "processes": [1], "warnings": "x"}"#] {
        run(at, "out", &[]);
        fs::write(at.join("out/manifest.json"), manifest).unwrap();
        succeed(at, &["report", "out"]);
    }
}

/// Saddles are all that pictures show of a manifest. Without them they are drawn like those of a run that did not look for any.
#[test]
fn what_a_manifest_cannot_tell_of_saddles_is_left_out_and_named() {
    let at = at();
    let at = at.path();
    run(at, "out", &["--set", "measure=[saddles]"]);
    let manifest = at.join("out/manifest.json");
    let whole = fs::read_to_string(&manifest).unwrap();
    let with = |saddles: Value| {
        let mut edited: Value = serde_json::from_str(&whole).unwrap();
        edited["processes"]["flow"]["saddles"] = saddles;
        edited.to_string()
    };
    let warned = |command: &str, says: &str| {
        let output = gramflow(at, &[command, "out"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.contains(says) && !errors.contains("panicked"), "{command}: {errors}");
        assert_eq!(
            errors.contains("do without saddles; to have them, run its scenario.json again"),
            !says.is_empty(),
            "{errors}"
        );
    };
    let cannot = "manifest.json: processes.flow.saddles cannot be read (";
    for (saddles, says) in [(json!([{"t": 1.0}]), cannot), (json!("none"), cannot), (json!(null), ""), (json!([]), "")] {
        fs::write(&manifest, with(saddles)).unwrap();
        warned("plot", says);
        succeed(at, &["report", "out"]);
        let page = fs::read_to_string(at.join("out/report.html")).unwrap();
        assert_eq!(page.contains("cannot be read ("), !says.is_empty());
    }
    fs::write(&manifest, &whole[..whole.len() / 2]).unwrap();
    warned("plot", "out/manifest.json is not a manifest");
}

/// Files may not grow beyond some kilobytes: the command fails, and no part of a file has a final name.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_what_stood() {
    let at = at();
    let at = at.path();
    run(at, "out", &[]);
    succeed(at, &["report", "out"]);
    let before = contents(at);
    for command in ["run tiny.yaml --out out", "run tiny.yaml --out other", "plot out", "report out"] {
        // Blocks of 512 or 1024 bytes: pictures, pages and records are larger.
        let limited = format!("ulimit -f 4; exec {} {command}", env!("CARGO_BIN_EXE_gramflow"));
        let output = Command::new("sh").current_dir(at).args(["-c", &limited]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {errors}");
        assert!(errors.contains("too large") || errors.contains("limit"), "{command}: {errors}");
        if command.contains("other") {
            // A run of which everything but pictures could be written stands, without them.
            let _ = fs::remove_dir_all(at.join("other"));
        }
        assert!(contents(at) == before, "{command}");
    }
}
