//! Ctrl-C while a run is under way. Linux only: there `/proc` says when the command is ready for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::harness::{bundled, succeed};
use serde_json::Value;

/// `gramflow run` of a scenario that would take days, once it catches signals.
fn start(out: &Path, more: &[&str]) -> Child {
    // Whoever runs these tests may ignore the closing of a terminal.
    start_by(Command::new("env").arg("--default-signal=HUP"), out, more)
}

/// The same, started by another command.
fn start_by(starter: &mut Command, out: &Path, more: &[&str]) -> Child {
    let mut child = starter
        .arg(env!("CARGO_BIN_EXE_gramflow"))
        .args([
            "run",
            bundled("quickstart").to_str().unwrap(),
            "--set",
            "flow.t_end=9e7",
            "--set",
            "flow.max_steps=1000000000000",
            // Steps so short that no machine comes to where the flow has converged.
            "--set",
            "flow.integrator={rk4: {step: 1e-4}}",
        ])
        .args(more)
        .arg("--out")
        .arg(out)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !catches_sigterm(child.id()) {
        assert!(child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(60), "it does not come up");
        thread::sleep(Duration::from_millis(5));
    }
    child
}

/// The mask of caught signals has the bit of SIGTERM (15), which is registered after SIGINT.
fn catches_sigterm(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap() >> 14 & 1 == 1
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn manifest(out: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(out.join("manifest.json")).unwrap()).unwrap()
}

/// Everything else in the folder of `out`.
fn others(out: &Path) -> Vec<PathBuf> {
    fs::read_dir(out.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path != out).collect()
}

#[test]
fn an_interrupted_run_leaves_what_it_has_and_says_that_it_is_not_done() {
    // At once, where there may be a single record, and later.
    for (name, wait) in [("INT", 0), ("INT", 300), ("TERM", 300), ("HUP", 300)] {
        let at = tempfile::tempdir().unwrap();
        let out = at.path().join("run");
        let child = start(&out, &[]);
        thread::sleep(Duration::from_millis(wait));
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{errors}");
        assert!(errors.contains("warning: flow: interrupted at t = ") && errors.contains("starts again"), "{errors}");
        let run = gramflow::folder::read(&out).unwrap();
        for process in ["flow", "gd"] {
            let ended = &manifest(&out)["processes"][process];
            assert_eq!(ended["termination"], "interrupted", "{process}");
            let t = run.table.floats(process, "t");
            // JSON's last digit may be read differently.
            let reached = ended["t_reached"].as_f64().unwrap();
            assert!((t[t.len() - 1] - reached).abs() <= 1e-14 * reached, "{process}");
            assert!(t.windows(2).all(|pair| pair[0] < pair[1]), "{t:?}");
        }
        assert!(out.join("figures/loss.png").exists() && out.join("weights.npz").exists());
        assert!(others(&out).is_empty());
    }
}

/// An optimizer far beyond the flow's end stops as well; the flow is done.
#[test]
fn an_interrupt_stops_the_optimizers_too() {
    let at = tempfile::tempdir().unwrap();
    let out = at.path().join("run");
    let set = ["--set", "flow.t_end=1", "--set", "optimizers=[{gd: {lr: 0.01, steps: 1000000000}}]"];
    let child = start(&out, &set);
    thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
    assert_eq!(manifest(&out)["processes"]["gd"]["termination"], "interrupted");
}

/// Two signals at once, which a process that is stopped finds when it wakes: the second is not caught.
#[test]
fn a_second_signal_kills() {
    use std::os::unix::process::ExitStatusExt;
    let at = tempfile::tempdir().unwrap();
    let out = at.path().join("run");
    let child = start(&out, &[]);
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&child, name);
    }
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.signal(), Some(2 | 15)), "{:?}", output.status);
    assert!(!out.exists());
}

/// `nohup` starts a command with SIGHUP ignored: the closed terminal is nothing to it.
#[test]
fn nohup_is_respected() {
    let at = tempfile::tempdir().unwrap();
    let out = at.path().join("run");
    let mut child = start_by(&mut Command::new("nohup"), &out, &[]);
    signal(&child, "HUP");
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "it took notice");
    signal(&child, "TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(75));
}

/// The same command again, stopped at once: the finished run stays.
#[test]
fn an_interrupted_repeat_goes_beside_the_finished_run() {
    let at = tempfile::tempdir().unwrap();
    let out = at.path().join("run");
    let finish = ["run", bundled("quickstart").to_str().unwrap(), "--set", "flow.t_end=2", "--out", "run"].map(str::to_string);
    succeed(at.path(), &finish.iter().map(String::as_str).collect::<Vec<_>>());
    let before = fs::read(out.join("manifest.json")).unwrap();
    for _ in 0..2 {
        let child = start(&out, &[]);
        signal(&child, "TERM");
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{errors}");
        assert!(errors.contains("the finished run in") && errors.contains("run-interrupted"), "{errors}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("run-interrupted"));
        assert!(fs::read(out.join("manifest.json")).unwrap() == before);
        // A second one replaces the first.
        assert_eq!(others(&out), [at.path().join("run-interrupted")]);
        assert_eq!(manifest(&at.path().join("run-interrupted"))["processes"]["flow"]["termination"], "interrupted");
    }
}
