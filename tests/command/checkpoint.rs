//! Runs that save their state, are stopped, and go on.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::harness::{bundled, gramflow, succeed};
use serde_json::Value;

/// 30,000 steps of two optimizers beside a certified flow.
const LONG: [&str; 8] = [
    "--set",
    "flow.certify=true",
    "--set",
    "record={log: {points: 40, first: 1.0e-2}}",
    "--set",
    "optimizers=[{gd: {lr: 0.02}}, {sgd: {lr: 0.02, batch: 20, momentum: 0.5}}]",
    "--set",
    "record.weights=true",
];

fn command_to(at: &Path, out: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gramflow"));
    command.current_dir(at).arg("run").arg(bundled("quickstart")).args(LONG).args(["--out", out]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn command(at: &Path, more: &[&str]) -> Command {
    command_to(at, "run", more)
}

/// The bytes of every file that a run leaves, wall times and pictures apart.
fn left(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    fn without_times(value: &mut Value) {
        if let Value::Object(entries) = value {
            entries.retain(|key, _| !key.ends_with("seconds"));
            entries.values_mut().for_each(without_times);
        }
    }
    let mut manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    without_times(&mut manifest);
    let files = ["scenario.json", "records.parquet", "arrays.npz", "weights.npz", "trajectory.npz", "figures/loss.svg"];
    let mut all: Vec<_> = files.into_iter().map(|name| (name, fs::read(folder.join(name)).unwrap())).collect();
    all.push(("manifest.json", manifest.to_string().into_bytes()));
    all
}

pub fn assert_same(folder: &Path, undisturbed: &Path) {
    for ((name, here), (_, there)) in left(folder).into_iter().zip(left(undisturbed)) {
        assert!(here == there, "{name} differs");
    }
}

/// The run that nothing disturbs, in `undisturbed`.
fn undisturbed(at: &Path) -> PathBuf {
    let out = at.join("undisturbed");
    let output = command_to(at, "undisturbed", &[]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// Waits until the checkpoint is another than `last`; `None` if the command ended before.
fn next_checkpoint(child: &mut Child, path: &Path, last: &[u8]) -> Option<Vec<u8>> {
    let begin = Instant::now();
    loop {
        match fs::read(path) {
            Ok(bytes) if bytes != last => return Some(bytes),
            _ => {}
        }
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        assert!(begin.elapsed() < Duration::from_secs(120), "no checkpoint comes");
        thread::sleep(Duration::from_millis(1));
    }
}

fn entries(at: &Path) -> Vec<String> {
    let names = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_bytes_of_one_that_is_not() {
    let at = tempfile::tempdir().unwrap();
    let undisturbed = undisturbed(at.path());
    let path = at.path().join("run.checkpoint");
    let mut last = Vec::new();
    for kill in 0..5 {
        let mut child = command(at.path(), &["--checkpoint", "0s"]).spawn().unwrap();
        for _ in 0..2 + 3 * kill {
            last = next_checkpoint(&mut child, &path, &last).expect("it is not done so soon");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!at.path().join("run").exists());
    }
    let output = command(at.path(), &["--checkpoint", "1h"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("goes on from "), "{errors}");
    assert_same(&at.path().join("run"), &undisturbed);
    assert_eq!(entries(at.path()), ["run", "undisturbed"]);
}

fn interrupted(at: &Path, name: &str, more: &[&str]) -> Output {
    let mut child = command(at, more).spawn().unwrap();
    let last = fs::read(at.join("run.checkpoint")).unwrap_or_default();
    next_checkpoint(&mut child, &at.join("run.checkpoint"), &last).expect("it is not done so soon");
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_that_is_interrupted_goes_on_by_the_same_command_or_by_resume() {
    let at = tempfile::tempdir().unwrap();
    let undisturbed = undisturbed(at.path());
    for (name, more) in [("INT", ["--checkpoint", "0s"]), ("TERM", ["--checkpoint", "0s"]), ("USR1", ["--checkpoint", "0s"])] {
        let output = interrupted(at.path(), name, &more);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{errors}");
        assert!(errors.contains("interrupted: the same command goes on from there"), "{errors}");
        // What it has stands in its folder.
        let run = gramflow::folder::read(&at.path().join("run")).unwrap();
        let t = run.table.floats("flow", "t");
        assert!(!t.is_empty() && t.windows(2).all(|pair| pair[0] < pair[1]), "{t:?}");
        assert_eq!(entries(at.path()), ["run", "run.checkpoint", "undisturbed"]);
    }
    succeed(at.path(), &["run", "--resume", "run"]);
    assert_same(&at.path().join("run"), &undisturbed);
    assert_eq!(entries(at.path()), ["run", "undisturbed"]);
    let again = gramflow(at.path(), &["run", "--resume", "run"]);
    let errors = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(2));
    assert!(errors.contains("the run in run has ended") && errors.contains("--set flow.t_end="), "{errors}");
}

/// Two commands that save their states in one file would lose each other's.
#[test]
fn a_second_command_for_the_same_folder_is_refused_by_name() {
    let at = tempfile::tempdir().unwrap();
    let mut child = command(at.path(), &["--checkpoint", "0s"]).spawn().unwrap();
    next_checkpoint(&mut child, &at.path().join("run.checkpoint"), &[]).expect("it is not done so soon");
    let output = command(at.path(), &["--checkpoint", "0s"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("another command runs into the same folder") && errors.contains("run.checkpoint"), "{errors}");
    child.kill().unwrap();
    child.wait().unwrap();
    succeed(at.path(), &["run", "--resume", "run"]);
    assert_eq!(entries(at.path()), ["run"]);
}

#[test]
fn the_checkpoint_of_another_scenario_or_version_is_refused_by_name() {
    let at = tempfile::tempdir().unwrap();
    interrupted(at.path(), "TERM", &["--checkpoint", "0s"]);
    let path = at.path().join("run.checkpoint");
    let bytes = fs::read(&path).unwrap();
    let refused = |more: &[&str]| {
        let output = command(at.path(), &["--checkpoint", "60s"]).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let errors = refused(&["--set", "seed=7"]);
    assert!(errors.contains("run.checkpoint is a checkpoint of another scenario") && errors.contains("choose another --out"));
    // Without --checkpoint it is left alone, and nobody is told to go on from it.
    let output = command(at.path(), &["--set", "seed=7", "--set", "flow.t_end=1"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("run.checkpoint is there, but not of this run"), "{errors}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let begin = bytes.windows(version.len()).position(|window| window == version).unwrap();
    let other = [&bytes[..begin], b"0.0.9", &bytes[begin + version.len()..]].concat();
    fs::write(&path, other).unwrap();
    let errors = refused(&[]);
    assert!(errors.contains("of gramflow 0.0.9 (") && errors.contains("remove the file to start again"), "{errors}");
    fs::write(&path, "my notes").unwrap();
    assert!(refused(&[]).contains("is not a checkpoint of gramflow"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "my notes");
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(refused(&[]).contains("is damaged: remove it to start again"));
}
