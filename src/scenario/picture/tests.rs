use std::path::Path;

use serde_json::json;

use super::super::Sweep;
use super::*;

const BASE: &str = "\
name: base
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [4, 3, 2]}
flow: {t_end: 10}
sweep:
  grid: {weight_decay: [0, 0.1], init: [pytorch, {gaussian: {std: 0.1}}]}
  seeds: 3
pictures:
";

fn parsed(pictures: &str) -> Result<Sweep, String> {
    Sweep::parse(&format!("{BASE}{pictures}"), Path::new("s.yaml"), &[]).map(Option::unwrap).map_err(|error| error.to_string())
}

/// A picture of one panel.
fn panel(panel: &str) -> String {
    format!("  - title: t\n    panels: [{panel}]\n")
}

#[test]
fn every_kind_of_panel_is_read() {
    let text = "  - title: all
    name: all-kinds
    columns: 2
    panels:
      - {show: peaks, lines: depth, note: small print, mark: {x: 1, label: here}}
      - {show: {over_time: {y: loss, y_scale: log, envelope: true}}, lines: weight_decay, where: {init: {gaussian: {std: 0.1}}}}
      - {show: {at_end: {x: weight_decay, y: loss, take: rate, x_scale: log, slope: 2}}, processes: [flow]}
      - {show: {map: {x: weight_decay, y: init, value: loss, take: largest, scale: log}}, where: {seed: [0, 2], weight_decay: 0.0}}
      - {show: {scatter: {x: loss, y: nfa_cosine}}, lines: seed, heading: dots}
      - {show: {spectra: {of: [gram_W1, agop, target_agop], rank: true}}}
      - {show: {matrix: {of: gram_W1}}}
";
    let sweep = parsed(text).unwrap();
    let picture = &sweep.pictures()[0];
    assert_eq!((picture.panels.len(), picture.columns, picture.name.as_deref()), (7, 2, Some("all-kinds")));
    assert!(matches!(picture.panels[0].show, Show::Peaks) && picture.panels[0].processes.is_none());
    assert!(matches!(picture.panels[2].show, Show::AtEnd { take: Take::Rate, slope: Some(2.0), .. }));
    // The flow alone, unless the panel tells processes apart.
    let optimizers = || ["gd", "adam"];
    assert_eq!(picture.panels[1].processes_of(optimizers()), ["flow"]);
    for telling in ["{show: peaks, lines: process}", "{show: {at_end: {x: lr, y: loss}}}", "{show: peaks, where: {batch: 8}}"] {
        let sweep = parsed(&panel(telling)).unwrap();
        assert_eq!(sweep.pictures()[0].panels[0].processes_of(optimizers()), ["flow", "gd", "adam"], "{telling}");
    }
    // Three panels in a row by default.
    assert_eq!(parsed(&panel("{show: peaks}")).unwrap().pictures()[0].columns, 3);
    // The units do not depend on pictures.
    let without = Sweep::parse(BASE.trim_end_matches("pictures:\n"), Path::new("s.yaml"), &[]).unwrap().unwrap();
    assert_eq!(sweep.unit(5).unwrap(), without.unit(5).unwrap());
}

#[test]
fn what_is_wrong_is_said_where_it_stands() {
    for (pictures, right) in [
        (
            panel("{show: peaks, lines: deph}"),
            "s.yaml:10:28: pictures[0].panels[0].lines: `deph` varies in no unit, did you mean `depth`? (keys here: weight_decay, init, seed, depth, width",
        ),
        (
            panel("{show: peaks, where: {flow.rtol: 1}}"),
            "s.yaml:10:36: pictures[0].panels[0].where.flow.rtol: `flow.rtol` varies in no unit",
        ),
        (
            panel("{show: peaks, where: {weight_decay: 0.2}}"),
            "s.yaml:10:36: pictures[0].panels[0].where.weight_decay: no unit has weight_decay = 0.2: the values are 0, 0.1",
        ),
        (
            panel("{show: {at_end: {x: nothing, y: loss}}}"),
            "s.yaml:10:31: pictures[0].panels[0].show.at_end.x: `nothing` varies in no unit",
        ),
        (
            panel("{show: {at_end: {x: depth, y: loss, also: [objective]}}, lines: seed}"),
            "s.yaml:10:50: pictures[0].panels[0].show.at_end.also: draws a curve for each column: leave out `lines`",
        ),
        (
            panel("{show: {map: {x: depth, y: nothing, value: loss}}}"),
            "s.yaml:10:38: pictures[0].panels[0].show.map.y: `nothing` varies in no unit",
        ),
        (
            panel("{show: {spectra: {of: []}}}"),
            "s.yaml:10:32: pictures[0].panels[0].show.spectra.of: must name at least one matrix",
        ),
        (panel("{show: {pie: {y: loss}}}"), "s.yaml:10:22: pictures[0].panels[0].show.pie: unknown word `pie`"),
        (panel("{show: {over_time: {}}}"), "s.yaml:10:22: pictures[0].panels[0].show.over_time.y: missing"),
        (panel("{show: peaks, mark: {label: nowhere}}"), "s.yaml:10:28: pictures[0].panels[0].mark: must have either x or y"),
        (panel(""), "s.yaml:10:5: pictures[0].panels: must have at least one panel, got an empty list"),
        (
            panel("{show: peaks, where: {weight_decay: [0, 0.3]}}"),
            "s.yaml:10:36: pictures[0].panels[0].where.weight_decay: no unit has weight_decay = 0.3: the values are 0, 0.1",
        ),
        (
            panel("{show: peaks, processes: []}"),
            "s.yaml:10:28: pictures[0].panels[0].processes: must name at least one process, got an empty list",
        ),
        (
            "  - {title: a, name: x, panels: [{show: peaks}]}\n  - {title: b, name: x, panels: [{show: peaks}]}\n".to_string(),
            "s.yaml:10:16: pictures[1].name: an earlier picture is called `x` too: give one of them another name",
        ),
        (
            "  - {title: a, panels: [{show: peaks}]}\n  - {title: b, panels: [{show: peaks}]}\n".to_string(),
            "s.yaml:10:5: pictures[1]: an earlier picture has no `name` either",
        ),
        (
            "  - {title: t, columns: 0, panels: [{show: peaks}]}\n".to_string(),
            "s.yaml:9:16: pictures[0].columns: must be at least 1, got 0",
        ),
        (
            "  - {title: t, name: A b, panels: [{show: peaks}]}\n".to_string(),
            "s.yaml:9:16: pictures[0].name: must be of a-z, 0-9 and -, got `A b`",
        ),
    ] {
        let message = parsed(&pictures).unwrap_err();
        assert!(message.starts_with(right), "{pictures}{message}\nwanted {right}");
    }
}

#[test]
fn conditions_compare_numbers_as_numbers_and_maps_by_their_entries() {
    let wanted = |yaml: &str| serde_yaml::from_str::<serde_yaml::Value>(yaml).unwrap();
    for (value, yaml, is) in [
        (json!(0), "0.0", true),
        (json!(1e-3), "1.0e-3", true),
        (json!(1), "2", false),
        (json!("pytorch"), "pytorch", true),
        (json!({"gaussian": {"std": 1}}), "{gaussian: {std: 1.0}}", true),
        (json!({"gaussian": {"std": 1}}), "{gaussian: {std: 1, more: 2}}", false),
        (json!([4, 3, 2]), "[4, 3, 2]", true),
        // One of several.
        (json!(3), "[1, 3]", true),
        (json!([4, 3]), "[[4, 3], [4, 2]]", true),
        (json!(2), "[1, 3]", false),
    ] {
        assert_eq!(is_wanted(&value, &wanted(yaml)), is, "{value} {yaml}");
    }
}
