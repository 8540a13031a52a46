//! Gradient descent at the edge of stability against its central flow, as a user runs them.

use std::fs;
use std::path::Path;

use gramflow::folder;
use gramflow::npz::{self, Array, Arrays};
use gramflow::record::Run;

use crate::harness::succeed;

/// A run with a record at every step; `edge` has data, network, start, horizon and rate.
fn run(at: &Path, edge: &str) -> (Run, serde_json::Value) {
    let text = format!("name: edge\n{edge}observe: [loss, distance]\nmeasure: [central_flow]\n");
    fs::write(at.join("scenario.yaml"), text).unwrap();
    succeed(at, &["run", "scenario.yaml", "--out", "out"]);
    let manifest = fs::read_to_string(at.join("out/manifest.json")).unwrap();
    (folder::read(&at.join("out")).unwrap(), serde_json::from_str(&manifest).unwrap())
}

/// T₄ on 20 Chebyshev points.
fn chebyshev(at: &Path) {
    let n = 20;
    let x: Vec<f64> = (0..n).map(|i| ((f64::from(i) + 0.5) / f64::from(n) * std::f64::consts::PI).cos()).collect();
    let y = x.iter().map(|x| 8.0 * x.powi(4) - 8.0 * x * x + 1.0).collect();
    let column = |data: Vec<f64>| Array::new(&[n as usize, 1], data);
    npz::write(&at.join("data.npz"), &Arrays::from([("X".to_string(), column(x)), ("Y".to_string(), column(y))])).unwrap();
}

/// Over windows of 100 steps from `from` on: the predicted mean of the loss against the mean of the iterates, at most; the distance to the
/// central flow over that to the flow at the end of the window, at most; and the most directions.
fn compared(run: &Run, from: usize) -> (f64, f64, f64) {
    let column = |name: &str| run.table.floats("gd", name);
    let (objective, predicted, directions) =
        (column("objective"), column("central_flow_loss"), column("central_flow_directions"));
    let (central, flow) = (column("distance_to_central_flow"), column("distance_to_flow"));
    let (mut loss, mut distance): (f64, f64) = (0.0, 0.0);
    for begin in (from..objective.len() - 100).step_by(50) {
        let mean = |of: &[f64]| of[begin..begin + 100].iter().sum::<f64>() / 100.0;
        loss = loss.max((mean(&predicted) / mean(&objective) - 1.0).abs());
        distance = distance.max(central[begin + 100] / flow[begin + 100]);
    }
    (loss, distance, directions.iter().copied().fold(0.0, f64::max))
}

const TANH: &str = "\
data: {file: {path: data.npz}}
network: {widths: [1, 12, 12, 1], activations: [tanh, tanh, identity], bias: true}
seed: 4
flow: {t_end: 325, rtol: 1.0e-7, atol: 1.0e-10}
record: {linear: {points: 1626}}
optimizers: [{gd: {lr: 0.2}}]
";

/// Gradient descent enters at step 675, by λ_max, and swings until some 850. From then on its mean loss and its path are the central
/// flow's, with two directions at the edge, where gradient flow is ten times as far.
///
/// The oscillation is chaotic: its course depends on the last digits of the data and on the machine. Over 8 changes of the last digit, the
/// means over steps 900 to 1600 were 0.8 to 2.7 % apart, those over 100 steps up to 3 % and, on another machine, 7 %.
#[test]
fn a_tanh_network_follows_its_central_flow_with_two_directions() {
    let at = tempfile::tempdir().unwrap();
    chebyshev(at.path());
    let (run, manifest) = run(at.path(), TANH);
    let (_, distance, directions) = compared(&run, 875);
    let mean = |process: &str, column: &str| run.table.floats(process, column)[900..1600].iter().sum::<f64>() / 700.0;
    let [descent, predicted, flow] = [("gd", "objective"), ("gd", "central_flow_loss"), ("flow", "objective")]
        .map(|(process, column)| mean(process, column));
    assert!((predicted / descent - 1.0).abs() < 0.05, "{predicted} {descent}");
    assert!(distance < 0.15 && directions == 2.0, "{distance} {directions}");
    // The control: without the oscillation's share tr X/η the loss would be off, and gradient flow's is.
    assert!((flow / descent - 1.0).abs() > 0.2, "{flow} {descent}");
    let companion = &manifest["processes"]["gd"]["companions"]["central_flow"];
    let detail = companion["termination_detail"].as_str().unwrap();
    assert!(detail.starts_with("reached t = 325; at the edge of stability from t = 13"), "{detail}");
    // Up to the edge it is gradient flow.
    let [central, flow] = ["distance_to_central_flow", "distance_to_flow"].map(|column| run.table.floats("gd", column)[600]);
    assert!((central / flow - 1.0).abs() < 1e-3, "{central} {flow}");
    assert_eq!(run.table.floats("gd", "central_flow_directions")[600], 0.0);
    assert!(run.table.floats("flow", "central_flow_loss").iter().all(|value| value.is_nan()));
    // Per step: 15 below the edge, and at most 30 for one direction and 60 for two at it.
    let gradients = companion["gradients"].as_u64().unwrap();
    assert!(gradients < 675 * 20 + 950 * 60, "{gradients}");
}

/// From step 100 on gradient descent oscillates at every step while the fit of the weak inputs goes on pressing on the edge. Entry was at
/// step 11, with a swing until some 30.
#[test]
fn a_deep_linear_network_follows_its_central_flow() {
    let at = tempfile::tempdir().unwrap();
    let linear = "\
data: {synthetic: {inputs: {dim: 10, samples: 100, condition: 1000}, target: {low_rank: {rank: 1, outputs: 10, singular_values: [3]}}, noise: 0.1}}
network: {widths: [10, 10, 10, 10]}
seed: 1
init: {gaussian: {std: 0.1}}
flow: {t_end: 600, rtol: 1.0e-7, atol: 1.0e-10}
record: {linear: {points: 601}}
optimizers: [{gd: {lr: 1}}]
";
    let (run, _) = run(at.path(), linear);
    let (loss, distance, directions) = compared(&run, 100);
    assert!(loss < 0.02 && distance < 0.15 && directions == 1.0, "{loss} {distance} {directions}");
    let objective = run.table.floats("gd", "objective");
    let turns = objective[100..].windows(3).filter(|w| (w[1] > w[0]) == (w[1] > w[2])).count();
    assert!(turns > 450, "{turns}");
    // The control: gradient flow's loss is elsewhere.
    let mean = |of: &[f64]| of[100..200].iter().sum::<f64>() / 100.0;
    let off = mean(&run.table.floats("flow", "objective")) / mean(&objective) - 1.0;
    assert!(off.abs() > 0.1, "{off}");
}

/// By which gradient descent has left gradient flow before the edge, an error of order η, central flow is off for good: linear networks
/// have valleys of minima along which nothing calls it back. Here that is half of the distance. From where descent reaches the edge, after
/// 15 steps, the other half is left, from the swing at the entry.
#[test]
fn what_descent_has_drifted_before_the_edge_stays() {
    let at = tempfile::tempdir().unwrap();
    let scenario = |init: &str, steps: u32| {
        format!(
            "data: {{synthetic: {{inputs: {{dim: 6, samples: 60, condition: 30}}, target: {{low_rank: {{rank: 3, outputs: 3}}}}, noise: 0.1}}}}\n\
             network: {{widths: [6, 10, 10, 3]}}\ninit: {init}\nflow: {{t_end: {}, rtol: 1.0e-7, atol: 1.0e-10}}\n\
             record: {{linear: {{points: {}}}}}\noptimizers: [{{gd: {{lr: 0.8}}}}]\n",
            0.8 * f64::from(steps),
            steps + 1
        )
    };
    let random = "{gaussian: {std: 0.15}}";
    let (whole, _) = run(at.path(), &scenario(random, 250));
    run(at.path(), &scenario(random, 15));
    let mut weights = npz::read(&at.path().join("out/weights.npz")).unwrap();
    let own = ["W1", "W2", "W3"].map(|name| (name.to_string(), weights.remove(&format!("gd/{name}")).unwrap()));
    npz::write(&at.path().join("edge.npz"), &Arrays::from(own)).unwrap();
    let (late, _) = run(at.path(), &scenario("{file: {path: edge.npz}}", 235));
    let ratio = |run: &Run| {
        let last = |column: &str| *run.table.floats("gd", column).last().unwrap();
        last("distance_to_central_flow") / last("distance_to_flow")
    };
    assert!(ratio(&whole) > 0.15 && ratio(&late) < 0.11, "{} {}", ratio(&whole), ratio(&late));
    // Where they reach the edge, central flow is gradient flow, and as far from descent as at the end.
    let distances = whole.table.floats("gd", "distance_to_central_flow");
    assert!((distances[12] / distances[250] - 1.0).abs() < 0.25, "{} {}", distances[12], distances[250]);
}

/// Adaptive rules at the edge of their own metric, from where their loss begins to fall: means over windows of 200 steps, two directions.
#[test]
fn adaptive_rules_follow_their_central_flows() {
    for (process, optimizer, steps) in [("rmsprop", "{rmsprop: {lr: 0.001}}", 1000), ("adam", "{adam: {lr: 0.004}}", 600)] {
        let at = tempfile::tempdir().unwrap();
        chebyshev(at.path());
        let t_end = if process == "adam" { "2.4" } else { "1" };
        let scenario = TANH
            .replace("t_end: 325", &format!("t_end: {t_end}"))
            .replace("1626", &format!("{}", steps + 1))
            .replace("{gd: {lr: 0.2}}", optimizer);
        let (run, manifest) = run(at.path(), &scenario);
        let column = |name: &str| run.table.floats(process, name);
        let (objective, predicted) = (column("objective"), column("central_flow_loss"));
        for begin in (200..steps).step_by(200) {
            let mean = |of: &[f64]| of[begin..begin + 200].iter().sum::<f64>() / 200.0;
            let off = mean(&predicted) / mean(&objective) - 1.0;
            assert!(off.abs() < 0.05, "{process} from {begin}: {off}");
        }
        let [central, reach] = ["distance_to_central_flow", "distance_to_start"].map(|name| column(name)[steps]);
        assert!(central < 0.03 * reach && column("central_flow_directions")[steps] == 2.0, "{central} {reach}");
        let companion = &manifest["processes"][process]["companions"]["central_flow"];
        let detail = companion["termination_detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("reached t = {t_end}; at the edge of stability from t = 0.")), "{detail}");
        assert!(companion["gradients"].as_u64().unwrap() < 45 * steps as u64, "{companion}");
    }
}

/// By name, where the kind of optimizer has one and this one has not.
#[test]
fn what_has_no_central_flow_says_so() {
    let at = tempfile::tempdir().unwrap();
    let edge = |activation: &str| {
        format!(
            "data: {{synthetic: {{inputs: {{dim: 2, samples: 9}}, target: {{low_rank: {{rank: 1, outputs: 1}}}}}}}}\n\
             network: {{widths: [2, 3, 1], activations: {activation}}}\nflow: {{t_end: 1}}\nrecord: {{linear: {{points: 2}}}}\n\
             optimizers: [{{gd: {{lr: 0.1}}}}, {{sgd: {{lr: 0.1}}}}, {{sgd: {{name: heavy, lr: 0.1, momentum: 0.5}}}}, \
             {{sgd: {{name: batches, lr: 0.1, batch: 3}}}}, {{gd: {{name: falling, lr: 0.1, schedule: warmup}}}}, \
             {{adam: {{lr: 0.01}}}}, {{adamw: {{lr: 0.01}}}}, {{rmsprop: {{lr: 0.01}}}}, \
             {{adam: {{name: largest, lr: 0.01, amsgrad: true}}}}, {{rmsprop: {{name: centred, lr: 0.01, centered: true}}}}, \
             {{adam: {{name: forgetful, lr: 0.01, betas: [0.9, 0.5]}}}}, {{sign: {{lr: 0.01}}}}]\n"
        )
    };
    let there = |run: &Run, process: &str| !run.table.floats(process, "distance_to_central_flow")[1].is_nan();
    let (smooth, manifest) = run(at.path(), &edge("tanh"));
    for (process, expected) in [
        ("gd", true),
        ("sgd", true),
        ("heavy", false),
        ("batches", false),
        ("falling", false),
        ("adam", true),
        ("adamw", true),
        ("rmsprop", true),
        ("largest", false),
        ("centred", false),
        ("forgetful", false),
        ("sign", false),
        ("flow", false),
    ] {
        assert_eq!(there(&smooth, process), expected, "{process}");
    }
    let warnings = manifest["warnings"].to_string();
    for word in [
        "heavy: its central flow is not compared",
        "batches: its central flow",
        "falling: its central flow is not compared: it assumes a constant rate",
        "largest: its central flow is not compared: amsgrad",
        "centred: its central flow is not compared",
        "forgetful: its central flow is not compared: the average of squares has to remember many oscillations, betas[1] = 0.9",
    ] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    let (kinked, manifest) = run(at.path(), &edge("relu"));
    assert!(!there(&kinked, "gd") && !there(&kinked, "adam"));
    assert!(manifest["warnings"].to_string().contains("the activation of layer 1 has a kink"));
}
