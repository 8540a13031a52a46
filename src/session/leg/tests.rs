//! A run that is paused again and again ends with the bytes of an undisturbed one.

use nalgebra::{DMatrix, DVector};
use serde_json::Value;

use super::*;
use crate::data::{Dataset, Moments};
use crate::flow::Flow;
use crate::network::Architecture;
use crate::objective::LinearObjective;
use crate::observe::{Columns, Group, Observable, Row, Snapshot};
use crate::optim::{Custom, Rule};
use crate::run::Problem;
use crate::scenario::{self, Scenario};
use crate::session::{Session, SessionError};

const LINEAR: &str = "
name: linear
data: {synthetic: {inputs: {dim: 4, samples: 20, distribution: gaussian}, target: {low_rank: {rank: 2, outputs: 3}}, noise: 0.1}}
network: {widths: [4, 5, 3]}
weight_decay: 0.01
flow: {t_end: 6.0, rtol: 1.0e-6}
record: {linear: {points: 7}}
optimizers:
  - gd: {lr: 0.05}
  - sgd: {lr: 0.02, batch: 6, momentum: 0.9}
  - adam: {lr: 0.02}
";

const RELU: &str = "
name: relu
seed: 3
data: {synthetic: {inputs: {dim: 3, samples: 12, distribution: gaussian}, target: {low_rank: {rank: 1, outputs: 1}}, noise: 0.3}}
network: {widths: [3, 6, 1], activations: [relu, identity], bias: true}
flow: {t_end: 40.0, rtol: 1.0e-5}
record: {log: {points: 9, first: 0.1}}
optimizers: [{rmsprop: {lr: 0.01, steps: 40}}]
";

/// A name, a scenario, what is set in it, and after how many questions it pauses.
type Kind = (&'static str, &'static str, &'static [&'static str], &'static [u64]);

const KINDS: &[Kind] = &[
    ("linear", LINEAR, &[], &[1, 13]),
    ("trajectory", LINEAR, &["record.weights=true", "seed=5"], &[7]),
    (
        "every optimizer",
        LINEAR,
        &[
            "optimizers=[{gd: {lr: 0.05}}, {sgd: {lr: 0.02, batch: 7, replacement: true}}, {adam: {lr: 0.02, amsgrad: true}}, {adamw: {lr: 0.02}}, {rmsprop: {lr: 0.01, momentum: 0.5, centered: true}}, {sign: {lr: 0.01}}, {muon: {lr: 0.02}}]",
        ],
        &[11],
    ),
    (
        "schedule",
        LINEAR,
        &["optimizers=[{sgd: {lr: 0.05, batch: 5, temperature: 1e-3, schedule: {cosine: {t_max: 50}}, steps: 120}}]"],
        &[9],
    ),
    ("saddles", LINEAR, &["measure=[saddles]", "init={gaussian: {std: 1e-3}}", "flow.t_end=20"], &[1, 13]),
    ("dopri5", LINEAR, &["flow.integrator=dopri5"], &[1, 5]),
    ("dop853", LINEAR, &["flow.integrator=dop853"], &[3]),
    ("rk4", LINEAR, &["flow.integrator={rk4: {step: 0.0007}}"], &[1, 4]),
    ("tsit5", LINEAR, &["flow.integrator=tsit5", "flow.rtol=1e-9"], &[5]),
    ("dp8", LINEAR, &["flow.integrator=dp8", "flow.rtol=1e-9"], &[5]),
    ("rk6", LINEAR, &["flow.integrator=rk6"], &[5]),
    ("rkc", LINEAR, &["flow.integrator=rkc", "flow.rtol=1e-4"], &[3]),
    ("rock4", LINEAR, &["flow.integrator=rock4"], &[3]),
    ("gauss", LINEAR, &["flow.integrator={gauss: {stages: 2}}"], &[3]),
    ("long", LINEAR, &["flow.t_end=4000", "record={log: {points: 12}}", "optimizers=[]"], &[5]),
    ("preserved", LINEAR, &["flow.preserve={balance: float64}"], &[1, 9]),
    ("preserved twice as exactly", LINEAR, &["flow.preserve={balance: double_double}"], &[9]),
    ("rates", LINEAR, &["layer_rates=[1, 2.5]"], &[9]),
    ("frozen", LINEAR, &["layer_rates=[1, 0]"], &[9]),
    (
        "companions",
        LINEAR,
        &[
            "measure=[modified_flow, limit, central_flow, sharpness, ledger]",
            "optimizers=[{gd: {lr: 0.1}}, {sgd: {lr: 0.05, batch: 6}}, {adam: {lr: 0.02}}, {rmsprop: {lr: 0.02}}]",
        ],
        &[3, 50],
    ),
    (
        "companions by rk4",
        LINEAR,
        &["measure=[modified_flow]", "flow.integrator={rk4: {step: 0.003}}", "optimizers=[{gd: {lr: 0.1}}]"],
        &[5],
    ),
    (
        "central flow",
        LINEAR,
        &["measure=[central_flow]", "optimizers=[{gd: {lr: 1.2}}, {gd: {name: smaller, lr: 0.7}}]"],
        &[3, 20],
    ),
    (
        "models that claims ask about",
        LINEAR,
        &[
            "measure=[modified_flow, limit, central_flow]",
            "optimizers=[{gd: {lr: 0.1}}, {adam: {lr: 0.02}}]",
            "claims=[follows-flow, follows-modified-flow, follows-limit, follows-central-flow]",
        ],
        &[3, 50],
    ),
    (
        "sde",
        LINEAR,
        &[
            "measure=[{sde: {paths: 3, order: 1}}, modified_flow]",
            "optimizers=[{sgd: {lr: 0.05, batch: 3, replacement: true, label_noise: 0.2}}, {sgd: {name: heavy, lr: 0.05, batch: 6, replacement: true, momentum: 0.5}}]",
        ],
        &[3, 50],
    ),
    ("certified", LINEAR, &["flow.certify=true"], &[1, 10]),
    ("claims", LINEAR, &["claims=[balance-law, converged]", "measure=[sharpness]", "flow.t_end=300"], &[10]),
    ("reached", LINEAR, &["stop={loss: 0.02}"], &[2, 9]),
    (
        "reached within a segment",
        LINEAR,
        &["stop={grad_norm: 0.05}", "flow.integrator=dopri5", "record={linear: {points: 2}}"],
        &[1, 4],
    ),
    ("reached by rk4", LINEAR, &["stop={loss: 0.02}", "flow.integrator={rk4: {step: 0.004}}"], &[1, 6]),
    ("diverged", LINEAR, &["optimizers=[{gd: {lr: 3.0}}, {sgd: {lr: 4.0, batch: 5}}]"], &[1]),
    ("out of steps", LINEAR, &["flow.max_steps=40", "flow.integrator=rock4"], &[7]),
    ("relu", RELU, &[], &[1, 12]),
    ("relu, certified", RELU, &["flow.certify=true"], &[12]),
    ("relu that jumps", RELU, &["flow.kink=0", "flow.t_end=5"], &[20]),
    ("tanh", RELU, &["network.activations=[tanh, identity]", "measure=[ntk]"], &[9]),
];

fn problem(text: &str, sets: &[&str]) -> (Scenario, Problem) {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    let (scenario, _) = scenario::parse(text, "kind.yaml".as_ref(), &sets).unwrap_or_else(|error| panic!("{error}"));
    let problem = Problem::new(&scenario).unwrap();
    (scenario, problem)
}

/// All that a run leaves but its wall times and the number of its threads, number by number.
fn left(finished: &Finished) -> Vec<String> {
    fn without_times(value: &mut Value) {
        match value {
            Value::Object(entries) => {
                entries.retain(|key, _| !key.contains("seconds") && key != "threads");
                entries.values_mut().for_each(without_times);
            }
            Value::Array(items) => items.iter_mut().for_each(without_times),
            _ => {}
        }
    }
    let mut manifest = finished.manifest.to_value();
    without_times(&mut manifest);
    vec![
        format!("{:?}", finished.run.table),
        format!("{:?}", finished.run.arrays),
        format!("{:?}", finished.weights.iter().map(|(name, weights)| (name, weights.values())).collect::<Vec<_>>()),
        format!("{:?}", finished.trajectory),
        format!("{:?}", finished.terminations),
        format!("{:?}", finished.finer.as_ref().map(|finer| (&finer.run.table, finer.termination))),
        manifest.to_string(),
    ]
}

/// A run that pauses whenever it has asked so often whether to, and the states that it kept.
fn paused(scenario: &Scenario, problem: &Problem, fewest: u64, from: Option<Spooled<u8>>) -> (Finished, Vec<Spooled<u8>>) {
    let mut kept = Vec::new();
    let checkpoints = Checkpoints { every: Duration::ZERO, from, keep: &mut |state| kept.push(state) };
    let finished = in_legs(&scenario.plan(), problem, &Interrupt::default(), |_t| {}, checkpoints, fewest).unwrap();
    (finished, kept)
}

fn same(what: &str, these: &Finished, those: &[String]) {
    for (index, (this, that)) in left(these).iter().zip(those).enumerate() {
        if this == that {
            continue;
        }
        let at = this.bytes().zip(that.bytes()).position(|(a, b)| a != b).unwrap_or(this.len().min(that.len()));
        let around = |text: &str| text.chars().skip(at.saturating_sub(60)).take(160).collect::<String>();
        panic!("{what}, part {index}:\n{}\n{}", around(this), around(that));
    }
}

#[test]
fn a_run_that_pauses_ends_as_one_that_does_not() {
    for &(name, text, sets, fewest) in KINDS {
        let (scenario, problem) = problem(text, sets);
        let whole = left(&super::super::carry_out(&scenario.plan(), &problem, &Interrupt::default(), |_t| {}));
        for &fewest in fewest {
            let (finished, kept) = paused(&scenario, &problem, fewest, None);
            assert!(kept.len() > 1, "{name} never paused");
            same(&format!("{name}, every {fewest}"), &finished, &whole);
            // Each state is enough, in another process and without a pause.
            for state in [&kept[0], &kept[kept.len() / 2], &kept[kept.len() - 1]] {
                let (finished, _) = paused(&scenario, &problem, u64::MAX, Some(state.clone()));
                same(&format!("{name}, from a state of every {fewest}"), &finished, &whole);
            }
        }
    }
}

/// Flows that are looked at, for rest or for where they are to stop, at times that depend on the end of the horizon and that matter.
const LOOKED_AT: [&str; 4] = ["long", "claims", "reached within a segment", "reached by rk4"];

/// A run that goes on over a longer horizon ends with the records of one that had it from the start, paused on its way or not, and so does one
/// that is extended again.
#[test]
fn a_horizon_that_is_extended_might_have_been_there_from_the_start() {
    for &(name, text, sets, fewest) in KINDS.iter().filter(|(name, ..)| !LOOKED_AT.contains(name)) {
        let (first, its_problem) = problem(text, sets);
        let (mut before, mut state) = (first.clone(), paused(&first, &its_problem, fewest[0], None).0.before_the_end);
        let ends = if name == "linear" { &[1.4, 1.9][..] } else { &[1.4] };
        for t_end in ends.iter().map(|factor| factor * first.flow.t_end) {
            let longer = before.lengthened(&first, t_end);
            assert!(crate::run::begins_alike(&before, &longer), "{name}");
            let problem = Problem::new(&longer).unwrap();
            let whole = left(&super::super::carry_out(&longer.plan(), &problem, &Interrupt::default(), |_t| {}));
            let fewest = if t_end > 1.5 * first.flow.t_end { u64::MAX } else { fewest[0] };
            let (finished, _) = paused(&longer, &problem, fewest, state);
            // All but the manifest, whose checks for rest lie at times that depend on the horizon.
            same(&format!("{name} to {t_end}"), &finished, &whole[..6]);
            (before, state) = (longer, finished.before_the_end);
        }
    }
}

/// Where the end of the horizon has had a part in what was done, a warning says so: in when `stop` is looked at, in what `auto` has chosen.
#[test]
fn what_a_longer_horizon_would_have_changed_is_told() {
    let told = |sets: &[&str], t_end: f64| {
        let (shorter, problem) = problem(LINEAR, &[&["optimizers=[]"], sets].concat());
        let state = paused(&shorter, &problem, 20, None).0.before_the_end;
        let longer = shorter.lengthened(&shorter, t_end);
        let (finished, _) = paused(&longer, &Problem::new(&longer).unwrap(), 20, state);
        finished.manifest.warnings.into_iter().filter(|warning| warning.contains("not the same bits")).collect::<Vec<_>>()
    };
    assert_eq!(told(&["flow.integrator=dopri5"], 9.0), Vec::<String>::new());
    let stop = told(&["flow.integrator=dopri5", "stop={loss: 1e-9}"], 9.0);
    assert!(stop.len() == 1 && stop[0].starts_with("flow: stop was looked at"), "{stop:?}");
    assert_eq!(told(&["flow.rtol=1e-4"], 9.0), Vec::<String>::new());
    let auto = told(&["flow.rtol=1e-4"], 1e6);
    assert!(auto.len() == 1 && auto[0].starts_with("flow: auto chose its methods for a flow to t = 6 "), "{auto:?}");
}

/// What the end of the horizon has cut is no state to go on from: the last step to t = 6 is shorter than it would be, and later ones differ.
#[test]
fn the_state_at_the_end_is_not_the_one_before_it() {
    let (shorter, problem_of_it) = problem(LINEAR, &["flow.integrator=tsit5", "optimizers=[]"]);
    let longer = shorter.lengthened(&shorter, 12.0);
    let problem = Problem::new(&longer).unwrap();
    let whole = left(&super::super::carry_out(&longer.plan(), &problem, &Interrupt::default(), |_t| {}));
    let (finished, kept) = paused(&shorter, &problem_of_it, 1, None);
    let (cut, _) = paused(&longer, &problem, u64::MAX, kept.last().cloned());
    let (uncut, _) = paused(&longer, &problem, u64::MAX, finished.before_the_end);
    same("before the end", &uncut, &whole[..6]);
    assert_ne!(left(&cut)[0], whole[0]);
}

/// With threads where a leg ends is up to them; what comes of it is not. A state does not know how many there were.
#[test]
fn threads_change_nothing() {
    for &(name, text, sets, fewest) in KINDS {
        if !["linear", "companions", "sde", "certified", "diverged", "claims"].contains(&name) {
            continue;
        }
        let (scenario, mut problem) = problem(text, sets);
        let whole = left(&super::super::carry_out(&scenario.plan(), &problem, &Interrupt::default(), |_t| {}));
        for threads in [2, 4, 7] {
            problem.threads = threads;
            let (finished, kept) = paused(&scenario, &problem, 4 * fewest[0], None);
            same(&format!("{name} on {threads}"), &finished, &whole);
            for (other, state) in [1, 3, 6].into_iter().zip([kept.len() / 4, kept.len() / 2, 3 * kept.len() / 4]) {
                problem.threads = other;
                let (finished, _) = paused(&scenario, &problem, 40, Some(kept[state].clone()));
                same(&format!("{name} on {threads}, then {other}"), &finished, &whole);
            }
        }
    }
}

/// However long the interval, and however short.
#[test]
fn any_interval_is_one() {
    let (scenario, problem) = problem(LINEAR, &[]);
    for every in [Duration::ZERO, Duration::MAX] {
        let mut kept = 0;
        let checkpoints = Checkpoints { every, from: None, keep: &mut |_| kept += 1 };
        let finished = carry_out_in_legs(&scenario.plan(), &problem, &Interrupt::default(), |_t| {}, checkpoints).unwrap();
        assert!(!finished.is_interrupted());
        assert_eq!(kept == 0, every == Duration::MAX, "{kept}");
    }
}

/// An interrupt keeps the state, and leaves what there is as without checkpoints.
#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let (scenario, problem) = problem(LINEAR, &["flow.certify=true"]);
    let whole = left(&super::super::carry_out(&scenario.plan(), &problem, &Interrupt::default(), |_t| {}));
    let (interrupt, mut kept) = (Interrupt::default(), None);
    let raise = |t: f64| {
        if t >= 3.0 {
            interrupt.raise()
        }
    };
    let checkpoints = Checkpoints { every: Duration::from_secs(3600), from: None, keep: &mut |state| kept = Some(state) };
    let part = carry_out_in_legs(&scenario.plan(), &problem, &interrupt, raise, checkpoints).unwrap();
    assert!(part.is_interrupted());
    let times = part.run.table.floats("flow", "t");
    assert!(times.len() > 3 && times.len() < 7 && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let (finished, _) = paused(&scenario, &problem, u64::MAX, kept);
    same("after an interrupt", &finished, &whole);
}

#[test]
fn the_state_of_another_run_is_refused() {
    let (scenario, problem_of_it) = problem(LINEAR, &[]);
    let (_, kept) = paused(&scenario, &problem_of_it, 40, None);
    let (other, its_problem) = problem(LINEAR, &["optimizers=[]"]);
    let refused = |scenario: &Scenario, problem: &Problem, from: Spooled<u8>| {
        let checkpoints = Checkpoints { every: Duration::from_secs(3600), from: Some(from), keep: &mut |_| {} };
        carry_out_in_legs(&scenario.plan(), problem, &Interrupt::default(), |_t| {}, checkpoints).err()
    };
    assert!(matches!(refused(&other, &its_problem, kept[0].clone()), Some(ArchiveError::Another(_))));
    let half = kept[0][..kept[0].len() / 2].to_vec().into();
    assert!(matches!(refused(&scenario, &problem_of_it, half), Some(ArchiveError::Damaged(_))));
    let (narrow, its_problem) = problem(LINEAR, &["network.widths=[4, 6, 3]"]);
    assert!(matches!(refused(&narrow, &its_problem, kept[0].clone()), Some(ArchiveError::Another(_))));
}

/// θ ← θ − lr·m, m ← 0.9m + g; with checkpoints only if it says what it remembers.
struct Heavy {
    mean: Vec<f64>,
    saves: bool,
}

impl Rule for Heavy {
    fn step(&mut self, lr: f64, gradient: &[f64], theta: &mut [f64]) {
        for ((x, m), g) in theta.iter_mut().zip(&mut self.mean).zip(gradient) {
            *m = 0.9 * *m + g;
            *x -= lr * *m;
        }
    }

    fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        if self.saves { archive.item(&mut self.mean) } else { Unsaid.archive(archive) }
    }
}

/// Says nothing of its state.
struct Unsaid;

impl Rule for Unsaid {
    fn step(&mut self, _lr: f64, _gradient: &[f64], _theta: &mut [f64]) {}
}

/// Measures nothing.
struct Silent;

impl Observable for Silent {
    fn columns(&self) -> Columns {
        Columns::new(Group::Own, &[])
    }

    fn measure(&self, _: &Snapshot, _: &mut Row) {}
}

#[test]
fn a_rule_of_ones_own_goes_on_if_it_saves_its_state_and_is_refused_by_name_if_not() {
    let session = |saves| {
        let (start, data) = (DVector::from_element(2, 1.0), DMatrix::identity(2, 2));
        let moments = Moments::new(&Dataset { x: data.clone(), y: data.columns(0, 1) * 3.0 }).unwrap();
        let objective = LinearObjective::new(Architecture::new(&[2, 1]), moments, 0.0);
        let rule = Custom::new("heavy", 1e-3, move |layout| Heavy { mean: vec![0.0; layout.dim()], saves });
        Session::new(objective, start).flow(Flow::new(3.0)).optimizer(rule)
    };
    let run = |saves, from, keep: &mut dyn FnMut(Spooled<u8>)| {
        session(saves).run_in_legs(Checkpoints { every: Duration::ZERO, from, keep })
    };
    let mut kept = Vec::new();
    let whole = run(true, None, &mut |state| kept.push(state)).unwrap();
    assert!(kept.len() > 3, "{}", kept.len());
    for from in kept {
        let finished = run(true, Some(from), &mut |_| {}).unwrap();
        assert_eq!(finished.weights[1].1, whole.weights[1].1);
    }
    assert_eq!(whole.weights[1].1, session(false).run().unwrap().weights[1].1);
    let refused = run(false, None, &mut |_| {}).err().expect("a refusal").to_string();
    assert_eq!(refused, "the rule of `heavy` does not save its state: implement `Rule::archive` for it");
    let observed = session(true).observe(Silent);
    let refused = observed.run_in_legs(Checkpoints { every: Duration::ZERO, from: None, keep: &mut |_| {} }).err();
    assert!(matches!(refused, Some(SessionError::State(ArchiveError::Stateful { .. }))));
}
