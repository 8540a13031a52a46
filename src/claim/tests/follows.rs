//! Claims about optimizers on records with a known answer.

use super::*;
use crate::record::Companion;

/// Records of `gd` beside its modified flow: step k at t = k for k = 0, …, 10, up to a distance of 2 from the start.
struct Descent {
    off: fn(f64) -> f64,
    error: fn(f64) -> f64,
    ended: Termination,
    model_ended: Termination,
}

const END: Termination = Termination::TEnd { t: 10.0 };

impl Default for Descent {
    fn default() -> Self {
        Self { off: |t| 0.01 * t.min(4.0), error: |_| 1e-6, ended: END, model_ended: END }
    }
}

impl Descent {
    fn judged(self) -> BTreeMap<String, Verdict> {
        let times: Vec<f64> = (0..=10).map(f64::from).collect();
        let over = |value: fn(f64) -> f64| Values::Float(times.iter().map(|&t| value(t)).collect());
        let column = |name: &str, values: Values| TableColumn { name: name.to_string(), values };
        let world = World::new(LAMBDA);
        let columns = vec![
            column("process", Values::Text(Texts::repeated("gd", times.len()))),
            column("t", over(|t| t)),
            column("step", Values::Integer(times.iter().map(|&t| t as i64).collect())),
            column("distance_to_start", over(|t| (0.4 * t).min(2.0))),
            column("distance_to_modified_flow", over(self.off)),
            column("modified_flow_error", over(self.error)),
        ];
        let run = Run { table: Table { columns }, ..world.run() };
        let model = Process::new(Work::default(), 0.0, self.model_ended);
        let mut gd = Process::new(Work::default(), 0.0, self.ended);
        gd.companions.insert(
            "modified_flow".to_string(),
            Companion {
                formula: String::new(),
                gradients: 0,
                wall_seconds: 0.0,
                termination: model.termination,
                termination_detail: model.termination_detail,
                t_reached: model.t_reached,
            },
        );
        let processes = BTreeMap::from([("flow".to_string(), Process::new(Work::default(), 0.0, END)), ("gd".to_string(), gd)]);
        let evidence = Evidence { setup: &world.scenario.plan().setup(), run: &run, flow: &processes["flow"], second: None };
        judge(&[Claim::FollowsModifiedFlow], &evidence, &processes)
    }

    fn verdict(self) -> Verdict {
        self.judged().remove("follows-modified-flow/gd").unwrap()
    }
}

/// The bound is 0.05 of 2.
#[test]
fn distance_is_measured_by_the_reach() {
    let near = Descent::default().verdict();
    assert_outcome(&near, Outcome::Holds);
    assert_eq!((near.value, near.error, near.details["largest distance to the start"]), (0.02, 5e-7, 2.0));
    let far = Descent { off: |t| 0.04 * t, ..Descent::default() }.verdict();
    assert_outcome(&far, Outcome::Fails);
    assert_eq!((far.value, far.details["first step beyond"]), (0.2, 3.0));
    assert!(far.statement.contains("it leaves by step 3, at t = 3"), "{}", far.statement);
}

/// An error that reaches from the value to the bound decides nothing; beyond the bound one sure record suffices.
#[test]
fn errors_of_the_model_count() {
    let vague = Descent { error: |_| 0.07, ..Descent::default() }.verdict();
    assert_outcome(&vague, Outcome::IntegratorLimited);
    // Of `auto`: nothing else is left.
    assert!(vague.statement.ends_with("lower flow.rtol and flow.atol"), "{}", vague.statement);
    let unknown = Descent { error: |t| if t < 5.0 { 0.0 } else { f64::NAN }, ..Descent::default() }.verdict();
    assert_outcome(&unknown, Outcome::IntegratorLimited);
    assert!(unknown.statement.contains("its finer integration ends before: raise flow.max_steps"), "{}", unknown.statement);
    let sure_once = Descent { off: |t| 0.04 * t, error: |t| if t > 7.0 { 1.0 } else { 1e-3 }, ..Descent::default() }.verdict();
    assert_outcome(&sure_once, Outcome::Fails);
    assert_eq!((sure_once.value, sure_once.details["first step beyond"]), (0.14, 3.0));
}

/// Where every second record would miss a large part of the largest distance, all of them may miss a larger one; but one record that is
/// surely beyond refutes the claim.
#[test]
fn records_must_be_near_enough_to_hold() {
    let spike = Descent { off: |t| if t == 5.0 { 0.09 } else { 0.0 }, ..Descent::default() }.verdict();
    assert_outcome(&spike, Outcome::GridLimited);
    assert!(spike.statement.contains("record more times"), "{}", spike.statement);
    assert_outcome(&Descent { off: |t| if t == 5.0 { 0.2 } else { 0.0 }, ..Descent::default() }.verdict(), Outcome::Fails);
}

/// A fragment of a run shows nothing about all of it.
#[test]
fn an_interrupted_optimizer_is_not_judged() {
    let stopped = Descent { ended: Termination::Interrupted { t: 10.0 }, ..Descent::default() }.verdict();
    assert_outcome(&stopped, Outcome::IntegratorLimited);
    assert!(stopped.statement.contains("whole run"), "{}", stopped.statement);
}

#[test]
fn the_end_of_either_is_taken_into_account() {
    let diverged = Descent { ended: Termination::Diverged { t: 10.0, norm: 1e9 }, ..Descent::default() }.verdict();
    assert_outcome(&diverged, Outcome::Fails);
    assert!(diverged.statement.contains("modified flow did not"), "{}", diverged.statement);
    let short = Termination::MaxSteps { t: 4.0, steps: 7 };
    let off = |t: f64| if t <= 4.0 { 0.01 } else { f64::NAN };
    let given_up = Descent { off, model_ended: short, ..Descent::default() }.verdict();
    assert_outcome(&given_up, Outcome::IntegratorLimited);
    assert!(given_up.statement.contains("modified flow ends at t = 4"), "{}", given_up.statement);
    // What lies beyond the bound by then counts.
    let off = |t: f64| if t <= 4.0 { 0.1 * t } else { f64::NAN };
    assert_outcome(&Descent { off, model_ended: short, ..Descent::default() }.verdict(), Outcome::Fails);
    let absent = Descent { off: |_| f64::NAN, ..Descent::default() }.judged();
    assert_eq!(absent.keys().collect::<Vec<_>>(), ["follows-modified-flow"]);
    assert_outcome(&absent["follows-modified-flow"], Outcome::Fails);
}
