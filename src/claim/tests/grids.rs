//! How verdicts depend on the record grid.

use super::*;

/// The same flow recorded at fewer times: the verdict stays, or the grid is called too coarse; a fine enough grid never is.
#[test]
fn a_verdict_does_not_depend_on_the_record_grid() {
    let residual = |rate: f64| move |t: f64| 7.0 * (1.0 - 0.9 * (-t / 20.0).exp()) * (-rate * t).exp();
    let asymptotic = |rate: f64| {
        World::new(LAMBDA).with_gap(2.0 * LAMBDA).with("nfa_residual", residual(rate)).with("nfa_residual_relative", |_| 0.1)
    };
    let alignment = |course: fn(f64) -> f64| {
        World::new(0.0).with_gap(2.0 * LAMBDA).with("nfa_alignment_residual", course).with("balance_law_residual", |_| 1e-12)
    };
    // A violation of the law that has decayed by the end.
    let peak = |size: f64| {
        let hump = move |t: f64| size * (-0.5 * ((t - 100.0) / 30.0).powi(2)).exp() + 1e-12;
        World::new(LAMBDA).with_gap(2.0 * LAMBDA).with("balance_law_residual_relative", hump)
    };
    let cases: Vec<(Claim, Box<dyn Fn() -> World>)> = vec![
        (Claim::BalanceLaw, Box::new(move || peak(1e-3))),
        (Claim::BalanceLaw, Box::new(move || peak(0.0))),
        (Claim::DecayRate, Box::new(|| World::new(LAMBDA).with_gap(2.0 * LAMBDA))),
        (
            Claim::DecayRate,
            Box::new(|| {
                let mut world = World::new(LAMBDA).with_gap(2.0 * LAMBDA);
                world.scenario.weight_decay = (0.5 * LAMBDA).into();
                world
            }),
        ),
        (Claim::NfaAsymptotic, Box::new(move || asymptotic(2.0 * LAMBDA))),
        (Claim::NfaAsymptotic, Box::new(move || asymptotic(LAMBDA))),
        (Claim::Stagnates, Box::new(move || alignment(|t| 0.5 - 0.02 * t / T))),
        (Claim::Stagnates, Box::new(move || alignment(|t| 0.3 + 0.3 * (-t / 50.0).exp()))),
        (Claim::Stagnates, Box::new(move || alignment(|t| 0.5 * (-t / 300.0).exp()))),
        (Claim::Nfa, Box::new(|| at_the_end("nfa_alignment_residual", 1e-3))),
        (Claim::Exponent, Box::new(|| at_the_end("nfa_exponent", 0.25))),
    ];
    // 0, 10, …, 1000: all, a logarithmic grid, every fifth, every tenth, and five, three and two.
    let every = |n: usize| (0..=100).step_by(n).collect::<Vec<_>>();
    let log = vec![0, 1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 50, 57, 70, 80, 90, 100];
    let coarse = [log, every(2), every(5), every(10), every(25), every(50), every(100), vec![0, 1, 3, 10, 32, 100]];
    for (k, (claim, world)) in cases.iter().enumerate() {
        let fine = world().judged(*claim);
        assert!([Outcome::Holds, Outcome::Fails].contains(&fine.verdict), "{k}: {fine:#?}");
        for (i, keep) in coarse.iter().enumerate() {
            let verdict = world().thinned(keep).judged(*claim);
            let same = verdict.verdict == fine.verdict;
            assert!(same || verdict.verdict == Outcome::GridLimited, "case {k}, grid {i}: {verdict:#?} {fine:#?}");
            assert!(same || i > 2, "case {k}, grid {i}: {verdict:#?}");
            assert!(same || verdict.statement.contains(MORE_RECORDS), "{verdict:#?}");
        }
    }
}
