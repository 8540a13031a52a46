//! `flow.certify`: the error that it states is the error.

use std::path::Path;

use crate::harness::{bundled, gramflow};
use gramflow::ode::Interrupt;
use gramflow::run::{Finished, Problem, run};
use gramflow::scenario;

/// quickstart with changes.
fn finished(sets: &[&str]) -> Finished {
    let path = bundled("quickstart");
    let sets: Vec<String> = ["flow.t_end=10", "record.log.points=40"].iter().chain(sets).map(|set| set.to_string()).collect();
    let (scenario, _) = scenario::read(Path::new(&path), &sets).unwrap();
    run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {})
}

#[test]
fn the_certificate_is_the_distance_from_a_tight_reference() {
    let reference = finished(&["optimizers=[]", "flow.integrator=dop853", "flow.rtol=1e-13", "flow.atol=1e-16"]);
    for (integrator, rtol) in
        [("dopri5", 1e-6), ("dopri5", 1e-9), ("tsit5", 1e-5), ("tsit5", 1e-7), ("tsit5", 1e-9), ("rock4", 1e-7)]
    {
        let (tolerance, atol) = (format!("flow.rtol={rtol:e}"), format!("flow.atol={:e}", rtol * 1e-3));
        let integrator = format!("flow.integrator={integrator}");
        let certified = finished(&["optimizers=[]", "flow.certify=true", &integrator, &tolerance, &atol]);
        let certificate = certified.manifest.processes["flow"].certificate.clone().unwrap();
        assert_eq!((certificate.rtol, certificate.t_compared), (rtol / 10.0, 10.0));
        for name in ["loss", "grad_norm", "weight_norm", "nfa_residual", "nfa_cosine"] {
            let (here, there) = (certified.run.table.floats("flow", name), reference.run.table.floats("flow", name));
            let error = here.iter().zip(&there).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let stated = certificate.columns[name].max_error;
            assert!((0.5..2.0).contains(&(stated / error)), "{integrator} {rtol:e} {name}: {stated:e} for {error:e}");
            let over_time = &certified.run.arrays[&format!("flow/error_{name}")].data;
            assert_eq!((over_time.len(), over_time.iter().copied().fold(0.0, f64::max)), (here.len(), stated));
        }
    }
}

/// Methods without dense output land on every record. Where records are closer than their steps, the second integration takes two steps for
/// each of the first.
#[test]
fn records_closer_than_steps_hide_no_error() {
    let grid = ["optimizers=[]", "record={linear: {points: 51}}"];
    let reference = finished(&[&grid[..], &["flow.integrator=dop853", "flow.rtol=1e-13", "flow.atol=1e-16"]].concat());
    for sets in [["flow.integrator={rk4: {step: 1}}", "flow.rtol=1e-6"], ["flow.integrator=dopri5", "flow.rtol=1e-2"]] {
        let certified = finished(&[&grid[..], &["flow.certify=true"], &sets].concat());
        // Nearly every step is as long as the records are apart.
        let steps = certified.manifest.processes["flow"].steps_accepted;
        assert!((50..60).contains(&steps), "{sets:?}: {steps}");
        let certificate = certified.manifest.processes["flow"].certificate.clone().unwrap();
        for name in ["loss", "weight_norm"] {
            let (here, there) = (certified.run.table.floats("flow", name), reference.run.table.floats("flow", name));
            let error = here.iter().zip(&there).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let stated = certificate.columns[name].max_error;
            assert!((0.5..2.0).contains(&(stated / error)), "{sets:?} {name}: {stated:e} for {error:e}");
        }
    }
}

/// Bit by bit; and what the second integration found is the same every time, however the threads ran.
#[test]
fn the_records_do_not_know_of_the_certificate() {
    let (plain, mut certified, again) = (finished(&[]), finished(&["flow.certify=true"]), finished(&["flow.certify=true"]));
    let certificate = |finished: &Finished| finished.manifest.processes["flow"].certificate.clone();
    assert_eq!((certificate(&plain), certificate(&certified)), (None, certificate(&again)));
    certified.run.arrays.retain(|name, _| !name.starts_with("flow/error_"));
    let all = |finished: &Finished| format!("{:?} {:?} {:?}", finished.run.table, finished.run.arrays, finished.weights);
    assert!(all(&plain) == all(&certified));
    assert_eq!(plain.manifest.processes["flow"].gradients, certified.manifest.processes["flow"].gradients);
}

/// At a loose tolerance the error shows, is named, and printed; a flow that stops early is compared as far as it went.
#[test]
fn what_shows_is_named_and_early_ends_are_compared_until_then() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("quickstart");
    let command = |set: &str| {
        let fixed = ["run", scenario.to_str().unwrap(), "--out", "out", "--set", "flow.certify=true", "--set", "flow.t_end=20"];
        gramflow(at.path(), &[&fixed[..], &["--set", set]].concat())
    };
    let tight = command("flow.rtol=1e-9");
    assert!(String::from_utf8_lossy(&tight.stdout).contains("certified to t = "));
    assert!(tight.stderr.is_empty(), "{}", String::from_utf8_lossy(&tight.stderr));
    let coarse = command("flow.integrator={rk4: {step: 0.35}}");
    let warnings = String::from_utf8_lossy(&coarse.stderr);
    assert!(warnings.contains("visible errors, relative to the largest value") && warnings.contains(" more: "), "{warnings}");
    assert!(warnings.contains("more: lower the step of rk4\n"), "{warnings}");

    let early = finished(&["flow.certify=true", "flow.integrator=dopri5", "flow.max_steps=40"]);
    let certificate = early.manifest.processes["flow"].certificate.clone().unwrap();
    let t = early.run.table.floats("flow", "t");
    // The second integration goes to where the first has stopped, if its own steps take it there.
    assert!(0.0 < certificate.t_compared && certificate.t_compared <= t[t.len() - 1]);
    let errors = &early.run.arrays["flow/error_loss"].data;
    assert!(errors.len() == t.len() && errors[0] == 0.0);
    assert!(t.iter().zip(errors).all(|(t, error)| error.is_nan() == (*t > certificate.t_compared)), "{errors:?}");
}

/// With one weight in each layer W_1ᵀW_1 and A_f are numbers, and the angle between them is 0: what is recorded of it is rounding, which no
/// tolerance lowers.
#[test]
fn rounding_is_no_visible_error() {
    let at = tempfile::tempdir().unwrap();
    let scenario = "name: one\ndata: {synthetic: {inputs: {dim: 1, samples: 1}, target: {low_rank: {rank: 1, outputs: 1}}}}\n\
                    network: {widths: [1, 1, 1]}\nflow: {t_end: 1, certify: true}\n";
    std::fs::write(at.path().join("one.yaml"), scenario).unwrap();
    let command = |out: &str, sets: &[&str]| {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        gramflow(at.path(), &["run", "one.yaml", "--out", out].into_iter().chain(sets).collect::<Vec<_>>())
    };
    let mut residuals = 0;
    for seed in 0..8 {
        let out = format!("out-{seed}");
        let output = command(&out, &[&format!("seed={seed}")]);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("certified to t = 1: the largest error") && !said.contains("(nfa_alignment_residual)"), "{said}");
        let manifest = std::fs::read_to_string(at.path().join(out).join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let errors = &manifest["processes"]["flow"]["certificate"]["columns"];
        residuals += usize::from(errors["nfa_alignment_residual"]["max_relative_error"].as_f64().unwrap() > 0.01);
    }
    assert!(residuals > 0, "the residual is without rounding");
    // A true error still shows, of pure numbers too.
    let coarse = command("coarse", &["seed=3", "flow.rtol=0.1", "flow.t_end=10", "observe=[nfa]"]);
    let warnings = String::from_utf8_lossy(&coarse.stderr);
    assert!(warnings.contains("visible errors") && warnings.contains("nfa_residual_relative ("), "{warnings}");
    assert!(!warnings.contains("nfa_alignment_residual"), "{warnings}");
}

/// Only numbers of size 1 by nature have a floor.
#[test]
fn rounding_is_known_of_pure_numbers_alone() {
    let run = finished(&["optimizers=[]", "flow.t_end=0.1"]).run;
    assert!(run.is_rounding("nfa_alignment_residual", 1e-15) && run.is_rounding("nfa_cosine_W2", 1e-15));
    assert!(!run.is_rounding("nfa_alignment_residual", 1e-11) && !run.is_rounding("loss", 1e-15));
}
