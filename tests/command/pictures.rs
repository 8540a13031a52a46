//! `pictures:` of a sweep: checked before anything is run, drawn when everything is, drawn again from what stands.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::harness::{gramflow, succeed};

const SWEEP: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
flow: {t_end: 2.0}
record: {linear: {points: 5}}
optimizers: [{gd: {lr: 0.05}}, {adam: {lr: 0.01}}]
sweep:
  grid: {weight_decay: [0, 0.1], network.widths: [[4, 3, 3], [4, 4, 4, 3]]}
  seeds: 2
pictures:
  - title: the loss
    panels:
      - {show: {over_time: {y: loss}}, lines: process, where: {depth: 2}}
      - {show: {at_end: {x: weight_decay, y: balance_gap_2}}, lines: depth}
  - name: peaks
    title: peaks
    panels: [{show: peaks, lines: weight_decay}]
";

/// A folder with `tiny.yaml`, in which `from` is replaced by `to`.
fn at(from: &str, to: &str) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    assert!(SWEEP.contains(from));
    fs::write(at.path().join("tiny.yaml"), SWEEP.replace(from, to)).unwrap();
    at
}

/// When each unit was written.
fn units(folder: &Path) -> BTreeMap<String, SystemTime> {
    let entries = fs::read_dir(folder.join("units")).unwrap().map(Result::unwrap);
    let written = |entry: &fs::DirEntry| entry.path().join("manifest.json").metadata().unwrap().modified().unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), written(&entry))).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_sweep_draws_its_pictures_and_plot_draws_them_again_without_running_a_unit() {
    let at = at("", "");
    let at = at.path();
    let printed = succeed(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    assert!(printed.contains("pictures: out/figures"), "{printed}");
    let drawn = files(&at.join("out/figures"));
    assert_eq!(drawn.keys().collect::<Vec<_>>(), ["peaks.png", "peaks.svg", "tiny.png", "tiny.svg"]);
    let svg = String::from_utf8(drawn["tiny.svg"].clone()).unwrap();
    // `lines: process` is every process, not the flow alone.
    assert!(["flow", "gd", "adam"].iter().all(|process| svg.contains(process)), "{svg}");
    // The arrays that the curve is drawn from were kept.
    assert!(!String::from_utf8(drawn["peaks.svg"].clone()).unwrap().contains("without a curve"));

    let before = units(&at.join("out"));
    fs::remove_dir_all(at.join("out/figures")).unwrap();
    let printed = succeed(at, &["plot", "out"]);
    assert_eq!(printed.lines().count(), 4);
    assert!(drawn == files(&at.join("out/figures")));
    succeed(at, &["report", "out"]);
    assert_eq!(fs::read_to_string(at.join("out/report.html")).unwrap().matches("<svg").count(), 2);

    // Other pictures of the same units: nothing is run.
    let text = SWEEP.replace("name: peaks", "name: again").replace("title: the loss", "title: losses");
    fs::write(at.join("tiny.yaml"), text).unwrap();
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    assert!(at.join("out/figures/again.svg").exists());
    assert!(fs::read_to_string(at.join("out/figures/tiny.svg")).unwrap().contains("losses"));
    assert_eq!(before, units(&at.join("out")));
}

#[test]
fn shards_draw_once_they_are_together() {
    let at = at("", "");
    let at = at.path();
    for shard in ["1/2", "2/2"] {
        let folder = format!("shard-{}", &shard[..1]);
        let printed = succeed(at, &["sweep", "run", "tiny.yaml", "--shard", shard, "--out", &folder]);
        assert!(printed.contains(&format!("gramflow plot {folder}")), "{printed}");
        assert!(!at.join(&folder).join("figures").exists());
    }
    succeed(at, &["sweep", "merge", "shard-1", "shard-2", "--out", "all"]);
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "whole"]);
    assert!(files(&at.join("all/figures")) == files(&at.join("whole/figures")));
    // A part alone says that it is one.
    let output = gramflow(at, &["plot", "shard-1"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("the pictures show 4 of 8 units"), "{errors}");
}

#[test]
fn units_that_kept_no_arrays_are_told_of() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("tiny.yaml"), SWEEP.split("pictures:").next().unwrap()).unwrap();
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    let output = gramflow(at, &["plot", "out"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("is a sweep without pictures: add `pictures:`"), "{errors}");

    let before = units(&at.join("out"));
    fs::write(at.join("tiny.yaml"), SWEEP).unwrap();
    let output = gramflow(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("8 of 8 units have no arrays"), "{errors}");
    assert_eq!(before, units(&at.join("out")));
}

#[test]
fn what_no_unit_has_is_refused_with_its_place_and_what_would_be_right() {
    for (from, to, says) in [
        (
            "{y: loss}",
            "{y: lss}",
            "tiny.yaml:13:29: pictures[0].panels[0].show.over_time.y: no unit records `lss`, did you mean `loss`? (columns here: step, t, ",
        ),
        (
            "y: balance_gap_2}",
            "y: balance_gap_3}",
            "pictures[0].panels[1].show.at_end.y: no unit records `balance_gap_3`, did you mean `balance_gap_",
        ),
        (
            "where: {depth: 2}",
            "where: {depth: 4}",
            "pictures[0].panels[0].where.depth: no unit has depth = 4: the values are 2, 3",
        ),
        (
            "where: {depth: 2}",
            "processes: [flow, adm]",
            "pictures[0].panels[0].processes[1]: no unit has a process `adm`, did you mean `adam`? (processes here: flow, gd, adam)",
        ),
        ("lines: depth", "lines: dpth", "pictures[0].panels[1].lines: `dpth` varies in no unit, did you mean `depth`?"),
        ("  - name: peaks\n    title: peaks", "  - title: peaks", "pictures[1]: an earlier picture has no `name` either"),
    ] {
        let at = at(from, to);
        for words in [&["check", "tiny.yaml"][..], &["sweep", "run", "tiny.yaml", "--out", "out"], &["figures", "tiny.yaml"]] {
            let output = gramflow(at.path(), words);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{to}, {words:?}: {errors}");
            assert!(errors.contains(says), "{to}, {words:?}: {errors}");
            assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "{to}, {words:?}: something was written");
        }
    }
    let right = at("", "");
    assert_eq!(succeed(right.path(), &["check", "tiny.yaml"]), "tiny.yaml: ok: tiny (8 units)\n");
}

#[test]
fn figures_takes_the_file_of_a_scenario_whatever_it_is_called() {
    let at = at("", "");
    let at = at.path();
    fs::rename(at.join("tiny.yaml"), at.join("sw.yaml")).unwrap();
    succeed(at, &["figures", "sw.yaml"]);
    let made = files(&at.join("figures"));
    let names: Vec<&str> = made.keys().map(String::as_str).filter(|name| !name.starts_with('.')).collect();
    assert_eq!(names, ["claims.md", "peaks.png", "peaks.svg", "tiny.json", "tiny.png", "tiny.svg"]);
    // Its sweep's folder can be plotted by itself.
    let runs = fs::read_dir(at.join("runs/figures")).unwrap().next().unwrap().unwrap().path();
    succeed(at, &["plot", runs.to_str().unwrap()]);
    // No folder of figures is needed, and none is made up.
    let output = gramflow(at, &["figures", "nothing"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no figures in scenarios/paper"));
}

/// Names in a file of a folder are anybody's.
#[test]
fn a_kept_picture_cannot_leave_its_folder() {
    let at = at("", "");
    let at = at.path();
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    let path = at.join("out/pictures.json");
    let text = fs::read_to_string(&path).unwrap().replace("\"peaks\",\n    \"title", "\"../../victim\",\n    \"title");
    assert!(text.contains("victim"));
    fs::write(&path, text).unwrap();
    let output = gramflow(at, &["plot", "out"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && errors.contains("pictures[1].name: must be of a-z, 0-9 and -"), "{errors}");
    assert!(!at.join("victim.svg").exists());
}
