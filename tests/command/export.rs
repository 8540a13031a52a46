//! `gramflow export`: what a synthetic run was made of, as a file that makes it again.

use std::fs;

use crate::harness::{bundled, gramflow, succeed};
use gramflow::folder;
use gramflow::npz::{self, Array, Arrays};
use gramflow::record::Values;

/// A run on the exported data and start has the records of the synthetic one, bit for bit, minibatches included.
#[test]
fn an_export_makes_the_same_run_again() {
    let at = tempfile::tempdir().unwrap();
    let synthetic = at.path().join("synthetic.yaml");
    let text = fs::read_to_string(bundled("quickstart")).unwrap();
    let text = text.replace("t_end: 300.0", "t_end: 5.0").replace(
        "  - gd: {lr: 0.01}\n",
        "  - gd: {lr: 0.01}\n  - sgd: {lr: 0.01, batch: 64}\n  - sgd: {name: drawn, lr: 0.02, batch: 50, replacement: true}\n",
    );
    fs::write(&synthetic, &text).unwrap();
    let sets =
        ["--set", "network.bias=true", "--set", "network.activations=tanh", "--set", "data.synthetic.inputs.condition=4"];
    let test = ["--set", "data.synthetic.test=30"];
    let with = |command: &[&'static str]| [command, &["synthetic.yaml"][..], &sets, &test].concat();
    succeed(at.path(), &[&with(&["run"])[..], &["--out", "first"]].concat());
    succeed(at.path(), &[&with(&["export"])[..], &["--out", "all.npz"]].concat());

    let data = text.find("data:").unwrap()..text.find("network:").unwrap();
    let mut again =
        text.replace(&text[data], "data: {file: {path: all.npz}}\n").replace("init: pytorch", "init: {file: {path: all.npz}}");
    again.push_str("claims: []\n");
    fs::write(at.path().join("again.yaml"), again).unwrap();
    succeed(at.path(), &[&["run", "again.yaml", "--out", "second"][..], &sets[..4]].concat());
    let table = |out: &str| folder::read(&at.path().join(out)).unwrap().table;
    let (first, second) = (table("first"), table("second"));
    let mut compared = 0;
    for column in &second.columns {
        // Of the target's own columns a file knows nothing.
        let (Some(Values::Float(a)), Values::Float(b)) = (first.column(&column.name), &column.values) else { continue };
        let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
        let unknown = b.iter().all(|value| value.is_nan());
        assert!(same || unknown, "{}", column.name);
        compared += usize::from(same && !unknown);
    }
    assert!(compared > 20, "{compared}");

    let arrays = npz::read(&at.path().join("all.npz")).unwrap();
    assert_eq!((&arrays["X"].shape[..], &arrays["Y_test"].shape[..]), (&[200, 10][..], &[30, 10][..]));
    let steps = |name: &str| {
        let Some(Values::Integer(steps)) = first.column("step") else { panic!() };
        let Some(Values::Text(processes)) = first.column("process") else { panic!() };
        steps
            .iter()
            .zip(processes.iter())
            .filter(|(_, process)| *process == name)
            .map(|(step, _)| *step as usize)
            .max()
            .unwrap()
    };
    for (name, sizes) in [("sgd", &[64, 64, 64, 8][..]), ("drawn", &[50])] {
        let (rows, offsets) =
            (&arrays[&format!("batches/{name}/samples")].data, &arrays[&format!("batches/{name}/offsets")].data);
        assert_eq!(offsets.len(), steps(name) + 1);
        assert_eq!(*offsets.last().unwrap() as usize, rows.len());
        assert!(offsets.windows(2).zip(sizes.iter().cycle()).all(|(pair, size)| pair[1] - pair[0] == f64::from(*size)));
        assert!(rows.iter().all(|row| row.fract() == 0.0 && (0.0..200.0).contains(row)));
    }
    // An epoch takes every sample once.
    let mut epoch: Vec<i64> = arrays["batches/sgd/samples"].data[..200].iter().map(|row| *row as i64).collect();
    epoch.sort_unstable();
    assert!(epoch.into_iter().eq(0..200));
}

#[test]
fn an_export_replaces_exports_alone_and_too_many_batches_are_refused() {
    let at = tempfile::tempdir().unwrap();
    let path = bundled("quickstart");
    let scenario = path.to_str().unwrap();
    let first = succeed(at.path(), &["export", scenario]);
    assert!(first.starts_with("quickstart-") && first.ends_with(".npz\n"), "{first}");
    let bytes = fs::read(at.path().join(first.trim())).unwrap();
    assert_eq!(succeed(at.path(), &["export", scenario]), first);
    assert!(bytes == fs::read(at.path().join(first.trim())).unwrap());

    npz::write(&at.path().join("theirs.npz"), &Arrays::from([("X".to_string(), Array::vector(vec![1.0]))])).unwrap();
    fs::write(at.path().join("text.npz"), "mine").unwrap();
    for out in ["theirs.npz", "text.npz", "."] {
        let refused = gramflow(at.path(), &["export", scenario, "--out", out]);
        assert_eq!(refused.status.code(), Some(2), "{out}");
    }
    assert_eq!(fs::read_to_string(at.path().join("text.npz")).unwrap(), "mine");

    let many = "optimizers=[sgd: {lr: 0.01, batch: 100, steps: 100000000}]";
    let refused = gramflow(at.path(), &["export", scenario, "--set", many, "--out", "many.npz"]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(
        refused.status.code() == Some(2) && message.contains("optimizers[0]: its 100000000 steps of 100 samples"),
        "{message}"
    );
    assert!(message.contains("set fewer `steps`") && !at.path().join("many.npz").exists(), "{message}");
}
