//! Each claim on records with a known answer, and the rule that turns values and errors into verdicts.

use std::collections::BTreeMap;

use super::*;
use crate::npz::{Array, Arrays};
use crate::ode::{Event, EventKind, Work};
use crate::record::{Table, TableColumn, Texts, Values};
use crate::scenario::{self, Scenario};

mod ends;
mod follows;
mod grids;

const T: f64 = 1000.0;
const LAMBDA: f64 = 2e-3;

/// Records of a flow at t = 0, 10, …, T.
struct World {
    scenario: Scenario,
    columns: Vec<(String, Vec<f64>)>,
    arrays: Arrays,
}

fn times() -> Vec<f64> {
    (0..=100).map(|i| T * f64::from(i) / 100.0).collect()
}

impl World {
    /// A linear network of three layers.
    fn new(weight_decay: f64) -> Self {
        let text = format!(
            "name: synthetic
data: {{synthetic: {{inputs: {{dim: 4, samples: 50}}, target: {{low_rank: {{rank: 2, outputs: 4}}}}}}}}
network: {{widths: [4, 4, 4, 4]}}
weight_decay: {weight_decay:e}
flow: {{t_end: {T:?}}}
"
        );
        let (scenario, _) = scenario::parse(&text, "synthetic.yaml".as_ref(), &[]).unwrap();
        Self { scenario, columns: vec![("t".to_string(), times())], arrays: Arrays::new() }.with("weight_norm", |_| 3.0)
    }

    fn with(mut self, name: &str, value: impl Fn(f64) -> f64) -> Self {
        self.columns.retain(|(known, _)| known != name);
        self.columns.push((name.to_string(), times().into_iter().map(value).collect()));
        self
    }

    /// ‖D(0)‖ = 2, decaying as e^{−rate·t}, and off the law e^{−2λt} accordingly.
    fn with_gap(self, rate: f64) -> Self {
        let law = |t: f64| 2.0 * (-2.0 * LAMBDA * t).exp();
        let gap = move |t: f64| 2.0 * (-rate * t).exp();
        self.with("balance_gap", gap)
            .with("balance_gap_over_envelope", move |t| gap(t) / law(t))
            .with("balance_law_residual", move |t| (gap(t) - law(t)).abs())
            .with("balance_law_residual_relative", move |t| (gap(t) - law(t)).abs() / 2.0)
    }

    /// No gap but rounding.
    fn balanced(self, residual: f64) -> Self {
        self.with("balance_gap", |_| 1e-15)
            .with("balance_gap_over_envelope", |_| f64::NAN)
            .with("balance_law_residual", move |t| if t > 0.0 { residual } else { 1e-15 })
            .with("balance_law_residual_relative", |_| f64::NAN)
    }

    /// The records with these indices only.
    fn thinned(mut self, keep: &[usize]) -> Self {
        for (_, values) in &mut self.columns {
            *values = keep.iter().map(|&i| values[i]).collect();
        }
        self
    }

    fn array(mut self, name: &str, shape: &[usize], data: &[f64]) -> Self {
        self.arrays.insert(name.to_string(), Array::new(shape, data.to_vec()));
        self
    }

    fn run(&self) -> Run {
        let process =
            TableColumn { name: "process".to_string(), values: Values::Text(Texts::repeated("flow", self.columns[0].1.len())) };
        let column = |(name, values): &(String, Vec<f64>)| TableColumn {
            name: name.clone(),
            values: Values::Float(values.clone().into()),
        };
        Run {
            name: "synthetic".to_string(),
            widths: self.scenario.network.widths.clone(),
            linear: true,
            law: self.scenario.balance_law(),
            caption: String::new(),
            table: Table { columns: std::iter::once(process).chain(self.columns.iter().map(column)).collect() },
            arrays: self.arrays.clone(),
            saddles: BTreeMap::new(),
            unread: Vec::new(),
        }
    }

    /// The verdict with `second` as the second integration.
    fn against(&self, claim: Claim, second: &World) -> Verdict {
        let flow = Process::new(Work::default(), 0.0, Termination::TEnd { t: T });
        let (run, finer) = (self.run(), second.run());
        let evidence = Evidence {
            setup: &self.scenario.plan().setup(),
            run: &run,
            flow: &flow,
            second: Some(Again { run: &finer, termination: Termination::TEnd { t: T }, converged: false }),
        };
        verdict(claim, &evidence)
    }

    /// The verdict with a second integration that agrees.
    fn judged(&self, claim: Claim) -> Verdict {
        self.against(claim, self)
    }
}

#[track_caller]
fn assert_outcome(verdict: &Verdict, outcome: Outcome) {
    assert_eq!(verdict.verdict, outcome, "{verdict:#?}");
}

#[test]
fn a_value_whose_error_reaches_its_margin_is_never_called_holds() {
    let judge = |condition: Condition, partner: f64| certify(&condition, partner).outcome;
    let at_most = |value| Condition::at_most("q", value, 1.0);
    let at_least = |value| Condition::at_least("q", value, 1.0);
    assert_eq!(judge(at_most(0.5), 0.4), Outcome::Holds);
    assert_eq!(judge(at_least(0.5), 0.4), Outcome::Fails);
    assert_eq!(judge(at_most(1.5), 1.4), Outcome::Fails);
    assert_eq!(judge(at_least(1.5), 1.4), Outcome::Holds);
    // The margin is 0.5 on either side: an error that reaches it decides nothing, whichever estimate it comes from.
    for value in [0.5, 1.5] {
        for condition in [at_most(value), at_least(value)] {
            assert_eq!(judge(condition.clone(), value + 0.5), Outcome::IntegratorLimited);
            assert_eq!(judge(condition.clone(), value - 0.6), Outcome::IntegratorLimited);
            assert_eq!(judge(condition.clone().law_error(0.5), value), Outcome::IntegratorLimited);
            assert_eq!(judge(condition.clone().law_error(f64::INFINITY), value), Outcome::IntegratorLimited);
            assert_eq!(judge(condition, f64::NAN), Outcome::IntegratorLimited);
        }
    }
    assert_eq!(judge(at_most(1.0), 1.0), Outcome::IntegratorLimited);
    assert_eq!(judge(at_most(f64::NAN), 0.5), Outcome::Fails);
    // The larger of the two errors counts, and is named.
    let certified = certify(&at_most(0.5).law_error(0.2), 0.4);
    assert_eq!((certified.error, certified.from), (0.2, ErrorFrom::BalanceLaw));
    let certified = certify(&at_most(0.5).law_error(0.05), 0.25);
    assert_eq!((certified.error, certified.from), (0.25, ErrorFrom::SecondIntegration));
}

/// A value that is zero by a law is all error if the second integration at least halves it; one that stays is not.
#[test]
fn what_a_law_makes_zero_is_error_as_far_as_a_second_integration_removes_it() {
    let zero = |value| Condition::at_most("q", value, 1e-6).zero_by_law();
    assert_eq!(certify(&zero(1e-3), 4e-4).outcome, Outcome::IntegratorLimited);
    assert_eq!(certify(&zero(1e-3), 1e-3).outcome, Outcome::Fails);
    assert_eq!(certify(&zero(4e-7), 1e-8).outcome, Outcome::Holds);
    assert_eq!(certify(&zero(6e-7), 1e-8).outcome, Outcome::IntegratorLimited);
}

#[test]
fn the_balance_law_is_judged_by_its_residual() {
    let off = |size: f64| World::new(LAMBDA).with_gap(2.0 * LAMBDA).with("balance_law_residual_relative", move |_| size);
    assert_outcome(&off(1e-9).judged(Claim::BalanceLaw), Outcome::Holds);
    assert_outcome(&off(1e-3).against(Claim::BalanceLaw, &off(1e-4)), Outcome::IntegratorLimited);
    // A violation that a finer integration does not remove: the objective has another decay.
    let other = World::new(LAMBDA).with_gap(LAMBDA);
    assert_outcome(&other.judged(Claim::BalanceLaw), Outcome::Fails);
    // A projection hides the residual; what it corrected does not go away.
    let preserved = off(1e-15).with("balance_correction", |_| 1e-4);
    assert_outcome(&preserved.judged(Claim::BalanceLaw), Outcome::Fails);
    let balanced = |residual| World::new(0.0).balanced(residual);
    assert_outcome(&balanced(1e-9).judged(Claim::BalanceLaw), Outcome::Holds);
    assert_outcome(&balanced(1e-3).against(Claim::BalanceLaw, &balanced(1e-4)), Outcome::IntegratorLimited);
    let lawless = World::new(0.0).with("balance_law_residual", |_| f64::NAN);
    assert_outcome(&lawless.judged(Claim::BalanceLaw), Outcome::Fails);
}

#[test]
fn the_rate_of_the_gap_is_two_lambda_and_not_one_or_four() {
    let world = World::new(LAMBDA).with_gap(2.0 * LAMBDA);
    let verdict = world.judged(Claim::DecayRate);
    assert_outcome(&verdict, Outcome::Holds);
    assert!((verdict.details["rate"] / (2.0 * LAMBDA) - 1.0).abs() < 1e-12 && verdict.details["rate_half_width"] < 1e-12);
    // Controls: the same records, held against λ and 4λ.
    for wrong in [0.5, 2.0] {
        let mut control = World::new(LAMBDA).with_gap(2.0 * LAMBDA);
        control.scenario.weight_decay = (wrong * LAMBDA).into();
        assert_outcome(&control.judged(Claim::DecayRate), Outcome::Fails);
    }
    // Records below the floor, where the ratio is null, are no part of the fit.
    let floored = World::new(LAMBDA)
        .with_gap(2.0 * LAMBDA)
        .with("balance_gap", |t| if t < 500.0 { 2.0 * (-2.0 * LAMBDA * t).exp() } else { 1e-16 })
        .with("balance_gap_over_envelope", |t| if t < 500.0 { 1.0 } else { f64::NAN });
    assert_outcome(&floored.judged(Claim::DecayRate), Outcome::Holds);
    assert_outcome(&World::new(LAMBDA).balanced(1e-15).judged(Claim::DecayRate), Outcome::Fails);
}

/// Two integrations that drift alike agree with each other and not with the law.
#[test]
fn a_drift_that_both_integrations_share_is_caught_by_the_law() {
    let law = |t: f64| 2.0 * (-2.0 * LAMBDA * t).exp();
    let drifted = World::new(LAMBDA)
        .with_gap(2.0 * LAMBDA)
        .with("balance_gap", move |t| law(t) + 0.5 * t / T)
        .with("balance_gap_over_envelope", move |t| 1.0 + 0.5 * t / T / law(t))
        .with("balance_law_residual", |t| 0.5 * t / T)
        .with("nfa_residual", move |t| law(t) + 0.5 * t / T)
        .with("nfa_residual_relative", |_| 0.1);
    for claim in [Claim::DecayRate, Claim::NfaAsymptotic] {
        let verdict = drifted.judged(claim);
        assert_outcome(&verdict, Outcome::IntegratorLimited);
        assert_eq!(verdict.error_from, ErrorFrom::BalanceLaw);
    }
}

#[test]
fn without_decay_the_gap_stays() {
    let still = |rate: f64| {
        World::new(0.0)
            .with_gap(rate)
            .with("balance_gap_over_envelope", move |t| (-rate * t).exp())
            .with("balance_gap", move |t| 2.0 * (-rate * t).exp())
    };
    assert_outcome(&still(1e-12).judged(Claim::DecayRate), Outcome::Holds);
    // More than a thousandth of the gap is gone, all of it integration error: by the law nothing goes.
    assert_outcome(&still(1e-5).judged(Claim::DecayRate), Outcome::IntegratorLimited);
}

#[test]
fn the_exact_ansatz_is_about_balanced_starts_and_all_layers() {
    let world = |residual: f64, layer: f64| {
        World::new(0.0)
            .balanced(1e-15)
            .with("nfa_residual_relative", move |_| residual)
            .with("nfa_residual_relative_W2", move |_| layer)
            .with("nfa_residual_relative_W3", |_| 1e-15)
    };
    assert_outcome(&world(1e-8, 1e-8).judged(Claim::NfaExact), Outcome::Holds);
    assert_outcome(&world(1e-3, 1e-8).judged(Claim::NfaExact), Outcome::Fails);
    // Control: a layer with another's exponent.
    assert_outcome(&world(1e-8, 0.3).judged(Claim::NfaExact), Outcome::Fails);
    assert_outcome(&world(1e-5, 1e-8).against(Claim::NfaExact, &world(1e-7, 1e-9)), Outcome::IntegratorLimited);
    let unbalanced = world(1e-8, 1e-8).with_gap(2.0 * LAMBDA);
    let verdict = unbalanced.judged(Claim::NfaExact);
    assert!(verdict.verdict == Outcome::Fails && verdict.statement.contains("not balanced"), "{verdict:?}");
}

#[test]
fn the_residual_of_the_ansatz_decays_at_least_as_fast_as_the_envelope() {
    // It grows first, while the network learns.
    let world = |rate: f64| {
        let residual = move |t: f64| 7.0 * (1.0 - 0.9 * (-t / 20.0).exp()) * (-rate * t).exp();
        World::new(LAMBDA).with_gap(2.0 * LAMBDA).with("nfa_residual", residual).with("nfa_residual_relative", |_| 0.1)
    };
    let verdict = world(2.0 * LAMBDA).judged(Claim::NfaAsymptotic);
    assert_outcome(&verdict, Outcome::Holds);
    // C·c_max = 7 with c_max = 2.
    assert!((verdict.details["constant"] - 3.5).abs() < 1e-6, "{verdict:?}");
    assert_outcome(&world(4.0 * LAMBDA).judged(Claim::NfaAsymptotic), Outcome::Holds);
    for slower in [LAMBDA, 1.5 * LAMBDA, 0.0] {
        assert_outcome(&world(slower).judged(Claim::NfaAsymptotic), Outcome::Fails);
    }
    // The rate alone is not enough: R must come down. (Here it was smaller before.)
    let late = World::new(LAMBDA)
        .with_gap(2.0 * LAMBDA)
        .with("nfa_residual", |t| if t < 500.0 { 0.1 } else { 10.0 * (-2.0 * LAMBDA * (t - 500.0)).exp() })
        .with("nfa_residual_relative", |_| 0.1);
    let verdict = late.judged(Claim::NfaAsymptotic);
    assert!(verdict.verdict == Outcome::Fails && verdict.quantity.contains("over its largest"), "{verdict:?}");
    // Without decay nothing falls.
    let flat = World::new(0.0)
        .with_gap(2.0 * LAMBDA)
        .with("balance_gap_over_envelope", |_| 1.0)
        .with("balance_law_residual", |_| 1e-12)
        .with("nfa_residual", |_| 7.0)
        .with("nfa_residual_relative", |_| 0.4);
    assert_outcome(&flat.judged(Claim::NfaAsymptotic), Outcome::Fails);
}

/// At the end of a flow that keeps the law.
fn at_the_end(column: &str, value: f64) -> World {
    World::new(LAMBDA).with_gap(2.0 * LAMBDA).with(column, move |_| value)
}

#[test]
fn alignment_exponent_and_peak_are_those_of_the_depth() {
    use Claim::{Exponent, Nfa, Peak};
    for (claim, column, right, wrong) in [
        (Nfa, "nfa_alignment_residual", 1e-3, 0.1),
        (Exponent, "nfa_exponent", 0.3334, 0.5),
        (Exponent, "nfa_exponent", 1.0 / 3.0, 0.25),
        (Peak, "nfa_peak", 1.001, 1.5),
        (Peak, "nfa_peak", 0.9995, 0.75),
    ] {
        assert_outcome(&at_the_end(column, right).judged(claim), Outcome::Holds);
        assert_outcome(&at_the_end(column, wrong).judged(claim), Outcome::Fails);
        // An undefined value fails, with the reason.
        let verdict = at_the_end(column, f64::NAN).judged(claim);
        assert!(
            verdict.verdict == Outcome::Fails && verdict.value.is_nan() && verdict.quantity == "not defined",
            "{verdict:?}"
        );
        let unlike = at_the_end(column, wrong);
        assert_outcome(&at_the_end(column, right).against(claim, &unlike), Outcome::IntegratorLimited);
    }
    // Control: the exponent of a network of one layer less, 1/(L − 1).
    let mut shallower = at_the_end("nfa_exponent", 1.0 / 3.0);
    shallower.scenario.network.widths.pop();
    assert_outcome(&shallower.judged(Exponent), Outcome::Fails);
    // Where all of the imbalance is integration error, so is all of the distance from the ansatz.
    let drifted = at_the_end("nfa_alignment_residual", 6e-3).with("balance_law_residual", |_| 1.0);
    assert_outcome(&drifted.judged(Nfa), Outcome::IntegratorLimited);
}

#[test]
fn low_rank_asks_for_the_drop_and_for_the_directions() {
    let diagonal = |values: [f64; 4]| {
        let mut data = [0.0; 16];
        values.iter().enumerate().for_each(|(i, value)| data[5 * i] = *value);
        data
    };
    let world = |values: [f64; 4]| {
        let mut sigma = values.map(f64::sqrt);
        sigma.sort_by(|a, b| b.total_cmp(a));
        at_the_end("loss", 1.0)
            .array("flow/sv_W1", &[2, 4], &[[1.0; 4], sigma].concat())
            .array("flow/gram_W1", &[4, 4], &diagonal(values))
            .array("target/agop", &[4, 4], &diagonal([3.0, 1.0, 0.0, 0.0]))
    };
    assert_outcome(&world([2.0, 1.0, 1e-4, 1e-6]).judged(Claim::LowRank), Outcome::Holds);
    // No drop; and a drop along other directions.
    assert_outcome(&world([2.0, 1.0, 0.5, 0.1]).judged(Claim::LowRank), Outcome::Fails);
    let verdict = world([2.0, 1e-6, 1.0, 1e-4]).judged(Claim::LowRank);
    assert!(verdict.verdict == Outcome::Fails && verdict.quantity.contains("angle") && verdict.value > 0.99, "{verdict:?}");
    // A rotation by φ in the plane of the second and third direction: the sine of the angle is sin φ.
    let (sin, cos) = 0.3f64.sin_cos();
    let mut gram = [0.0; 16];
    (gram[0], gram[5], gram[6], gram[9], gram[10]) = (2.0, cos * cos, sin * cos, sin * cos, sin * sin);
    let turned = world([2.0, 1.0, 1e-8, 1e-9]).array("flow/gram_W1", &[4, 4], &gram);
    assert!((turned.judged(Claim::LowRank).value - sin).abs() < 1e-12);
    // All directions, or a target that is not known: nothing to ask for.
    let full = world([2.0, 1.0, 1e-4, 1e-6]).array("target/agop", &[4, 4], &diagonal([1.0; 4]));
    assert_outcome(&full.judged(Claim::LowRank), Outcome::Fails);
    assert_outcome(&at_the_end("loss", 1.0).judged(Claim::LowRank), Outcome::Fails);
}

#[test]
fn a_counterexample_fits_and_is_not_aligned() {
    let world = |residual: f64, left: f64| {
        at_the_end("nfa_alignment_residual", residual).with("loss", move |t| if t > 0.0 { left } else { 1.0 })
    };
    assert_outcome(&world(0.2, 1e-6).judged(Claim::NfaViolated), Outcome::Holds);
    assert_outcome(&world(1e-3, 1e-6).judged(Claim::NfaViolated), Outcome::Fails);
    assert_outcome(&world(0.2, 0.5).judged(Claim::NfaViolated), Outcome::Fails);
}

#[test]
fn stagnation_is_no_progress_in_a_decade_of_time() {
    let world = |residual: fn(f64) -> f64| World::new(0.0).with_gap(2.0 * LAMBDA).with("nfa_alignment_residual", residual);
    let stays = |t: f64| 0.5 - 0.02 * t / T;
    assert_outcome(&world(stays).with("balance_law_residual", |_| 1e-12).judged(Claim::Stagnates), Outcome::Holds);
    assert_outcome(&world(|t| 0.5 * (-2.0 * LAMBDA * t).exp()).judged(Claim::Stagnates), Outcome::Fails);
    // Alignment from the beginning is not stagnation.
    assert_outcome(&world(|_| 1e-3).judged(Claim::Stagnates), Outcome::Fails);
    assert_outcome(&World::new(0.0).balanced(1e-15).judged(Claim::Stagnates), Outcome::Fails);
}

#[test]
fn numbers_are_shown_as_briefly_as_they_can_be_read() {
    let texts = [0.0, 0.01, 1e-6, 0.99015, 2.5296e-9, 1.5, -0.0629, f64::NAN].map(shown);
    assert_eq!(texts, ["0", "0.01", "1e-6", "0.9901", "2.53e-9", "1.5", "-0.0629", "-"]);
}
