//! Claims about flows that end in different ways.

use super::*;

/// The verdict on `converged` for a flow that ended so; the second integration, which has not been shown to rest, ends at `objective`, the
/// first at 0.1.
fn converged(termination: Termination, events: &[EventKind], objective: f64) -> Verdict {
    converged_again(termination, events, objective, false)
}

/// The same where the second integration has come to rest, or not.
fn converged_again(termination: Termination, events: &[EventKind], objective: f64, again: bool) -> Verdict {
    let world = |end: f64| World::new(LAMBDA).with("objective", move |t| if t > 0.0 { end } else { 1.0 });
    let (first, second) = (world(0.1), world(objective));
    let mut flow = Process::new(Work::default(), 0.0, termination);
    flow.events = events.iter().map(|&kind| Event { t: 500.0, kind, detail: "flat".to_string() }).collect();
    let (run, finer) = (first.run(), second.run());
    let second = Some(Again { run: &finer, termination: Termination::TEnd { t: T }, converged: again });
    verdict(Claim::Converged, &Evidence { setup: &first.scenario.plan().setup(), run: &run, flow: &flow, second })
}

#[test]
fn a_plateau_is_not_called_converged() {
    let (end, rest) = (Termination::TEnd { t: T }, Termination::Converged { t: T, grad_norm: 1e-9 });
    let at_rest = converged(Termination::AtRest { t: T, grad_norm: 0.0 }, &[], 0.1);
    assert!(at_rest.verdict == Outcome::Fails && at_rest.statement.contains("not shown to be at a minimum"), "{at_rest:?}");
    assert_outcome(&converged(rest, &[], 0.1), Outcome::Holds);
    assert_outcome(&converged(rest, &[EventKind::Plateau, EventKind::PlateauEnd], 0.1), Outcome::Holds);
    assert_outcome(&converged(end, &[EventKind::Converged], 0.1), Outcome::Holds);
    assert_outcome(&converged(end, &[], 0.1), Outcome::Fails);
    let plateau = converged(end, &[EventKind::Plateau], 0.1);
    assert!(plateau.verdict == Outcome::Fails && plateau.statement.contains("plateau since t = 500"), "{plateau:?}");
    // What only the second integration shows is a matter of accuracy; rest that the first has shown is shown.
    assert_outcome(&converged_again(end, &[], 0.1, true), Outcome::IntegratorLimited);
    assert_outcome(&converged_again(rest, &[], 0.1, true), Outcome::Holds);
    assert_outcome(&converged_again(end, &[], 0.1, false), Outcome::Fails);
    // The second integration ends in another place.
    assert_outcome(&converged(rest, &[], 0.7), Outcome::IntegratorLimited);
}

/// A flow that did not reach its end, or whose second integration did not, proves nothing.
#[test]
fn an_early_end_is_the_integrators() {
    let world = at_the_end("nfa_peak", 1.0);
    let run = world.run();
    let judge = |flow: Termination, second: Option<Termination>| {
        let flow = Process::new(Work::default(), 0.0, flow);
        let second = second.map(|termination| Again { run: &run, termination, converged: false });
        verdict(Claim::Peak, &Evidence { setup: &world.scenario.plan().setup(), run: &run, flow: &flow, second })
    };
    let (end, early) = (Termination::TEnd { t: T }, Termination::MaxSteps { t: 10.0, steps: 7 });
    assert_outcome(&judge(end, Some(end)), Outcome::Holds);
    assert_outcome(&judge(early, Some(early)), Outcome::IntegratorLimited);
    assert_outcome(&judge(end, Some(early)), Outcome::IntegratorLimited);
    assert_outcome(&judge(end, None), Outcome::IntegratorLimited);
    assert!(judge(early, Some(early)).statement.contains("raise flow.max_steps"));
}

/// What `stop` ends at t = 0 is a start and no flow: no claim holds by it, and those that could hold by the start say why not.
#[test]
fn a_flow_that_takes_no_step_is_not_judged() {
    let stays = |_| 0.5;
    let world =
        World::new(LAMBDA).with_gap(2.0 * LAMBDA).with("nfa_alignment_residual", stays).with("nfa_exponent", |_| 1.0 / 3.0);
    let balanced =
        World::new(0.0).balanced(1e-15).with("nfa_residual_relative", |_| 1e-15).with("nfa_alignment_residual", |_| 1e-9);
    let judge = |world: &World, claim: Claim, t: f64| {
        let run = world.run();
        let end = Termination::Reached { t, quantity: "loss", value: 2.0, threshold: 100.0, at_least: false };
        let flow = Process::new(Work::default(), 0.0, end);
        let second = Some(Again { run: &run, termination: Termination::TEnd { t }, converged: false });
        verdict(claim, &Evidence { setup: &world.scenario.plan().setup(), run: &run, flow: &flow, second })
    };
    let by_the_start = [(&world, Claim::BalanceLaw), (&world, Claim::Stagnates), (&world, Claim::Exponent)];
    for (world, claim) in by_the_start.into_iter().chain([(&balanced, Claim::NfaExact), (&balanced, Claim::Nfa)]) {
        assert_outcome(&judge(world, claim, T), Outcome::Holds);
    }
    let (world, balanced) = (world.thinned(&[0]), balanced.thinned(&[0]));
    use Claim::{
        BalanceLaw, Converged, DecayRate, Exponent, LowRank, Nfa, NfaAsymptotic, NfaExact, NfaViolated, Peak, Stagnates,
    };
    let trajectories = [BalanceLaw, DecayRate, NfaExact, NfaAsymptotic, Stagnates];
    for claim in trajectories.into_iter().chain([Nfa, Exponent, Peak, LowRank, NfaViolated, Converged]) {
        for world in [&world, &balanced] {
            let verdict = judge(world, claim, 0.0);
            assert_outcome(&verdict, Outcome::Fails);
            assert!(verdict.statement.starts_with("nothing to judge: the flow reached loss ≤ 100 at t = 0"), "{verdict:?}");
        }
    }
}
