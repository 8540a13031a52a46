//! `measure: [ledger]`: D⁺ = (1 − ηλ)²D + η²(G_{l+1}ᵀG_{l+1} − G_l G_lᵀ) at every step, through a run.

use gramflow::ode::Interrupt;
use gramflow::run::{Finished, Problem, run};
use gramflow::scenario;

use crate::harness::bundled;

fn quickstart(sets: &[&str]) -> Finished {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let scenario = scenario::read(&bundled("quickstart"), &sets).unwrap().0;
    run(&scenario, &Problem::new(&scenario).unwrap(), &Interrupt::default(), |_| {})
}

const OPTIMIZERS: &str = "optimizers=[{gd: {lr: 0.02}}, {sgd: {lr: 0.05, batch: 16}}, {sgd: {name: short, lr: 0.05, batch: 33}}, \
    {sgd: {name: replaced, lr: 0.05, batch: 8, replacement: true}}, {sgd: {name: plain, lr: 0.02}}, \
    {gd: {name: cosine, lr: 0.1, schedule: {cosine: {t_max: 300, eta_min: 0.01}}}}]";

/// Full batch, minibatches of all kinds and a schedule, with decay and without, of square nets and of one output.
#[test]
fn the_residual_is_rounding() {
    for decay in ["weight_decay=0", "weight_decay=0.01", "weight_decay=0.3"] {
        for widths in ["network.widths=[10, 10, 10, 10]", "network.widths=[10, 7, 12, 1]"] {
            let outputs = format!(
                "data.synthetic.target.low_rank={{rank: 1, outputs: {}}}",
                if widths.contains(", 1]") { 1 } else { 10 }
            );
            let finished = quickstart(&["flow.t_end=30", "measure=[ledger]", OPTIMIZERS, decay, widths, &outputs]);
            for (process, _) in &finished.weights[1..] {
                let residuals = finished.run.table.floats(process, "ledger_residual");
                assert!(residuals[0].is_nan(), "no step was taken at t = 0");
                // At most 3e-16 as measured.
                assert!(residuals[1..].iter().all(|r| *r <= 1e-14), "{process} {decay} {widths}: {residuals:?}");
                let created = finished.run.table.floats(process, "step_imbalance");
                assert!(created[0] == 0.0 && created[1..].iter().all(|s| *s > 0.0), "{process}: {created:?}");
            }
        }
    }
}

/// From a balanced start all imbalance is made by the steps; the flow has none.
#[test]
fn from_a_balanced_start_the_gap_is_what_steps_created() {
    let finished = quickstart(&["init={balanced: {scale: 0.5}}", "flow.t_end=30", "measure=[ledger]", OPTIMIZERS]);
    for (process, _) in &finished.weights[1..] {
        let column = |name: &str| finished.run.table.floats(process, name);
        let (gap, created, norm) = (column("balance_gap"), column("step_imbalance"), column("weight_norm"));
        assert!(created[created.len() - 1] > 1e-6, "{process}");
        for ((gap, created), norm) in gap.iter().zip(&created).zip(&norm) {
            // ε·‖θ‖² a step, added up with random signs over some thousand.
            assert!((gap - created).abs() <= 1e-13 * norm * norm, "{process}: {gap:e} {created:e}");
        }
    }
}

/// A rule that is not along the gradient has no such law, and a scenario that does not ask has no such numbers; the records are otherwise
/// the same.
#[test]
fn what_keeps_no_ledger_is_null() {
    let list = "optimizers=[{sgd: {lr: 0.01, momentum: 0.9}}, {adam: {lr: 0.01}}, {adamw: {lr: 0.01}}, {rmsprop: {lr: 0.01}}, {sign: {lr: 0.01}}, {gd: {lr: 0.02}}]";
    let asked = quickstart(&["flow.t_end=3", "measure=[ledger]", list]);
    let bare = quickstart(&["flow.t_end=3", list]);
    for (process, _) in &asked.weights {
        for column in ["ledger_residual", "step_imbalance"] {
            let (asked, bare) = (asked.run.table.floats(process, column), bare.run.table.floats(process, column));
            assert!(bare.iter().all(|x| x.is_nan()), "{process} {column}");
            assert!(asked[1..].iter().all(|x| x.is_nan() == (process != "gd")), "{process} {column}");
        }
        assert_eq!(asked.run.table.floats(process, "balance_gap"), bare.run.table.floats(process, "balance_gap"));
    }
}
