//! Claims about optimizers on records with a known answer.

use super::*;
use crate::record::Companion;

/// Records of `gd` beside its modified flow: step 10t at t = 0, …, 10, up to a distance of 2 from the start.
struct Descent {
    from_start: fn(f64) -> f64,
    /// Steps from one record to the next.
    stride: f64,
    last: i32,
    off: fn(f64) -> f64,
    error: fn(f64) -> f64,
    ended: Termination,
    model_ended: Termination,
}

const END: Termination = Termination::TEnd { t: 10.0 };

impl Default for Descent {
    fn default() -> Self {
        Self {
            from_start: |t| (0.4 * t).min(2.0),
            stride: 10.0,
            last: 10,
            off: |t| 0.01 * t.min(4.0),
            error: |_| 1e-6,
            ended: END,
            model_ended: END,
        }
    }
}

impl Descent {
    fn judged(self) -> BTreeMap<String, Verdict> {
        let times: Vec<f64> = (0..=self.last).map(f64::from).collect();
        let over = |value: fn(f64) -> f64| Values::Float(times.iter().map(|&t| value(t)).collect());
        let column = |name: &str, values: Values| TableColumn { name: name.to_string(), values };
        let world = World::new(LAMBDA);
        let columns = vec![
            column("process", Values::Text(Texts::repeated("gd", times.len()))),
            column("t", over(|t| t)),
            column("step", Values::Integer(times.iter().map(|&t| (self.stride * t) as i64).collect())),
            column("distance_to_start", over(self.from_start)),
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
    assert_eq!((far.value, far.details["first step beyond"]), (0.2, 30.0));
    assert!(far.statement.contains("it leaves by step 30, at t = 3"), "{}", far.statement);
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
    // The value is the largest there is, wherever its error is known.
    let falls = |t: f64| if t == 4.0 { 0.08 } else { 0.01 * t.min(4.0) };
    let early = Descent { off: falls, error: |t| if t < 5.0 { 0.0 } else { f64::NAN }, ..Descent::default() }.verdict();
    assert_outcome(&early, Outcome::IntegratorLimited);
    assert!(early.value == 0.04 && early.error.is_nan(), "{}", early.statement);
    let sure_once = Descent { off: |t| 0.04 * t, error: |t| if t > 7.0 { 1.0 } else { 1e-3 }, ..Descent::default() }.verdict();
    assert_outcome(&sure_once, Outcome::Fails);
    assert_eq!((sure_once.value, sure_once.details["first step beyond"]), (0.14, 30.0));
}

/// Where the distance falls from its largest by as much as is left to the bound, it may have been beyond between the records; but one record
/// that is surely beyond refutes the claim, and between successive steps there is nothing to see.
#[test]
fn records_must_be_near_enough_to_hold() {
    let spike = |stride| Descent { off: |t| if t == 5.0 { 0.09 } else { 0.0 }, stride, ..Descent::default() }.verdict();
    let missed = spike(10.0);
    assert_outcome(&missed, Outcome::GridLimited);
    assert!(
        missed
            .statement
            .ends_with("between the records at t = 4 and t = 5 it may have been beyond the bound: record more times")
    );
    assert_outcome(&spike(1.0), Outcome::Holds);
    // A part of the fall alone: 0.01 of 0.03 left, and 0.01 of 0.01.
    let hump = |off| Descent { off, ..Descent::default() }.verdict();
    assert_outcome(&hump(|t| 0.04 - 0.02 * f64::from(u8::from(t != 5.0))), Outcome::Holds);
    assert_outcome(&hump(|t| 0.08 - 0.021 * f64::from(u8::from(t != 5.0))), Outcome::GridLimited);
    assert_outcome(&Descent { off: |t| if t == 5.0 { 0.2 } else { 0.0 }, ..Descent::default() }.verdict(), Outcome::Fails);
}

/// An optimizer that is nearly at its end by the first record may have been anywhere before, unless it is farther from the model later.
#[test]
fn the_way_must_be_seen() {
    let jump =
        |off, stride| Descent { from_start: |t| if t > 0.0 { 2.0 } else { 0.0 }, off, stride, ..Descent::default() }.verdict();
    let falls = |t: f64| if t > 0.0 { 0.02 / t } else { 0.0 };
    let missed = jump(falls, 10.0);
    assert_outcome(&missed, Outcome::GridLimited);
    assert!(
        missed.statement.ends_with("covers most of its way unseen between the records at t = 0 and t = 1: record more times")
    );
    assert_outcome(&jump(|t| 0.01 * t.min(4.0), 10.0), Outcome::Holds);
    assert_outcome(&jump(falls, 1.0), Outcome::Holds);
    // It leaves a plateau between t = 5 and t = 6, maybe at another time than its model.
    let plateau = |t: f64| if t > 5.0 { 2.0 } else { 0.1 * t };
    let escapes = Descent { from_start: plateau, off: |_| 1e-3, ..Descent::default() }.verdict();
    assert_outcome(&escapes, Outcome::GridLimited);
    assert!(escapes.statement.contains("t = 5 and t = 6"), "{}", escapes.statement);
    // What its model does not describe, because it begins later, is not missed.
    let begins = |t: f64| if t > 1.0 { 1e-3 } else { f64::NAN };
    assert_outcome(&jump(begins, 10.0), Outcome::Holds);
    // One record after the start shows nothing of what is before it.
    let one = |t: f64| if t <= 1.0 { 1e-3 * t } else { f64::NAN };
    assert_outcome(&Descent { off: one, model_ended: stopped(1.5), ..Descent::default() }.verdict(), Outcome::GridLimited);
}

fn stopped(t: f64) -> Termination {
    Termination::Reached { t, quantity: "loss", value: 2.0, threshold: 100.0, at_least: false }
}

/// At the start every optimizer is where its model is: that alone shows nothing.
#[test]
fn the_start_alone_shows_nothing() {
    let start = |t: f64| if t == 0.0 { 0.0 } else { f64::NAN };
    let model_first = Descent { off: start, model_ended: stopped(0.5), ..Descent::default() }.verdict();
    assert_outcome(&model_first, Outcome::GridLimited);
    let reason = "between the start and t = 0.5, where its modified flow ends, so nothing is compared: record more times";
    assert!(model_first.statement.ends_with(reason), "{}", model_first.statement);
    let optimizer_first = Descent { off: start, ended: stopped(0.7), ..Descent::default() }.verdict();
    assert_outcome(&optimizer_first, Outcome::GridLimited);
    assert!(optimizer_first.statement.contains("t = 0.7, where gd ends"), "{}", optimizer_first.statement);
    // More records mend neither a model that gave up nor an optimizer that diverged.
    let given_up = Descent { off: start, model_ended: Termination::MaxSteps { t: 0.5, steps: 7 }, ..Descent::default() };
    assert_outcome(&given_up.verdict(), Outcome::IntegratorLimited);
    let diverged = Descent { off: start, ended: Termination::Diverged { t: 0.5, norm: 1e9 }, ..Descent::default() };
    assert_outcome(&diverged.verdict(), Outcome::Fails);
    let none = Descent { last: 0, ended: stopped(0.0), model_ended: stopped(0.0), ..Descent::default() }.verdict();
    assert_outcome(&none, Outcome::Fails);
    assert!(none.statement.starts_with("nothing to judge: gd reached loss ≤ 100 at t = 0"), "{}", none.statement);
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
