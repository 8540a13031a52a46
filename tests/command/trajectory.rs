//! `record.weights`: θ at every record, in `trajectory.npz`.

use std::fs;

use crate::harness::{bundled, gramflow, succeed};
use gramflow::{folder, npz};

#[test]
fn the_weights_over_time_are_those_that_were_observed() {
    let at = tempfile::tempdir().unwrap();
    let path = bundled("quickstart");
    let run = |out: &str, more: &[&str]| {
        let fixed = ["run", path.to_str().unwrap(), "--out", out, "--set", "flow.t_end=5", "--set", "record.log.points=20"];
        let net =
            ["--set", "network.bias=[true, false, true]", "--set", "optimizers=[gd: {lr: 0.01}, adam: {lr: 0.001, steps: 40}]"];
        succeed(at.path(), &[&fixed[..], &net, more].concat());
    };
    run("plain", &[]);
    run("out", &["--set", "record.weights=true"]);
    let folder = at.path().join("out");
    assert!(!at.path().join("plain/trajectory.npz").exists());
    let bytes = |out: &str| fs::read(at.path().join(out).join("records.parquet")).unwrap();
    assert!(bytes("plain") == bytes("out"));

    let trajectory = npz::read(&folder.join("trajectory.npz")).unwrap();
    let (weights, run_read) = (npz::read(&folder.join("weights.npz")).unwrap(), folder::read(&folder).unwrap());
    // W1 to W3, b1 and b3, and t.
    assert_eq!(trajectory.len(), 3 * 6);
    for process in ["flow", "gd", "adam"] {
        let array = |name: &str| &trajectory[&format!("{process}/{name}")];
        let (t, norms) = (run_read.table.floats(process, "t"), run_read.table.floats(process, "weight_norm"));
        assert_eq!(array("t").data, t);
        assert_eq!((&array("W1").shape[..], &array("b3").shape[..]), (&[t.len(), 10, 10][..], &[t.len(), 10][..]));
        for (k, norm) in norms.iter().enumerate() {
            let square = |name: &str| array(name).row(k).iter().map(|w| w * w).sum::<f64>();
            let all: f64 = ["W1", "W2", "W3", "b1", "b3"].into_iter().map(square).sum();
            assert!((all.sqrt() / norm - 1.0).abs() < 1e-14, "{process} {k}");
        }
        for name in ["W1", "W2", "W3", "b1", "b3"] {
            assert_eq!(weights[&format!("{process}/{name}")].data, *array(name).row(t.len() - 1), "{process}/{name}");
            assert_eq!(array(name).row(0), trajectory[&format!("flow/{name}")].row(0));
        }
    }
    succeed(at.path(), &["plot", "out"]);
    succeed(at.path(), &["report", "out"]);
    // A run without leaves none of an earlier one.
    run("out", &[]);
    assert!(!folder.join("trajectory.npz").exists());
}

#[test]
fn units_of_a_sweep_keep_them_and_too_many_are_refused() {
    let at = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(bundled("quickstart")).unwrap().replace("t_end: 300.0", "t_end: 1.0");
    fs::write(at.path().join("sweep.yaml"), format!("{text}sweep: {{seeds: 2}}\n")).unwrap();
    succeed(at.path(), &["sweep", "run", "sweep.yaml", "--out", "grid", "--set", "record.weights=true"]);
    let units: Vec<_> = fs::read_dir(at.path().join("grid/units")).unwrap().map(|unit| unit.unwrap().path()).collect();
    assert_eq!(units.len(), 2);
    for unit in units {
        let trajectory = npz::read(&unit.join("trajectory.npz")).unwrap();
        assert_eq!(trajectory["flow/W2"].shape[1..], [10, 10]);
    }
    let many = ["--set", "record={linear: {points: 1000000}, weights: true}"];
    let refused =
        gramflow(at.path(), &[&["run", bundled("quickstart").to_str().unwrap(), "--max-memory", "100MB"], &many[..]].concat());
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && message.contains("record fewer times"), "{message}");
}
