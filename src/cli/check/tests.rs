//! Mutants of the bundled scenarios and of data files: each is accepted or refused quickly, and nothing panics. `GRAMFLOW_MUTANTS` sets the
//! number of mutated scenarios (a few hundred by default), and then their time and memory are tested too.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use mutate::Mutator;

#[path = "../../../tests/command/mutate.rs"]
mod mutate;

fn asked() -> Option<u64> {
    std::env::var("GRAMFLOW_MUTANTS").ok()?.parse().ok()
}

fn bundled() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<_> = [root.clone(), root.join("paper")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The wall time of one check.
fn measured(check: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    check();
    begin.elapsed()
}

/// The most memory that this process has taken, in kB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

#[test]
fn mutated_scenarios_are_checked_or_refused() {
    let (texts, at) = (bundled(), tempfile::tempdir().unwrap());
    let path = at.path().join("scenario.yaml");
    let (mut good, mut slowest) = (0, (Duration::ZERO, 0));
    for seed in 0..asked().unwrap_or(400) {
        let text = Mutator::new(seed).scenario(&texts);
        fs::write(&path, &text).unwrap();
        let spent = measured(|| match checked(&path, &[], &Limit::default()) {
            Ok(found) => good += usize::from(!found.is_empty()),
            Err(error) => assert!(!error.to_string().is_empty() && error.exit_status() == 2, "{seed}: {error}"),
        });
        slowest = slowest.max((spent, seed));
    }
    assert!(good > 20, "only {good} are right: does the mutator still make scenarios?");
    if let Some(count) = asked() {
        let peak = peak();
        println!("{count} scenarios, {good} right; slowest {:?} (seed {}); peak {peak:?} kB", slowest.0, slowest.1);
        assert!(slowest.0 < Duration::from_secs(2) && peak.is_none_or(|kilobytes| kilobytes < 1 << 20));
    }
}

#[test]
fn mutated_archives_are_read_or_refused() {
    use crate::npz::{Array, Arrays, write};
    let at = tempfile::tempdir().unwrap();
    let array = |shape: Vec<usize>| {
        let data: Vec<f64> = (0..shape.iter().product()).map(|i| (i as f64 * 0.7).sin()).collect();
        Array::new(&shape, data)
    };
    let data = at.path().join("data.npz");
    write(&data, &Arrays::from([("X".into(), array(vec![20, 3])), ("Y".into(), array(vec![20, 2]))])).unwrap();
    let bytes = fs::read(&data).unwrap();
    let path = at.path().join("scenario.yaml");
    fs::write(&path, "name: file\ndata: {file: {path: data.npz}}\nnetwork: {widths: [3, 4, 2]}\nflow: {t_end: 1}\n").unwrap();
    assert!(checked(&path, &[], &Limit::default()).is_ok());
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for seed in 0..200 {
        fs::write(&data, Mutator::new(seed).archive(&bytes)).unwrap();
        slowest = slowest.max(measured(|| match checked(&path, &[], &Limit::default()) {
            Ok(_) => {}
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty() && error.exit_status() == 2, "{seed}: {error}");
            }
        }));
    }
    assert!((100..=200).contains(&refused), "{refused} of 200 were refused");
    if asked().is_some() {
        println!("200 archives, {refused} refused; slowest {slowest:?}; peak {:?} kB", peak());
        assert!(slowest < Duration::from_secs(2));
    }
}
