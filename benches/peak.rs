//! The gradient of a linear network of d = 512, L = 4, 512 outputs, beside the machine's peak rate for matrix products, interleaved with it
//! in the same run: on one thread, and the gain of a second one; then gradients and Hessian–vector products of smaller networks.
//!
//! The peak is the best of faer, gemm and matrixmultiply (nalgebra's own) on square matrices of 512, 1024 and 2048. The machine's own gain
//! is that of two products side by side over the same two in turn.
//!
//! `cargo bench --bench peak`.

use std::hint::black_box;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use gramflow::data::{Dataset, Moments};
use gramflow::network::Architecture;
use gramflow::objective::{LinearObjective, Objective};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::{DMatrix, DVector};

/// L layers of width d with d_out outputs, and weights of unit gain.
fn problem(d: usize, layers: usize, d_out: usize) -> (LinearObjective, DVector<f64>) {
    let mut widths = vec![d; layers];
    widths.push(d_out);
    let architecture = Architecture::new(&widths);
    let rng = &mut stream(0, Purpose::Inputs);
    let data = Dataset { x: gaussian_matrix(2 * d, d, rng), y: gaussian_matrix(2 * d, d_out, rng) };
    let theta = gaussian_matrix(architecture.parameter_count(), 1, rng).column(0) / (d as f64).sqrt();
    (LinearObjective::new(architecture, Moments::new(&data).expect("finite samples"), 0.0), theta)
}

/// C ← AB of n × n matrices by one of three libraries.
fn product(library: usize, [a, b]: [&DMatrix<f64>; 2], c: &mut DMatrix<f64>) {
    let n = a.nrows();
    let stride = n as isize;
    match library {
        // SAFETY: shapes and strides are those of the matrices.
        0 => unsafe {
            let (left, right) =
                (MatRef::from_raw_parts(a.as_ptr(), n, n, 1, stride), MatRef::from_raw_parts(b.as_ptr(), n, n, 1, stride));
            let target = MatMut::from_raw_parts_mut(c.as_mut_ptr(), n, n, 1, stride);
            matmul(target, Accum::Replace, left, right, 1.0, Par::Seq);
        },
        // SAFETY: likewise.
        1 => unsafe {
            let (to, left, right, alone) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr(), gemm::Parallelism::None);
            gemm::gemm(n, n, n, to, stride, 1, false, left, stride, 1, right, stride, 1, 0.0, 1.0, false, false, false, alone);
        },
        _ => c.gemm(1.0, a, b, 0.0),
    }
    black_box(c);
}

fn seconds(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    begun.elapsed().as_secs_f64()
}

fn main() {
    // cargo bench passes --bench. Under cargo test, which does not, one round of small matrices shows that the benchmark runs.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let (sizes, rounds): (&[usize], usize) = if measuring { (&[512, 1024, 2048], 12) } else { (&[64], 1) };
    let width = sizes[0];
    let matrices: Vec<DMatrix<f64>> = sizes.iter().map(|&n| gaussian_matrix(n, n, &mut stream(0, Purpose::Init))).collect();
    let mut targets: Vec<[DMatrix<f64>; 2]> = matrices.iter().map(|m| [m.clone(), m.clone()]).collect();
    let (objective, theta) = problem(width, 4, width);
    let (one, two) = (objective.clone().with_threads(1), objective.with_threads(2));
    let mut gradient = theta.clone();
    let mut peaks = vec![[f64::INFINITY; 3]; sizes.len()];
    let (mut gradients, mut pairs) = ([f64::INFINITY; 2], [f64::INFINITY; 2]);
    let least = |best: &mut f64, time: f64| *best = best.min(time);
    for _ in 0..rounds {
        for ((m, target), best) in matrices.iter().zip(&mut targets).zip(&mut peaks) {
            for (library, best) in best.iter_mut().enumerate() {
                least(best, seconds(|| product(library, [m, m], &mut target[0])));
            }
        }
        let (m, [first, second]) = (&matrices[0], &mut targets[0]);
        least(&mut gradients[0], seconds(|| one.loss_gradient(&theta, &mut gradient)));
        least(&mut gradients[1], seconds(|| two.loss_gradient(&theta, &mut gradient)));
        // Six products each, as a gradient has twelve and more: starting a thread counts for little.
        let six = |target: &mut DMatrix<f64>| (0..6).for_each(|_| product(0, [m, m], target));
        least(&mut pairs[0], seconds(|| [&mut *first, &mut *second].into_iter().for_each(six)));
        least(
            &mut pairs[1],
            seconds(|| {
                std::thread::scope(|scope| {
                    scope.spawn(|| six(second));
                    six(first);
                });
            }),
        );
    }
    let mut peak = 0.0_f64;
    for (&n, times) in sizes.iter().zip(&peaks) {
        let rates = times.map(|time| 2.0 * (n as f64).powi(3) / time / 1e9);
        println!("product of {n} × {n}: faer {:.1}, gemm {:.1}, matrixmultiply {:.1} GF/s", rates[0], rates[1], rates[2]);
        peak = rates.into_iter().fold(peak, f64::max);
    }
    let rate = one.flops() as f64 / gradients[0] / 1e9;
    println!(
        "gradient, d = {width}, L = 4: {rate:.1} GF/s on one thread, {:.0} % of the peak of {peak:.1}",
        100.0 * rate / peak
    );
    println!("on two threads ×{:.2}; the machine's own gain ×{:.2}", gradients[0] / gradients[1], pairs[0] / pairs[1]);
    for (d, layers, d_out) in
        [(10, 3, 10), (20, 5, 20), (64, 5, 64), (200, 3, 200), (20, 5, 1), (64, 5, 1), (200, 3, 1), (64, 5, 3)]
    {
        let (objective, theta) = problem(d, layers, d_out);
        let (objective, mut out) = (objective.with_threads(1), theta.clone());
        let repetitions = if measuring { (20_000_000 / objective.flops()).clamp(1, 10_000) } else { 1 };
        let mut best = [f64::INFINITY; 2];
        for _ in 0..if measuring { 30 } else { 1 } {
            least(&mut best[0], seconds(|| (0..repetitions).for_each(|_| objective.loss_gradient(&theta, &mut out))));
            least(
                &mut best[1],
                seconds(|| (0..repetitions).for_each(|_| objective.loss_hessian_vector(&theta, &theta, &mut out))),
            );
        }
        let [gradient, hessian] = best.map(|time| 1e6 * time / repetitions as f64);
        let rate = objective.flops() as f64 / gradient / 1e3;
        println!(
            "d = {d}, L = {layers}, {d_out} outputs: gradient {gradient:.2} µs ({rate:.1} GF/s), Hessian–vector {hessian:.2} µs"
        );
    }
}
