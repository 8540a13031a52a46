//! Inputs and targets beyond a linear map of normal samples, through the command.

use std::fs;
use std::path::Path;

use crate::harness::{gramflow, succeed};
use gramflow::data::Dataset;
use gramflow::folder;
use gramflow::record::Run;
use gramflow::{npz, scenario};
use nalgebra::DMatrix;

/// Two layers to one output without decay: the flow ends at the best linear map.
const LINEAR: &str = "\
name: linear
data:
  synthetic:
    inputs: {dim: 4, samples: 4000}
    target: {counterexample: {k: 2}}
network: {widths: [4, 6, 1]}
flow: {t_end: 200.0}
record: {linear: {points: 5}}
";

/// Runs `text` with changes into `at/out`.
fn run(at: &Path, text: &str, out: &str, sets: &[&str]) -> Run {
    fs::write(at.join("scenario.yaml"), text).unwrap();
    let mut arguments = vec!["run", "scenario.yaml", "--out", out];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    folder::read(&at.join(out)).unwrap()
}

fn last(run: &Run, column: &str) -> f64 {
    *run.table.floats("flow", column).last().unwrap()
}

/// The scenario as its run folder has it.
fn resolved(folder: &Path) -> scenario::Scenario {
    scenario::read(&folder.join("scenario.json"), &[]).unwrap().0
}

/// The best linear map of normal inputs leaves E[(f* − E[xf*]ᵀx)²]/2: of [x_1]_+ + [x_2]_+ it is (x_1 + x_2)/2 and leaves (|x_1| + |x_2|)/2, so
/// ¼ + 1/(2π); of sin z with z ~ N(0, 1) it is z/√e and leaves ½(½(1 − e⁻²) − e⁻¹); of z² and of e^{−z²} nothing is linear.
#[test]
fn a_linear_network_learns_the_linear_part_of_a_target() {
    let at = tempfile::tempdir().unwrap();
    let e = std::f64::consts::E;
    let cases = [
        ("counterexample: {k: 2}", 0.25 + 0.5 / std::f64::consts::PI),
        ("single_index: {link: sin}", 0.5 * (0.5 * (1.0 - 1.0 / (e * e)) - 1.0 / e)),
        ("single_index: {link: quadratic}", 1.5),
        ("single_index: {link: gaussian}", 0.5 / 5f64.sqrt()),
        ("parity: {k: 2}", 0.5),
        ("single_index: {link: {hermite: {k: 3}}}", 0.5),
    ];
    for (target, expected) in cases {
        let run = run(at.path(), LINEAR, "out", &[&format!("data.synthetic.target={{{target}}}")]);
        // The standard error of the mean of r²/2: of these residuals r² has a standard deviation of at most √(E[h_3⁴] − 1) = √92.
        let data = resolved(&at.path().join("out")).split().unwrap().train;
        let n = data.y.len() as f64;
        let deviation = data.y.map(|y| y * y).variance().sqrt();
        let (found, error) = (last(&run, "loss"), 0.5 * deviation / n.sqrt());
        assert!((found - expected).abs() < 5.0 * error, "{target}: {found} ± {error}, {expected}");
    }
}

/// ℒ of the final weights on samples, from its definition.
fn loss(folder: &Path, data: &Dataset) -> f64 {
    let weights = npz::read(&folder.join("weights.npz")).unwrap();
    let matrix = |name: &str| DMatrix::from_row_slice(weights[name].shape[0], weights[name].shape[1], &weights[name].data);
    let product = matrix("flow/W2") * matrix("flow/W1");
    (&data.x * product.transpose() - &data.y).norm_squared() / (2.0 * data.x.nrows() as f64)
}

/// With more weights than samples the training loss goes to 0 and the test loss does not. What is trained does not depend on the test.
#[test]
fn the_test_loss_is_that_of_other_samples() {
    let at = tempfile::tempdir().unwrap();
    let sets = ["data.synthetic.inputs.samples=3", "data.synthetic.noise=0.2", "init={gaussian: {std: 0.5}}"];
    let without = run(at.path(), LINEAR, "without", &sets);
    let with = run(at.path(), LINEAR, "with", &[&sets[..], &["data.synthetic.test=50"]].concat());
    let folder = at.path().join("with");
    let data = resolved(&folder).split().unwrap();
    let test = data.test.unwrap();
    assert_eq!((data.train.x.nrows(), test.x.nrows()), (3, 50));
    for (column, data) in [("loss", data.train), ("test_loss", test)] {
        let expected = loss(&folder, &data);
        // Residuals are known to 1e-14 of the labels.
        assert!((last(&with, column) - expected).abs() <= 1e-12 * expected + 1e-14 * expected.sqrt(), "{column}");
    }
    assert!(last(&with, "loss") < 1e-6 && last(&with, "test_loss") > 0.05);
    for column in ["t", "loss", "nfa_cosine", "balance_gap"] {
        assert_eq!(without.table.floats("flow", column), with.table.floats("flow", column), "{column}");
    }
    assert!(without.table.columns.iter().all(|column| column.name != "test_loss"));
}

/// A certificate knows its error too.
#[test]
fn the_test_loss_is_certified_like_any_column() {
    let at = tempfile::tempdir().unwrap();
    let run = run(at.path(), LINEAR, "out", &["data.synthetic.test=9", "flow.certify=true", "flow.t_end=5"]);
    assert!(run.arrays["flow/error_test_loss"].data.iter().all(|error| error.is_finite()));
}

/// Every law of the inputs against every kind of target: as a sweep, each unit with a hash of its own.
#[test]
fn every_law_and_every_target_runs_in_a_sweep() {
    let at = tempfile::tempdir().unwrap();
    let sweep = "\
sweep:
  grid:
    data.synthetic.inputs.distribution: [gaussian, uniform, sphere, student_t, {student_t: {dof: 3.0}}, hypercube, mixture]
    data.synthetic.target:
      - {low_rank: {rank: 1, outputs: 1, link: relu}}
      - {single_index: {link: tanh}}
      - {multi_index: {rank: 2, link: gaussian}}
      - {teacher: {widths: [4, 5, 1], activation: gelu}}
      - {parity: {k: 3}}
      - {counterexample: {k: 2}}
";
    fs::write(at.path().join("scenario.yaml"), LINEAR.replace("4000", "60").replace("200.0", "1.0") + sweep).unwrap();
    succeed(at.path(), &["sweep", "run", "scenario.yaml", "--out", "sweep"]);
    succeed(at.path(), &["sweep", "merge", "sweep"]);
    let units = fs::read_dir(at.path().join("sweep/units")).unwrap().count();
    assert_eq!(units, 7 * 6);
    // Their data differ from each other: so do their losses at the start.
    let mut losses: Vec<u64> = fs::read_dir(at.path().join("sweep/units"))
        .unwrap()
        .map(|unit| {
            folder::read_table(&unit.unwrap().path().join("records.parquet")).unwrap().floats("flow", "loss")[0].to_bits()
        })
        .collect();
    losses.sort_unstable();
    losses.dedup();
    assert_eq!(losses.len(), units);
}

/// Three corners of a square, or fewer, have a direction without variance in them: an error of the scenario, not numbers.
#[test]
fn inputs_that_cannot_be_whitened_are_refused() {
    let at = tempfile::tempdir().unwrap();
    let text = LINEAR.replace("{dim: 4, samples: 4000}", "{dim: 1, samples: 2, distribution: hypercube, whiten: true}");
    let text = text.replace("{counterexample: {k: 2}}", "{parity: {k: 1}}").replace("[4, 6, 1]", "[1, 6, 1]");
    fs::write(at.path().join("scenario.yaml"), text).unwrap();
    let refused = (0..20).filter(|seed| {
        let output = gramflow(at.path(), &["run", "scenario.yaml", "--out", "out", "--set", &format!("seed={seed}")]);
        let message = String::from_utf8_lossy(&output.stderr);
        let refused = output.status.code() == Some(2);
        assert!(refused || output.status.success(), "{message}");
        let says = "data.synthetic.inputs.whiten: the inputs span 0 of 1 dimensions and cannot be whitened: take more samples";
        assert!(!refused || message.contains(says), "{message}");
        refused
    });
    // Both samples on one side: every second seed, with a chance of 1e-5 to miss these bounds.
    let refused = refused.count();
    assert!((1..20).contains(&refused), "{refused}");
}

/// A scenario on a file of X and Y, from W1.
fn classifier(at: &Path, loss: &str, x: &[&[f64]], y: &[&[f64]], w1: &[&[f64]]) -> String {
    let array = |rows: &[&[f64]]| npz::Array::new(&[rows.len(), rows[0].len()], rows.concat());
    let write = |name: &str, arrays: &[(&str, &[&[f64]])]| {
        let arrays = arrays.iter().map(|(name, rows)| (name.to_string(), array(rows))).collect();
        npz::write(&at.join(name), &arrays).unwrap();
    };
    write("data.npz", &[("X", x), ("Y", y)]);
    write("w0.npz", &[("W1", w1)]);
    format!(
        "name: labels
data: {{file: {{path: data.npz}}}}
network: {{widths: [{}, {}]}}
init: {{file: {{path: w0.npz}}}}
loss: {loss}
flow: {{t_end: 1.0e-6}}
record: {{times: [0]}}
",
        x[0].len(),
        w1.len()
    )
}

/// Probabilities are no classes: the losses are those of torch's `binary_cross_entropy_with_logits` and `cross_entropy`.
#[test]
fn soft_labels_are_used_as_they_are() {
    let at = tempfile::tempdir().unwrap();
    let x: [&[f64]; 4] = [&[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0], &[-1.0, 1.0]];
    let text = classifier(at.path(), "logistic", &x, &[&[0.3], &[0.7], &[0.1], &[0.9]], &[&[0.5, -1.0]]);
    let first = run(at.path(), &text, "out", &[]);
    assert!((first.table.floats("flow", "loss")[0] - 0.9782072).abs() < 5e-8);
    // Outputs 0.5, -1, -0.5, -1.5: right is the third.
    assert_eq!(first.table.floats("flow", "accuracy")[0], 0.25);
    let third = 1.0 / 3.0;
    let y: [&[f64]; 4] = [&[0.5, 0.3, 0.2], &[0.2, 0.4, 0.4], &[third, third, third], &[0.0, 0.1, 0.9]];
    let w1: [&[f64]; 3] = [&[0.5, -1.0], &[0.0, 1.0], &[1.0, 1.0]];
    let text = classifier(at.path(), "cross_entropy", &x, &y, &w1);
    let first = run(at.path(), &text, "out", &[]);
    assert!((first.table.floats("flow", "loss")[0] - 1.2996595).abs() < 5e-8);
    // Two rows have no largest entry, so no class.
    assert!(first.table.floats("flow", "accuracy")[0].is_nan());
    // With classes: outputs (0.5, 0, 1), (-1, 1, 1), (-0.5, 1, 2), (-1.5, 1, 0).
    let text = classifier(at.path(), "cross_entropy", &x, &[&[2.0], &[1.0], &[2.0], &[0.0]], &w1);
    assert_eq!(run(at.path(), &text, "out", &[]).table.floats("flow", "accuracy")[0], 0.5);
}

#[test]
fn labels_that_are_no_classes_are_refused_with_row_and_value() {
    let at = tempfile::tempdir().unwrap();
    let text = classifier(at.path(), "logistic", &[&[1.0], &[2.0]], &[&[1.0], &[2.0]], &[&[1.0]]);
    fs::write(at.path().join("scenario.yaml"), text).unwrap();
    let output = gramflow(at.path(), &["run", "scenario.yaml", "--out", "refused"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("Y[1, 0] is 2.0") && errors.contains("store Y - 1"), "{errors}");
}

/// A target of real values is turned into classes, and that is said.
#[test]
fn a_target_that_becomes_classes_says_so() {
    let warnings = |loss: &str, target: &str| {
        let at = tempfile::tempdir().unwrap();
        let text = LINEAR.replace("counterexample: {k: 2}", target) + &format!("loss: {loss}\n");
        let scenario = scenario::parse(&text, &at.path().join("x.yaml"), &["flow.t_end=0.1".to_string()]).unwrap().0;
        let problem = gramflow::run::Problem::new(&scenario).unwrap();
        let finished = gramflow::run::run(&scenario, &problem, &gramflow::ode::Interrupt::default(), |_| {});
        let accuracy = finished.run.table.floats("flow", "accuracy")[0];
        assert_eq!(accuracy.is_nan(), loss == "mse");
        finished.manifest.warnings.iter().filter(|warning| warning.contains("became classes")).count()
    };
    assert_eq!(warnings("logistic", "single_index: {link: sin}"), 1);
    assert_eq!(warnings("mse", "single_index: {link: sin}"), 0);
}

/// Normal numbers of a seed, (rows, columns), and the array of them.
fn drawn(rows: usize, columns: usize, seed: u64) -> (DMatrix<f64>, npz::Array) {
    use rand::SeedableRng;
    use rand_distr::Distribution;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let matrix = DMatrix::from_fn(rows, columns, |_, _| rand_distr::StandardNormal.sample(&mut rng));
    let array = npz::Array::matrix(matrix.as_view());
    (matrix, array)
}

fn write_arrays(path: &Path, arrays: &[(&str, &npz::Array)]) {
    let arrays = arrays.iter().map(|&(name, array)| (name.to_string(), array.clone())).collect();
    npz::write(path, &arrays).unwrap();
}

const OF_FILE: &str = "\
name: of-file
data: {file: {path: data.npz}}
network: {widths: [4, 6, 1]}
flow: {t_end: 2.0}
record: {linear: {points: 5}}
";

#[test]
fn test_samples_of_a_file_are_measured_and_not_trained_on() {
    let at = tempfile::tempdir().unwrap();
    let data = at.path().join("data.npz");
    let ((_, x), (_, y)) = (drawn(30, 4, 1), drawn(30, 1, 2));
    let ((x_matrix, x_test), (y_matrix, y_test)) = (drawn(9, 4, 3), drawn(9, 1, 4));
    write_arrays(&data, &[("X", &x), ("Y", &y)]);
    let without = run(at.path(), OF_FILE, "without", &[]);
    write_arrays(&data, &[("X", &x), ("Y", &y), ("X_test", &x_test), ("Y_test", &y_test)]);
    let with = run(at.path(), OF_FILE, "with", &[]);
    let expected = loss(&at.path().join("with"), &Dataset { x: x_matrix, y: y_matrix });
    assert!((last(&with, "test_loss") - expected).abs() <= 1e-12 * expected);
    assert!(without.table.columns.iter().all(|column| column.name != "test_loss"));
    for column in ["t", "loss", "nfa_cosine", "balance_gap"] {
        assert_eq!(without.table.floats("flow", column), with.table.floats("flow", column), "{column}");
    }
    assert!(!fs::read_to_string(at.path().join("with/scenario.json")).unwrap().contains("whiten"));

    // Classes, as −1 and 1: the sign of the only weight times x is right for three of four.
    let column = |values: &[f64]| npz::Array::new(&[values.len(), 1], values.to_vec());
    let (x, y) = (column(&[1.0, -1.0]), column(&[1.0, -1.0]));
    let (x_test, y_test) = (column(&[1.0, 2.0, -1.0, -2.0]), column(&[1.0, 1.0, -1.0, 1.0]));
    write_arrays(&data, &[("X", &x), ("Y", &y), ("X_test", &x_test), ("Y_test", &y_test)]);
    write_arrays(&at.path().join("w0.npz"), &[("W1", &column(&[1.0]))]);
    let text = OF_FILE.replace("[4, 6, 1]", "[1, 1]") + "loss: logistic\ninit: {file: {path: w0.npz}}\n";
    let classifier = run(at.path(), &text, "classifier", &[]);
    assert_eq!((last(&classifier, "accuracy"), last(&classifier, "test_accuracy")), (1.0, 0.75));
}

/// The inputs of a file become what the same inputs become where they are drawn, to the bit; an export has them.
#[test]
fn a_file_is_whitened_as_drawn_inputs_are() {
    let at = tempfile::tempdir().unwrap();
    let export = |text: &str, sets: &[&str], out: &str| {
        fs::write(at.path().join("scenario.yaml"), text).unwrap();
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        succeed(at.path(), &["export", "scenario.yaml", "--out", out].into_iter().chain(sets).collect::<Vec<_>>());
        npz::read(&at.path().join(out)).unwrap()
    };
    let sizes = ["data.synthetic.inputs.samples=40", "data.synthetic.test=7"];
    let raw = export(LINEAR, &sizes, "data.npz");
    let drawn = export(LINEAR, &[&sizes[..], &["data.synthetic.inputs.whiten=true"]].concat(), "drawn.npz");
    let of_file = export(OF_FILE, &["data.file.whiten=true"], "whitened.npz");
    assert_ne!(raw["X"], of_file["X"]);
    assert_eq!((&drawn["X"], &drawn["X_test"]), (&of_file["X"], &of_file["X_test"]));
    assert_eq!((&raw["Y"], &raw["Y_test"]), (&of_file["Y"], &of_file["Y_test"]));
    let x = DMatrix::from_row_slice(40, 4, &of_file["X"].data);
    assert!((x.transpose() * &x / 40.0 - DMatrix::identity(4, 4)).norm() < 1e-13 && x.row_mean().norm() < 1e-13);
    // A control: without it the samples are used as they are.
    assert_eq!(export(OF_FILE, &["data.file.whiten=false"], "same.npz")["X"], raw["X"]);
}

#[test]
fn files_of_test_samples_that_do_not_fit_are_refused_with_array_and_remedy() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("scenario.yaml"), OF_FILE).unwrap();
    let array = |rows: usize, columns: usize| drawn(rows, columns, 5).1;
    let refusal = |others: &[(&str, &npz::Array)], sets: &[&str]| {
        let (x, y) = (array(30, 4), array(30, 1));
        write_arrays(&at.path().join("data.npz"), &[&[("X", &x), ("Y", &y)], others].concat());
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let output = gramflow(at.path(), &["check", "scenario.yaml"].into_iter().chain(sets).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(2), "{others:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let mut flat = array(30, 4);
    (0..30).for_each(|row| flat.data[4 * row + 3] = 2.0 * flat.data[4 * row] - 1.0);
    let few = array(4, 4);
    let both = "store both or neither";
    for (message, right) in [
        (refusal(&[("X_test", &array(3, 4))], &[]), &["no array `Y_test`", both][..]),
        (refusal(&[("Y_test", &array(3, 1))], &[]), &["no array `X_test`", both]),
        (refusal(&[("X_test", &array(3, 5)), ("Y_test", &array(3, 1))], &[]), &["`X_test` has 5 columns, but `X` has 4"]),
        (refusal(&[("X_test", &array(3, 4)), ("Y_test", &array(3, 2))], &[]), &["`Y_test` has 2 columns, but `Y` has 1"]),
        (refusal(&[("X_test", &array(3, 4)), ("Y_test", &array(2, 1))], &[]), &["X_test has 3 samples, but Y_test has 2"]),
        (refusal(&[("X_test", &array(0, 4)), ("Y_test", &array(0, 1))], &[]), &["`X_test` has shape [0, 4]"]),
        (refusal(&[("mask", &array(30, 1))], &[]), &["array `mask`, which is not read: call it `M`, or remove it"]),
        (refusal(&[("x-Test", &array(3, 4))], &[]), &["array `x-Test`, which is not read: call it `X_test`"]),
        (
            refusal(&[("X", &flat)], &["data.file.whiten=true"]),
            &["data.file.whiten: ", "`X`: the inputs span 3 of 4 dimensions and cannot be whitened", "leave whiten out"],
        ),
        (
            refusal(&[("X", &few), ("Y", &array(4, 1))], &["data.file.whiten=true"]),
            &["data.file.whiten: ", "the inputs span 3 of 4 dimensions", "take more samples"],
        ),
    ] {
        assert!(message.contains("data.npz") && right.iter().all(|part| message.contains(part)), "{message}");
    }
    // Whatever else a file holds does not matter, a count of samples for one.
    let (x, y, count) = (array(30, 4), array(30, 1), npz::Array { shape: vec![], data: vec![30.0].into() });
    write_arrays(&at.path().join("data.npz"), &[("X", &x), ("Y", &y), ("W1", &x), ("m", &count)]);
    succeed(at.path(), &["check", "scenario.yaml"]);
}
