//! `gramflow run` and `plot`: the run folder, its bytes, and how processes end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::harness::{bundled, gramflow, succeed};
use gramflow::npz;
use serde_json::Value;

/// quickstart, shortened.
const SHORT: [&str; 4] = ["--set", "flow.t_end=5", "--set", "record.log.points=30"];

fn run_short(at: &Path, scenario: &Path, out: &str, more: &[&str]) -> String {
    let mut arguments = vec!["run", scenario.to_str().unwrap(), "--out", out];
    arguments.extend(SHORT);
    arguments.extend(more);
    succeed(at, &arguments)
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_run_leaves_the_folder_of_the_contract() {
    let at = tempfile::tempdir().unwrap();
    let summary = run_short(at.path(), &bundled("quickstart"), "out", &[]);
    assert!(summary.contains("flow") && summary.contains("gd") && summary.contains("out"), "{summary}");
    // Where the time went, and what to do next.
    let [.., time, place, next] = &summary.lines().collect::<Vec<_>>()[..] else { panic!("{summary}") };
    let (total, parts) = time.split_once(" s: ").unwrap();
    let seconds = |text: &str| text.rsplit(' ').next().unwrap().trim_start_matches('<').parse::<f64>().unwrap();
    // What ran side by side is listed within the run.
    let parts = match parts.split_once(" (side by side: ") {
        Some((run, rest)) => format!("{run}{}", rest.split_once(')').unwrap().1),
        None => parts.to_string(),
    };
    let sum: f64 = parts.split(", ").map(seconds).sum();
    assert!((sum / seconds(total) - 1.0).abs() < 0.15 && parts.contains("pictures "), "{time}");
    assert_eq!((*place, *next), ("records, weights and figures: out", "next: gramflow report out makes one page of them"));
    // No number with more digits than mean anything.
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    assert!(summary.split_whitespace().all(|word| digits(word) <= 8), "{summary}");
    let folder = at.path().join("out");

    let manifest = json(folder.join("manifest.json"));
    for key in ["version", "git_revision", "scenario_hash", "seed", "host", "verdicts", "processes"] {
        assert!(manifest.get(key).is_some(), "{key}");
    }
    for process in ["flow", "gd"] {
        let process = &manifest["processes"][process];
        for count in ["steps_accepted", "steps_rejected", "gradients"] {
            assert!(process[count].is_u64(), "{count}");
        }
        assert!(process["wall_seconds"].is_f64());
        assert_eq!(process["termination"], "t_end");
    }
    // gd takes one gradient a step, and its last step is at t_end.
    assert_eq!(manifest["processes"]["gd"]["gradients"], 500);

    let run = gramflow::folder::read(&folder).unwrap();
    let t = run.table.floats("flow", "t");
    assert_eq!((t[0], t[t.len() - 1], t.len()), (0.0, 5.0, 31));
    for column in
        ["loss", "objective", "grad_norm", "weight_norm", "balance_gap", "balance_law_residual", "nfa_residual", "nfa_cosine"]
    {
        assert!(run.table.floats("flow", column).iter().all(|x| x.is_finite()), "{column}");
    }
    assert!(run.table.floats("gd", "distance_to_flow").iter().all(|d| d.is_finite()));
    let sv = &run.arrays["flow/sv_W1"];
    assert_eq!(sv.shape, [31, 10]);
    let weights = npz::read(&folder.join("weights.npz")).unwrap();
    assert_eq!(weights["gd/W3"].shape, [10, 10]);
    for figure in ["loss", "balance", "nfa", "alignment", "spectra", "spectra-by-index"] {
        for kind in ["svg", "png"] {
            assert!(folder.join("figures").join(format!("{figure}.{kind}")).metadata().unwrap().len() > 1000);
        }
    }
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "nothing but the run folder is left");
}

/// All but the manifest, which holds times.
const SAME_BYTES: [&str; 5] = ["records.parquet", "arrays.npz", "weights.npz", "figures/nfa.svg", "figures/nfa.png"];

fn assert_same(a: &Path, b: &Path) {
    for file in SAME_BYTES {
        assert!(fs::read(a.join(file)).unwrap() == fs::read(b.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn the_same_scenario_gives_the_same_bytes_and_so_does_its_resolved_form() {
    let at = tempfile::tempdir().unwrap();
    run_short(at.path(), &bundled("quickstart"), "a", &[]);
    run_short(at.path(), &bundled("quickstart"), "b", &[]);
    succeed(at.path(), &["run", "a/scenario.json", "--out", "c"]);
    let hash = |folder: &str| json(at.path().join(folder).join("manifest.json"))["scenario_hash"].clone();
    for other in ["b", "c"] {
        assert_same(&at.path().join("a"), &at.path().join(other));
        assert_eq!(hash("a"), hash(other));
    }
    // What explain prints is a scenario, and the same one.
    let explained = succeed(at.path(), &["explain", bundled("quickstart").to_str().unwrap()]);
    fs::write(at.path().join("explained.yaml"), explained).unwrap();
    run_short(at.path(), Path::new("explained.yaml"), "d", &[]);
    assert_eq!(hash("a"), hash("d"));
}

#[test]
fn another_seed_is_another_run() {
    let at = tempfile::tempdir().unwrap();
    run_short(at.path(), &bundled("quickstart"), "a", &[]);
    run_short(at.path(), &bundled("quickstart"), "b", &["--set", "seed=1"]);
    assert_ne!(fs::read(at.path().join("a/weights.npz")).unwrap(), fs::read(at.path().join("b/weights.npz")).unwrap());
}

#[test]
fn plot_draws_the_same_pictures_from_the_records_alone() {
    let at = tempfile::tempdir().unwrap();
    run_short(at.path(), &bundled("quickstart"), "a", &[]);
    run_short(at.path(), &bundled("quickstart"), "b", &[]);
    fs::remove_dir_all(at.path().join("b/figures")).unwrap();
    let listed = succeed(at.path(), &["plot", "b"]);
    assert_eq!(listed.lines().count(), 14);
    assert_same(&at.path().join("a"), &at.path().join("b"));
}

#[test]
fn data_and_start_from_files_are_found_beside_the_scenario_and_from_the_run_folder() {
    let at = tempfile::tempdir().unwrap();
    run_short(at.path(), &bundled("quickstart"), "a", &[]);
    // The end of one run as the start of another.
    let mut weights = npz::read(&at.path().join("a/weights.npz")).unwrap();
    weights.retain(|name, _| name.starts_with("flow/"));
    let weights = weights.into_iter().map(|(name, array)| (name.replace("flow/", ""), array)).collect();
    fs::create_dir(at.path().join("inputs")).unwrap();
    npz::write(&at.path().join("inputs/w0.npz"), &weights).unwrap();
    let text = fs::read_to_string(bundled("quickstart")).unwrap().replace("init: pytorch", "init: {file: {path: w0.npz}}");
    fs::write(at.path().join("inputs/on.yaml"), text).unwrap();
    run_short(at.path(), Path::new("inputs/on.yaml"), "b", &[]);
    succeed(at.path(), &["run", "b/scenario.json", "--out", "c"]);
    assert_same(&at.path().join("b"), &at.path().join("c"));
    let run = gramflow::folder::read(&at.path().join("b")).unwrap();
    let before = gramflow::folder::read(&at.path().join("a")).unwrap();
    assert_eq!(run.table.floats("flow", "loss")[0], *before.table.floats("flow", "loss").last().unwrap());
}

#[test]
fn json_is_the_manifest_and_says_where_the_run_lies() {
    let at = tempfile::tempdir().unwrap();
    let printed: Value = serde_json::from_str(&run_short(at.path(), &bundled("quickstart"), "a", &["--json"])).unwrap();
    let mut manifest = json(at.path().join("a/manifest.json"));
    manifest["run_folder"] = "a".into();
    assert_eq!(printed, manifest);
}

#[test]
fn without_out_the_folder_is_named_by_the_hash_and_a_second_run_replaces_it() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("quickstart");
    let mut arguments = vec!["run", scenario.to_str().unwrap(), "--json"];
    arguments.extend(SHORT);
    let first: Value = serde_json::from_str(&succeed(at.path(), &arguments)).unwrap();
    let expected = format!("runs/quickstart-{}", &first["scenario_hash"].as_str().unwrap()[..8]);
    assert_eq!(first["run_folder"], expected.as_str());
    fs::write(at.path().join(&expected).join("note"), "of the first run").unwrap();
    succeed(at.path(), &arguments);
    assert_eq!(fs::read_to_string(at.path().join(&expected).join("note")).unwrap(), "of the first run");
    assert_eq!(fs::read_dir(at.path().join("runs")).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_no_run_is_never_replaced() {
    let at = tempfile::tempdir().unwrap();
    fs::create_dir(at.path().join("thesis")).unwrap();
    fs::write(at.path().join("thesis/chapter-1.tex"), "…").unwrap();
    let output = gramflow(at.path(), &["run", bundled("quickstart").to_str().unwrap(), "--out", "thesis"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--out"));
    assert!(at.path().join("thesis/chapter-1.tex").exists());
}

/// A process that stops early is a result: its records, why, and what to change.
#[test]
fn early_ends_are_recorded_with_a_remedy() {
    let at = tempfile::tempdir().unwrap();
    let cases = [
        ("rk4", "flow.integrator={rk4: {step: 1.0}}", "flow", "diverged", "lower the step"),
        ("budget", "flow.max_steps=20", "flow", "max_steps", "flow.max_steps"),
        ("rate", "optimizers=[{gd: {lr: 1.0}}]", "gd", "diverged", "learning rate"),
    ];
    for (out, set, process, reason, remedy) in cases {
        // A budget for all: rtol 1e-15 is at rounding, and would take forever.
        let mut arguments = vec!["run".to_string(), bundled("quickstart").display().to_string()];
        arguments
            .extend(["--out", out, "--set", "flow.t_end=20", "--set", "flow.max_steps=3000", "--set", set].map(str::to_string));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = gramflow(at.path(), &arguments);
        let warnings = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{out}: {warnings}");
        assert!(warnings.contains(&format!("warning: {process}: ")) && warnings.contains(remedy), "{out}: {warnings}");
        let ended = json(at.path().join(out).join("manifest.json"))["processes"][process].clone();
        assert_eq!(ended["termination"], reason, "{out}");
        let run = gramflow::folder::read(&at.path().join(out)).unwrap();
        let t = run.table.floats(process, "t");
        // Everything up to the end, and the end itself.
        assert_eq!(t[t.len() - 1], ended["t_reached"].as_f64().unwrap(), "{out}");
        assert!(t.windows(2).all(|pair| pair[0] < pair[1]), "{out}: {t:?}");
        let weights = npz::read(&at.path().join(out).join("weights.npz")).unwrap();
        assert!(weights[&format!("{process}/W1")].data.iter().all(|x| x.is_finite()), "{out}");
    }
}

/// At a loose tolerance the flow is stability-limited and drifts: it reaches its end, and says that it is wrong.
#[test]
fn a_flow_that_breaks_the_balance_law_says_so() {
    let at = tempfile::tempdir().unwrap();
    let scenario = bundled("quickstart");
    let run = |out: &str, set: &str| gramflow(at.path(), &["run", scenario.to_str().unwrap(), "--out", out, "--set", set]);
    for (out, set, remedy) in [
        ("loose", "flow.rtol=1e-1", "lower flow.rtol to 1e-6"),
        ("coarse", "flow.integrator={rk4: {step: 0.25}}", "lower the step of rk4"),
    ] {
        let output = run(out, set);
        assert_eq!(output.status.code(), Some(0));
        let warnings = String::from_utf8_lossy(&output.stderr).to_string();
        assert!(warnings.contains("balance law is violated by") && warnings.contains(remedy), "{out}: {warnings}");
    }
    assert!(run("tight", "flow.rtol=1e-8").stderr.is_empty());
}

/// Killed at any moment, a run leaves no folder that looks finished.
#[test]
fn a_killed_run_leaves_no_run_folder() {
    let at = tempfile::tempdir().unwrap();
    for moment in 0..12u64 {
        let out = at.path().join(format!("run-{moment}"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
            .args(["run", bundled("quickstart").to_str().unwrap(), "--set", "flow.t_end=60", "--out"])
            .arg(&out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(40 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
        if out.exists() {
            // It was done before it was killed: then all of it is there.
            gramflow::folder::read(&out).unwrap();
            assert!(
                out.join("manifest.json").exists() && out.join("weights.npz").exists() && out.join("figures/loss.png").exists()
            );
        }
    }
}

/// Ten times its relaxation time: the flow ends once nothing moves, and gradient descent goes on beside the state it ended in.
#[test]
fn a_flow_that_has_converged_ends_and_optimizers_are_measured_against_its_last_state() {
    let at = tempfile::tempdir().unwrap();
    let set = ["flow.t_end=10000", "weight_decay=0.02", "optimizers=[{gd: {lr: 0.1}}]"];
    let mut arguments = vec!["run".to_string(), bundled("quickstart").display().to_string(), "--out".into(), "out".into()];
    arguments.extend(set.iter().flat_map(|set| ["--set".to_string(), set.to_string()]));
    let summary = succeed(at.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(summary.contains("flow: converged at t = ") && summary.contains("not recorded"), "{summary}");
    let flow = json(at.path().join("out/manifest.json"))["processes"]["flow"].clone();
    assert_eq!(flow["termination"], "converged");
    assert!(flow["gradients_monitoring"].as_u64() > Some(0));
    let run = gramflow::folder::read(&at.path().join("out")).unwrap();
    let (t, end) = (run.table.floats("gd", "t"), *run.table.floats("flow", "t").last().unwrap());
    assert!(end < 9000.0 && (t[t.len() - 1] - 10000.0).abs() < 1e-6);
    let distances = run.table.floats("gd", "distance_to_flow_relative");
    assert!(distances.iter().all(|d| d.is_finite()));
    // Both have converged to the same minimum, up to the rotations that gradient descent's step size has left.
    assert!(*distances.last().unwrap() < 0.1, "{distances:?}");
}

/// θ = 0 is a saddle that no flow leaves: at rest, not converged, and not worth a step.
#[test]
fn a_flow_on_a_saddle_is_at_rest() {
    let at = tempfile::tempdir().unwrap();
    let set = ["--set", "init={gaussian: {std: 1e-300}}", "--set", "weight_decay=0", "--set", "optimizers=[]"];
    let mut arguments = vec!["run", "scenario.yaml", "--out", "out", "--set", "flow.t_end=1e6", "--set", "claims=[converged]"];
    arguments.extend(set);
    fs::copy(bundled("quickstart"), at.path().join("scenario.yaml")).unwrap();
    let summary = succeed(at.path(), &arguments);
    assert!(
        summary.contains("there ∇J is 0 in float64") && summary.contains("even if this is a saddle or ∇J has only underflowed"),
        "{summary}"
    );
    let manifest = json(at.path().join("out/manifest.json"));
    assert_eq!(manifest["processes"]["flow"]["termination"], "at_rest");
    assert!(manifest["processes"]["flow"]["gradients"].as_u64() < Some(1000));
    assert_eq!(manifest["verdicts"]["converged"]["verdict"], "fails");
}

/// The flow of a scenario, as the manifest has it.
fn flow_of(text: &str) -> serde_json::Value {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("scenario.yaml"), text).unwrap();
    succeed(at.path(), &["run", "scenario.yaml", "--out", "out"]);
    json(at.path().join("out/manifest.json"))["processes"]["flow"].clone()
}

/// What is left to move at a strict minimum does not depend on the horizon: it is found within a few relaxation times, whatever the record
/// grid, where labels are noisy and the least loss is not 0.
#[test]
fn a_flow_converges_whatever_its_horizon() {
    let flow = |t_end: &str, record: &str| {
        flow_of(&format!(
            "name: base\nseed: 1\ndata:\n  synthetic:\n    inputs: {{dim: 4, samples: 50}}\n    target: {{low_rank: {{rank: 2, outputs: 3}}}}\n    \
             noise: 0.1\nnetwork: {{widths: [4, 5, 3]}}\ninit: {{balanced: {{imbalance: 0.5}}}}\nweight_decay: 0\n\
             flow: {{t_end: {t_end}}}\nrecord: {record}\n"
        ))
    };
    for (t_end, record) in
        [("1.0e+7", "{log: {points: 20}}"), ("3.0e+8", "{linear: {points: 5}}"), ("1.0e+5", "{log: {points: 20}}")]
    {
        let flow = flow(t_end, record);
        assert_eq!(flow["termination"], "converged", "{flow:#}");
        assert!(flow["t_reached"].as_f64() < Some(2e4) && flow["gradients"].as_u64() < Some(100_000), "{flow:#}");
        assert!(flow["gradients_monitoring"].as_u64() < Some(5000), "{flow:#}");
    }
}

/// A small start learns three modes one after another: a saddle before each, its objective and its times.
#[test]
fn each_saddle_has_its_plateau() {
    let flow = flow_of(
        "name: steps\ndata:\n  synthetic:\n    inputs: {dim: 5, samples: 100, whiten: true}\n    \
         target: {low_rank: {rank: 3, outputs: 5, singular_values: [4, 1, 0.25]}}\nnetwork: {widths: [5, 5, 5, 5]}\n\
         init: {gaussian: {std: 1.0e-3}}\nflow: {t_end: 1.0e+5}\nrecord: {log: {points: 5}}\n",
    );
    let events: Vec<&serde_json::Value> = flow["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["kind"].as_str().unwrap().starts_with("plateau"))
        .collect();
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["plateau", "plateau_end"].repeat(3), "{flow:#}");
    let objective = |event: &serde_json::Value| -> f64 {
        let detail = event["detail"].as_str().unwrap();
        detail.strip_prefix("objective ").unwrap().split(',').next().unwrap().parse().unwrap()
    };
    // ½Σσ² of the modes that are not learned yet.
    for (k, expected) in [8.53125, 0.53125, 0.03125].into_iter().enumerate() {
        let found = objective(events[2 * k]);
        assert!((found / expected - 1.0).abs() < 0.05, "plateau {k}: {found} {expected}");
    }
    let times: Vec<f64> = events.iter().map(|event| event["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] == 0.0, "{times:?}");
    assert!(times.chunks(2).all(|pair| pair[1] >= 2.0 * pair[0]), "{times:?}");
}

/// A budget that is spent at the very start would not do if it were larger: the advice is another.
#[test]
fn a_flow_that_cannot_leave_its_start_is_not_told_to_take_more_steps() {
    let at = tempfile::tempdir().unwrap();
    fs::copy(bundled("quickstart"), at.path().join("scenario.yaml")).unwrap();
    let run = |sets: &[&str]| {
        let mut arguments = vec!["run", "scenario.yaml", "--out", "out", "--set", "optimizers=[]"];
        arguments.extend(sets.iter().flat_map(|set| ["--set", set]));
        String::from_utf8_lossy(&gramflow(at.path(), &arguments).stderr).to_string()
    };
    let hopeless = run(&["flow.max_steps=100", "init={gaussian: {std: 1e30}}"]);
    assert!(hopeless.contains("more steps will not bring it there") && !hopeless.contains("max_steps"), "{hopeless}");
    assert!(hopeless.contains("e-"), "{hopeless}");
    assert!(run(&["flow.max_steps=100"]).contains("raise flow.max_steps"));
}
