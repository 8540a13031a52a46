//! The cost of observation: the decompositions of a snapshot, and every observable on a snapshot that has them.
//!
//! `cargo bench --bench observables`. ∇ℒ and ℒ belong to the snapshot, which computes each once: their cost is in none of the
//! rows.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gramflow::data::{Dataset, Moments};
use gramflow::loss::Loss;
use gramflow::network::{Activation, Architecture, Parameters};
use gramflow::objective::{LinearObjective, MlpObjective, Objective};
use gramflow::observe::{Row, Snapshot, all};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::{DMatrix, DVector};

/// The names of [`all`], in its order.
const NAMES: [&str; 11] = [
    "loss",
    "balance",
    "feature ansatz",
    "alignment",
    "agop",
    "features at convergence",
    "exponent",
    "spectra",
    "distance",
    "sharpness",
    "imbalance",
];

/// An objective of a network, and three points.
struct Problem {
    objective: Box<dyn Objective>,
    net: Architecture,
    start: Parameters,
    flow: Parameters,
    here: Parameters,
}

impl Problem {
    fn new(widths: &[usize], activation: Activation, samples: usize) -> Self {
        let depth = widths.len() - 1;
        let activations: Vec<_> = (1..=depth).map(|l| if l < depth { activation } else { Activation::Identity }).collect();
        let net = Architecture::with_layers(widths, &activations, &vec![false; depth]);
        let rng = &mut stream(0, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(samples, widths[0], rng), y: gaussian_matrix(samples, widths[depth], rng) };
        let mut draw =
            || -> DVector<f64> { gaussian_matrix(net.parameter_count(), 1, rng).column(0) / (widths[1] as f64).sqrt() };
        let [start, flow, here] = [draw(), draw(), draw()].map(|theta| Parameters::from_values(&net, theta));
        let objective: Box<dyn Objective> = match activation {
            Activation::Identity => {
                Box::new(LinearObjective::new(net.clone(), Moments::new(&data).expect("finite samples"), 1e-3))
            }
            _ => Box::new(MlpObjective::new(net.clone(), Arc::new(data), Loss::Mse, 1e-3)),
        };
        Self { objective, net, start, flow, here }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(1.0, &self.here, &*self.objective, Some(&self.flow)).expect("finite weights")
    }
}

fn observables(criterion: &mut Criterion) {
    let linear = |d: usize, layers: usize| Problem::new(&vec![d; layers + 1], Activation::Identity, 10 * d);
    let problems = [
        ("d = 64, L = 5", linear(64, 5)),
        ("d = 200, L = 3", linear(200, 3)),
        ("100-128-128-1 tanh", Problem::new(&[100, 128, 128, 1], Activation::Tanh, 500)),
    ];
    for (title, problem) in &problems {
        let observables = all(&problem.start, 1e-3, Some(&DMatrix::identity(1, problem.net.input_dim())));
        assert_eq!(observables.len(), NAMES.len(), "a name for every observable");

        let mut group = criterion.benchmark_group(format!("observe {title}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        group.bench_function("snapshot: Jacobians", |bencher| bencher.iter(|| problem.snapshot()));
        type Part = fn(&Snapshot);
        let parts: [(&str, Part); 3] = [
            ("ansatzes", |snapshot| {
                (1..=snapshot.depth()).for_each(|l| {
                    black_box(snapshot.ansatz(l));
                })
            }),
            ("singular values", |snapshot| {
                (1..=snapshot.depth()).for_each(|l| {
                    black_box(snapshot.singular_values(l));
                })
            }),
            ("Gram matrices", |snapshot| {
                (1..=snapshot.depth()).for_each(|l| {
                    black_box(snapshot.gram(l));
                })
            }),
        ];
        for (name, part) in parts {
            let fresh = || problem.snapshot();
            group.bench_function(format!("snapshot: {name}"), |bencher| {
                bencher.iter_batched_ref(fresh, |snapshot| part(snapshot), BatchSize::PerIteration);
            });
        }
        let snapshot = problem.snapshot();
        parts.iter().for_each(|(_, part)| part(&snapshot));
        black_box((snapshot.agop(), snapshot.loss(), snapshot.loss_gradient()));
        for (name, observable) in NAMES.into_iter().zip(&observables) {
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    let mut row = Row::default();
                    observable.measure(&snapshot, &mut row);
                    row
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, observables);
criterion_main!(benches);
