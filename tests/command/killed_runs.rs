//! Two hundred kills of runs of many kinds, each of which goes on from its checkpoint to the bytes of a run that nothing disturbs.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::checkpoint::assert_same;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BASE: &str = "
name: killed
seed: 4
data: {synthetic: {inputs: {dim: 8, samples: 40, distribution: gaussian}, target: {low_rank: {rank: 2, outputs: 3}}, noise: 0.1}}
network: {widths: [8, 12, 3]}
weight_decay: 0.01
flow: {t_end: 20, rtol: 1.0e-6}
record: {linear: {points: 400}, weights: true}
";

const NONLINEAR: &str = "network={widths: [8, 32, 32, 3], activations: [tanh, tanh, identity], bias: true}";
const KINKED: &str = "network={widths: [8, 32, 32, 3], activations: [relu, relu, identity]}";

/// A name, and what is set in the scenario.
const KINDS: [(&str, &[&str]); 8] = [
    ("linear", &["flow.certify=true", "flow.t_end=200", "optimizers=[{gd: {lr: 0.01}}, {adam: {lr: 0.001}}]"]),
    ("relu", &[KINKED, "optimizers=[{rmsprop: {lr: 0.002}}]", "record.linear.points=100"]),
    ("rock4", &[NONLINEAR, "flow.integrator=rock4", "flow.rtol=1e-8", "flow.t_end=1000", "data.synthetic.inputs.samples=200"]),
    ("gauss", &["network.widths=[8, 32, 32, 3]", "flow.integrator={gauss: {stages: 3}}", "flow.rtol=1e-11", "flow.t_end=400"]),
    ("preserved", &["flow.preserve={balance: float64}", "weight_decay=0", "flow.t_end=60", "optimizers=[{gd: {lr: 0.0001}}]"]),
    ("companions", &["measure=[modified_flow, limit, sharpness]", "optimizers=[{gd: {lr: 0.002}}, {adam: {lr: 0.001}}]"]),
    (
        "central flow and paths",
        &[
            "measure=[central_flow, {sde: {paths: 4, order: 2}}]",
            "flow.t_end=200",
            "optimizers=[{gd: {lr: 0.02}}, {sgd: {lr: 0.1, batch: 5, replacement: true, label_noise: 0.1}}]",
        ],
    ),
    (
        "minibatches",
        &[
            NONLINEAR,
            "optimizers=[{sgd: {lr: 0.001, batch: 8, momentum: 0.9}}, {sgd: {name: drawn, lr: 0.001, batch: 5, temperature: 1e-4}}]",
        ],
    ),
];

fn command(at: &Path, kind: &[&str], out: &str, every: Option<&str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gramflow"));
    command.current_dir(at).args(["run", "killed.yaml", "--quiet", "--out", out]);
    command.args(kind.iter().flat_map(|set| ["--set", set])).args(every.iter().flat_map(|every| ["--checkpoint", every]));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// `cargo test --test command -- --ignored killed_runs --nocapture` also prints what checkpoints cost.
#[test]
#[ignore = "some minutes"]
fn two_hundred_kills_leave_no_trace() {
    const EACH: usize = 200 / KINDS.len();
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("killed.yaml"), BASE).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    for (name, sets) in KINDS {
        let begin = Instant::now();
        let calm = command(at, sets, "calm", None).output().unwrap();
        assert!(calm.status.success(), "{name}: {}", String::from_utf8_lossy(&calm.stderr));
        let whole = begin.elapsed();
        let (mut kills, mut rounds) = (0, 0);
        while kills < EACH {
            rounds += 1;
            loop {
                let mut child = command(at, sets, "run", Some("0.05s")).spawn().unwrap();
                // From soon after its start to beyond its end, so that it ends now and then.
                let moment = whole.mul_f64(0.2 + 1.2 * rng.random::<f64>());
                thread::sleep(moment);
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
            assert_same(&at.join("run"), &at.join("calm"));
            fs::remove_dir_all(at.join("run")).unwrap();
        }
        println!("{name}: {kills} kills of {rounds} runs of {:.2} s", whole.as_secs_f64());
        fs::remove_dir_all(at.join("calm")).unwrap();
    }
}
