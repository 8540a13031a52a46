//! The command line: exit statuses, messages, and that nothing is written when something is wrong.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{bundled, gramflow, succeed};

/// Every key that can be used so far, one to a line.
const SCENARIO: &str = "\
name: whole
description: every key that can be used
seed: 3
data:
  synthetic:
    inputs:
      dim: 6
      samples: 40
      distribution: gaussian
      condition: 1.0
      whiten: true
    target:
      low_rank:
        rank: 2
        outputs: 3
        link: identity
        singular_values: [2.0, 1.0]
    noise: 0.1
    test: 20
network:
  widths: [6, 5, 3]
  activations: identity
  bias: false
init:
  balanced:
    scale: 0.5
    singular_values: [1.0, 0.5]
    imbalance: 0.1
loss: mse
weight_decay: 1.0e-2
flow:
  t_end: 2.0
  integrator:
    rk4:
      step: 0.01
  rtol: 1.0e-6
  atol: 1.0e-9
  preserve: none
  certify: false
  max_steps: 100000
  kink: 1.0e-6
record:
  log:
    points: 5
    first: 1.0e-2
optimizers:
  - gd:
      name: slow
      lr: 0.01
      steps: 50
measure: []
claims: []
";

/// Values out of the range of the key that ends in this path.
const OUT_OF_RANGE: &[(&str, &str)] = &[
    ("name", "Capital"),
    ("seed", "-1"),
    ("dim", "0"),
    ("samples", "0"),
    ("condition", "0.5"),
    ("rank", "7"),
    ("outputs", "0"),
    ("singular_values", "[1.0, -1.0]"),
    ("noise", "-0.1"),
    ("test", "-1"),
    ("widths", "[6, 0, 3]"),
    ("scale", "0.0"),
    ("imbalance", "-1.0"),
    ("weight_decay", "-1.0e-3"),
    ("t_end", "0.0"),
    ("step", "-0.01"),
    ("rtol", "2.0"),
    ("atol", "0.0"),
    ("max_steps", "0"),
    ("kink", "-1.0"),
    ("points", "1"),
    ("first", "5.0"),
    ("lr", "0.0"),
    ("steps", "0"),
];

/// Line number from 1, key and value of every line that has a key.
fn keys() -> Vec<(usize, String, String)> {
    let keyed = |(index, line): (usize, &str)| {
        let (key, value) = line.trim_start_matches([' ', '-']).split_once(':')?;
        Some((index + 1, key.to_string(), value.trim().to_string()))
    };
    SCENARIO.lines().enumerate().filter_map(keyed).collect()
}

fn with_line(number: usize, edit: impl Fn(&str) -> String) -> String {
    let line = |(index, line): (usize, &str)| if index + 1 == number { edit(line) } else { line.to_string() };
    SCENARIO.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// `gramflow run` refuses the text with status 2, names this line and key, and writes nothing.
fn assert_refused(text: &str, line: usize, key: &str) {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("scenario.yaml"), text).unwrap();
    let output = gramflow(at.path(), &["run", "scenario.yaml"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}\n{text}");
    let named = message.lines().any(|message| message.starts_with(&format!("scenario.yaml:{line}:")) && message.contains(key));
    assert!(named, "line {line}, key {key}:\n{message}");
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "something was written");
}

#[test]
fn the_whole_scenario_runs() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("scenario.yaml"), SCENARIO).unwrap();
    assert!(succeed(at.path(), &["check", "scenario.yaml"]).contains("ok"));
    succeed(at.path(), &["run", "scenario.yaml"]);
}

#[test]
fn every_key_misspelt_is_refused_where_it_stands() {
    for (line, key, _) in keys() {
        let misspelt = with_line(line, |text| text.replacen(&format!("{key}:"), &format!("{key}x:"), 1));
        assert_refused(&misspelt, line, &format!("{key}x"));
    }
}

#[test]
fn every_value_of_a_wrong_type_is_refused_where_it_stands() {
    for (line, key, value) in keys().into_iter().filter(|(_, _, value)| !value.is_empty()) {
        let wrong = if value.starts_with('[') { "7" } else { "[[]]" };
        assert_refused(&with_line(line, |text| text.replacen(&value, wrong, 1)), line, &key);
    }
}

#[test]
fn every_number_out_of_range_is_refused_where_it_stands() {
    for (key, wrong) in OUT_OF_RANGE {
        for (line, _, value) in keys().into_iter().filter(|(_, own, _)| own == key) {
            let start = |text: &str| text.split(':').next().unwrap().to_string();
            assert!(!value.is_empty());
            assert_refused(&with_line(line, |text| format!("{}: {wrong}", start(text))), line, key);
        }
    }
}

/// Files that a valid scenario names, but that hold something else.
#[test]
fn files_that_do_not_fit_are_refused_at_the_key_that_names_them() {
    let at = tempfile::tempdir().unwrap();
    let array = |shape: [usize; 2]| gramflow::npz::Array::new(&shape, vec![0.5; shape[0] * shape[1]]);
    let files =
        |entries: &[(&str, [usize; 2])]| entries.iter().map(|(name, shape)| (name.to_string(), array(*shape))).collect();
    let write =
        |name: &str, entries: &[(&str, [usize; 2])]| gramflow::npz::write(&at.path().join(name), &files(entries)).unwrap();
    write("narrow.npz", &[("X", [9, 2]), ("Y", [9, 3])]);
    write("no-y.npz", &[("X", [9, 6])]);
    write("uneven.npz", &[("X", [9, 6]), ("Y", [8, 3])]);
    write("w0.npz", &[("W1", [5, 6]), ("W2", [5, 3])]);
    let huge =
        |name: &str, shape: [usize; 2]| (name.to_string(), gramflow::npz::Array::new(&shape, vec![1e200; shape[0] * shape[1]]));
    gramflow::npz::write(&at.path().join("huge.npz"), &[huge("W1", [5, 6]), huge("W2", [3, 5])].into()).unwrap();
    gramflow::npz::write(&at.path().join("huge-y.npz"), &[("X".to_string(), array([9, 6])), huge("Y", [9, 3])].into()).unwrap();
    fs::write(at.path().join("scenario.yaml"), SCENARIO).unwrap();
    fs::write(at.path().join("table.csv"), "x,y\n1,2\n").unwrap();
    write("small-names.npz", &[("x", [9, 6]), ("y", [9, 3])]);
    write("turned.npz", &[("X", [6, 9]), ("Y", [3, 9])]);
    let mut gap = array([9, 6]);
    gap.data[2 * 6 + 4] = f64::NAN;
    gramflow::npz::write(&at.path().join("gap.npz"), &[("X".to_string(), gap), ("Y".to_string(), array([9, 3]))].into())
        .unwrap();
    for (set, says) in [
        ("data={file: {path: table.csv}}", "but text: read it with pandas.read_csv, and write its columns with numpy.savez"),
        ("data={file: {path: small-names.npz}}", "there is no array `X`, but there is `x`, `y`: it needs X and Y"),
        ("data={file: {path: turned.npz}}", "X has 6 samples and Y has 3: each row is a sample: store the transposes of both"),
        ("data={file: {path: gap.npz}}", "`X`[2, 4] is NaN: fill in what is missing, or leave it out"),
        ("data={file: {path: nowhere.npz}}", "nowhere.npz"),
        ("data={file: {path: scenario.yaml}}", "numpy.savez"),
        ("data={file: {path: narrow.npz}}", "2 columns"),
        ("data={file: {path: no-y.npz}}", "`Y`"),
        ("data={file: {path: uneven.npz}}", "8"),
        ("init={file: {path: w0.npz}}", "`W2` has shape [5, 3]"),
        ("init={file: {path: huge.npz}}", "start from smaller weights"),
        ("data={file: {path: huge-y.npz}}", "scale the data"),
    ] {
        let output = gramflow(at.path(), &["run", "scenario.yaml", "--set", set]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with(&format!("--set {set}")) && message.contains(says), "{set}: {message}");
    }
    assert!(!at.path().join("runs").exists());
}

#[test]
fn check_reads_all_and_names_the_wrong_ones() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("good.yaml"), SCENARIO).unwrap();
    fs::write(at.path().join("bad.yaml"), SCENARIO.replace("rtol", "rtoll")).unwrap();
    let output = gramflow(at.path(), &["check", "bad.yaml", "good.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("good.yaml: ok"));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("bad.yaml:"));
}

#[test]
fn every_bundled_scenario_is_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for (folder, least) in [(folder.clone(), 4), (folder.join("paper"), 6)] {
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let checked: Vec<String> = files.map(|path| succeed(&folder, &["check", path.to_str().unwrap()])).collect();
        assert!(checked.len() >= least, "{} in {}", checked.len(), folder.display());
    }
}

#[test]
fn new_writes_a_scenario_that_runs_and_never_overwrites() {
    let at = tempfile::tempdir().unwrap();
    assert_eq!(succeed(at.path(), &["new", "my-study"]), "my-study.yaml\ngramflow.schema.json\n");
    assert!(succeed(at.path(), &["explain", "my-study.yaml"]).contains("name: my-study"));
    succeed(at.path(), &["run", "my-study.yaml", "--set", "flow.t_end=1"]);
    assert_eq!(gramflow(at.path(), &["new", "my-study"]).status.code(), Some(2));
    assert_eq!(gramflow(at.path(), &["new", "My Study"]).status.code(), Some(2));
}

#[test]
fn wrong_command_lines_have_status_2() {
    let at = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (&["run"][..], "<SCENARIO>"),
        (&["dance"], "dance"),
        (&["run", "no-such.yaml"], "no-such.yaml"),
        (&["explain", "no-such.yaml"], "no-such.yaml"),
        (&["plot", "."], ". is not a run folder"),
        (&["plot", "no-such"], "there is no folder no-such: name one that gramflow has written"),
        (&["verify", "no-such"], "there is no folder no-such"),
        (&["plot", ".", "--color", "red"], "must be a curve of the legend and its colour, such as gd=#d55e00"),
    ] {
        let output = gramflow(at.path(), arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(says), "{arguments:?}: {errors}");
    }
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"]] {
        assert_eq!(gramflow(at.path(), arguments).status.code(), Some(0));
    }
}

/// `gramflow explain … | head -1`: a reader that has seen enough is no failure.
#[test]
fn a_closed_pipe_is_success() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gramflow"))
        .args(["explain", bundled("quickstart").to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
