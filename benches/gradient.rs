//! One gradient of a linear network: against depth, against the number of samples, and for one output against many.
//!
//! `cargo bench --bench gradient`. Read ratios within one run: machines are noisy.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gramflow::data::{Dataset, Moments};
use gramflow::network::Architecture;
use gramflow::objective::{LinearObjective, Objective};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DVector;

/// L layers of width d with d_out outputs, on n samples, and weights of unit gain.
fn problem(d: usize, layers: usize, d_out: usize, samples: usize) -> (LinearObjective, DVector<f64>) {
    let mut widths = vec![d; layers];
    widths.push(d_out);
    let architecture = Architecture::new(&widths);
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(samples, d, rng), y: gaussian_matrix(samples, d_out, rng) };
    let theta = gaussian_matrix(architecture.parameter_count(), 1, rng).column(0) / (d as f64).sqrt();
    let moments = Moments::new(&data).expect("finite samples");
    (LinearObjective::new(architecture, moments, 1e-3), theta)
}

fn gradients(criterion: &mut Criterion) {
    let groups: [(&str, &[[usize; 4]]); 4] = [
        ("outputs (d = 64, L = 5)", &[[64, 5, 1, 500], [64, 5, 64, 500]]),
        ("depth (d = 32)", &[[32, 2, 32, 500], [32, 4, 32, 500], [32, 8, 32, 500], [32, 16, 32, 500]]),
        ("samples (d = 20, L = 5)", &[[20, 5, 20, 100], [20, 5, 20, 10_000]]),
        ("width (L = 3)", &[[10, 3, 10, 500], [20, 3, 20, 500], [64, 3, 64, 500], [200, 3, 200, 500]]),
    ];
    for (name, cases) in groups {
        let mut group = criterion.benchmark_group(name);
        for &[d, layers, d_out, samples] in cases {
            let (objective, theta) = problem(d, layers, d_out, samples);
            let mut gradient = theta.clone();
            group.throughput(Throughput::Elements(objective.flops()));
            let id = BenchmarkId::from_parameter(format!("d={d} L={layers} d_out={d_out} n={samples}"));
            group.bench_function(id, |bencher| bencher.iter(|| objective.gradient(&theta, &mut gradient)));
        }
    }
}

criterion_group!(benches, gradients);
criterion_main!(benches);
