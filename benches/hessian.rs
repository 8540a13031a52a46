//! One Hessian–vector product of a linear network, where θ has moved since the last one and where it has not, beside the gradient.
//!
//! `cargo bench --bench hessian`. Read ratios within one run: machines are noisy.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gramflow::data::{Dataset, Moments};
use gramflow::network::Architecture;
use gramflow::objective::{LinearObjective, Objective};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DVector;

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Hessian");
    group.sample_size(20).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    for (d, layers, d_out) in [(10, 3, 10), (20, 5, 20), (64, 5, 64), (200, 3, 200), (20, 5, 1), (64, 5, 1), (200, 3, 1)] {
        let mut widths = vec![d; layers];
        widths.push(d_out);
        let net = Architecture::new(&widths);
        let rng = &mut stream(0, Purpose::Inputs);
        let data = Dataset { x: gaussian_matrix(500, d, rng), y: gaussian_matrix(500, d_out, rng) };
        let mut theta: DVector<f64> = gaussian_matrix(net.parameter_count(), 1, rng).column(0) / (d as f64).sqrt();
        let v = gaussian_matrix(net.parameter_count(), 1, rng).column(0).into_owned();
        let objective = LinearObjective::new(net, Moments::new(&data).expect("finite samples"), 1e-3);
        let mut out = theta.clone();
        let name = |what| BenchmarkId::new(what, format!("d={d} L={layers} d_out={d_out}"));
        group.bench_function(name("gradient"), |bencher| bencher.iter(|| objective.gradient(&theta, &mut out)));
        group
            .bench_function(name("product at rest"), |bencher| bencher.iter(|| objective.hessian_vector(&theta, &v, &mut out)));
        group.bench_function(name("product where θ moves"), |bencher| {
            bencher.iter(|| {
                // θ changes in one entry: what was kept for the last one is of no use.
                theta[0] = -theta[0];
                objective.hessian_vector(&theta, &v, &mut out);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);
