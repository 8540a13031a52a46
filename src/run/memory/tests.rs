//! The parts of the estimate, each where it is large.

use super::*;
use crate::optim::Ground;
use crate::scenario;
use crate::session::Problem;

const TEXT: &str = "
name: small
data: {synthetic: {inputs: {dim: 3, samples: 50}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 4, 2]}
flow: {t_end: 10}
";

fn memory(sets: &[&str]) -> Memory {
    let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
    Memory::of(&scenario::parse(TEXT, "small.yaml".as_ref(), &sets).unwrap().0)
}

#[test]
fn a_small_run_takes_little() {
    assert!(memory(&[]).total() < 60_000_000);
    assert!(memory(&[]).check(1 << 30).is_ok());
}

#[test]
fn further_threads_are_those_that_memory_allows() {
    let memory = memory(&["network.widths=[3, 2000, 2]"]);
    let within = |further: f64| {
        let limit = memory.total() as f64 + further * memory.further_thread as f64;
        memory.threads_within(limit as u64, 8)
    };
    assert_eq!([within(-1.0), within(0.5), within(2.5), within(100.0)], [1, 1, 3, 8]);
    assert!(memory.further_thread > 8 * 7 * 2000 * 2000);
}

/// Each is within reach of a small mistake, and each names its own part.
#[test]
fn what_takes_more_than_there_is_is_refused_by_the_part_that_takes_it() {
    let gd = (0..500).map(|i| format!("gd: {{name: g{i}, lr: 0.1}}")).collect::<Vec<_>>().join(", ");
    let many = format!("optimizers=[{gd}]");
    for (sets, part, gigabytes) in [
        (&["network.widths=[3, 60000, 2]"][..], Part::Observation, 28.8),
        (&["data.synthetic.test=100000000"], Part::Data, 4.0),
        (&["data.synthetic.inputs.samples=100000000"], Part::Data, 4.0),
        (&["record={log: {points: 1000000}}", "optimizers=[gd: {lr: 0.1}, sign: {lr: 0.1}]"], Part::Records, 0.15),
        (&["network.widths=[3, 2000, 2000, 2]", &many], Part::Processes, 100.0),
        (
            &[
                "network.widths=[3, 200, 200, 2]",
                "measure=[{sde: {paths: 10000}}]",
                "optimizers=[sgd: {lr: 0.1, batch: 5, replacement: true}]",
            ],
            Part::Processes,
            3.2,
        ),
        (
            &[
                "network={widths: [3, 100, 2], activations: relu}",
                "data.synthetic.inputs.samples=100000",
                "measure=[sharpness]",
            ],
            Part::Objective,
            0.25,
        ),
        (
            &["network={widths: [3, 4, 2], activations: tanh}", "data.synthetic.inputs.samples=2000", "measure=[ntk]"],
            Part::Kernel,
            0.6,
        ),
    ] {
        let error = memory(sets).check(100_000_000).expect_err(sets[0]);
        assert_eq!(error.part, part, "{sets:?}: {error}");
        assert!(error.needed as f64 > gigabytes * 1e9, "{sets:?}: {error}");
    }
}

/// What is counted is what they keep.
#[test]
fn central_flows_of_adaptive_rules_keep_their_first_steps() {
    let sets = |measure: &str, optimizer: &str, claims: &str| -> Vec<String> {
        let tanh = "network={widths: [3, 40, 2], activations: tanh}";
        [tanh, &format!("measure={measure}"), &format!("optimizers=[{optimizer}]"), &format!("claims={claims}")]
            .map(String::from)
            .to_vec()
    };
    let processes = |measure: &str, optimizer: &str, claims: &str| {
        let sets = sets(measure, optimizer, claims);
        memory(&sets.iter().map(String::as_str).collect::<Vec<_>>()).processes
    };
    let kept = |optimizer: &str| {
        let (scenario, _) = scenario::parse(TEXT, "small.yaml".as_ref(), &sets("[]", optimizer, "[]")).unwrap();
        let problem = Problem::new(&scenario).unwrap();
        let ground = Ground { objective: &*problem.objective, samples: None, start: problem.start.values(), steps: 100 };
        let flow = scenario.optimizers[0].central_flow(&ground).unwrap().unwrap();
        8 * flow.opening() * problem.start.values().len() as u64
    };
    let (gd, claim) = ("gd: {lr: 0.01}", "[follows-central-flow]");
    for adaptive in ["adam: {lr: 0.01}", "adamw: {lr: 0.01}", "rmsprop: {lr: 0.01}", gd] {
        let more = |claims: &str| processes("[central_flow]", adaptive, claims) - processes("[central_flow]", gd, claims);
        assert_eq!((more("[]"), more(claim)), (kept(adaptive), 2 * kept(adaptive)), "{adaptive}");
        assert_eq!(processes("[]", adaptive, "[]"), processes("[]", gd, "[]"), "{adaptive}");
    }
    assert!(kept("adam: {lr: 0.01}") > 0 && kept(gd) == 0);
}

/// What is recorded lies on disk, from some length on.
#[test]
fn many_records_take_little_more_than_their_times() {
    let records = |points: usize, weights: bool| {
        memory(&["network.widths=[3, 400, 400, 2]", &format!("record={{linear: {{points: {points}}}, weights: {weights}}}")])
            .records
    };
    for weights in [false, true] {
        let (many, twice) = (records(400_000, weights), records(800_000, weights));
        assert!(twice - many == 400_000 * 8 * 10 && many < 200_000_000, "{many} {twice}");
    }
}

#[test]
fn test_samples_of_a_file_count() {
    let folder = tempfile::tempdir().unwrap();
    let of = |tests: usize| {
        let zeros = |rows: usize, columns: usize| npz::Array::new(&[rows, columns], vec![0.0; rows * columns]);
        let mut arrays = npz::Arrays::from([("X".to_string(), zeros(10, 3)), ("Y".to_string(), zeros(10, 2))]);
        if tests > 0 {
            arrays.extend([("X_test".to_string(), zeros(tests, 3)), ("Y_test".to_string(), zeros(tests, 2))]);
        }
        let path = folder.path().join("data.npz");
        npz::write(&path, &arrays).unwrap();
        memory(&[&format!("data={{file: {{path: {}}}}}", path.display())]).data
    };
    assert_eq!((of(0), of(1000)), (8 * (10 * 5 + 3 * 10 * 3), 8 * (1010 * 5 + 3 * 1000 * 3)));
}

#[test]
fn the_message_has_the_numbers_and_the_ways_out() {
    let message = memory(&["network.widths=[3, 60000, 2]"]).check(16_000_000_000).unwrap_err().to_string();
    assert!(
        message.contains("but only 16.0 GB may be used: take narrower layers, or allow more with --max-memory"),
        "{message}"
    );
}
