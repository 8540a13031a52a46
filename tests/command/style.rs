//! `style:` of a scenario, and the options of `plot` and `figures` that say the same: pictures for papers.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::harness::{gramflow, succeed};

const RUN: &str = "\
name: tiny
data: {synthetic: {inputs: {dim: 4, samples: 20}, target: {low_rank: {rank: 1, outputs: 3}}}}
network: {widths: [4, 3, 3]}
weight_decay: 0.1
flow: {t_end: 2.0}
record: {linear: {points: 5}}
optimizers: [{gd: {lr: 0.05}}]
";

const PICTURES: &str = "\
sweep: {seeds: 2}
pictures:
  - {title: the loss, panels: [{show: {over_time: {y: loss}}, lines: process}]}
  - {name: gap, title: the gap, style: {title: true}, panels: [{show: {over_time: {y: balance_gap}}}]}
";

fn at(text: &str) -> tempfile::TempDir {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("tiny.yaml"), text).unwrap();
    at
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// How many files in `folder` end so.
fn count(folder: &Path, ending: &str) -> usize {
    names(folder).iter().filter(|name| name.ends_with(ending)).count()
}

/// Sizes of the letters of an SVG in points, and its width.
fn letters(svg: &str) -> (Vec<f64>, f64) {
    let number = |key: &str| -> f64 {
        let rest = svg.split(&format!("{key}=\"")).nth(1).unwrap();
        rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap().parse().unwrap()
    };
    let width = number("width");
    let view: f64 = svg.split("viewBox=\"0 0 ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let sizes = svg.split("font-size=\"").skip(1).map(|rest| rest.split('"').next().unwrap().parse::<f64>().unwrap());
    (sizes.map(|size| size * width / view).collect(), width)
}

#[test]
fn a_scenario_with_a_style_is_drawn_in_it_and_has_the_records_and_the_folder_of_one_without() {
    let at = at(RUN);
    let at = at.path();
    succeed(at, &["run", "tiny.yaml", "--out", "plain"]);
    fs::write(at.join("styled.yaml"), format!("{RUN}style: {{width: 5.5in, font: serif, format: [svg, pdf], title: false}}\n"))
        .unwrap();
    succeed(at, &["run", "styled.yaml", "--out", "styled"]);
    for file in ["records.parquet", "arrays.npz", "weights.npz"] {
        assert!(fs::read(at.join("plain").join(file)).unwrap() == fs::read(at.join("styled").join(file)).unwrap(), "{file}");
    }
    let hash = |folder: &str| {
        let manifest = fs::read_to_string(at.join(folder).join("manifest.json")).unwrap();
        manifest.split("\"scenario_hash\": \"").nth(1).unwrap()[..64].to_string()
    };
    assert_eq!(hash("plain"), hash("styled"));

    let figures = at.join("styled/figures");
    assert!(count(&figures, ".svg") > 3 && count(&figures, ".svg") == count(&figures, ".pdf") && count(&figures, ".png") == 0);
    for name in names(&figures) {
        let bytes = fs::read(figures.join(&name)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if name.ends_with(".pdf") {
            assert!(text.starts_with("%PDF-") && text.contains("/FontFile2") && text.contains("DejaVuSerif"), "{name}");
            assert!(text.contains("/MediaBox [0 0 396 "), "{name}");
        } else {
            let (sizes, width) = letters(&text);
            assert!(width == 396.0 && sizes.iter().all(|size| *size >= 7.0), "{name}: {width}, {sizes:?}");
            assert!(text.contains("DejaVu Serif") && text.contains("<rect") && !text.contains("L = 2, widths"), "{name}");
        }
    }
    // What is kept in the folder draws the same again.
    let before = fs::read(figures.join("loss.svg")).unwrap();
    succeed(at, &["plot", "styled"]);
    assert!(before == fs::read(figures.join("loss.svg")).unwrap());
}

#[test]
fn options_of_plot_count_before_the_scenario_and_leave_other_formats_alone() {
    let at = at(RUN);
    let at = at.path();
    succeed(at, &["run", "tiny.yaml", "--out", "out"]);
    let figures = at.join("out/figures");
    let pictures = count(&figures, ".svg");
    let printed = succeed(at, &["plot", "out", "--format", "pdf", "--width", "8cm", "--font-size", "8pt"]);
    assert_eq!(printed.lines().count(), pictures);
    assert_eq!([".svg", ".png", ".pdf"].map(|ending| count(&figures, ending)), [pictures; 3]);

    let plain = fs::read_to_string(figures.join("loss.svg")).unwrap();
    assert!(plain.contains("tiny: the loss of the flow falls from") && plain.contains("#FFFFFF"));
    let options =
        ["plot", "out", "--format", "svg,png", "--no-title", "--theme", "dark", "--color", "gd=#123456", "--legend", "right"];
    let axis = "{picture: loss, panel: a, x: {label: steps of γ}, y: {limits: [1.0e-3, 10]}}";
    succeed(at, &[&options[..], &["--axis", axis, "--dpi", "100", "--no-notes", "--font", "serif"]].concat());
    let changed = fs::read_to_string(figures.join("loss.svg")).unwrap();
    assert!(
        !changed.contains("tiny: the loss of the flow falls from")
            && changed.contains("steps of γ")
            && changed.contains("DejaVu Serif")
    );
    // Nothing of the options stays behind, and no file is lost.
    let narrow = fs::read(figures.join("loss.pdf")).unwrap();
    succeed(at, &["plot", "out"]);
    assert_eq!(plain, fs::read_to_string(figures.join("loss.svg")).unwrap());
    assert_eq!([".svg", ".png", ".pdf"].map(|ending| count(&figures, ending)), [pictures; 3]);
    assert!(narrow != fs::read(figures.join("loss.pdf")).unwrap());
}

#[test]
fn a_sweep_has_one_style_and_pictures_of_their_own() {
    let at = at(&format!("{RUN}{PICTURES}style: {{title: false, format: [svg]}}\n"));
    let at = at.path();
    succeed(at, &["check", "tiny.yaml"]);
    succeed(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    let figures = at.join("out/figures");
    assert_eq!(names(&figures), BTreeSet::from(["gap.svg".to_string(), "tiny.svg".to_string()]));
    let has = |name: &str, words: &str| fs::read_to_string(figures.join(name)).unwrap().contains(words);
    assert!(!has("tiny.svg", "the loss") && has("gap.svg", "the gap"));
    succeed(at, &["plot", "out", "--title", "--format", "svg,pdf"]);
    assert!(has("tiny.svg", "the loss") && count(&figures, ".pdf") == 2);

    // The plan does not know of it: the same units.
    let plan = fs::read(at.join("out/plan.json")).unwrap();
    fs::write(at.join("tiny.yaml"), format!("{RUN}{PICTURES}")).unwrap();
    let printed = succeed(at, &["sweep", "run", "tiny.yaml", "--out", "out"]);
    assert!(plan == fs::read(at.join("out/plan.json")).unwrap(), "{printed}");
    assert_eq!(count(&figures, ".png"), 2);
}

#[test]
fn figures_take_the_options_too() {
    let at = at(&format!("{RUN}{PICTURES}"));
    let at = at.path();
    succeed(at, &["figures", "tiny.yaml", "--format", "pdf", "--width", "3.25in"]);
    let made = names(&at.join("figures"));
    assert!(made.contains("tiny.pdf") && made.contains("gap.pdf") && !made.contains("tiny.svg"), "{made:?}");
    succeed(at, &["figures", "tiny.yaml"]);
    let made = names(&at.join("figures"));
    assert!(made.contains("tiny.svg") && made.contains("gap.png") && !made.contains("tiny.pdf"), "{made:?}");
}

#[test]
fn what_cannot_be_drawn_is_refused_with_key_and_remedy() {
    for (style, says) in [
        (
            "{width: 5.5}",
            "tiny.yaml:8:9: style.width: must be a length with its unit, such as 5.5in, 396pt, 14cm or 140mm, got 5.5",
        ),
        ("{width: 1in}", "style.width: must be between 204pt and 2880pt"),
        ("{font: comic}", "style.font: unknown word `comic` (words here: sans, serif)"),
        ("{format: [svg, jpg]}", "style.format[1]: unknown word `jpg`"),
        ("{format: []}", "style.format: must name at least one of svg, png, pdf"),
        ("{titel: false}", "style.titel: unknown key, did you mean `title`?"),
        ("{dpi: 10}", "style.dpi: must be between 30 and 600, got 10"),
        (
            "{colors: [{curve: gd, color: red}]}",
            "style.colors[0].color: must be a colour in quotes as \"#0072b2\", got \"red\"",
        ),
        ("{axes: [{picture: los}]}", "style.axes[0].picture: no picture is called `los`, did you mean `loss`?"),
        ("{axes: [{y: {limits: [1, 0.1]}}]}", "style.axes[0].y.limits: must be two different numbers, the lower one first"),
        ("{axes: [{y: {scale: log, limits: [0, 1]}}]}", "style.axes[0].y.limits: must be greater than 0 on a log scale"),
    ] {
        let at = at(&format!("{RUN}style: {style}\n"));
        for words in [&["check", "tiny.yaml"][..], &["run", "tiny.yaml", "--out", "out"]] {
            let output = gramflow(at.path(), words);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(2) && errors.contains(says), "{style}: {errors}");
        }
        assert!(!at.path().join("out").exists());
    }
    let at = at(&format!("{RUN}{PICTURES}style: {{axes: [{{picture: los}}]}}\n"));
    let output = gramflow(at.path(), &["check", "tiny.yaml"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(2) && errors.contains("no picture is called `los` (pictures here: tiny, gap)"),
        "{errors}"
    );
}

/// Each picture of a sweep takes over the common style. What is wrong in there is said once, under the key that its user wrote.
#[test]
fn a_wrong_key_of_a_sweeps_style_is_named_as_it_was_written() {
    for (style, own, says) in [
        ("{axes: [{picture: los}]}", "{}", "tiny.yaml:12:17: style.axes[0].picture: no picture is called `los`"),
        ("{width: 3in}", "{font_size: 20pt}", "tiny.yaml:12:9: style.width: must be between 440pt"),
        ("{}", "{axes: [{picture: los}]}", "pictures[1].style.axes[0].picture: no picture is called `los`"),
        ("{width: 9in}", "{width: 1in}", "pictures[1].style.width: must be between 204pt"),
    ] {
        let at = at(&format!("{RUN}{}style: {style}\n", PICTURES.replace("{title: true}", own)));
        let output = gramflow(at.path(), &["check", "tiny.yaml"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(says), "{style}, {own}: {errors}");
        assert_eq!(errors.matches("must be").count() + errors.matches("no picture").count(), 1, "{errors}");
    }
}

#[test]
fn an_option_of_plot_in_the_wrong_place_is_told_its_place() {
    let at = at(RUN);
    for (words, says) in [
        (
            &["run", "tiny.yaml", "--width", "5.5in"][..],
            "tip: draw again with `gramflow plot DIR --width`, or add `--set style.width=…`",
        ),
        (
            &["run", "tiny.yaml", "--no-title"],
            "tip: draw again with `gramflow plot DIR --no-title`, or add `--set style.title=…`",
        ),
        (
            &["sweep", "run", "tiny.yaml", "--axis={}"],
            "tip: draw again with `gramflow plot DIR --axis`, or add `--set style.axes=…`",
        ),
        (&["report", "out", "--dpi", "300"], "tip: draw with `gramflow plot DIR --dpi`"),
    ] {
        let output = gramflow(at.path(), words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(says), "{words:?}: {errors}");
    }
    let output = gramflow(at.path(), &["run", "tiny.yaml", "--wdith", "5.5in"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("gramflow plot"));
}

#[test]
fn a_wrong_option_is_refused_by_its_name_and_nothing_is_drawn() {
    let at = at(RUN);
    let at = at.path();
    succeed(at, &["run", "tiny.yaml", "--out", "out"]);
    fs::remove_dir_all(at.join("out/figures")).unwrap();
    for (options, says) in [
        (["--width", "5,5in"], "--width 5,5in: style.width: must be a length with its unit"),
        (["--format", "svg,gif"], "--format svg,gif: style.format[1]: unknown word `gif`"),
        (["--color", "gd=red"], "--color gd=red: style.colors[0].color: must be a colour"),
        (["--color", "gd"], "must be a curve of the legend and its colour, such as gd=#d55e00"),
        (["--axis", "{picture: los}"], "style.axes[0].picture: no picture is called `los`, did you mean `loss`?"),
    ] {
        let output = gramflow(at, &[&["plot", "out"][..], &options].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(says), "{options:?}: {errors}");
        assert!(!at.join("out/figures").exists());
    }
}

/// Its layers have no gap that a law could let decay.
#[test]
fn a_tanh_network_has_no_empty_picture_of_its_balance() {
    let at = at(&RUN.replace("[4, 3, 3]}", "[4, 3, 3], activations: tanh}"));
    succeed(at.path(), &["run", "tiny.yaml", "--out", "out"]);
    let figures = at.path().join("out/figures");
    assert!(figures.join("loss.svg").exists());
    for name in names(&figures).iter().filter(|name| name.ends_with(".svg")) {
        let svg = fs::read_to_string(figures.join(name)).unwrap();
        assert!(!svg.contains("no point to draw"), "{name}");
    }
}
