//! Products C ← AB, AᵀB, ABᵀ beside those of faer, gemm and matrixmultiply (nalgebra's own), on one thread, in GF/s: the least time of
//! many, interleaved. This table decided what `linalg` hands to faer and what it forms itself.
//!
//! `cargo bench --bench products`.

use std::hint::black_box;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use gramflow::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};
use gramflow::rng::{Purpose, gaussian_matrix, stream};
use nalgebra::DMatrix;

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Nn,
    Tn,
    Nt,
}

fn main() {
    // cargo bench passes --bench. Under cargo test, which does not, one small shape shows that the benchmark runs.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let mut shapes: Vec<[usize; 3]> = [5, 10, 20, 32, 64, 100, 200, 512].map(|n| [n, n, n]).into();
    for d in [20, 64, 200] {
        for few in [1, 2, 3, 4, 6, 8] {
            shapes.extend([[few, d, d], [d, few, d], [d, d, few]]);
        }
    }
    if !measuring {
        shapes.truncate(1);
    }
    println!("{:>18} {:>8} {:>8} {:>8} {:>8}", "m × n × k", "ours", "faer", "gemm", "nalgebra");
    for [m, n, k] in shapes {
        for (name, form) in [("AB", Form::Nn), ("AᵀB", Form::Tn), ("ABᵀ", Form::Nt)] {
            let flops = (2 * m * n * k) as f64;
            let rates = times([m, n, k], form).map(|time| format!("{:8.1}", flops / time / 1e9));
            println!("{:>14} {name:<3} {}", format!("{m} {n} {k}"), rates.join(" "));
        }
    }
}

/// Seconds of one product by each library.
fn times([m, n, k]: [usize; 3], form: Form) -> [f64; 4] {
    let rng = &mut stream(0, Purpose::Init);
    let (a, b) = (gaussian_matrix(m, k, rng), gaussian_matrix(k, n, rng));
    let a = if form == Form::Tn { a.transpose() } else { a };
    let b = if form == Form::Nt { b.transpose() } else { b };
    let mut c = DMatrix::zeros(m, n);
    let strides = |turned: bool, rows: usize| if turned { (rows as isize, 1) } else { (1, rows as isize) };
    let (a_strides, b_strides) = (strides(form == Form::Tn, a.nrows()), strides(form == Form::Nt, b.nrows()));
    let repetitions = (2_000_000 / (2 * m * n * k)).clamp(1, 100_000);
    let mut best = [f64::INFINITY; 4];
    for _ in 0..if m * n * k > 1_000_000 { 10 } else { 30 } {
        for (index, best) in best.iter_mut().enumerate() {
            let begun = Instant::now();
            for _ in 0..repetitions {
                match index {
                    0 => match form {
                        Form::Nn => gemm_nn(Write::Replace, a.as_view(), b.as_view(), c.as_view_mut()),
                        Form::Tn => gemm_tn(Write::Replace, a.as_view(), b.as_view(), c.as_view_mut()),
                        Form::Nt => gemm_nt(Write::Replace, a.as_view(), b.as_view(), c.as_view_mut()),
                    },
                    // SAFETY: shapes and strides are those of the matrices.
                    1 => unsafe {
                        let left = MatRef::from_raw_parts(a.as_ptr(), m, k, a_strides.0, a_strides.1);
                        let right = MatRef::from_raw_parts(b.as_ptr(), k, n, b_strides.0, b_strides.1);
                        let target = MatMut::from_raw_parts_mut(c.as_mut_ptr(), m, n, 1, m as isize);
                        matmul(target, Accum::Replace, left, right, 1.0, Par::Seq);
                    },
                    // SAFETY: likewise.
                    2 => unsafe {
                        let (to, left, right) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
                        let (ar, ac) = a_strides;
                        let (br, bc) = b_strides;
                        let alone = gemm::Parallelism::None;
                        gemm::gemm(
                            m, n, k, to, m as isize, 1, false, left, ac, ar, right, bc, br, 0.0, 1.0, false, false, false,
                            alone,
                        );
                    },
                    _ => match form {
                        Form::Nn => c.gemm(1.0, &a, &b, 0.0),
                        Form::Tn => c.gemm_tr(1.0, &a, &b, 0.0),
                        // nalgebra has no such product: that of a transposed copy.
                        Form::Nt => c.gemm(1.0, &a, &b.transpose(), 0.0),
                    },
                }
                black_box(&mut c);
            }
            *best = best.min(begun.elapsed().as_secs_f64() / repetitions as f64);
        }
    }
    best
}
