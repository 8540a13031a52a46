//! Sharpness against dense eigenvalues, and the gate of the comparison with the flow, through the built command.

use std::fs;
use std::path::Path;

use gramflow::ode::Interrupt;
use gramflow::run::{Finished, Problem, run};
use gramflow::scenario;
use nalgebra::{DMatrix, DVector, SymmetricEigen};
use serde_json::Value;

use crate::harness::{gramflow, succeed};

fn text(widths: &[usize], decay: f64, more: &str) -> String {
    let (d_in, d_out) = (widths[0], widths[widths.len() - 1]);
    format!(
        "name: sharp
data: {{synthetic: {{inputs: {{dim: {d_in}, samples: 40}}, target: {{low_rank: {{rank: 1, outputs: {d_out}}}}}}}}}
network: {{widths: {widths:?}}}
weight_decay: {decay:?}
{more}
"
    )
}

fn finish(text: &str) -> (Problem, Finished) {
    let scenario = scenario::parse(text, Path::new("x.yaml"), &[]).unwrap().0;
    let problem = Problem::new(&scenario).unwrap();
    let finished = run(&scenario, &problem, &Interrupt::default(), |_| {});
    (problem, finished)
}

/// λ_max of ∇²J by a five-point rule on the gradient, which knows nothing of products with the Hessian.
fn dense(problem: &Problem, theta: &DVector<f64>) -> f64 {
    let n = theta.len();
    let h = 1e-3;
    let gradient = |i: usize, k: f64| {
        let (mut at, mut out) = (theta.clone(), DVector::zeros(n));
        at[i] += k * h;
        problem.objective.gradient(&at, &mut out);
        out
    };
    let slope = |i| ((gradient(i, 1.0) - gradient(i, -1.0)) * 8.0 - (gradient(i, 2.0) - gradient(i, -2.0))) / (12.0 * h);
    let hessian = DMatrix::from_columns(&(0..n).map(slope).collect::<Vec<_>>());
    SymmetricEigen::new((&hessian + hessian.transpose()) * 0.5).eigenvalues.max()
}

/// At the start, after few and many steps, and of the flow; with one output, one layer and one unit, with decay and without.
#[test]
fn it_is_the_largest_eigenvalue_of_the_dense_hessian() {
    for (widths, decay) in
        [(&[5, 4, 6, 3][..], 0.01), (&[5, 4, 6, 3], 0.0), (&[6, 6, 6, 6, 1], 0.01), (&[4, 3], 0.3), (&[1, 1, 1], 0.01)]
    {
        let steps = [1, 3, 10, 30, 100, 300, 1000];
        let list: Vec<String> =
            steps.iter().map(|k| format!("{{sgd: {{name: k{k}, lr: 0.02, momentum: 0.5, steps: {k}}}}}")).collect();
        let more = format!(
            "flow: {{t_end: 40}}\nrecord: {{log: {{points: 60, first: 0.01}}}}\nmeasure: [sharpness]\noptimizers: [{}]",
            list.join(", ")
        );
        let (problem, finished) = finish(&text(widths, decay, &more));
        let mut distinct = Vec::new();
        for (process, weights) in &finished.weights {
            let sharpness = finished.run.table.floats(process, "sharpness");
            for (found, theta) in [(sharpness[0], problem.start.values()), (*sharpness.last().unwrap(), weights.values())] {
                let exact = dense(&problem, theta);
                assert!((found - exact).abs() <= 1e-3 * exact, "{widths:?} {process}: {found} {exact}");
                distinct.push(exact);
            }
        }
        // The control: it moves by far more than it may be off, so that the sharpness of another moment would be noticed.
        let moves = distinct.iter().copied().fold(0.0, f64::max) / distinct.iter().copied().fold(f64::MAX, f64::min);
        assert!(widths.len() == 2 || moves > 1.05, "{widths:?}: {moves}");
    }
}

/// Where a process ended.
fn weights<'a>(finished: &'a Finished, process: &str) -> &'a DVector<f64> {
    finished.weights.iter().find(|(name, _)| name == process).unwrap().1.values()
}

/// λ_max after so many steps, the first of them 0, from runs that end there.
fn dense_after(settings: &str, optimizer: &str, steps: &[usize]) -> Vec<f64> {
    let run = |k: &usize| format!("{{{}}}", optimizer.replace('{', &format!("{{name: k{k}, steps: {k}, ")));
    let list: Vec<String> = steps[1..].iter().map(run).collect();
    let (problem, finished) = finish(&settings.replace("OPTIMIZERS", &list.join(", ")));
    let of = |k: &usize| dense(&problem, weights(&finished, &format!("k{k}")));
    std::iter::once(dense(&problem, problem.start.values())).chain(steps[1..].iter().map(of)).collect()
}

/// Every output of one layer has weights of its own, so that the Hessian consists of blocks, and the largest eigenvalue passes from one to
/// another while the network learns. Adam in `of_files`: 0.16658 in one block, and 0.14620 in the next.
#[test]
fn it_is_found_in_every_block_of_a_hessian_at_every_record() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references").display().to_string();
    let of_files = format!(
        "name: blocks
data: {{file: {{path: '{here}/independent-outputs-data.npz'}}}}
network: {{widths: [1, 9]}}
init: {{file: {{path: '{here}/independent-outputs-w0.npz'}}}}
loss: logistic
flow: {{t_end: 30}}
measure: [sharpness]
record: {{linear: {{points: 4}}}}
optimizers: [OPTIMIZERS]
"
    );
    let more = "flow: {t_end: 30}\nmeasure: [sharpness]\nrecord: {linear: {points: 16}}\noptimizers: [OPTIMIZERS]";
    let drawn = text(&[3, 7], 1e-3, more).replace("widths: [3, 7]", "widths: [3, 7], activations: [tanh]");
    for (settings, process, lr) in [(&of_files, "adam", 0.1), (&drawn, "adam", 0.1), (&drawn, "gd", 0.5)] {
        let optimizer = format!("{process}: {{lr: {lr:?}}}");
        let (problem, finished) = finish(&settings.replace("OPTIMIZERS", &format!("{{{optimizer}}}")));
        let column = |process: &str, name: &str| finished.run.table.floats(process, name);
        let steps: Vec<usize> = column(process, "t").iter().map(|t| (t / lr).round() as usize).collect();
        let (exact, found) = (dense_after(settings, &optimizer, &steps), column(process, "sharpness"));
        assert!(steps.len() == found.len() && steps.len() >= 4 && steps[0] == 0, "{steps:?}");
        for ((k, exact), found) in steps.iter().zip(exact).zip(found) {
            assert!((found - exact).abs() <= 1e-6 * exact, "{optimizer}, step {k}: {found} {exact}");
        }
        let (last, exact) = (*column("flow", "sharpness").last().unwrap(), dense(&problem, weights(&finished, "flow")));
        assert!((last - exact).abs() <= 1e-6 * exact, "flow: {last} {exact}");
    }
    let (_, finished) = finish(&of_files.replace("OPTIMIZERS", "adam: {lr: 0.1}"));
    let found = finished.run.table.floats("adam", "sharpness");
    assert!(found.iter().any(|found| (found - 0.16658).abs() < 1e-5), "{found:?}");
}

#[test]
fn what_was_not_measured_is_null_and_what_was_is_counted() {
    let more = |measure: &str| {
        format!(
            "flow: {{t_end: 4}}\nrecord: {{linear: {{points: 9}}}}\nmeasure: {measure}\noptimizers: [gd: {{lr: 0.1, schedule: {{step: {{step_size: 10, gamma: 0.5}}}}, steps: 30}}, adam: {{lr: 0.01}}]"
        )
    };
    let (_, bare) = finish(&text(&[4, 3, 2], 0.1, &more("[]")));
    let (_, asked) = finish(&text(&[4, 3, 2], 0.1, &more("[sharpness]")));
    let column = |of: &Finished, process: &str, name: &str| of.run.table.floats(process, name);
    assert!(column(&bare, "flow", "sharpness").iter().all(|x| x.is_nan()));
    assert!(column(&asked, "flow", "sharpness").iter().all(|x| *x > 0.0));
    assert!(column(&asked, "flow", "lr_sharpness").iter().all(|x| x.is_nan()));
    assert_eq!(column(&bare, "gd", "sharpness"), column(&asked, "gd", "sharpness"));
    let gradients = |of: &Finished, process: &str| of.manifest.processes[process].gradients_monitoring;
    assert!(gradients(&asked, "flow") >= gradients(&bare, "flow") + 2 * 9);
    assert!(gradients(&bare, "gd") >= 2 * 7);
    // η_k falls, λ_max is what it is: the bound is 2/η_k. Adam has none.
    let (sharpness, lr, bound) =
        (column(&bare, "gd", "sharpness"), column(&bare, "gd", "lr_sharpness"), column(&bare, "gd", "sharpness_bound"));
    let rates: Vec<f64> = sharpness.iter().zip(&lr).map(|(sharpness, lr)| lr / sharpness).collect();
    assert!((rates[0] - 0.1).abs() < 1e-15 && rates[rates.len() - 1] < 0.03);
    assert!(rates.iter().zip(&bound).all(|(rate, bound)| (rate * bound - 2.0).abs() < 1e-14));
    assert!(column(&bare, "adam", "sharpness_bound").iter().all(|x| x.is_nan()));
    assert!(column(&bare, "adam", "lr_sharpness").iter().all(|x| *x > 0.0));
}

/// gd on one layer, a quadratic: λ_max is that of Σ_x + λ at all times, and the edge is sharp.
#[test]
fn the_gate_opens_at_two_and_says_so_once() {
    let at = tempfile::tempdir().unwrap();
    let quadratic = text(&[4, 2], 0.01, "flow: {t_end: 60}\noptimizers: [gd: {lr: 0.1}]");
    let (_, finished) = finish(&quadratic);
    let sharpness = finished.run.table.floats("gd", "sharpness")[0];
    fs::write(at.path().join("x.yaml"), &quadratic).unwrap();
    let ran = |list: String| {
        let set = format!("optimizers=[{list}]");
        let output = gramflow(at.path(), &["run", "x.yaml", "--json", "--out", "run", "--set", &set]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
        (String::from_utf8(output.stderr).unwrap(), manifest["processes"].clone())
    };
    let gd = |share: f64| format!("gd: {{lr: {:?}, steps: 200}}", share * 2.0 / sharpness);

    let (warnings, processes) = ran(gd(0.99));
    assert!(!warnings.contains("η·λ_max"), "{warnings}");
    assert_eq!((&processes["gd"]["events"], &processes["gd"]["termination"]), (&Value::Array(vec![]), &"steps".into()));

    let (warnings, processes) = ran(gd(1.5));
    let says = "gd: η·λ_max = 3 passes 2 at step 0 (t = 0): no flow describes it from there; lower its lr to follow one";
    assert_eq!(warnings.matches(says).count(), 1, "{warnings}");
    assert_eq!(warnings.matches("η·λ_max").count(), 1, "{warnings}");
    let event = &processes["gd"]["events"][0];
    assert_eq!((&event["kind"], &event["t"]), (&"unstable".into(), &0.0.into()));
    assert!(says.ends_with(event["detail"].as_str().unwrap()));
    assert_eq!(processes["gd"]["termination"], "diverged");

    // Heavy ball at 0.9 is stable up to 3.8, Nesterov up to 3.8/2.8: the rule's own bound, not gd's.
    let momentum = |share: f64, nesterov: bool| {
        let lr = share * if nesterov { 3.8 / 2.8 } else { 3.8 } / sharpness;
        format!("sgd: {{name: m{nesterov}, lr: {lr:?}, momentum: 0.9, nesterov: {nesterov}}}")
    };
    let (warnings, processes) = ran(format!("{}, {}", momentum(0.99, false), momentum(0.99, true)));
    assert!(!warnings.contains("η·λ_max"), "{warnings}");
    assert_eq!((&processes["mfalse"]["termination"], &processes["mtrue"]["termination"]), (&"t_end".into(), &"t_end".into()));
    let (warnings, _) = ran(format!("{}, {}", momentum(1.02, false), momentum(1.02, true)));
    assert!(
        warnings.contains("mfalse: η·λ_max = 3.876 passes 3.8 at step 0")
            && warnings.contains("mtrue: η·λ_max = 1.384 passes 1.357"),
        "{warnings}"
    );
    // Adam is compared with a flow of its own, by no bound of this kind.
    assert!(!ran("adam: {lr: 10.0}".into()).0.contains("η·λ_max"));
}

/// A deep net sharpens on its way: the gate is passed after the start, and the largest value is told beside the first.
#[test]
fn the_first_crossing_and_the_largest_value_are_told() {
    let more = "flow: {t_end: 60}\nrecord: {linear: {points: 60}}\noptimizers: [gd: {lr: 0.02}]";
    let settings = text(&[6, 6, 6, 5], 0.0, more);
    let (_, finished) = finish(&settings);
    let sharpness = finished.run.table.floats("gd", "sharpness");
    let most = sharpness.iter().copied().fold(0.0, f64::max);
    assert!(most > 1.2 * sharpness[0], "it sharpens: {sharpness:?}");
    let lr = 2.0 / (0.8 * most);
    let (_, finished) = finish(&settings.replace("lr: 0.02", &format!("lr: {lr:?}")));
    let told: Vec<&String> = finished.manifest.warnings.iter().filter(|warning| warning.contains("passes 2")).collect();
    assert_eq!(told.len(), 1, "{:?}", finished.manifest.warnings);
    let reached = finished.run.table.floats("gd", "lr_sharpness");
    let first = reached.iter().position(|x| *x > 2.0).unwrap();
    let event = &finished.manifest.processes["gd"].events[0];
    assert!(first > 0 && event.t == finished.run.table.floats("gd", "t")[first]);
    assert!(told[0].contains("and reaches "), "{told:?}");
    // The distance to the flow is recorded all the same.
    assert!(finished.run.table.floats("gd", "distance_to_flow")[first].is_finite());
}

/// Full-batch Adam and RMSProp come to the edge of stability in their own metric and hover there, at 38 = 2(1 + 0.9)/(1 − 0.9) and at 2
/// (Cohen et al. 2022), while the sharpness of ∇²J itself stays far below any bound. It is said once.
#[test]
fn adaptive_rules_hover_at_their_own_edge() {
    let at = tempfile::tempdir().unwrap();
    let text = "\
name: adaptive
data: {synthetic: {inputs: {dim: 4, samples: 64}, target: {low_rank: {rank: 4, outputs: 4}}, noise: 0.3}}
network: {widths: [4, 24, 24, 4], activations: tanh}
flow: {t_end: 12, rtol: 1.0e-4, atol: 1.0e-7}
record: {linear: {points: 40}}
optimizers: [{adam: {lr: 0.002}}, {rmsprop: {lr: 0.001, alpha: 0.999}}, {gd: {lr: 0.01}}]
measure: [preconditioned_sharpness]
observe: [loss, sharpness]
";
    fs::write(at.path().join("adaptive.yaml"), text).unwrap();
    succeed(at.path(), &["run", "adaptive.yaml", "--out", "out"]);
    let table = gramflow::folder::read(&at.path().join("out")).unwrap().table;
    for (process, edge) in [("adam", 38.0), ("rmsprop", 2.0)] {
        let own = table.floats(process, "lr_preconditioned_sharpness");
        assert!(own[0].is_nan(), "{process} has taken no step");
        let late = &own[own.len() / 2..];
        assert!(late.iter().all(|value| (value / edge - 1.0).abs() < 0.1), "{process}: {late:?}");
        let bound = table.floats(process, "preconditioned_sharpness_bound");
        let rate = if process == "adam" { 0.002 } else { 0.001 };
        assert!((bound[1] * rate / edge - 1.0).abs() < 1e-12, "{process}: {}", bound[1]);
        assert!(table.floats(process, "lr_sharpness").iter().all(|value| *value < 0.5), "{process}");
    }
    for process in ["flow", "gd"] {
        assert!(table.floats(process, "preconditioned_sharpness").iter().all(|value| value.is_nan()), "{process}");
    }
    let manifest = fs::read_to_string(at.path().join("out/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let warned = |process: &str| {
        let of = |warning: &&Value| warning.as_str().unwrap().starts_with(&format!("{process}: η·λ_max of the preconditioned"));
        manifest["warnings"].as_array().unwrap().iter().filter(of).count()
    };
    assert_eq!((warned("adam"), warned("rmsprop"), warned("gd")), (1, 1, 0), "{:?}", manifest["warnings"]);
}
