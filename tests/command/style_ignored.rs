//! What a `style:` asks for and no picture has: refused where the scenario alone shows it, told where only the pictures do.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::gramflow;

const RUN: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 3, samples: 8}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 3, 2]}
flow: {t_end: 1.0}
record: {linear: {points: 4}}
";

const SWEEP: &str = "\
sweep: {grid: {weight_decay: [0, 0.5], seed: [0, 1]}}
pictures:
  - title: the loss
    panels:
      - {show: {over_time: {y: loss}}, lines: weight_decay}
      - {show: {map: {x: weight_decay, y: seed, value: loss}}}
";

/// The exit status and the lines about styles on standard error.
fn told(at: &Path, words: &[&str]) -> (Option<i32>, Vec<String>) {
    let output = gramflow(at, words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), errors.lines().filter(|line| line.contains("style")).map(str::to_string).collect())
}

#[test]
fn what_no_picture_of_a_run_has_is_a_warning_of_run_and_of_plot() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let style = "style: {format: svg, colors: [{curve: flwo, color: \"#010203\"}], axes: [{picture: loss, panel: f, x: {label: time}}]}\n";
    fs::write(at.join("s.yaml"), format!("{RUN}{style}")).unwrap();
    let (status, lines) = told(at, &["run", "s.yaml", "--out", "out"]);
    assert_eq!((status, lines.len()), (Some(0), 2), "{lines:?}");
    assert!(lines[0].starts_with("warning: style.colors: no curve is called `flwo`, did you mean `flow`?"), "{lines:?}");
    assert!(lines[1].starts_with("warning: style.axes: `loss` has no panel f: it has a"), "{lines:?}");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(at.join("out/manifest.json")).unwrap()).unwrap();
    let kept = |line: &String| manifest["warnings"].as_array().unwrap().contains(&line["warning: ".len()..].into());
    assert!(lines.iter().all(kept), "{}", manifest["warnings"]);
    assert_eq!(told(at, &["plot", "out"]), (Some(0), lines));
    assert_eq!(told(at, &["plot", "out", "--quiet"]), (Some(0), Vec::new()));
}

#[test]
fn a_resolution_without_a_png_is_a_warning() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let warning = "warning: style.dpi: changes nothing, as no PNG is drawn: add png to style.format, or remove it".to_string();
    let write = |format: &str| fs::write(at.join("s.yaml"), format!("{RUN}style: {{format: {format}, dpi: 100}}\n")).unwrap();
    write("[svg, pdf]");
    assert_eq!(told(at, &["run", "s.yaml", "--out", "out"]), (Some(0), vec![warning.clone()]));
    assert_eq!(told(at, &["plot", "out", "--format", "svg", "--dpi", "100"]), (Some(0), vec![warning]));
    assert_eq!(told(at, &["plot", "out", "--format", "png"]), (Some(0), Vec::new()));
    write("[svg, png]");
    assert_eq!(told(at, &["run", "s.yaml", "--out", "out"]), (Some(0), Vec::new()));
    // Without PNGs for once, the scenario is not wrong.
    assert_eq!(told(at, &["plot", "out", "--format", "svg"]), (Some(0), Vec::new()));
}

#[test]
fn what_a_picture_of_a_sweep_cannot_have_is_refused_or_told() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let check = |axes: &str| {
        fs::write(at.join("s.yaml"), format!("{RUN}{SWEEP}style: {{format: svg, axes: [{axes}]}}\n")).unwrap();
        let output = gramflow(at, &["check", "s.yaml"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (axes, says) in [
        ("{picture: tiny, panel: c, x: {label: time}}", "axes[0].panel: `tiny` has no panel c (panels here: a, b)"),
        ("{picture: tiny, panel: b, x: {limits: [0, 1]}}", "axes[0].x.limits: changes nothing: the rows and columns of a map"),
        ("{picture: tiny, panel: b, y: {scale: log}}", "axes[0].y.scale: changes nothing"),
    ] {
        let (status, errors) = check(axes);
        assert!(status == Some(2) && errors.contains(says), "{axes}: {errors}");
    }
    // What is said of all panels is for those that it can change.
    for axes in [
        "{x: {label: time}, y: {scale: log}}",
        "{picture: tiny, panel: b, x: {label: decay}}",
        "{picture: tiny, panel: a, y: {scale: log}}",
    ] {
        assert_eq!(check(axes).0, Some(0), "{axes}");
    }
    fs::write(
        at.join("s.yaml"),
        format!("{RUN}{SWEEP}style: {{format: svg, colors: [{{curve: \"λ = 1\", color: \"#010203\"}}]}}\n"),
    )
    .unwrap();
    let (status, lines) = told(at, &["sweep", "run", "s.yaml", "--out", "out"]);
    assert_eq!((status, lines.len()), (Some(0), 1), "{lines:?}");
    assert!(lines[0].contains("no curve is called `λ = 1`") && lines[0].contains("`λ = 0.5`"), "{lines:?}");
    assert_eq!(told(at, &["plot", "out"]), (Some(0), lines.clone()));
    fs::create_dir(at.join("paper")).unwrap();
    fs::rename(at.join("s.yaml"), at.join("paper/tiny.yaml")).unwrap();
    let (status, of_figures) = told(at, &["figures", "--scenarios", "paper"]);
    assert!(
        status == Some(0) && of_figures.len() == 1 && of_figures[0].contains("tiny: style.colors: no curve"),
        "{of_figures:?}"
    );
}
