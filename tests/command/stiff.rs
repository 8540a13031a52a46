//! Long and stiff flows through the command: what `auto` needs for a given error, and what a loose tolerance costs without a cap.
//!
//! `tests/references/stiff/stiff_cases.py` made the five cases (`python stiff_cases.py OUT_DIR`; numpy and scipy): inputs of condition
//! number up to 1e4, horizons up to T = 1e4, a small start, and an easy case as a check; the reference is scipy's DOP853 at rtol 1e-12.
//! Errors are those of all weights together, ‖W − W_ref‖/‖W_ref‖ at T; work is counted in gradients, products with the Hessian as 2.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use crate::harness::succeed;
use gramflow::npz;
use serde::Deserialize;

/// What `stiff_cases.py` writes about a case.
#[derive(Deserialize)]
struct Case {
    d: usize,
    layers: usize,
    decay: f64,
    t_end: f64,
}

/// What a run took and what it is worth.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    gradients: f64,
    error: f64,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references/stiff")
}

/// Runs the case by `integrator`, from 0 to T without a landing between, with atol = rtol/1000.
fn run(name: &str, integrator: &str, rtol: f64) -> Outcome {
    let cases: BTreeMap<String, Case> =
        serde_json::from_str(&std::fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap();
    let Case { d, layers, decay, t_end } = cases[name];
    let (here, widths) = (folder().display().to_string(), vec![d; layers + 1]);
    let scenario = format!(
        "name: {name}
data: {{file: {{path: '{here}/{name}-data.npz'}}}}
network: {{widths: {widths:?}}}
init: {{file: {{path: '{here}/{name}-w0.npz'}}}}
weight_decay: {decay:?}
flow: {{t_end: {t_end:?}, integrator: {integrator}, rtol: {rtol:?}, atol: {:?}}}
record: {{linear: {{points: 2}}}}
",
        1e-3 * rtol
    );
    let at = tempfile::tempdir().unwrap();
    std::fs::write(at.path().join("scenario.yaml"), scenario).unwrap();
    succeed(at.path(), &["run", "scenario.yaml", "--out", "out"]);
    let manifest = std::fs::read_to_string(at.path().join("out/manifest.json")).unwrap();
    let flow = &serde_json::from_str::<serde_json::Value>(&manifest).unwrap()["processes"]["flow"];
    // What has converged is there already.
    let ended = flow["termination"].as_str().unwrap();
    assert!(["t_end", "converged"].contains(&ended), "{name}: {integrator} at rtol {rtol:e}: {ended}");
    let weights = npz::read(&at.path().join("out/weights.npz")).unwrap();
    let (mut off, mut norm) = (0.0, 0.0);
    for (layer, reference) in npz::read(&folder().join(format!("{name}-ref.npz"))).unwrap() {
        let found = &weights[&format!("flow/{layer}")];
        off += found.data.iter().zip(&reference.data).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        norm += reference.data.iter().map(|b| b * b).sum::<f64>();
    }
    Outcome { gradients: flow["gradients"].as_f64().unwrap(), error: (off / norm).sqrt() }
}

/// The same for several runs at once.
fn all(runs: &[(&'static str, &'static str, f64)]) -> Vec<Outcome> {
    thread::scope(|scope| {
        let started: Vec<_> =
            runs.iter().map(|&(name, integrator, rtol)| scope.spawn(move || run(name, integrator, rtol))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Gradients that `auto` may take to be within an error, and the tolerance that reaches it.
#[test]
fn auto_keeps_to_its_budget_of_gradients() {
    let budgets = [
        ("decay", 1e-3, 1e-3, 3_200.0),
        ("decay", 1e-6, 1e-6, 22_000.0),
        ("deep", 1e-3, 1e-3, 2_000.0),
        ("deep", 1e-6, 1e-6, 9_000.0),
        ("ill", 1e-3, 6e-4, 5_000.0),
        ("ill", 1e-6, 1.2e-6, 55_000.0),
        ("saddle", 1e-3, 7e-4, 3_000.0),
        ("saddle", 1e-6, 7e-7, 12_000.0),
    ];
    let outcomes = all(&budgets.map(|(name, _, rtol, _)| (name, "auto", rtol)));
    for ((name, error, rtol, budget), outcome) in budgets.into_iter().zip(outcomes) {
        assert!(outcome.error <= error, "{name} at rtol {rtol:e}: {outcome:?}");
        assert!(outcome.gradients <= budget, "{name} at rtol {rtol:e}: {outcome:?} for {budget}");
    }
}

/// Gradients for an error, between two runs on their line of work against precision, both logarithmic.
fn work(runs: &[Outcome], error: f64) -> f64 {
    let pair = runs.windows(2).find(|pair| pair[0].error >= error && pair[1].error <= error);
    let &[a, b] = pair.unwrap_or_else(|| panic!("{error:e} is not among {runs:?}")) else { unreachable!() };
    let share = (a.error / error).ln() / (a.error / b.error).ln();
    a.gradients * (b.gradients / a.gradients).powf(share)
}

/// Where nothing is stiff, `auto` needs no more gradients than dopri5 for the same error.
#[test]
fn auto_is_no_worse_than_dopri5_where_nothing_is_stiff() {
    let line = |integrator| [1e-2, 1e-3, 1e-4, 1e-5, 1e-6].map(|rtol| ("easy", integrator, rtol));
    let runs = all(&[line("auto"), line("dopri5")].concat());
    let (auto, dopri5) = runs.split_at(5);
    for error in [3e-4, 1e-4, 1e-5, 1e-6] {
        let (ours, theirs) = (work(auto, error), work(dopri5, error));
        assert!(ours <= theirs, "{ours:.0} against {theirs:.0} at an error of {error:e}");
    }
}

#[test]
fn the_error_of_auto_follows_its_tolerance_on_every_case() {
    for name in ["decay", "deep", "ill", "saddle", "easy"] {
        let runs: Vec<_> = (3..=9).map(|digits| (name, "auto", 10f64.powi(-digits))).collect();
        for ((_, _, rtol), outcome) in runs.iter().zip(all(&runs)) {
            assert!(outcome.error <= 20.0 * rtol, "{name} at rtol {rtol:e}: {outcome:?}");
        }
    }
}

/// At the limit of its stability an explicit method jitters at the size of its tolerance, and the jitter drives a drift along the flat
/// directions of the loss. Our steps keep below that limit; those of `ode_solvers` do not: the control.
#[test]
fn without_the_cap_a_loose_tolerance_drifts() {
    let outcomes = all(&[("decay", "tsit5", 1e-3), ("decay", "dopri5", 1e-3)]);
    let (capped, free) = (outcomes[0].error, outcomes[1].error);
    assert!(capped <= 1e-3, "{capped:e}");
    assert!(free >= 10.0 * capped, "{free:e} against {capped:e}: what is the cap for?");
}
