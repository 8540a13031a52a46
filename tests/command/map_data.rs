//! Data that say something of the end-to-end matrix W_L⋯W_1 of a linear network: some of the labels, measurements, moments, a population.

use std::fs;
use std::path::Path;

use crate::harness::{gramflow, succeed};
use gramflow::folder;
use gramflow::npz::{self, Array};
use gramflow::ode::Interrupt;
use gramflow::record::Run;
use gramflow::run::Problem;
use gramflow::scenario;
use nalgebra::DMatrix;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

fn normal(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |_, _| StandardNormal.sample(rng))
}

fn write(at: &Path, name: &str, arrays: &[(&str, Array)]) {
    npz::write(&at.join(name), &arrays.iter().map(|(key, array)| (key.to_string(), array.clone())).collect()).unwrap();
}

fn matrix(m: &DMatrix<f64>) -> Array {
    Array::matrix(m.as_view())
}

/// A scenario of a linear network on `data`.
fn text(data: &str, widths: &str, more: &str) -> String {
    format!("name: map\ndata: {data}\nnetwork: {{widths: {widths}}}\n{more}\n")
}

/// Runs `text` into `at/out`; its records and P at the end of the flow.
fn run(at: &Path, text: &str, sets: &[&str]) -> (Run, DMatrix<f64>) {
    fs::write(at.join("scenario.yaml"), text).unwrap();
    let mut arguments = vec!["run", "scenario.yaml", "--out", "out"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    let weights = npz::read(&at.join("out/weights.npz")).unwrap();
    let weight = |l: usize| weights.get(&format!("flow/W{l}"));
    let matrices =
        (1..).map_while(|l| Some(DMatrix::from_row_slice(weight(l)?.shape[0], weight(l)?.shape[1], &weight(l)?.data)));
    let product = matrices.reduce(|below, above| above * below).unwrap();
    (folder::read(&at.join("out")).unwrap(), product)
}

fn last(run: &Run, column: &str) -> f64 {
    *run.table.floats("flow", column).last().unwrap()
}

fn largest(run: &Run, column: &str) -> f64 {
    run.table.floats("flow", column).iter().fold(0.0, |a: f64, b| if *b > a || b.is_nan() { *b } else { a })
}

/// What the command complains of.
fn refusal(at: &Path, text: &str, sets: &[&str]) -> String {
    fs::write(at.join("scenario.yaml"), text).unwrap();
    let mut arguments = vec!["check", "scenario.yaml"];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    let output = gramflow(at, &arguments);
    assert_eq!(output.status.code(), Some(2), "{sets:?}");
    String::from_utf8(output.stderr).unwrap()
}

const COMPLETION: &str = "{file: {path: data.npz}}";

/// Both diagonal entries observed, both 1, from P = Q·diag(0.2, 0.05)·Qᵀ with Q a turn by 45°, balanced: the eigenvalues keep u/v with two
/// layers and u^{−1/3} − v^{−1/3} with three, and u + v → 2.
#[test]
fn completion_ends_where_its_conserved_quantity_says() {
    let at = tempfile::tempdir().unwrap();
    let eye = DMatrix::identity(2, 2);
    // What was not observed may be anything.
    let labels = DMatrix::from_row_slice(2, 2, &[1.0, f64::NAN, 1e300, 1.0]);
    write(at.path(), "data.npz", &[("X", matrix(&eye)), ("Y", matrix(&labels)), ("M", matrix(&eye))]);
    for (layers, u, v) in [(2, 1.6, 0.4), (3, 1.834_485_83, 0.165_514_17)] {
        let root = |s: f64| s.powf(1.0 / f64::from(layers));
        let (a, b) = (0.5 * (root(0.2) + root(0.05)), 0.5 * (root(0.2) - root(0.05)));
        let weight = matrix(&DMatrix::from_row_slice(2, 2, &[a, b, b, a]));
        let names: Vec<String> = (1..=layers).map(|l| format!("W{l}")).collect();
        write(at.path(), "w0.npz", &names.iter().map(|name| (name.as_str(), weight.clone())).collect::<Vec<_>>());
        let widths = format!("{:?}", vec![2; layers as usize + 1]);
        let more = "init: {file: {path: w0.npz}}\nflow: {t_end: 400, rtol: 1e-12, atol: 1e-14}";
        let (run, p) = run(at.path(), &text(COMPLETION, &widths, more), &[]);
        let found = (p[(0, 0)] + p[(0, 1)], p[(0, 0)] - p[(0, 1)]);
        assert!((found.0 - u).abs() < 1e-8 && (found.1 - v).abs() < 1e-8, "{layers}: {found:?}");
        // 1/(2n) Σ M(f − y)² with n = 2: ¼·2·(0.125 − 1)² at the start.
        let loss = run.table.floats("flow", "loss");
        assert!((loss[0] - 0.5 * 0.875 * 0.875).abs() < 1e-15 && loss[loss.len() - 1] < 1e-20, "{loss:?}");
        // The zero map is the best constant of labels that are all 1 but for the constant 1 itself, which nothing is left of.
        assert!(last(&run, "loss_over_constant").is_nan());
        assert!(largest(&run, "nfa_residual_relative") < 1e-9);
    }
}

/// A mask of ones is no mask, to the bit; of perceptrons masks hold too, under mse and logistic; minibatches take them.
#[test]
fn masks_hide_labels_from_every_network_that_can_do_without() {
    let at = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let (x, y) = (normal(30, 4, rng), normal(30, 3, rng));
    let classes = y.map(|y| f64::from(u8::from(y > 0.0)));
    let mask = DMatrix::from_fn(30, 3, |i, j| f64::from(u8::from((i + 2 * j) % 4 != 0)));
    let ones = DMatrix::from_element(30, 3, 1.0);
    let file = |name: &str, y: &DMatrix<f64>, mask: Option<&DMatrix<f64>>| {
        let mut arrays = vec![("X", matrix(&x)), ("Y", matrix(y))];
        arrays.extend(mask.map(|mask| ("M", matrix(mask))));
        write(at.path(), name, &arrays);
    };
    let scenario = text(COMPLETION, "[4, 5, 3]", "flow: {t_end: 5}\noptimizers: [sgd: {lr: 0.05, batch: 7, steps: 20}]");
    let columns = |sets: &[&str]| {
        let run = run(at.path(), &scenario, sets).0;
        ["flow", "sgd"].map(|process| run.table.floats(process, "loss"))
    };
    for network in [&[][..], &["network.activations=tanh"], &["network.activations=relu", "loss=logistic"]] {
        file("data.npz", &classes, None);
        let whole = columns(network);
        file("data.npz", &classes, Some(&ones));
        assert_eq!(columns(network), whole, "{network:?}");
        file("data.npz", &classes, Some(&mask));
        let masked = columns(network);
        assert!(masked[0] != whole[0] && masked[0][masked[0].len() - 1] < masked[0][0], "{network:?}");
        // Other values where nothing was observed change nothing.
        let hidden = DMatrix::from_fn(30, 3, |i, j| if mask[(i, j)] == 0.0 { 7.5 } else { classes[(i, j)] });
        file("data.npz", &hidden, Some(&mask));
        assert_eq!(columns(network), masked, "{network:?}");
    }
    let message = refusal(at.path(), &scenario, &["loss=cross_entropy"]);
    assert!(
        message.contains("data.file.path: ") && message.contains("M hides labels, and cross_entropy needs all"),
        "{message}"
    );
    for (entry, expected) in [(0.5, "M[2, 1] is 0.5: a mask is 1 where"), (f64::NAN, "`M`[2, 1] is NaN: fill in")] {
        let mut wrong = mask.clone();
        wrong[(2, 1)] = entry;
        file("data.npz", &y, Some(&wrong));
        assert!(refusal(at.path(), &scenario, &[]).contains(expected));
    }
    file("data.npz", &y, Some(&(&mask * 0.0)));
    assert!(refusal(at.path(), &scenario, &[]).contains("no label was observed"));
    file("data.npz", &y, Some(&normal(30, 2, rng)));
    assert!(refusal(at.path(), &scenario, &[]).contains("M has shape (30, 2), but Y has (30, 3)"));
}

const SENSING: &str = "{sensing: {path: sensing.npz}}";

/// m Gaussian measurements of a d × d matrix, and the matrix.
fn measure(at: &Path, m: usize, truth: &DMatrix<f64>, seed: u64) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let (rows, columns) = truth.shape();
    let maps: Vec<DMatrix<f64>> = (0..m).map(|_| normal(rows, columns, rng)).collect();
    let data: Vec<f64> = maps.iter().flat_map(|map| map.transpose().as_slice().to_vec()).collect();
    let values: Vec<f64> = maps.iter().map(|map| map.dot(truth)).collect();
    write(at, "sensing.npz", &[("A", Array::new(&[m, rows, columns], data)), ("y", Array::vector(values))]);
}

/// A 10 × 8 matrix of rank 2 has 32 degrees of freedom: 60 of 80 measurements determine it among matrices of low rank, which a flow from a
/// small start prefers, 20 do not, whatever is preferred.
#[test]
fn a_small_start_recovers_a_matrix_of_low_rank_from_few_measurements() {
    let at = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let truth = normal(10, 2, rng) * normal(2, 8, rng) * 0.25;
    let error = |m: usize, std: &str| {
        measure(at.path(), m, &truth, 4);
        let scenario = text(SENSING, "[8, 10, 10]", "flow: {t_end: 3000}");
        let (run, p) = run(at.path(), &scenario, &[&format!("init={{gaussian: {{std: {std}}}}}")]);
        assert!(last(&run, "loss_over_constant") < 1e-5, "{m} {std}: {:e}", last(&run, "loss_over_constant"));
        (p - &truth).norm() / truth.norm()
    };
    let [recovered, few, large] = [error(60, "1e-4"), error(20, "1e-4"), error(60, "0.5")];
    eprintln!("relative errors: {recovered:e} of 60 measurements, {few:e} of 20, {large:e} from a large start");
    assert!(recovered < 1e-2 && few > 0.3 && large > 10.0 * recovered, "{recovered:e} {few:e} {large:e}");
}

/// The balance law belongs to layers, whatever ℒ is of P: from an unbalanced start under decay, to the integrator's error, and to rounding
/// with `preserve`. With it hold the theorems on the ansatz.
#[test]
fn the_balance_law_holds_on_masked_and_sensing_flows() {
    let at = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let truth = normal(3, 4, rng);
    measure(at.path(), 9, &truth, 6);
    let x = normal(20, 4, rng);
    let mask = DMatrix::from_fn(20, 3, |i, j| f64::from(u8::from((3 * i + j) % 4 != 0)));
    write(at.path(), "data.npz", &[("X", matrix(&x)), ("Y", matrix(&(&x * truth.transpose()))), ("M", matrix(&mask))]);
    for data in [COMPLETION, SENSING] {
        let more = "init: pytorch\nweight_decay: 0.05\nflow: {t_end: 100, rtol: 1e-12, atol: 1e-14}";
        let scenario = text(data, "[4, 5, 6, 3]", more);
        let (free, _) = run(at.path(), &scenario, &[]);
        assert!(last(&free, "balance_gap") < 1e-3 * free.table.floats("flow", "balance_gap")[0]);
        let off = largest(&free, "balance_law_residual_relative");
        let kept = ["flow.preserve={balance: float64}", "flow.rtol=1e-6", "flow.atol=1e-9"];
        let preserved = largest(&run(at.path(), &scenario, &kept).0, "balance_law_residual_relative");
        let loose = largest(&run(at.path(), &scenario, &kept[1..]).0, "balance_law_residual_relative");
        eprintln!("{data}: off by {off:e} at rtol 1e-12, {loose:e} at 1e-6, {preserved:e} preserved");
        assert!(off < 1e-11 && preserved < 1e-14 && loose > 1e-10, "{data}: {off:e} {preserved:e} {loose:e}");
        fs::write(
            at.path().join("scenario.yaml"),
            format!("{scenario}claims: [balance-law, decay-rate, nfa-asymptotic, nfa]\n"),
        )
        .unwrap();
        succeed(at.path(), &["run", "scenario.yaml", "--out", "out", "--strict"]);
    }
}

/// Measurements and moments are of linear networks under mse; batches are of samples.
#[test]
fn what_needs_samples_or_another_network_is_refused_with_key_and_reason() {
    let at = tempfile::tempdir().unwrap();
    measure(at.path(), 9, &DMatrix::identity(3, 4), 6);
    let eye = DMatrix::identity(4, 4);
    let moments = |sigma_x: &DMatrix<f64>, trace: f64| {
        let yx = DMatrix::from_element(3, 4, 0.1);
        let arrays = [("Sigma_x", matrix(sigma_x)), ("Sigma_yx", matrix(&yx)), ("tr_Sigma_y", Array::new(&[], [trace]))];
        write(at.path(), "moments.npz", &arrays);
    };
    moments(&eye, 1.0);
    let (measured, by_moments) = (
        text(SENSING, "[4, 5, 3]", "flow: {t_end: 5}"),
        text("{moments: {path: moments.npz}}", "[4, 5, 3]", "flow: {t_end: 5}"),
    );
    let population = text(
        "{synthetic: {inputs: {dim: 4}, samples: population, target: {low_rank: {rank: 2, outputs: 3}}}}",
        "[4, 5, 3]",
        "flow: {t_end: 5}",
    );
    for (scenario, key) in
        [(&measured, "data.sensing"), (&by_moments, "data.moments"), (&population, "data.synthetic.inputs.samples")]
    {
        fs::write(at.path().join("scenario.yaml"), scenario).unwrap();
        succeed(at.path(), &["check", "scenario.yaml"]);
        for (set, reason) in [
            ("network.activations=tanh", "a linear network"),
            ("network.bias=true", "a linear network"),
            ("loss=logistic", "the loss mse"),
        ] {
            let message = refusal(at.path(), scenario, &[set]);
            assert!(message.contains(&format!("{key}: ")) && message.contains(reason), "{message}");
        }
    }
    let batch = "optimizers=[sgd: {lr: 0.1, batch: 4}]";
    for scenario in [&by_moments, &population] {
        assert!(refusal(at.path(), scenario, &[batch]).contains("optimizers[0].sgd.batch: must be left out"));
        run(at.path(), scenario, &["optimizers=[sgd: {lr: 0.1, momentum: 0.5}, adam: {lr: 0.01}]"]);
    }
    run(at.path(), &measured, &[batch]);
    assert!(refusal(at.path(), &measured, &["optimizers=[sgd: {lr: 0.1, batch: 10}]"]).contains("at most 9"));
    assert!(
        refusal(at.path(), &measured, &["network.widths=[5, 5, 3]"])
            .contains("Every A[k] has 4 columns, but network.widths begin with 5")
    );
    assert!(
        refusal(at.path(), &by_moments, &["network.widths=[4, 5, 2]"])
            .contains("Sigma_yx has 3 rows, but network.widths end with 2")
    );
    for (set, widths, reason) in [
        (
            "data.synthetic.test=5",
            "[4, 5, 3]",
            "data.synthetic.test: with samples: population the loss already is its expectation",
        ),
        ("data.synthetic.target.low_rank.link=tanh", "[4, 5, 3]", "data.synthetic.inputs.samples: there is no closed form"),
        ("data.synthetic.target={parity: {k: 2}}", "[4, 5, 1]", "data.synthetic.inputs.samples: there is no closed form"),
    ] {
        let message = refusal(at.path(), &population, &[set, &format!("network.widths={widths}")]);
        assert!(message.contains(reason), "{message}");
    }
    moments(&(&eye + DMatrix::from_fn(4, 4, |i, j| if i > j { 0.1 } else { 0.0 })), 1.0);
    assert!(refusal(at.path(), &by_moments, &[]).contains("Sigma_x is not symmetric"));
    moments(&(-&eye), 1.0);
    assert!(
        refusal(at.path(), &by_moments, &[]).contains("data.moments.path: ")
            && refusal(at.path(), &by_moments, &[]).contains("a negative eigenvalue, -1")
    );
    moments(&eye, 0.1);
    assert!(
        refusal(at.path(), &by_moments, &[])
            .contains("tr_Sigma_y is 0.1, but with this Sigma_x and Sigma_yx it must be at least 0.12")
    );
}

/// The moments of a file of samples give its flow.
#[test]
fn moments_of_samples_train_as_the_samples_do() {
    let at = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(8);
    let (x, y) = (normal(50, 4, rng), normal(50, 3, rng));
    write(at.path(), "data.npz", &[("X", matrix(&x)), ("Y", matrix(&y))]);
    let (sigma_x, sigma_yx) = (x.transpose() * &x / 50.0, y.transpose() * &x / 50.0);
    let trace = Array::vector(vec![y.norm_squared() / 50.0]);
    write(at.path(), "moments.npz", &[("Sigma_x", matrix(&sigma_x)), ("Sigma_yx", matrix(&sigma_yx)), ("tr_Sigma_y", trace)]);
    let more = "weight_decay: 0.01\nflow: {t_end: 20}\noptimizers: [gd: {lr: 0.1}]";
    let (samples, p) = run(at.path(), &text(COMPLETION, "[4, 5, 3]", more), &[]);
    let (moments, q) = run(at.path(), &text("{moments: {path: moments.npz}}", "[4, 5, 3]", more), &[]);
    assert!((&p - q).norm() < 1e-13 * p.norm());
    for process in ["flow", "gd"] {
        for column in ["loss", "nfa_residual", "balance_gap"] {
            let (a, b) = (samples.table.floats(process, column), moments.table.floats(process, column));
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-11 * (1.0 + a.abs())), "{process} {column}");
        }
    }
}

/// P(t) on n samples tends to that on the population as n^{−1/2}.
#[test]
fn samples_tend_to_the_population_as_one_over_the_root_of_their_number() {
    let at = |samples: &str, seed: u64| {
        let data =
            "{synthetic: {inputs: {dim: 3, samples: 1, condition: 4}, target: {low_rank: {rank: 2, outputs: 2}}, noise: 0.5}}";
        let more = "init: {gaussian: {std: 0.5}}\nflow: {t_end: 3, rtol: 1e-10}\nrecord: {times: [0, 3]}";
        let sets = [format!("seed={seed}"), format!("data.synthetic.inputs.samples={samples}")];
        let (scenario, _) = scenario::parse(&text(data, "[3, 4, 2]", more), "map.yaml".as_ref(), &sets).unwrap();
        let finished = gramflow::run::run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {});
        let weights = &finished.weights[0].1;
        weights.weight(2) * weights.weight(1)
    };
    let sizes = [1e3, 1e4, 1e5, 1e6_f64];
    let mut squares = [0.0_f64; 4];
    for seed in 0..8 {
        let population = at("population", seed);
        for (square, n) in squares.iter_mut().zip(sizes) {
            *square += (at(&format!("{n}"), seed) - &population).norm_squared() / 8.0;
        }
    }
    let points: Vec<(f64, f64)> = sizes.iter().zip(squares).map(|(n, square)| (n.log10(), 0.5 * square.log10())).collect();
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / 4.0, points.iter().map(|p| p.1).sum::<f64>() / 4.0);
    let slope =
        points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    eprintln!("slope {slope} of {points:?}");
    assert!((slope + 0.5).abs() < 0.1, "{slope} of {points:?}");
}

/// The kernel is of samples with all their labels: of moments and populations what follows from Σ_x is told, of masks and measurements nothing.
#[test]
fn the_tangent_kernel_is_of_samples_with_all_their_labels() {
    let at = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let (x, y) = (normal(6, 3, rng), normal(6, 2, rng));
    let mask = DMatrix::from_fn(6, 2, |i, j| f64::from(u8::from((i + j) % 2 == 0)));
    write(at.path(), "data.npz", &[("X", matrix(&x)), ("Y", matrix(&y)), ("M", matrix(&mask))]);
    let more = "flow: {t_end: 1}\nmeasure: [ntk]";
    let masked = refusal(at.path(), &text(COMPLETION, "[3, 2]", more), &[]);
    assert!(masked.contains("measure[0]") && masked.contains("leave ntk out"), "{masked}");
    write(at.path(), "sensing.npz", &[("A", Array::new(&[2, 2, 3], [1.0; 12])), ("y", Array::vector(vec![1.0, 2.0]))]);
    let sensed = refusal(at.path(), &text("{sensing: {path: sensing.npz}}", "[3, 2]", more), &[]);
    assert!(sensed.contains("measure[0]") && sensed.contains("leave ntk out"), "{sensed}");
    let population = "{synthetic: {inputs: {dim: 3, samples: population}, target: {low_rank: {rank: 1, outputs: 2}}}}";
    let (run, _) = run(at.path(), &text(population, "[3, 2]", more), &[]);
    // One layer on whitened inputs: K has the eigenvalue 1 for ever.
    assert!(run.table.floats("flow", "ntk_max").iter().all(|value| (value - 1.0).abs() < 1e-12));
    assert!(run.table.floats("flow", "ntk_distance").iter().all(|value| value.abs() < 1e-12));
}
