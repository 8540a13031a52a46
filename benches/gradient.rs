//! One gradient of a linear network: against depth, against the number of samples, and for one output against many; and of nonlinear
//! networks, beside Hessian–vector products, and on two threads.
//!
//! `cargo bench --bench gradient`. Read ratios within one run: machines are noisy.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gramflow::data::{Dataset, Moments};
use gramflow::loss::Loss;
use gramflow::network::{Activation, Architecture};
use gramflow::objective::{LinearObjective, MlpObjective, Objective};
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

/// Hidden layers of one width under a linear output, all with biases.
fn nonlinear(widths: &[usize], activation: Activation, samples: usize) -> (MlpObjective, DVector<f64>) {
    let layers = widths.len() - 1;
    let mut activations = vec![activation; layers];
    activations[layers - 1] = Activation::Identity;
    let net = Architecture::with_layers(widths, &activations, &vec![true; layers]);
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(samples, widths[0], rng), y: gaussian_matrix(samples, 1, rng) };
    let theta = gaussian_matrix(net.parameter_count(), 1, rng).column(0) * 0.1;
    (MlpObjective::new(net, Arc::new(data), Loss::Mse, 1e-3), theta)
}

fn nonlinear_gradients(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nonlinear");
    let cases: [(&[usize], Activation, usize, usize); 5] = [
        (&[10, 32, 1], Activation::Tanh, 100, 1),
        (&[20, 100, 100, 1], Activation::Tanh, 1000, 1),
        (&[20, 100, 100, 1], Activation::Relu, 1000, 1),
        (&[512, 512, 512, 1], Activation::Relu, 8000, 1),
        (&[512, 512, 512, 1], Activation::Relu, 8000, 2),
    ];
    for (widths, activation, samples, threads) in cases {
        let (objective, theta) = nonlinear(widths, activation, samples);
        let objective = objective.with_threads(threads);
        let mut out = theta.clone();
        group.throughput(Throughput::Elements(objective.flops()));
        group.sample_size(10);
        let name = |what| BenchmarkId::new(what, format!("{widths:?} {activation:?} n={samples} threads={threads}"));
        group.bench_function(name("gradient"), |bencher| bencher.iter(|| objective.gradient(&theta, &mut out)));
        group.bench_function(name("Hessian"), |bencher| bencher.iter(|| objective.hessian_vector(&theta, &theta, &mut out)));
    }
}

criterion_group!(benches, gradients, nonlinear_gradients);
criterion_main!(benches);
