//! Networks beyond linear ones, through the command: the counterexample to the ansatz, what ReLU layers conserve, features at convergence,
//! losses of classification.

use std::fs;
use std::path::Path;

use gramflow::folder;
use gramflow::npz::{self, Array, Arrays};
use gramflow::record::Run;

use crate::harness::{bundled, gramflow, succeed};

/// A deep linear trunk under a ReLU head, as the paper trains it.
const HEAD: &str = "\
name: head
data: {synthetic: {inputs: {dim: 4, samples: 60}, target: {single_index: {link: tanh}}}}
network: {widths: [4, 4, 4, 6, 1], activations: [identity, identity, relu, identity], bias: [false, false, true, true]}
weight_decay: 0.02
flow: {t_end: 10.0, rtol: 1.0e-7, atol: 1.0e-10}
record: {linear: {points: 10}}
";

fn run(at: &Path, text: &str, sets: &[&str]) -> Run {
    fs::write(at.join("scenario.yaml"), text).unwrap();
    let mut arguments = vec!["run", "scenario.yaml", "--out", "out"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    folder::read(&at.join("out")).unwrap()
}

fn last(run: &Run, process: &str, column: &str) -> f64 {
    *run.table.floats(process, column).last().unwrap()
}

/// f*(x) = [x_1]_+ + … + [x_k]_+ is W_1 = I, W_2 = (1, …, 1): no loss, and an AGOP of ¼(I + 11ᵀ), whose cosine with I and that of its root
/// are closed. The flow stays there.
#[test]
fn the_counterexample_fits_and_violates_the_ansatz() {
    let mut falling = f64::INFINITY;
    for k in [2usize, 5, 10, 20] {
        let at = tempfile::tempdir().unwrap();
        let identity: Vec<f64> = (0..k * k).map(|i| f64::from(u8::from(i / k == i % k))).collect();
        let weights = Arrays::from([
            ("W1".to_string(), Array::new(&[k, k], identity)),
            ("W2".to_string(), Array::new(&[1, k], vec![1.0; k])),
        ]);
        npz::write(&at.path().join("w0.npz"), &weights).unwrap();
        let n = 20_000;
        let text = format!(
            "name: exact\ndata: {{synthetic: {{inputs: {{dim: {k}, samples: {n}}}, target: {{counterexample: {{k: {k}}}}}}}}}\n\
             network: {{widths: [{k}, {k}, 1], activations: relu}}\ninit: {{file: {{path: w0.npz}}}}\nflow: {{t_end: 1.0}}\n\
             record: {{linear: {{points: 2}}}}\n"
        );
        let run = run(at.path(), &text, &[]);
        // Eigenvalues ¼ (k − 1 times) and ¼(k + 1).
        let d = k as f64;
        let cosine = |power: f64| {
            let top = (d + 1.0).powf(power);
            (d - 1.0 + top) / (d * (d - 1.0 + top * top)).sqrt()
        };
        // Entries of the AGOP are means of n binary numbers; a cosine feels at most their root mean square of 1/√(4n).
        let sampling = 5.0 / (4.0 * n as f64).sqrt();
        assert!(last(&run, "flow", "loss") < 1e-28);
        let root = last(&run, "flow", "nfa_cosine");
        assert!((root - cosine(0.5)).abs() < sampling, "k = {k}: {root} against {}", cosine(0.5));
        assert!(root < falling);
        falling = root;
        // Against I every matrix has the cosine that it has on average: the value is all baseline, and there is no centred one.
        assert!((last(&run, "flow", "nfa_cosine_baseline") - root).abs() < 1e-12);
        assert!(last(&run, "flow", "nfa_cosine_centred").is_nan());
        let whole =
            run.arrays["flow/nfa_curve"].row(1)[gramflow::observe::alpha_tildes().iter().position(|&a| a == 2.0).unwrap()];
        assert!((whole - cosine(1.0)).abs() < sampling, "k = {k}: {whole} against {}", cosine(1.0));
        assert!((last(&run, "flow", "agop_target_cosine") - 1.0).abs() < sampling);
    }
    assert!(((1.0 + 3f64.sqrt()) / 8f64.sqrt() - 0.96593).abs() < 1e-5);
}

/// Trained without decay it fits to rounding, and the ansatz is no nearer at the end.
#[test]
fn a_trained_relu_network_fits_and_violates_the_ansatz() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("counterexample");
    succeed(at.path(), &["run", scenario.to_str().unwrap(), "--set", "optimizers=[]", "--out", "out"]);
    let run = folder::read(&at.path().join("out")).unwrap();
    assert!(last(&run, "flow", "loss") < 1e-9 * run.table.floats("flow", "loss")[0]);
    assert!(last(&run, "flow", "nfa_alignment_residual") > 0.1);
    assert!(last(&run, "flow", "test_loss") < 0.1);
}

/// Of random starts at widths 2 and 5: those that fit violate the ansatz, with decay the loss settles at a floor and they still do, and those
/// that are stuck are told by their loss. Control: linear networks on a linear target fit, and from a balanced start do not violate it.
#[test]
fn random_starts_fit_and_violate_the_ansatz_or_are_stuck() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("counterexample-seeds");
    let sets = [
        "sweep.grid={weight_decay: [0.0, 1.0e-2], network.widths: [[2, 2, 1], [2, 5, 1]]}",
        "sweep.seeds=6",
        "flow.t_end=1.0e+5",
        "data.synthetic.test=0",
    ];
    let mut arguments = vec!["sweep", "run", scenario.to_str().unwrap(), "--out", "seeds"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at.path(), &arguments);
    let (mut fitted, mut stuck, mut floors) = (0, 0, 0);
    for unit in fs::read_dir(at.path().join("seeds/units")).unwrap() {
        let folder = unit.unwrap().path();
        let table = folder::read_unit(&folder).unwrap();
        let column = |name: &str| table.floats("flow", name);
        let (loss, residual) = (column("loss"), column("nfa_residual_relative"));
        let (first, end) = (loss[0], loss[loss.len() - 1]);
        let text = fs::read_to_string(folder.join("scenario.json")).unwrap();
        let decay = serde_json::from_str::<serde_json::Value>(&text).unwrap()["weight_decay"].as_f64().unwrap();
        let manifest = fs::read_to_string(folder.join("manifest.json")).unwrap();
        let manifest = serde_json::from_str::<serde_json::Value>(&manifest).unwrap();
        if end > 1e-2 * first {
            stuck += 1;
        } else if decay == 0.0 && end < 1e-12 {
            fitted += 1;
            assert!(residual[residual.len() - 1] > 0.3, "{residual:?}");
        } else if decay > 0.0 {
            floors += 1;
            // At rest, or settled from t/2 to t, at a value in proportion to λ²: between a hundredth and ten times it.
            let t = column("t");
            let earlier = t.iter().position(|earlier| *earlier >= 0.5 * t[t.len() - 1]).unwrap();
            let rests = manifest["processes"]["flow"]["termination"] == "converged";
            assert!(rests || (loss[earlier] / end - 1.0).abs() < 1e-2, "{loss:?}");
            assert!(0.01 < end / decay.powi(2) && end / decay.powi(2) < 10.0, "{end}");
            assert!(residual[residual.len() - 1] > 0.3, "{residual:?}");
        }
    }
    assert!(fitted >= 6 && floors >= 6 && stuck >= 1 && fitted + floors + stuck >= 23, "{fitted} {floors} {stuck}");

    let linear = HEAD
        .replace("single_index: {link: tanh}", "low_rank: {rank: 1, outputs: 1}")
        .replace(
            "[4, 4, 4, 6, 1], activations: [identity, identity, relu, identity], bias: [false, false, true, true]",
            "[4, 4, 1]",
        )
        .replace("weight_decay: 0.02", "init: {balanced: {scale: 0.5}}");
    let run = run(at.path(), &linear, &["flow.t_end=1000"]);
    assert!(last(&run, "flow", "loss") < 1e-12 && last(&run, "flow", "nfa_residual_relative") < 1e-5);
}

/// A flow that is shuttled across kinks says so and spends its steps; one that slides along them says so, and arrives.
#[test]
fn flows_slide_along_kinks_and_say_so() {
    let at = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(bundled("counterexample")).unwrap();
    let sets = [
        "seed=2",
        "optimizers=[]",
        "flow.t_end=100",
        "flow.max_steps=20000",
        "flow.rtol=1.0e-6",
        "flow.atol=1.0e-9",
        "claims=[]",
    ];
    let look = |sharp: bool| {
        let sets: Vec<&str> = sets.iter().copied().chain(sharp.then_some("flow.kink=0")).collect();
        let run = run(at.path(), &text, &sets);
        let manifest = fs::read_to_string(at.path().join("out/manifest.json")).unwrap();
        let flow = serde_json::from_str::<serde_json::Value>(&manifest).unwrap()["processes"]["flow"].clone();
        let told = flow["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "sliding").count();
        (run, flow["termination"].as_str().unwrap().to_string(), told)
    };
    let (_, sharp, told) = look(true);
    assert!(sharp == "max_steps" && told > 0, "{sharp}, {told} events");
    let (run, sliding, told) = look(false);
    assert!(sliding == "t_end" && told > 0, "{sliding}, {told} events");
    assert!(last(&run, "flow", "balance_law_residual_relative") < 1e-4);
    // No kinks, no word of them.
    self::run(at.path(), &text.replace("relu ", "gelu "), &sets);
    assert!(!fs::read_to_string(at.path().join("out/manifest.json")).unwrap().contains("sliding"));
}

/// Two samples, two neurons and a start from files.
fn small(at: &Path, name: &str, arrays: [(&str, &[usize], &[f64]); 4], rest: &str) -> String {
    let array = |(name, shape, data): &(&str, &[usize], &[f64])| (name.to_string(), Array::new(shape, data.to_vec()));
    npz::write(&at.join("data.npz"), &arrays[..2].iter().map(array).collect()).unwrap();
    npz::write(&at.join("w0.npz"), &arrays[2..].iter().map(array).collect()).unwrap();
    format!(
        "name: {name}\ndata: {{file: {{path: data.npz}}}}\ninit: {{file: {{path: w0.npz}}}}\nweight_decay: 0.1\n\
         record: {{linear: {{points: 41}}}}\n{rest}"
    )
}

/// Sample 2 is dead, and its z = −e^(−0.1t) only decays towards the kink: the flow has a classical solution, that of gradient descent.
#[test]
fn a_sample_that_decays_towards_a_kink_stays_dead() {
    let at = tempfile::tempdir().unwrap();
    let arrays: [(&str, &[usize], &[f64]); 4] = [
        ("X", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
        ("Y", &[2, 1], &[1.0, 1.0]),
        ("W1", &[2, 2], &[1.0, -1.0, -1.0, -1.0]),
        ("W2", &[1, 2], &[1.0, 1.0]),
    ];
    let rest = "network: {widths: [2, 2, 1], activations: relu}\nflow: {t_end: 200.0}\noptimizers: [{gd: {lr: 0.1}}]\n";
    let text = small(at.path(), "dead", arrays, rest);
    let sliding = run(at.path(), &text, &[]);
    let sharp = run(at.path(), &text, &["flow.kink=0"]);
    for run in [&sliding, &sharp] {
        // 1/(2n) of (2λ)² of sample 1 and of 1.
        assert!((last(run, "flow", "loss") - 0.26).abs() < 1e-6, "{}", last(run, "flow", "loss"));
        assert!(last(run, "gd", "distance_to_flow") < 1e-6);
    }
    assert_eq!(sliding.table.floats("flow", "loss"), sharp.table.floats("flow", "loss"));
}

/// W_1 comes to 0 and stays there, held between two fields; W_2(20) is that of a flow with infinitely short steps.
#[test]
fn a_neuron_comes_to_rest_on_its_kink_at_little_cost() {
    let at = tempfile::tempdir().unwrap();
    let arrays: [(&str, &[usize], &[f64]); 4] =
        [("X", &[1, 1], &[1.0]), ("Y", &[1, 1], &[-1.0]), ("W1", &[1, 1], &[1.0]), ("W2", &[1, 1], &[2.0])];
    let rest = "network: {widths: [1, 1, 1], activations: relu}\nflow: {t_end: 20.0, certify: true}\n";
    run(at.path(), &small(at.path(), "rest", arrays, rest), &[]);
    let weights = npz::read(&at.path().join("out/weights.npz")).unwrap();
    assert!((weights["flow/W2"].data[0] - 0.234_407_586_6).abs() < 1e-8 && weights["flow/W1"].data[0].abs() < 1e-8);
    let manifest = fs::read_to_string(at.path().join("out/manifest.json")).unwrap();
    let flow = serde_json::from_str::<serde_json::Value>(&manifest).unwrap()["processes"]["flow"].clone();
    assert!(flow["gradients"].as_u64().unwrap() < 1500, "{flow}");
    // The second integration holds the sample more tightly.
    assert!(flow["certificate"]["columns"]["weight_norm"]["max_error"].as_f64().unwrap() > 0.0);
}

/// Between linear layers the whole of D_l follows e^{−2λt}, around a ReLU its diagonal, the bias included; around tanh nothing does.
#[test]
fn what_relu_layers_conserve_decays_by_its_law() {
    let at = tempfile::tempdir().unwrap();
    let relu = run(at.path(), HEAD, &[]);
    assert!(last(&relu, "flow", "balance_law_residual_relative") < 1e-5);
    assert!((last(&relu, "flow", "balance_gap_over_envelope") - 1.0).abs() < 1e-5);
    assert!(relu.table.floats("flow", "balance_gap_3").iter().all(|gap| *gap > 0.0));
    let tanh = run(at.path(), HEAD, &["network.activations=tanh"]);
    assert!(tanh.table.floats("flow", "balance_law_residual").iter().all(|off| off.is_nan()));
    // Control: leaky ReLU is homogeneous too, softplus is not.
    let leaky = run(at.path(), HEAD, &["network.activations=leaky_relu"]);
    assert!(last(&leaky, "flow", "balance_law_residual_relative") < 1e-5);
}

/// At rest under weight decay W_lᵀW_l is FACT, in every layer of any network; on the way there it is not.
#[test]
fn features_at_convergence_are_fact() {
    let at = tempfile::tempdir().unwrap();
    let sets = ["network.activations=tanh", "network.widths=[4, 4, 4, 6, 1]", "flow.t_end=4000", "weight_decay=0.05"];
    let run = run(at.path(), HEAD, &sets);
    for l in 1..=4 {
        let off = run.table.floats("flow", &format!("fact_residual_relative_W{l}"));
        assert!(off[0] > 0.1 && off[off.len() - 1] < 1e-3, "layer {l}: {off:?}");
    }
}

/// Losses of classification, minibatches and Adam, on a network with biases everywhere.
#[test]
fn classifiers_train() {
    let optimizers = "optimizers=[{sgd: {lr: 0.1, batch: 16}}, {adam: {lr: 0.01}}]";
    for (loss, outputs) in [("logistic", 1), ("cross_entropy", 3)] {
        let at = tempfile::tempdir().unwrap();
        let target = format!("data.synthetic.target={{low_rank: {{rank: 1, outputs: {outputs}}}}}");
        let widths = format!("network.widths=[4, 8, {outputs}]");
        let sets = ["network.activations=gelu", "network.bias=true", &widths, &target, optimizers, &format!("loss={loss}")];
        let run = run(at.path(), HEAD, &sets);
        for process in ["flow", "sgd", "adam"] {
            let losses = run.table.floats(process, "loss");
            assert!(losses[losses.len() - 1] < 0.9 * losses[0], "{loss}, {process}: {losses:?}");
        }
    }
}

#[test]
fn what_rests_on_the_whole_imbalance_is_refused() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("scenario.yaml"), HEAD).unwrap();
    for set in ["flow.preserve={balance: float64}", "measure=[ledger]"] {
        let output = gramflow(at.path(), &["run", "scenario.yaml", "--set", set]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("needs a linear network without biases"));
    }
}
