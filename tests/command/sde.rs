//! Stochastic gradient descent against its stochastic differential equation, as a user runs them.

use std::fs;
use std::path::Path;

use gramflow::folder;
use gramflow::ode::Interrupt;
use gramflow::record::Run;
use gramflow::run::{self, Problem};
use gramflow::scenario;

use crate::harness::{gramflow, succeed};

const SCENARIO: &str = "\
name: drawn
data: {synthetic: {inputs: {dim: 3, samples: 30, distribution: gaussian}, target: {low_rank: {rank: 1, outputs: 2}}, noise: 0.5}}
network: {widths: [3, 4, 2]}
weight_decay: 0.01
flow: {t_end: 1}
record: {times: [0, 0.5, 1]}
observe: [loss, distance]
";

/// A run with these optimizers and measures, and its manifest.
fn run(at: &Path, more: &str) -> (Run, serde_json::Value) {
    fs::write(at.join("scenario.yaml"), format!("{SCENARIO}{more}")).unwrap();
    succeed(at, &["run", "scenario.yaml", "--out", "out"]);
    let manifest = fs::read_to_string(at.join("out/manifest.json")).unwrap();
    (folder::read(&at.join("out")).unwrap(), serde_json::from_str(&manifest).unwrap())
}

/// The mean over processes of a number of each, with its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n * (n - 1.0))).sqrt())
}

/// Forty processes are forty draws: E‖θ − X̄‖² = spread²(1 + 1/N), E J is the mean over the paths, and nine tenths lie between the quantiles.
#[test]
fn stochastic_gradient_descent_is_a_draw_from_its_paths() {
    let at = tempfile::tempdir().unwrap();
    const PROCESSES: usize = 40;
    const PATHS: f64 = 20.0;
    // Steps of the method per step: as many as keep it stable up to ηλ = 2, 3 and 1.5, where the rules are.
    for (order, lr, settings, parts, noise) in [
        (2, 0.02, "batch: 2, replacement: true", 2, "√(0.01·Σ) dW"),
        (1, 0.01, "batch: 2, replacement: true, momentum: 0.5", 3, "√(0.01·Σ) dW"),
        (1, 0.01, "batch: 2, replacement: true, momentum: 0.5, nesterov: true", 2, "√(0.01·Σ) dW"),
        (2, 0.02, "batch: 30, label_noise: 3", 2, "√(0.18/n·K) dW′"),
        (1, 0.02, "temperature: 0.02", 1, "0.2 dW″"),
    ] {
        let sgd = |k| format!("{{sgd: {{name: s{k}, lr: {lr}, {settings}}}}}");
        let optimizers: Vec<String> = (0..PROCESSES).map(sgd).collect();
        let more = format!("optimizers: [{}]\nmeasure: [{{sde: {{paths: {PATHS}, order: {order}}}}}]\n", optimizers.join(", "));
        let (run, manifest) = run(at.path(), &more);
        for record in [1, 2] {
            let column =
                |name: &str| -> Vec<f64> { (0..PROCESSES).map(|k| run.table.floats(&format!("s{k}"), name)[record]).collect() };
            let (distance, spread) = (column("distance_to_sde"), column("sde_spread"));
            let ratio = |(distance, spread): (&f64, &f64)| (distance / spread).powi(2) / (1.0 + 1.0 / PATHS);
            let ratios: Vec<f64> = distance.iter().zip(&spread).map(ratio).collect();
            let (found, error) = mean(&ratios);
            assert!((found - 1.0).abs() < 3.0 * error && error < 0.2, "{settings}: {found} ± {error}");
            let (objective, predicted) = (column("objective"), column("sde_loss"));
            let gaps: Vec<f64> = objective.iter().zip(&predicted).map(|(objective, predicted)| objective - predicted).collect();
            let (found, error) = mean(&gaps);
            assert!(found.abs() < 3.0 * error, "{settings}: {found} ± {error}");
            let (low, high) = (column("sde_loss_low"), column("sde_loss_high"));
            let within = (0..PROCESSES).filter(|&k| low[k] < objective[k] && objective[k] < high[k]).count();
            // 36 expected, with a standard deviation of 2.
            assert!((30..=40).contains(&within), "{settings}: {within}");
            // The noise counts: without its spread the distance would be none.
            assert!(mean(&spread).0 > 0.02 * mean(&column("weight_norm")).0);
        }
        let companion = &manifest["processes"]["s0"]["companions"]["sde"];
        let formula = companion["formula"].as_str().unwrap();
        assert!(formula.starts_with("dX = −") && formula.contains(noise), "{formula}");
        assert_eq!(companion["termination_detail"], "reached t = 1; 20 paths");
        let each = 3 * if order == 2 { 3 } else { 1 } + usize::from(!settings.contains("temperature"));
        assert_eq!(companion["gradients"], 50 * 20 * parts * each, "{settings}");
    }
}

#[test]
fn any_number_of_threads_leaves_the_same_records() {
    let more = "optimizers: [{sgd: {lr: 0.05, batch: 3, replacement: true}}]\nmeasure: [{sde: {paths: 5, order: 2}}]\n";
    let scenario = scenario::parse(&format!("{SCENARIO}{more}"), Path::new("x.yaml"), &[]).unwrap().0;
    let ends = |threads: usize| {
        let problem = Problem::with_threads(&scenario, threads, 1 << 30).unwrap();
        let table = run::run(&scenario, &problem, &Interrupt::default(), |_| ()).run.table;
        ["distance_to_sde", "sde_loss", "sde_loss_low", "sde_norm_squared", "sde_spread"].map(|name| table.floats("sgd", name))
    };
    let one = ends(1);
    assert!(one.iter().all(|values| values.len() == 3 && values.iter().all(|value| value.is_finite())), "{one:?}");
    assert!([2, 4, 8].iter().all(|threads| ends(*threads) == one));
}

/// By name, with the way out.
#[test]
fn what_has_no_equation_says_so() {
    let at = tempfile::tempdir().unwrap();
    let optimizers = "optimizers: [{sgd: {lr: 0.1, batch: 3, replacement: true}}, {sgd: {name: shuffled, lr: 0.1, batch: 3}}, \
         {sgd: {name: heavy, lr: 0.1, batch: 3, replacement: true, momentum: 0.5}}, {sgd: {name: whole, lr: 0.1}}, {gd: {lr: 0.1}}, \
         {sgd: {name: falling, lr: 0.1, batch: 3, replacement: true, schedule: warmup}}, \
         {sgd: {name: warm, lr: 0.1, temperature: 0.01}}, {adam: {lr: 0.1}}]\n";
    let (run, manifest) = run(at.path(), &format!("{optimizers}measure: [{{sde: {{paths: 3}}}}]\n"));
    for process in ["sgd", "shuffled", "heavy", "whole", "gd", "falling", "warm", "adam", "flow"] {
        for column in
            ["distance_to_sde", "distance_to_sde_relative", "sde_loss", "sde_loss_high", "sde_norm_squared", "sde_spread"]
        {
            assert_eq!(run.table.floats(process, column)[1].is_finite(), process == "sgd", "{process} {column}");
        }
    }
    let warnings = manifest["warnings"].to_string();
    for word in [
        "shuffled: its stochastic differential equation is not compared: without replacement",
        "heavy: its stochastic differential equation is not compared: with momentum it is known to order 1 only; set `order: 1`",
        "whole: its stochastic differential equation is not compared: on all samples there is no noise; measure modified_flow",
        "gd: its stochastic differential equation is not compared: on all samples",
        "falling: its stochastic differential equation is not compared: it assumes a constant rate",
        "warm: its stochastic differential equation is not compared: with a temperature it is known to order 1 only; set `order: 1`",
    ] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    assert!(!warnings.contains("adam: its stochastic"), "{warnings}");
    for (measure, right) in [
        ("{sde: {paths: 1}}", "measure[0].sde.paths: must be between 2 and 10000, got 1"),
        ("{sde: {paths: 4, order: 3}}", "measure[0].sde.order: must be between 1 and 2, got 3"),
        ("{sde: {paths: 4}}, {sde: {paths: 5}}", "measure[1]: must be named once"),
    ] {
        let output = gramflow(at.path(), &["check", "scenario.yaml", "--set", &format!("measure=[{measure}]")]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(right), "{errors}");
    }
}
