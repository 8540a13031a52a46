//! What the bundled scenarios show of the paper, through the command, and controls that must fail.

use std::path::Path;

use crate::harness::{bundled, succeed};
use gramflow::folder;
use gramflow::npz::Array;
use gramflow::record::Run;

/// Runs `scenario` with changes into a new folder under `at`, and reads its records.
fn run(at: &Path, scenario: &Path, sets: &[&str]) -> Run {
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(at).expect("a writable folder").keep();
    let mut arguments = vec!["run", scenario.to_str().expect("UTF-8"), "--out", folder.to_str().expect("UTF-8")];
    arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
    succeed(at, &arguments);
    folder::read(&folder).expect("a run folder")
}

fn last(run: &Run, column: &str) -> f64 {
    *run.table.floats("flow", column).last().expect("a record")
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// α̃ at which the recorded curve of the last moment is largest.
fn grid_peak(run: &Run) -> f64 {
    let (alphas, curve): (&Array, &Array) = (&run.arrays["flow/nfa_alpha_tilde"], &run.arrays["flow/nfa_curve"]);
    let end = curve.row(curve.rows() - 1);
    let top = (0..end.len()).max_by(|&i, &j| end[i].total_cmp(&end[j])).expect("a grid");
    alphas.data[top]
}

#[test]
fn depth5_decay_balances_at_the_rate_2_lambda_and_aligns_at_the_exponent_one_fifth() {
    let at = tempfile::tempdir().unwrap();
    let run = run(at.path(), &bundled("depth5-decay"), &["optimizers=[]"]);
    assert_eq!(last(&run, "t"), 3000.0);
    assert_eq!(grid_peak(&run), 1.0);
    assert!((last(&run, "nfa_peak") - 1.0).abs() < 1e-3);
    assert!(last(&run, "nfa_cosine") >= 0.9999);
    assert!((last(&run, "nfa_exponent") - 0.2).abs() < 1e-3);
    let off = largest(run.table.floats("flow", "balance_gap_over_envelope").iter().map(|r| (r - 1.0).abs()));
    assert!(off < 1e-9, "{off:e}");
    // Control: the law is e^{−2λt}, not e^{−λt} or e^{−4λt}.
    let (gap, t) = (run.table.floats("flow", "balance_gap"), run.table.floats("flow", "t"));
    for wrong in [1.0, 4.0] {
        let off = largest(gap.iter().zip(&t).map(|(g, t)| (g / gap[0] * (wrong * 1e-3 * t).exp() - 1.0).abs()));
        assert!(off > 0.5, "{off:e} for e^(-{wrong}λt)");
    }
    // The distance of the AGOP from (W₁ᵀW₁)⁵ follows, and is not small before.
    let residual = run.table.floats("flow", "nfa_residual");
    assert!(residual[residual.len() - 1] < 1e-2 * largest(residual.iter().copied()));
    // The first layer has found the three directions of the target.
    let sv = run.arrays["flow/sv_W1"].clone();
    let end = sv.row(sv.rows() - 1);
    assert!(end[2] > 10.0 * end[3], "{end:?}");
}

#[test]
fn the_balance_law_is_kept_better_at_tighter_tolerance() {
    let at = tempfile::tempdir().unwrap();
    let off = |rtol: &str, atol: &str| {
        let sets = ["optimizers=[]", "flow.t_end=100", &format!("flow.rtol={rtol}"), &format!("flow.atol={atol}")];
        let run = run(at.path(), &bundled("depth5-decay"), &sets);
        largest(run.table.floats("flow", "balance_law_residual_relative"))
    };
    let (loose, tight) = (off("1e-6", "1e-9"), off("1e-10", "1e-13"));
    assert!(tight < 1e-3 * loose && loose < 1e-6, "{loose:e} {tight:e}");
}

/// At loose tolerance the law is kept by force, to rounding, and the correction says what the integration left of it.
#[test]
fn a_preserved_flow_keeps_the_balance_law_and_records_what_that_took() {
    let at = tempfile::tempdir().unwrap();
    let off = |preserve: &str, decay: &str| {
        let sets = ["optimizers=[]", "flow.rtol=1e-4", "flow.atol=1e-7", preserve, decay];
        let run = run(at.path(), &bundled("depth5-decay"), &sets);
        let over_envelope =
            run.table.floats("flow", "balance_gap_over_envelope").iter().map(|r| (r - 1.0).abs()).collect::<Vec<_>>();
        let correction = largest(run.table.floats("flow", "balance_correction").into_iter().filter(|c| !c.is_nan()));
        (largest(run.table.floats("flow", "balance_law_residual_relative")), largest(over_envelope), correction)
    };
    let (free, ..) = off("flow.preserve=none", "weight_decay=1e-3");
    let (float64, _, correction) = off("flow.preserve.balance=float64", "weight_decay=1e-3");
    assert!(float64 <= 1e-14 && free > 1e-6, "{float64:e} {free:e}");
    assert!(correction > 1e-8 && correction < 1e-3, "{correction:e}");
    // e^{−2λt} = 1e-10 at the end: in double-double the law holds to the decayed gap's own digits, in float64 it does not.
    let strong = "weight_decay=3.8376e-3";
    let (_, double_double, _) = off("flow.preserve.balance=double_double", strong);
    let (_, float64, _) = off("flow.preserve.balance=float64", strong);
    assert!(double_double <= 1e-14, "{double_double:e}");
    assert!(float64 > 1e-9, "{float64:e}");
}

#[test]
fn depth5_balanced_keeps_the_ansatz_at_all_times_and_better_at_tighter_tolerance() {
    let at = tempfile::tempdir().unwrap();
    let residual = |rtol: &str, atol: &str| {
        let sets = ["optimizers=[]", &format!("flow.rtol={rtol}"), &format!("flow.atol={atol}")];
        let run = run(at.path(), &bundled("depth5-balanced"), &sets);
        // Every layer, each with its own exponent.
        for l in 2..=5 {
            assert!(largest(run.table.floats("flow", &format!("nfa_residual_relative_W{l}"))) < 1e-4);
        }
        // All singular values start equal, so at first there is no slope to measure.
        let alpha_hat = run.table.floats("flow", "nfa_exponent");
        let measured: Vec<f64> = alpha_hat.into_iter().filter(|a| !a.is_nan()).collect();
        assert!(measured.len() > 150 && measured.iter().all(|a| (a - 0.2).abs() < 1e-4));
        largest(run.table.floats("flow", "nfa_residual_relative"))
    };
    let (loose, middle, tight) = (residual("1e-5", "1e-8"), residual("1e-8", "1e-11"), residual("1e-11", "1e-14"));
    assert!(middle <= 1e-6, "{middle:e}");
    assert!(tight <= 1e-9, "{tight:e}");
    assert!(tight < middle && middle < loose, "{loose:e} {middle:e} {tight:e}");
}

#[test]
fn without_decay_nothing_balances_and_the_peak_is_elsewhere() {
    let at = tempfile::tempdir().unwrap();
    let run = run(at.path(), &bundled("no-decay"), &["optimizers=[]"]);
    let gap = run.table.floats("flow", "balance_gap");
    let off = largest(gap.iter().map(|g| (g / gap[0] - 1.0).abs()));
    assert!(off < 1e-8, "{off:e}");
    assert!((grid_peak(&run) - 1.0).abs() > 0.2, "{}", grid_peak(&run));
    assert!((last(&run, "nfa_exponent") - 0.2).abs() > 0.05);
    assert!(last(&run, "nfa_residual") > 1.0);
}

#[test]
fn a_controlled_imbalance_decays_from_the_size_asked_for() {
    let at = tempfile::tempdir().unwrap();
    let sets = ["init={balanced: {imbalance: 0.25}}", "flow.t_end=50", "optimizers=[]"];
    let run = run(at.path(), &bundled("quickstart"), &sets);
    let gap = run.table.floats("flow", "balance_gap");
    assert!((gap[0] - 0.25).abs() < 1e-13);
    assert!((gap[gap.len() - 1] / (0.25 * f64::exp(-2.0 * 0.01 * 50.0)) - 1.0).abs() < 1e-7);
}

/// Many methods, one flow.
#[test]
fn every_integrator_ends_in_the_same_weights() {
    let at = tempfile::tempdir().unwrap();
    let loss = |integrator: &str| {
        let sets =
            [&format!("flow.integrator={integrator}"), "flow.t_end=20", "flow.rtol=1e-11", "flow.atol=1e-14", "optimizers=[]"];
        last(&run(at.path(), &bundled("quickstart"), &sets), "objective")
    };
    let dopri5 = loss("dopri5");
    for other in ["auto", "dop853", "{rk4: {step: 0.002}}", "tsit5", "rock4"] {
        assert!((loss(other) / dopri5 - 1.0).abs() < 1e-9, "{other}");
    }
}

/// Gradient descent keeps the flow's own start and clock: halving η halves its distance at one time.
#[test]
fn gradient_descent_tends_to_the_flow_with_order_1() {
    let at = tempfile::tempdir().unwrap();
    let sets = [
        "flow.t_end=4",
        "flow.rtol=1e-11",
        "flow.atol=1e-14",
        "optimizers=[{gd: {name: a, lr: 4e-3}}, {gd: {name: b, lr: 5e-4}}]",
    ];
    let run = run(at.path(), &bundled("quickstart"), &sets);
    let end = |process: &str| *run.table.floats(process, "distance_to_flow").last().unwrap();
    let order = (end("a") / end("b")).log2() / 3.0;
    assert!((order - 1.0).abs() < 0.05, "{order}");
}
