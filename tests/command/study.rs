//! `gramflow study integrators`: the table, the folder, and the laws of the diagram.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::{bundled, gramflow, succeed};
use gramflow::folder::read_study;
use gramflow::record::{Table, Values};
use serde_json::Value;

/// quickstart, shortened: not stiff.
fn arguments<'a>(scenario: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["study", "integrators", scenario.to_str().unwrap(), "--set", "flow.t_end=5"];
    arguments.extend(more);
    arguments
}

fn study(at: &Path, more: &[&str]) -> String {
    succeed(at, &arguments(&bundled("quickstart"), more))
}

fn refused(at: &Path, more: &[&str]) -> Output {
    gramflow(at, &arguments(&bundled("quickstart"), more))
}

fn texts(table: &Table, name: &str) -> Vec<String> {
    let Some(Values::Text(values)) = table.column(name) else { panic!("{name} is text") };
    values.iter().map(str::to_string).collect()
}

/// The numbers or counts of `method`, in order.
fn numbers(table: &Table, method: &str, name: &str) -> Vec<f64> {
    match table.column(name) {
        Some(Values::Integer(counts)) => table.rows_of(method).map(|row| counts[row] as f64).collect(),
        _ => table.floats(method, name),
    }
}

#[test]
fn every_method_pays_more_for_less_error() {
    let at = tempfile::tempdir().unwrap();
    let printed = study(at.path(), &["--rtol", "1e-7,1e-4,1e-10", "--out", "out"]);
    let table = read_study(&at.path().join("out")).unwrap();
    let methods = table.processes();
    assert!(methods.len() >= 7 && methods.contains(&"auto") && methods.contains(&"rk4"), "{methods:?}");
    for method in methods {
        let (errors, gradients) = (numbers(&table, method, "error"), numbers(&table, method, "gradients"));
        assert!(errors.windows(2).all(|pair| pair[1] < 0.3 * pair[0]), "{method}: {errors:?}");
        assert!(gradients.windows(2).all(|pair| pair[1] > pair[0]), "{method}: {gradients:?}");
        let residuals = numbers(&table, method, "balance_law_residual_relative");
        // Gauss keeps the law to rounding at every tolerance.
        let kept = method.starts_with("gauss") && residuals.iter().all(|&residual| residual < 1e-13);
        assert!(kept || residuals.windows(2).all(|pair| pair[1] < pair[0]), "{method}: {residuals:?}");
        assert!(errors[0] < 1e-2, "{method}: {errors:?}");
        assert!(printed.lines().any(|line| line.trim_start().starts_with(&format!("{method} "))), "{printed}");
    }
    // Of order 4: half the step, a sixteenth of the error.
    let rk4 = numbers(&table, "rk4", "error");
    let order = (rk4[1] / rk4[2]).log2();
    assert!((order - 4.0).abs() < 0.5, "{order}");
    // From loose to tight, whatever the order on the command line.
    assert_eq!(numbers(&table, "dopri5", "rtol"), [1e-4, 1e-7, 1e-10]);
}

#[test]
fn the_folder_holds_the_table_the_manifest_and_two_pictures() {
    let at = tempfile::tempdir().unwrap();
    // 1e-11/1e-9 is 0.009999999999999998.
    let tolerances = ["--set", "flow.rtol=1e-9", "--set", "flow.atol=1e-11"];
    let words = [&["--rtol", "1e-6", "--methods", "tsit5,rkc", "--json"][..], &tolerances].concat();
    let printed: Value = serde_json::from_str(&study(at.path(), &words)).unwrap();
    let folder = at.path().join(printed["study_folder"].as_str().unwrap());
    let hash = printed["scenario_hash"].as_str().unwrap();
    assert_eq!(folder, at.path().join(format!("runs/quickstart-{}-integrators", &hash[..8])));
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    for key in ["version", "git_revision", "scenario_hash", "seed", "host", "methods", "rtol", "reference", "reference_floor"] {
        assert_eq!(manifest[key], printed[key], "{key}");
    }
    assert!(manifest["caption"].as_str().unwrap().contains(", atol = 0.01·rtol. "), "{}", manifest["caption"]);
    // Two methods that agree, and how well.
    assert_eq!(manifest["reference"].as_array().unwrap().len(), 2);
    assert!(manifest["reference_floor"].as_f64().unwrap() < 1e-10);
    assert_eq!(printed["points"].as_array().unwrap().len(), 2);

    let table = read_study(&folder).unwrap();
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    for (name, value) in printed["points"][0].as_object().unwrap() {
        assert!(columns.contains(&name.as_str()), "{name}: {value}");
    }
    assert_eq!(texts(&table, "method"), ["tsit5", "rkc"]);
    assert_eq!(texts(&table, "termination"), ["t_end", "t_end"]);
    assert_eq!(numbers(&table, "rkc", "atol"), [1e-6 * (1e-11 / 1e-9)]);
    for file in ["scenario.json", "figures/work_precision.svg", "figures/work_precision.png", "figures/tolerance.svg"] {
        assert!(folder.join(file).metadata().unwrap().len() > 500, "{file}");
    }
    assert_eq!(fs::read_dir(at.path().join("runs")).unwrap().count(), 1);
}

/// All but wall times.
#[test]
fn the_same_scenario_gives_the_same_points() {
    let at = tempfile::tempdir().unwrap();
    let points = |out: &str| {
        study(at.path(), &["--rtol", "1e-4,1e-6", "--methods", "dopri5,rkc,rk4", "--out", out]);
        let mut table = read_study(&at.path().join(out)).unwrap();
        table.columns.retain(|column| column.name != "wall_seconds");
        format!("{table:?}")
    };
    assert_eq!(points("a"), points("b"));
    // And a second study replaces the first.
    assert_eq!(points("a"), points("b"));
}

#[test]
fn what_a_point_lacks_is_said_not_dropped() {
    let at = tempfile::tempdir().unwrap();
    // Enough for the references, not for rkc: it is of order 2.
    let words = ["--methods", "rkc,rock4", "--rtol", "1e-3,1e-13", "--set", "flow.max_steps=12000", "--out", "out"];
    let printed = study(at.path(), &words);
    let table = read_study(&at.path().join("out")).unwrap();
    assert_eq!(texts(&table, "termination"), ["t_end", "max_steps", "t_end", "t_end"], "{printed}");
    assert!(numbers(&table, "rkc", "error")[1].is_nan());
    assert!(numbers(&table, "rkc", "t_reached")[1] < 5.0);
    let picture = fs::read_to_string(at.path().join("out/figures/work_precision.svg")).unwrap();
    assert!(picture.contains("Not at T: rkc at rtol 10⁻¹³ (max_steps)."));
    // rock4 beyond what its own reference can resolve.
    let Some(Values::Flag(limited)) = table.column("reference_limited") else { panic!() };
    assert_eq!(*limited, [false, false, false, true]);
    assert!(printed.contains("* less than 10 times") && picture.contains("hollow"));
}

/// At atol = rtol/1000, methods of rtol 1e-6 tell weights above 1e-7 from 0, and references those above 1e-13.
#[test]
fn a_start_that_no_tolerance_resolves_is_warned_of() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let text = "
name: small
data: {synthetic: {inputs: {dim: 3, samples: 20}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 2, 2]}
flow: {t_end: 20.0, rtol: 1.0e-8, atol: 1.0e-11}
";
    fs::write(at.join("small.yaml"), text).unwrap();
    let warned = |std: &str, more: &[&str]| {
        let std = format!("init={{gaussian: {{std: {std}}}}}");
        let words = ["study", "integrators", "small.yaml", "--out", "out", "--rtol", "1e-3,1e-6", "--set", &std];
        let output = gramflow(at, &[&words[..], more].concat());
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{printed}");
        let manifest = fs::read_to_string(at.join("out/manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        let warnings = manifest["warnings"].as_array().unwrap();
        let warning = warnings.iter().map(|warning| warning.as_str().unwrap()).find(|text| text.contains("leave a saddle"))?;
        assert!(printed.contains(warning), "{printed}");
        Some(warning.to_string())
    };
    let (dopri5, rk4) = (["--methods", "dopri5,rk4"], ["--methods", "rk4"]);
    let coarse = "of which atol = 1e-9 at rtol = 1e-6 lets a step err by more than 1 %: ";
    for (std, who) in [("1.0e-9", "the methods may leave"), ("1.0e-30", "methods and reference may leave")] {
        let warning = warned(std, &dopri5).unwrap();
        assert!(
            warning.contains(&format!("{coarse}{who}")) && warning.ends_with("start from weights of 1e-7 or larger"),
            "{warning}"
        );
        // What it asks for is enough, whatever the tolerances are.
        let atol = warning.split_once("set flow.atol to ").unwrap().1.split_once(" or lower").unwrap().0;
        assert_eq!(warned(std, &[&dopri5[..], &["--set", &format!("flow.atol={atol}")]].concat()), None);
    }
    assert_eq!(warned("1.0e-9", &rk4), None);
    let warning = warned("1.0e-30", &rk4).unwrap();
    assert!(warning.contains("the reference may leave") && !warning.contains("methods"), "{warning}");
    assert_eq!(warned("1.0e-5", &dopri5), None);
}

#[test]
fn without_any_reference_the_study_fails_and_leaves_nothing() {
    let at = tempfile::tempdir().unwrap();
    let output = refused(at.path(), &["--set", "flow.max_steps=20"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("no reference") && message.contains("dop853") && message.contains("raise flow.max_steps"),
        "{message}"
    );
    let leftovers: Vec<_> = fs::read_dir(at.path().join("runs")).into_iter().flatten().collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
}

#[test]
fn wrong_words_are_refused_with_what_would_be_right() {
    let at = tempfile::tempdir().unwrap();
    for (words, says) in [
        (["--methods", "euler"], "auto, dopri5"),
        (["--methods", "dopri5,,rkc"], "auto, dopri5"),
        (["--rtol", "2"], "less than 1"),
        (["--rtol", "nan"], "less than 1"),
        (["--rtol", "1e-3,x"], "less than 1"),
    ] {
        let output = refused(at.path(), &words);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(message.contains(says), "{words:?}: {message}");
    }
    // A run's folder is no study's.
    fs::create_dir(at.path().join("run")).unwrap();
    fs::write(at.path().join("run/records.parquet"), "").unwrap();
    fs::write(at.path().join("run/manifest.json"), "").unwrap();
    assert_eq!(refused(at.path(), &["--out", "run"]).status.code(), Some(2));
}
