//! Records to draw in tests: a small deep linear network, its flow integrated by classical Runge–Kutta with small steps,
//! gradient descent beside it.

use nalgebra::DMatrix;

use crate::npz::{Array, Arrays};
use crate::record::{Column, Run, Table, Values};

type Weights = Vec<DMatrix<f64>>;

/// What is run.
struct Problem {
    target: DMatrix<f64>,
    weight_decay: f64,
}

impl Problem {
    fn product(weights: &[DMatrix<f64>]) -> DMatrix<f64> {
        let d = weights[0].ncols();
        weights.iter().fold(DMatrix::identity(d, d), |product, w| w * product)
    }

    fn loss(&self, weights: &[DMatrix<f64>]) -> f64 {
        0.5 * (Self::product(weights) - &self.target).norm_squared()
    }

    /// −∇J for whitened inputs.
    fn velocity(&self, weights: &[DMatrix<f64>]) -> Weights {
        let residual = Self::product(weights) - &self.target;
        let d = weights[0].ncols();
        (0..weights.len())
            .map(|l| {
                let before = weights[..l].iter().fold(DMatrix::identity(d, d), |p, w| w * p);
                let n = weights[l].nrows();
                let after = weights[l + 1..].iter().fold(DMatrix::identity(n, n), |p, w| w * p);
                -(after.transpose() * &residual * before.transpose()) - self.weight_decay * &weights[l]
            })
            .collect()
    }
}

fn moved(weights: &[DMatrix<f64>], by: &[DMatrix<f64>], step: f64) -> Weights {
    weights.iter().zip(by).map(|(w, v)| w + step * v).collect()
}

fn rk4(problem: &Problem, weights: &[DMatrix<f64>], step: f64) -> Weights {
    let k1 = problem.velocity(weights);
    let k2 = problem.velocity(&moved(weights, &k1, step / 2.0));
    let k3 = problem.velocity(&moved(weights, &k2, step / 2.0));
    let k4 = problem.velocity(&moved(weights, &k3, step));
    let mean: Weights = (0..weights.len()).map(|l| (&k1[l] + 2.0 * &k2[l] + 2.0 * &k3[l] + &k4[l]) / 6.0).collect();
    moved(weights, &mean, step)
}

/// Numbers between −1 and 1 from a linear congruence: the same on every machine.
fn noise(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn singular_values(matrix: &DMatrix<f64>) -> Vec<f64> {
    let small = if matrix.nrows() < matrix.ncols() { matrix * matrix.transpose() } else { matrix.transpose() * matrix };
    let mut values: Vec<f64> = small.symmetric_eigenvalues().iter().map(|v| v.max(0.0).sqrt()).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

fn power(psd: &DMatrix<f64>, exponent: f64) -> DMatrix<f64> {
    let mut eigen = psd.clone().symmetric_eigen();
    eigen.eigenvalues.apply(|v| *v = v.max(0.0).powf(exponent));
    eigen.recompose()
}

fn cosine(a: &DMatrix<f64>, b: &DMatrix<f64>) -> f64 {
    a.dot(b) / (a.norm() * b.norm())
}

fn centred(a: &DMatrix<f64>) -> DMatrix<f64> {
    a - DMatrix::identity(a.nrows(), a.nrows()) * (a.trace() / a.nrows() as f64)
}

const ALPHA: [f64; 12] = [0.25, 0.5, 0.625, 0.75, 0.875, 1.0, 1.125, 1.25, 1.5, 2.0, 2.5, 3.0];

/// The records of one process, column by column.
#[derive(Default)]
struct Recorder {
    columns: std::collections::BTreeMap<String, Vec<f64>>,
    arrays: std::collections::BTreeMap<String, Vec<f64>>,
}

impl Recorder {
    fn record(&mut self, problem: &Problem, t: f64, weights: &[DMatrix<f64>], distance: f64) {
        let (layers, product) = (weights.len(), Problem::product(weights));
        let decay: f64 = weights.iter().map(DMatrix::norm_squared).sum();
        let (gram, agop) = (weights[0].transpose() * &weights[0], product.transpose() * &product);
        let feature = power(&agop, 1.0 / layers as f64);
        let ansatz = power(&gram, layers as f64);
        let mut column = |name: &str, value: f64| self.columns.entry(name.to_string()).or_default().push(value);
        column("t", t);
        column("loss", problem.loss(weights));
        column("objective", problem.loss(weights) + problem.weight_decay / 2.0 * decay);
        column("nfa_residual", (&agop - &ansatz).norm());
        column("nfa_residual_relative", (&agop - &ansatz).norm() / agop.norm().max(ansatz.norm()));
        column("nfa_cosine", cosine(&gram, &feature));
        column("nfa_cosine_centred", cosine(&centred(&gram), &centred(&feature)));
        column("distance_to_flow", distance);
        let mut array = |name: String, values: Vec<f64>| self.arrays.entry(name).or_default().extend(values);
        array("t".into(), vec![t]);
        for l in 1..layers {
            let gap = weights[l].transpose() * &weights[l] - &weights[l - 1] * weights[l - 1].transpose();
            column(&format!("balance_gap_{l}"), gap.norm());
        }
        for (l, w) in weights.iter().enumerate() {
            array(format!("sv_W{}", l + 1), singular_values(w));
        }
        array("sv_product".into(), singular_values(&product));
        array("sv_agop".into(), singular_values(&agop));
        array("nfa_curve".into(), ALPHA.map(|a| cosine(&gram, &power(&agop, a / layers as f64))).to_vec());
    }
}

/// Integrates the flow and steps gradient descent from `weights`; log-spaced records after t = 0.
fn run(name: &str, problem: &Problem, weights: Weights, t_end: f64, records: usize, optimizers: &[(&str, f64)]) -> Run {
    let widths: Vec<usize> = std::iter::once(weights[0].ncols()).chain(weights.iter().map(|w| w.nrows())).collect();
    let times: Vec<f64> = std::iter::once(0.0)
        .chain((0..records).map(|i| 0.1 * (t_end / 0.1).powf(i as f64 / (records - 1).max(1) as f64)))
        .collect();
    let mut flow = Vec::new();
    let (mut state, mut t) = (weights.clone(), 0.0);
    for &record in &times {
        let steps = ((record - t) / 0.08).ceil().max(1.0);
        for _ in 0..steps as usize {
            state = rk4(problem, &state, (record - t) / steps);
        }
        t = record;
        flow.push(state.clone());
    }
    let mut recorders = vec![("flow".to_string(), Recorder::default())];
    for (t, weights) in times.iter().zip(&flow) {
        recorders[0].1.record(problem, *t, weights, f64::NAN);
    }
    for &(name, rate) in optimizers {
        let (mut state, mut step, mut recorder) = (weights.clone(), 0, Recorder::default());
        for (t, reference) in times.iter().zip(&flow) {
            while f64::from(step) * rate < *t {
                state = moved(&state, &problem.velocity(&state), rate);
                step += 1;
            }
            let distance = state.iter().zip(reference).map(|(a, b)| (a - b).norm_squared()).sum::<f64>().sqrt();
            recorder.record(problem, *t, &state, distance);
        }
        recorders.push((name.to_string(), recorder));
    }
    assemble(name, widths, problem.weight_decay, times.len(), recorders)
}

fn assemble(name: &str, widths: Vec<usize>, weight_decay: f64, rows: usize, recorders: Vec<(String, Recorder)>) -> Run {
    let process: Vec<String> = recorders.iter().flat_map(|(name, _)| std::iter::repeat_n(name.clone(), rows)).collect();
    let mut columns = vec![Column { name: "process".into(), values: Values::Text(process) }];
    for column in recorders[0].1.columns.keys() {
        let values = recorders.iter().flat_map(|(_, recorder)| recorder.columns[column].iter().copied()).collect();
        columns.push(Column { name: column.clone(), values: Values::Float(values) });
    }
    let mut arrays = Arrays::new();
    for (process, recorder) in recorders {
        arrays.insert(format!("{process}/nfa_alpha_tilde"), Array::vector(ALPHA.to_vec()));
        for (name, data) in recorder.arrays {
            let shape = if name == "t" { vec![rows] } else { vec![rows, data.len() / rows] };
            arrays.insert(format!("{process}/{name}"), Array { shape, data });
        }
    }
    let caption = format!(
        "L = {}, widths {}, λ = {weight_decay}, whitened inputs, rank-2 target, seed 0; flow by rk4, gradient descent beside it",
        widths.len() - 1,
        widths.iter().map(usize::to_string).collect::<Vec<_>>().join("–"),
    );
    Run { name: name.into(), widths, weight_decay, caption, table: Table { columns }, arrays }
}

fn problem(d_out: usize, d_in: usize, weight_decay: f64) -> Problem {
    let target = DMatrix::from_fn(d_out, d_in, |i, j| match (i, j) {
        (0, 0) => 2.0,
        (1, 1) => 1.2,
        _ => 0.0,
    });
    Problem { target, weight_decay }
}

fn random(widths: &[usize], scale: f64) -> Weights {
    let layer = |(l, d): (usize, &[usize])| {
        DMatrix::from_vec(d[1], d[0], noise(d[0] * d[1], l as u64 + 1)) * (scale * (3.0 / d[0] as f64).sqrt())
    };
    widths.windows(2).enumerate().map(layer).collect()
}

/// An unbalanced start that decays, with gradient descent at the given rates beside the flow.
pub(super) fn decaying(records: usize, optimizers: &[(&str, f64)]) -> Run {
    run("depth3-decay", &problem(5, 6, 0.01), random(&[6, 6, 6, 5], 0.6), 400.0, records, optimizers)
}

/// W_l = Q_l S Q_{l−1}ᵀ with reflections Q_l: balanced to rounding.
pub(super) fn balanced() -> Run {
    let reflection = |seed: u64| {
        let v = DMatrix::from_vec(4, 1, noise(4, seed));
        DMatrix::identity(4, 4) - &v * v.transpose() * (2.0 / v.norm_squared())
    };
    let spectrum = DMatrix::from_diagonal(&nalgebra::DVector::from_vec(vec![0.8, 0.6, 0.3, 0.1]));
    let weights = (1..=3).map(|l| reflection(l + 1) * &spectrum * reflection(l).transpose()).collect();
    run("depth3-balanced", &problem(4, 4, 0.01), weights, 100.0, 40, &[("gd", 0.05)])
}

/// A network of this depth, d_out = 1.
pub(super) fn depth(layers: usize) -> Run {
    let mut widths = vec![4; layers];
    widths.push(1);
    run(&format!("depth{layers}"), &problem(1, 4, 0.001), random(&widths, 0.7), 50.0, 30, &[("gd", 0.1)])
}

/// The records `t = 0` alone.
pub(super) fn single_record() -> Run {
    let problem = problem(3, 4, 0.01);
    let weights = random(&[4, 4, 3], 0.5);
    let mut recorder = Recorder::default();
    recorder.record(&problem, 0.0, &weights, f64::NAN);
    assemble("single", vec![4, 4, 3], 0.01, 1, vec![("flow".into(), recorder)])
}
