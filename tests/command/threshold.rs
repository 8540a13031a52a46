//! Where learning stops under weight decay, through the command: a linear network keeps a mode at λ_c(1 − 1e-6) and loses it at λ_c(1 + 1e-6).

use std::path::Path;

use gramflow::folder;
use gramflow::npz::{self, Array, Arrays};
use gramflow::rng::{Purpose, orthonormal_columns, stream};
use gramflow::theory::{Mode, logistic};
use nalgebra::{DMatrix, DVector};

use crate::harness::succeed;

/// Singular values of the target: the thresholds of the first mode lie above those of all others.
const SIGMA: [f64; 4] = [1.3, 0.8, 0.3, 0.0];

/// Writes a data set with Σ_x = I and Σ_yx of the singular values [`SIGMA`], and a balanced start whose modes are those of Σ_yx, each at
/// u = 1.2, above the smaller fixed point for every λ < λ_c: the frames between the layers are random.
fn write(at: &Path, depth: usize) {
    let d = SIGMA.len();
    let rng = &mut stream(depth as u64, Purpose::Init);
    let frames: Vec<_> = (0..=depth).map(|_| orthonormal_columns(d, d, rng)).collect();
    // Two samples ±√d·e_i for each of d directions.
    let signs =
        DMatrix::from_fn(2 * d, d, |i, j| if i % d == j { (d as f64).sqrt() * if i < d { 1.0 } else { -1.0 } } else { 0.0 });
    let sigma = DMatrix::from_diagonal(&DVector::from_row_slice(&SIGMA));
    let (x, y) = (&signs * frames[0].transpose(), &signs * sigma * frames[depth].transpose());
    let data = Arrays::from([("X".to_string(), Array::matrix(x.as_view())), ("Y".to_string(), Array::matrix(y.as_view()))]);
    npz::write(&at.join("data.npz"), &data).unwrap();
    let weight = |l: usize| (format!("W{l}"), Array::matrix((&frames[l] * frames[l - 1].transpose() * 1.2).as_view()));
    npz::write(&at.join("w0.npz"), &(1..=depth).map(weight).collect()).unwrap();
}

/// The product's largest singular value at `t_end`, of a flow under weight decay λ.
fn end(at: &Path, depth: usize, weight_decay: f64, t_end: f64) -> f64 {
    let widths = vec![SIGMA.len(); depth + 1];
    let text = format!(
        "name: threshold\ndata: {{file: {{path: data.npz}}}}\nnetwork: {{widths: {widths:?}}}\ninit: {{file: {{path: w0.npz}}}}\n\
         weight_decay: {weight_decay}\nflow: {{t_end: {t_end:e}, rtol: 1.0e-8, atol: 1.0e-11}}\nrecord: {{linear: {{points: 2}}}}\n"
    );
    std::fs::write(at.join("threshold.yaml"), text).unwrap();
    succeed(at, &["run", "threshold.yaml", "--out", "out"]);
    let arrays = folder::read(&at.join("out")).unwrap().arrays;
    let first = &arrays["flow/sv_W1"];
    // A flow that has converged stays there: its last record is its end.
    first.row(first.rows() - 1)[0].powi(depth as i32)
}

/// L = 3, 4: at λ_c the two fixed points of the mode u̇ = u^{L−1}(σ − u^L) − λu meet, at a size of their own. A flow just above passes there in
/// a time ∝ 1/√(λ/λ_c − 1), some 10⁴, and dies; just below it stays.
#[test]
fn learning_stops_at_the_threshold_to_one_part_in_a_million() {
    for depth in [3usize, 4] {
        let at = tempfile::tempdir().unwrap();
        write(at.path(), depth);
        let free = Mode { depth: depth as u32, sigma: SIGMA[0], variance: 1.0, weight_decay: 0.0 };
        let below = Mode { weight_decay: free.threshold() * (1.0 - 1e-6), ..free };
        let lives = end(at.path(), depth, below.weight_decay, 1e5);
        let rest = below.stationary().unwrap().powi(depth as i32);
        assert!((lives / rest - 1.0).abs() < 1e-5, "L = {depth}: {lives} against {rest}");
        let dies = end(at.path(), depth, free.threshold() * (1.0 + 1e-6), 1e5);
        assert!(dies < 1e-20, "L = {depth}: {dies}");
        // Controls: the thresholds of the second mode and of one layer more do not kill the first.
        for other in [Mode { sigma: SIGMA[1], ..free }, Mode { depth: depth as u32 + 1, ..free }] {
            assert!(end(at.path(), depth, other.threshold() * (1.0 + 1e-6), 1e3) > 1.2 * rest);
        }
    }
}

/// L = 2: what is learned, s = σ − λ, goes to 0 at λ_c = σ and not at once, and the rate 2(σ − λ) with it. Where the flow is at t = 10⁷ it is
/// at rest below, and gone above; at t = 10⁶, on its way, it is where the logistic law says.
#[test]
fn two_layers_learn_what_decay_leaves_to_one_part_in_a_million() {
    let at = tempfile::tempdir().unwrap();
    write(at.path(), 2);
    let (sigma, start) = (SIGMA[0], 1.2f64.powi(2));
    let free = Mode { depth: 2, sigma, variance: 1.0, weight_decay: 0.0 };
    let [below, above] = [-1e-6, 1e-6].map(|off| free.threshold() * (1.0 + off));
    let lives = end(at.path(), 2, below, 1e7);
    assert!((lives / (sigma - below) - 1.0).abs() < 1e-3, "{lives:e} against {:e}", sigma - below);
    let dies = end(at.path(), 2, above, 1e7);
    assert!(dies < 1e-4 * lives, "{dies:e}");
    for weight_decay in [below, above] {
        let law = logistic(&Mode { weight_decay, ..free }, start, 1e6);
        let found = end(at.path(), 2, weight_decay, 1e6);
        assert!((found / law - 1.0).abs() < 1e-3, "{found:e} against {law:e}");
    }
}
