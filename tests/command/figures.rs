//! `gramflow figures`: made once, then read again; what a change of a scenario touches, and no more, is made anew.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gramflow::folder::FigureManifest;
use serde_json::Value;

use crate::harness::{gramflow, succeed};

/// Twelve units of some milliseconds that obey the balance law, and are balanced where λ > 0 has had time.
const BALANCE: &str = "\
name: balance
description: the gap <decays> & the law holds
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
claims: [balance-law, nfa]
flow: {t_end: 20.0}
record: {linear: {points: 40}}
sweep:
  grid: {weight_decay: [0, 0.5]}
  seeds: 3
pictures:
  - title: the gap
    panels: [{show: {over_time: {y: balance_gap}}, lines: weight_decay}]
  - name: the-loss
    title: the loss
    panels: [{show: {over_time: {y: loss}}, lines: weight_decay}]
";

fn depth() -> String {
    let pictures =
        BALANCE.split("pictures:").next().unwrap().replace("name: balance", "name: depth").replace("seeds: 3", "seeds: 2");
    pictures + "pictures:\n  - {title: peaks, panels: [{show: peaks, lines: weight_decay}]}\n"
}

/// A folder with the scenarios of two figures in `scenarios/paper`.
fn at() -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::create_dir_all(at.path().join("scenarios/paper")).unwrap();
    fs::write(at.path().join("scenarios/paper/balance.yaml"), BALANCE).unwrap();
    fs::write(at.path().join("scenarios/paper/depth.yaml"), depth()).unwrap();
    at
}

fn change(at: &Path, edit: impl Fn(String) -> String) {
    let path = at.join("scenarios/paper/balance.yaml");
    fs::write(&path, edit(fs::read_to_string(&path).unwrap())).unwrap();
}

/// Units of each figure that this command ran, by `--json`.
fn new_units(at: &Path, words: &[&str]) -> Vec<(String, u64)> {
    let printed: Value = serde_json::from_str(&succeed(at, &[&["figures", "--json"], words].concat())).unwrap();
    let figures = printed["figures"].as_array().unwrap().iter();
    figures.map(|figure| (figure["figure"].as_str().unwrap().to_string(), figure["units_new"].as_u64().unwrap())).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".gramflow.json");
    names.sort();
    names
}

/// Names and contents of all files.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    names(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

fn manifest(at: &Path, figure: &str) -> FigureManifest {
    serde_json::from_str(&fs::read_to_string(at.join("figures").join(format!("{figure}.json"))).unwrap()).unwrap()
}

fn pairs(figures: &[(&str, u64)]) -> Vec<(String, u64)> {
    figures.iter().map(|(name, units)| (name.to_string(), *units)).collect()
}

#[test]
fn made_once_then_read_again() {
    let at = at();
    let at = at.path();
    assert_eq!(new_units(at, &["--jobs", "2"]), pairs(&[("balance", 6), ("depth", 4)]));
    let figures = at.join("figures");
    let files = [
        "balance.json",
        "balance.png",
        "balance.svg",
        "claims.md",
        "depth.json",
        "depth.png",
        "depth.svg",
        "the-loss.png",
        "the-loss.svg",
    ];
    assert_eq!(names(&figures), files);

    let found = manifest(at, "balance");
    assert_eq!((found.units.planned, found.units.done, found.units.failed.len()), (6, 6, 0));
    assert_eq!(found.description, "the gap <decays> & the law holds");
    assert_eq!(found.caption, "L = 2, widths 4-3-3, n = 20, rank-1 target, start pytorch, auto at rtol 1e-8, seeds 0 to 2");
    assert_eq!(found.pictures.iter().map(|picture| picture.name.as_str()).collect::<Vec<_>>(), ["balance", "the-loss"]);
    assert_eq!(found.scenario, BALANCE);
    assert!(found.gradients > 100 && found.versions.len() == 1 && found.scenario_sha256.len() == 64);
    assert_eq!(found.terminations["flow"].values().sum::<usize>(), 6);
    assert_eq!((found.claims["balance-law"].all.holds, found.claims["balance-law"].by.len()), (6, 0));
    assert_eq!(found.claims["nfa"].all.judged(), 6);
    let json = fs::read_to_string(figures.join("balance.json")).unwrap();
    assert!(!json.contains("seconds") && !json.contains("cores"), "{json}");
    let claims = fs::read_to_string(figures.join("claims.md")).unwrap();
    assert!(claims.starts_with("| claim | where | units | value | threshold | error |\n"), "{claims}");
    assert!(
        claims.contains("| `balance-law` | balance | holds 6 |") && claims.contains("| `balance-law` | depth |"),
        "{claims}"
    );

    // Once more: no unit is run, the bytes are the same.
    let before = contents(&figures);
    let printed = succeed(at, &["figures"]);
    let row: Vec<&str> = printed.lines().find(|line| line.contains("balance")).unwrap().split_whitespace().collect();
    assert_eq!(row[..5], ["balance", "6", "6", "0", "0"], "{printed}");
    assert!(printed.contains("balance-law") && printed.contains("figures/claims.md"), "{printed}");
    assert!(before == contents(&figures));

    // One alone leaves the others, and the table of all.
    assert_eq!(new_units(at, &["depth"]), pairs(&[("depth", 0)]));
    assert!(before == contents(&figures));

    // A manifest that cannot be read is missed in the table, and in the report.
    let path = figures.join("balance.json");
    fs::write(&path, json.replace("\"holds\": 6", "\"holds\": \"six\"")).unwrap();
    let output = gramflow(at, &["figures", "depth"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("warning: figures/balance.json cannot be read (invalid type: "), "{told}");
    let claims = fs::read_to_string(figures.join("claims.md")).unwrap();
    assert!(!claims.contains("| balance |") && claims.contains("| depth |"), "{claims}");
    succeed(at, &["report", "figures"]);
    let page = fs::read_to_string(figures.join("report.html")).unwrap();
    let says = page.find("balance.json cannot be read (invalid type: ").unwrap();
    assert!(!page.contains("no warnings.") && says < page.find("<h2>depth</h2>").unwrap());
    fs::remove_file(figures.join("report.html")).unwrap();
    let told = |words: &[&str]| String::from_utf8_lossy(&gramflow(at, words).stderr).into_owned();
    let first = told(&["figures", "balance"]);
    assert!(first.contains("figures/balance.json could not be read (invalid type: ") && first.contains("are kept"), "{first}");
    // Once it can be read, nothing is said of it any more.
    assert!(!told(&["figures", "balance"]).contains("be read"));
    assert!(before == contents(&figures));

    // Other units are other runs; other pictures are drawn of the same.
    change(at, |text| text.replace("t_end: 20.0", "t_end: 10.0"));
    assert_eq!(new_units(at, &[]), pairs(&[("balance", 6), ("depth", 0)]));
    change(at, |text| text.replace("name: the-loss", "name: loss").replace("title: the loss", "title: loss"));
    assert_eq!(new_units(at, &[]), pairs(&[("balance", 0), ("depth", 0)]));
    let now = names(&figures);
    assert!(now.contains(&"loss.svg".to_string()) && !now.iter().any(|name| name.starts_with("the-loss")), "{now:?}");
    assert_eq!(now.len(), files.len());
    assert_eq!(names(&at.join("runs/figures")).len(), 3);
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_run() {
    let at = at();
    let at = at.path();
    let refused = |words: &[&str], says: &str| {
        let output = gramflow(at, &[&["figures"], words].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
        assert!(errors.contains(says), "{words:?}: {errors}");
        assert!(!at.join("runs").exists() && !at.join("figures").exists());
    };
    refused(&["dept"], "there is no figure `dept`, did you mean `depth`? (figures here: balance, depth)");
    refused(
        &["--scenarios", "nowhere"],
        "no figures in nowhere: run this in a clone of gramflow's repository, or name the folder",
    );
    let original = fs::read_to_string(at.join("scenarios/paper/balance.yaml")).unwrap();
    for (edit, says) in [
        (("name: the-loss", "name: depth"), "two pictures are called `depth`, in balance and in depth"),
        (("name: the-loss\n    ", ""), "pictures[1]: an earlier picture has no `name` either"),
        (("name: balance", "name: gap"), "balance.yaml: name: must be `balance`, like the name of the file, got `gap`"),
        (("lines: weight_decay", "lines: width_decay"), "`width_decay` varies in no unit"),
        (("t_end: 20.0", "t_end: -1"), "flow.t_end: must be greater than 0"),
    ] {
        change(at, |_| original.replacen(edit.0, edit.1, 1));
        // In scenarios that refuse a key the first message tells where.
        refused(&[], says);
    }
    change(at, |_| original.split("pictures:").next().unwrap().to_string());
    refused(&[], "balance.yaml: pictures: missing");
    // Of the figures that are not asked for none is read.
    succeed(at, &["figures", "depth"]);
}

#[test]
fn a_unit_that_cannot_be_run_is_left_out_and_said() {
    let at = at();
    let at = at.path();
    change(at, |text| {
        text.replace("weight_decay: [0, 0.5]", "init: [pytorch, {gaussian: {std: 1.0e+200}}]")
            .replace("lines: weight_decay", "lines: init")
    });
    let output = gramflow(at, &["figures"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains(
            "warning: balance: drawn without the unit init = {\"gaussian\":{\"std\":1e+200}}, seed = 0, which failed"
        ),
        "{errors}"
    );
    assert!(errors.contains("3 units failed, and their figures were drawn without them"), "{errors}");
    let found = manifest(at, "balance");
    assert_eq!((found.units.done, found.units.failed.len()), (3, 3));
    assert!(at.join("figures/depth.svg").exists() && at.join("figures/balance.svg").exists());
}

/// Killed at moments that no one chose, resumed: the same files as those of an undisturbed command.
#[test]
fn killed_and_resumed_it_is_the_same() {
    let at = at();
    let at = at.path();
    change(at, |text| text.replace("t_end: 20.0", "t_end: 200.0, integrator: {rk4: {step: 0.002}}"));
    let begin = Instant::now();
    succeed(at, &["figures", "--out", "calm", "--runs", "calm-runs", "--jobs", "2"]);
    let whole = begin.elapsed();
    for kill in 1..=5 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
            .current_dir(at)
            .args(["figures", "--jobs", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(whole * kill / 6);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    succeed(at, &["figures", "--jobs", "2"]);
    assert!(contents(&at.join("calm")) == contents(&at.join("figures")));
}

#[cfg(target_os = "linux")]
#[test]
fn interrupted_it_says_75_and_draws_nothing() {
    let at = at();
    change(at.path(), |text| {
        text.replace("t_end: 20.0", "t_end: 9.0e+7, integrator: {rk4: {step: 0.01}}, max_steps: 100000000000")
    });
    let child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
        .current_dir(at.path())
        .args(["figures", "balance"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = SystemTime::now();
    while !at.path().join("runs/figures").exists() && begin.elapsed().unwrap() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(300));
    Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{errors}");
    assert!(errors.contains("interrupted with 6 units to go"), "{errors}");
    assert_eq!(fs::read_dir(at.path().join("figures")).unwrap().count(), 0);
}
