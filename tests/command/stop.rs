//! `stop`: processes end where their loss, ‖∇J‖ or accuracy has come to what is asked.

use std::path::{Path, PathBuf};

use crate::harness::{bundled, gramflow, succeed};
use gramflow::folder;
use gramflow::npz::{self, Array, Arrays};
use gramflow::ode::{Interrupt, Termination};
use gramflow::record::{self, Outcome};
use gramflow::run::{Finished, Problem, run};
use gramflow::{claim, scenario};

fn finished(path: &Path, sets: &[&str]) -> Finished {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let (scenario, _) = scenario::read(path, &sets).unwrap();
    run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {})
}

/// f(x) = wx on x = y = 1 from w = 0: ℒ = ½(1 − w)² = ½e^{−2t} under the flow and ½(1 − η)^{2k} under gradient descent.
fn one_weight(at: &Path) -> PathBuf {
    let one = || Array::new(&[1, 1], [1.0]);
    npz::write(&at.join("data.npz"), &Arrays::from([("X".to_string(), one()), ("Y".to_string(), one())])).unwrap();
    let zero = Array::new(&[1, 1], [0.0]);
    npz::write(&at.join("w0.npz"), &Arrays::from([("W1".to_string(), zero)])).unwrap();
    let path = at.join("one.yaml");
    let text = "
name: one
data: {file: {path: data.npz}}
network: {widths: [1, 1]}
init: {file: {path: w0.npz}}
flow: {t_end: 100}
stop: {loss: 1.0e-6}
optimizers: [gd: {lr: 0.1}]
";
    std::fs::write(&path, text).unwrap();
    path
}

fn reached(finished: &Finished, process: &str) -> (f64, &'static str, f64) {
    let (_, termination) = finished.terminations.iter().find(|(name, _)| name == process).unwrap();
    match *termination {
        Termination::Reached { t, quantity, value, .. } => (t, quantity, value),
        other => panic!("{process}: {other}"),
    }
}

/// On every record grid, to `rtol`; under a method with dense output to the bit.
#[test]
fn a_flow_stops_where_it_should_whatever_is_recorded() {
    let at = tempfile::tempdir().unwrap();
    let path = one_weight(at.path());
    let grids = ["record={log: {points: 200}}", "record={linear: {points: 2}}", "record={times: [6.5, 6.6, 6.9078]}"];
    let methods =
        ["auto", "tsit5", "dp8", "rk6", "dopri5", "dop853", "rkc", "rock4", "{gauss: {stages: 2}}", "{rk4: {step: 0.01}}"];
    for (stop, expected) in [("stop={loss: 1e-6}", -0.5 * 2e-6f64.ln()), ("stop={grad_norm: 1e-3}", -(1e-3f64.ln()))] {
        for method in methods {
            let integrator = format!("flow.integrator={method}");
            let mut times = Vec::new();
            for grid in grids {
                let run = finished(&path, &[stop, grid, &integrator]);
                let (t, _, value) = reached(&run, "flow");
                // The integration's error, 1e-8 of w, over |ẇ| = 1e-3.
                assert!((t - expected).abs() < 1e-3, "{method} {grid}: {t} {expected}");
                // The location's own: to `rtol` of t, over which these fall by 2·rtol·t at most, relatively.
                let threshold = if stop.contains("loss") { 1e-6 } else { 1e-3 };
                assert!((1.0 - 2e-7..=1.0).contains(&(value / threshold)), "{method} {grid}: {value}");
                let recorded = run.run.table.floats("flow", "t");
                assert_eq!(recorded.last(), Some(&t), "{method} {grid}");
                assert!(recorded.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(run.manifest.warnings.is_empty(), "{:?}", run.manifest.warnings);
                times.push(t);
            }
            if ["auto", "tsit5", "dp8", "rk6", "rkc", "rock4"].contains(&method) {
                assert!(times.iter().all(|t| t == &times[0]), "{times:?}");
            }
        }
    }
    // Less is asked for than there is: it converges instead.
    let run = finished(&path, &["stop={loss: 1e-300}"]);
    assert_eq!(run.terminations[0].1.reason().name(), "converged");
    // There from the start.
    let run = finished(&path, &["stop={loss: 0.5}"]);
    assert_eq!((reached(&run, "flow").0, reached(&run, "gd").0), (0.0, 0.0));
    assert_eq!(run.run.table.floats("flow", "t"), [0.0]);
}

/// The records up to the stop are those of the run that goes on.
#[test]
fn a_look_changes_no_record() {
    let sets = ["flow.t_end=30", "flow.integrator=tsit5"];
    let (through, stopped) = (
        finished(&bundled("quickstart"), &sets),
        finished(&bundled("quickstart"), &[&sets[..], &["stop={grad_norm: 0.1}"]].concat()),
    );
    for process in ["flow", "gd"] {
        let (t, quantity, _) = reached(&stopped, process);
        assert_eq!(quantity, "grad_norm");
        let column = |finished: &Finished, name: &str| finished.run.table.floats(process, name);
        let count = column(&stopped, "t").len() - 1;
        assert!(count > 10 && column(&stopped, "t")[count] == t);
        for name in ["t", "loss", "nfa_cosine", "weight_norm"] {
            assert_eq!(column(&through, name)[..count], column(&stopped, name)[..count], "{process} {name}");
        }
        // Nowhere before was it reached, and there it is.
        let norms = column(&stopped, "grad_norm");
        assert!(norms[..count].iter().all(|norm| *norm > 0.1) && norms[count] <= 0.1, "{norms:?}");
    }
    let cost = |finished: &Finished| finished.manifest.processes["gd"].gradients_monitoring;
    assert!(cost(&stopped) <= cost(&through) + 1, "full gradients are those of the steps");
}

/// The first step at which it holds; with minibatches, of whole epochs.
#[test]
fn an_optimizer_stops_at_its_first_step_there() {
    let at = tempfile::tempdir().unwrap();
    let run = finished(&one_weight(at.path()), &["record={linear: {points: 2}}"]);
    // ½·0.9^{2k} ≤ 10⁻⁶.
    let k = (2e-6f64.ln() / (2.0 * 0.9f64.ln())).ceil();
    assert_eq!(run.run.table.floats("gd", "t"), [0.0, k * 0.1]);
    assert_eq!(run.manifest.processes["gd"].steps_accepted, k as u64);

    let sgd = "optimizers=[sgd: {lr: 0.02, batch: 64, steps: 1000}]";
    let batches = |stop: &[&str]| {
        finished(&bundled("quickstart"), &[&[sgd, "flow.t_end=10", "record={linear: {points: 2}}"], stop].concat())
    };
    let through = batches(&["record={linear: {points: 1000}}"]);
    let losses = through.run.table.floats("sgd", "loss");
    let steps: Vec<i64> = match through.run.table.column("step") {
        Some(record::Values::Integer(all)) => all[all.len() - losses.len()..].to_vec(),
        _ => panic!(),
    };
    let threshold = 0.5 * losses[0];
    let stopped = batches(&[&format!("stop={{loss: {threshold:e}}}")]);
    let taken = stopped.manifest.processes["sgd"].steps_accepted as i64;
    // 200 samples in batches of 64.
    let per_epoch = 4;
    let first = steps.iter().zip(&losses).find(|(step, loss)| *step % per_epoch == 0 && **loss <= threshold).unwrap();
    assert_eq!(taken, *first.0);
    assert_eq!(reached(&stopped, "sgd").2, *first.1);
}

/// Not an early end: no warning, and claims are judged where it ended and say so. That it rests there is another question.
#[test]
fn claims_are_judged_where_it_was_stopped() {
    let path = bundled("quickstart");
    let sets: Vec<String> = ["stop={grad_norm: 0.02}", "claims=[balance-law, converged, nfa]"].map(String::from).to_vec();
    let (scenario, _) = scenario::read(&path, &sets).unwrap();
    let run = run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
    let (t, ..) = reached(&run, "flow");
    assert!(run.manifest.warnings.is_empty(), "{:?}", run.manifest.warnings);
    let second = run.finer.as_ref().map(|finer| finer.again());
    assert_eq!(second.unwrap().run.table.floats("flow", "t").last(), Some(&t));
    let evidence =
        claim::Evidence { setup: &scenario.plan().setup(), run: &run.run, flow: &run.manifest.processes["flow"], second };
    let verdicts = claim::judge(&scenario.claims, &evidence, &run.manifest.processes);
    assert_eq!(verdicts["balance-law"].verdict, Outcome::Holds);
    assert_eq!(verdicts["converged"].verdict, Outcome::Fails);
    for verdict in verdicts.values() {
        assert!(verdict.statement.contains("where `stop` ended the flow before t_end"), "{verdict:?}");
    }
}

#[test]
fn a_classifier_stops_at_an_accuracy() {
    let at = tempfile::tempdir().unwrap();
    let path = bundled("quickstart");
    let scenario = path.to_str().unwrap();
    let sets =
        ["--set", "loss=logistic", "--set", "stop={accuracy: 0.9}", "--set", "flow.t_end=1000", "--set", "weight_decay=0"];
    let text = succeed(at.path(), &[&["run", scenario, "--out", "out", "--set", "claims=[]"], &sets[..]].concat());
    assert!(text.contains("flow: reached accuracy ≥ 0.9 at t = ") && text.contains("gd: reached accuracy ≥ 0.9"), "{text}");
    let run = folder::read(&at.path().join("out")).unwrap();
    for process in ["flow", "gd"] {
        let accuracy = run.table.floats(process, "accuracy");
        let (last, before) = accuracy.split_last().unwrap();
        assert!(*last >= 0.9 && before.iter().all(|share| *share < 0.9), "{process}: {accuracy:?}");
    }
    succeed(at.path(), &["plot", "out"]);
    succeed(at.path(), &["report", "out"]);

    let refused = |arguments: &[&str]| {
        let output = gramflow(at.path(), arguments);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let mse = refused(&["run", scenario, "--set", "stop={accuracy: 0.9}"]);
    assert!(mse.contains("stop.accuracy: needs a classifier"), "{mse}");
    let study = refused(&["study", "lr", scenario, "--lr", "0.1", "--set", "stop={loss: 0.1}"]);
    assert!(study.contains("stop: not allowed in a study"), "{study}");
}
