//! The cost of observation: the decompositions of a snapshot, and every observable on a snapshot that has them.
//!
//! `cargo bench --bench observables`. ∇ℒ and ℒ belong to the snapshot, which computes each once: their cost is in none of the
//! rows.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use gramflow::data::{Dataset, Moments};
use gramflow::network::{Architecture, Parameters};
use gramflow::objective::LinearObjective;
use gramflow::observe::{Row, Snapshot, all};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DVector;

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

/// Asks for everything that a snapshot decomposes.
fn decompose(snapshot: &Snapshot) {
    black_box((snapshot.first_jacobian(), snapshot.agop()));
    for l in 1..=snapshot.depth() {
        black_box((snapshot.ansatz(l), snapshot.singular_values(l), snapshot.gram(l)));
    }
}

fn observables(criterion: &mut Criterion) {
    for (d, layers) in [(64, 5), (200, 3)] {
        let net = Architecture::new(&vec![d; layers + 1]);
        let rng = &mut stream(0, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(10 * d, d, rng), y: gaussian_matrix(10 * d, d, rng) };
        let mut draw = || -> DVector<f64> { gaussian_matrix(net.parameter_count(), 1, rng).column(0) / (d as f64).sqrt() };
        let [start, flow, here] = [draw(), draw(), draw()].map(|theta| Parameters::from_values(&net, theta));
        let target = gaussian_matrix(d, d, rng);
        let objective = LinearObjective::new(net.clone(), Moments::new(&data).expect("finite samples"), 1e-3);
        let snapshot = || Snapshot::new(1.0, &here, &objective, Some(&flow)).expect("finite weights");
        let observables = all(&start, 1e-3, Some(&target));
        assert_eq!(observables.len(), NAMES.len(), "a name for every observable");

        let mut group = criterion.benchmark_group(format!("observe d = {d}, L = {layers}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
        group.bench_function("snapshot", |bencher| bencher.iter(|| decompose(&snapshot())));
        let snapshot = snapshot();
        decompose(&snapshot);
        black_box((snapshot.loss(), snapshot.loss_gradient()));
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
