//! Sweeps whose units keep checkpoints, and are stopped within a unit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{gramflow, succeed};

/// Three units of 40,000 steps each.
const SWEEP: &str = "name: many
data: {synthetic: {inputs: {dim: 3, samples: 20}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 4, 2]}
flow: {t_end: 40}
record: {linear: {points: 9}, weights: true}
optimizers: [{gd: {lr: 0.001}}]
sweep: {grid: {weight_decay: [0.0, 0.1, 0.2]}, keep: [weights, arrays]}
";

fn begin(at: &Path, every: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gramflow"));
    command.current_dir(at).args(["sweep", "run", "many.yaml", "--out", "sweep", "--jobs", "1", "--checkpoint", every]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The checkpoints of units.
fn checkpoints(at: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(at.join("sweep/units")).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "checkpoint")).collect()
}

/// Waits until a unit has saved its state several times.
fn wait_within_a_unit(child: &mut Child, at: &Path) -> PathBuf {
    let (begin, mut seen) = (Instant::now(), Vec::new());
    loop {
        if let Some(path) = checkpoints(at).first() {
            let state = fs::read(path).unwrap_or_default();
            if !state.is_empty() && !seen.contains(&state) {
                seen.push(state);
            }
            if seen.len() == 5 {
                return path.clone();
            }
        }
        assert!(child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(120), "no checkpoint comes");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The bytes of every file of every unit, manifests apart.
fn left(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for unit in fs::read_dir(folder.join("units")).unwrap().map(|entry| entry.unwrap().path()) {
        for name in ["scenario.json", "records.parquet", "arrays.npz", "weights.npz", "trajectory.npz"] {
            files.insert(unit.strip_prefix(folder).unwrap().join(name), fs::read(unit.join(name)).unwrap());
        }
    }
    files
}

#[test]
fn a_sweep_that_is_killed_within_units_ends_with_the_bytes_of_one_that_is_not() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("many.yaml"), SWEEP).unwrap();
    succeed(at, &["sweep", "run", "many.yaml", "--out", "undisturbed", "--jobs", "1"]);
    // By force, and as Slurm does before the time limit.
    for signal in ["KILL", "USR1"] {
        let mut child = begin(at, "0s");
        wait_within_a_unit(&mut child, at);
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        if signal == "USR1" {
            assert_eq!(output.status.code(), Some(75), "{errors}");
            assert!(errors.contains("units to go: the same command resumes"), "{errors}");
        }
        assert_eq!(checkpoints(at).len(), 1);
    }
    // The state is taken up: a damaged one is refused by name.
    let path = checkpoints(at).remove(0);
    let state = fs::read(&path).unwrap();
    fs::write(&path, &state[..state.len() - 1]).unwrap();
    let output = begin(at, "1h").wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(".checkpoint is damaged: remove it to start again"), "{errors}");
    fs::write(&path, &state).unwrap();
    succeed(at, &["sweep", "run", "many.yaml", "--out", "sweep", "--jobs", "1", "--checkpoint", "1h"]);
    assert!(left(&at.join("sweep")) == left(&at.join("undisturbed")), "the bytes differ");
    assert!(checkpoints(at).is_empty());
    succeed(at, &["sweep", "merge", "sweep"]);
}

/// What a user asks of the tasks of a job array.
#[test]
fn a_job_array_is_warned_before_its_time_limit() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("many.yaml"), SWEEP).unwrap();
    let script = |more: &[&str]| succeed(at.path(), &[&["sweep", "submit", "many.yaml", "--dry-run"], more].concat());
    let plain = script(&[]);
    assert!(!plain.contains("--signal") && !plain.contains("--checkpoint"), "{plain}");
    let kept = script(&["--checkpoint", "5m", "--sbatch=--signal=B:USR1@600"]);
    let lines: Vec<&str> = kept.lines().filter(|line| line.contains("--signal")).collect();
    // Of two, sbatch takes the last.
    assert_eq!(lines, ["#SBATCH --signal=B:USR1@120", "#SBATCH --signal=B:USR1@600"]);
    assert!(kept.contains(" --jobs 1 --checkpoint 300s --shard "), "{kept}");
    let refused = gramflow(at.path(), &["sweep", "submit", "many.yaml", "--dry-run", "--checkpoint", "5"]);
    assert_eq!(refused.status.code(), Some(2));
}
