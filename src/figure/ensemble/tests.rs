//! Every kind of panel from a made-up ensemble whose values are known.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::super::axis::Scale;
use super::*;
use crate::folder::Member;
use crate::npz::{Array, Arrays};
use crate::record::{Run, Table, TableColumn, Values};
use crate::scenario::Sweep;

const SCENARIO: &str = "\
name: made-up
data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 2, outputs: 3}}}}
network: {widths: [4, 8, 3]}
flow: {t_end: 100}
optimizers: [{gd: {lr: 0.1}}]
sweep:
  grid: {weight_decay: [0, 0.01], init: [pytorch, {gaussian: {std: 0.1}}], network.widths: [[4, 8, 3], [4, 6, 5, 3]]}
  seeds: 3
pictures:
";

/// A different factor for each seed of a cell: the median is that of seed 1.
fn factor(seed: u64) -> f64 {
    [0.5, 1.0, 4.0][seed as usize]
}

/// Records of both processes at six times up to 100: `loss` = factor·10·e^{−2λt}, `grid` = 1/L.
fn member(values: BTreeMap<String, Value>, scenario: crate::scenario::Scenario) -> Member {
    let times = [0.0, 1.0, 10.0, 60.0, 80.0, 100.0];
    let (lambda, seed, layers) = (scenario.weight_decay.single(), scenario.seed, scenario.network.layers());
    let rows: Vec<(&str, f64)> = ["flow", "gd"].iter().flat_map(|process| times.map(|t| (*process, t))).collect();
    let float = |of: &dyn Fn(f64) -> f64| Values::Float(rows.iter().map(|row| of(row.1)).collect());
    let columns = [
        ("process", Values::Text(rows.iter().map(|row| row.0.to_string()).collect())),
        ("step", Values::Integer(rows.iter().map(|row| row.1 as i64).collect())),
        ("t", float(&|t| t)),
        ("loss", float(&|t| factor(seed) * 10.0 * (-2.0 * lambda * t).exp())),
        ("inverse_depth", float(&|_| 1.0 / layers as f64)),
        ("hole", float(&|_| if lambda > 0.0 { f64::NAN } else { 1.0 })),
    ];
    let columns = columns.into_iter().map(|(name, values)| TableColumn { name: name.to_string(), values }).collect();
    let alpha = vec![0.5, 1.0, 2.0];
    let matrix = |diagonal: [f64; 4]| {
        let data: Vec<f64> = (0..16).map(|i| if i % 5 == 0 { diagonal[i / 5] } else { 0.0 }).collect();
        Array::new(&[4, 4], data)
    };
    let arrays = Arrays::from([
        ("flow/nfa_alpha_tilde".to_string(), Array::vector(alpha)),
        ("flow/nfa_curve".to_string(), Array::new(&[2, 3], [0.1, 0.1, 0.1, 0.8, 0.99, 0.9])),
        ("flow/gram_W1".to_string(), matrix([4.0, 2.0, -0.5, 1.0])),
        ("target/agop".to_string(), matrix([0.0, 8.0, 4.0, 0.0])),
    ]);
    let run = Run {
        name: scenario.name.clone(),
        widths: scenario.network.widths.clone(),
        linear: true,
        law: lambda.into(),
        caption: String::new(),
        table: Table { columns },
        arrays,
        saddles: Default::default(),
        unread: Vec::new(),
    };
    let ended = |word: &str| json!({"termination": word});
    Member { values, scenario, run, manifest: json!({"processes": {"flow": ended("t_end"), "gd": ended("steps")}}) }
}

/// The ensemble of the sweep with these pictures, and the pictures.
fn made(pictures: &str) -> (Ensemble, Vec<picture::Picture>) {
    let sweep = Sweep::parse(&format!("{SCENARIO}{pictures}"), Path::new("s.yaml"), &[]).unwrap().unwrap();
    let (keys, lengths): (Vec<_>, Vec<_>) = sweep.factors().into_iter().map(|mut f| (f.remove(0), ())).unzip();
    assert_eq!(lengths.len(), 4);
    let lengths: Vec<usize> = keys.iter().map(|(_, values)| values.len()).collect();
    let members = (0..sweep.len()).map(|index| {
        let entries = crate::scenario::entries(&lengths, index);
        let value =
            |((key, values), entry): (&(String, Vec<_>), usize)| (key.clone(), serde_json::to_value(&values[entry]).unwrap());
        member(keys.iter().zip(entries).map(value).collect(), sweep.unit(index).unwrap())
    });
    let ensemble = Ensemble { name: "made-up".into(), caption: "of no run".into(), members: members.collect() };
    (ensemble, sweep.pictures().to_vec())
}

/// The picture of one panel.
fn one(panel: &str) -> page::Picture<Plot> {
    let (ensemble, pictures) = made(&format!("  - title: one\n    panels: [{panel}]\n"));
    picture_of(&ensemble, &pictures[0])
}

fn curves(picture: &page::Picture<Plot>) -> &panel::Panel {
    match &picture.panels[0] {
        Plot::Curves(panel) => panel,
        Plot::Cells(cells) => panic!("{cells:?}"),
    }
}

fn cells(picture: &page::Picture<Plot>) -> &Cells {
    match &picture.panels[0] {
        Plot::Cells(cells) => cells,
        Plot::Curves(panel) => panic!("{panel:?}"),
    }
}

fn notes(picture: &page::Picture<Plot>) -> String {
    plot::Plot::notes(&picture.panels[0]).join(" ")
}

fn labels(picture: &page::Picture<Plot>) -> Vec<&str> {
    picture.legend.iter().map(|entry| entry.label.as_str()).collect()
}

const EVERY_KIND: &str = "  - title: every kind of panel
    columns: 3
    panels:
      - {show: {over_time: {y: loss, y_scale: log, envelope: true}}, lines: weight_decay, where: {network.widths: [4, 8, 3]}}
      - {show: {at_end: {x: weight_decay, y: loss, take: rate, slope: 2}}, lines: depth, heading: rate}
      - {show: {at_end: {x: init, y: inverse_depth}}, lines: depth, mark: {y: 0.4, label: between}}
      - {show: peaks, lines: depth}
      - {show: {map: {x: init, y: weight_decay, value: hole}}}
      - {show: {scatter: {x: loss, y: inverse_depth}}, lines: init}
      - {show: {spectra: {of: [gram_W1, target_agop], rank: true}}}
      - {show: {matrix: {of: gram_W1}}, where: {seed: 0}, note: small print}
";

#[test]
fn every_kind_is_drawn_within_the_page_and_the_same_twice() {
    let (ensemble, pictures) = made(EVERY_KIND);
    let draw = || {
        let dir = tempfile::tempdir().unwrap();
        let files = super::super::draw_ensemble(&ensemble, &pictures, dir.path()).unwrap().files;
        assert!(files[0].ends_with("made-up.svg") && files[1].ends_with("made-up.png") && files.len() == 2);
        files.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>()
    };
    let files = draw();
    assert!(files == draw());
    let svg = String::from_utf8(files[0].clone()).unwrap();
    let header = svg.lines().next().unwrap();
    let view = header.split("viewBox=\"0 0 ").nth(1).unwrap().split('"').next().unwrap();
    let size: Vec<i64> = view.split(' ').map(|n| n.parse().unwrap()).collect();
    let mut seen = 0;
    for pair in svg.split("points=\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split_whitespace()) {
        let (x, y) = pair.split_once(',').unwrap();
        let (x, y): (i64, i64) = (x.parse().unwrap(), y.parse().unwrap());
        assert!((0..=size[0]).contains(&x) && (0..=size[1]).contains(&y), "{pair}");
        seen += 1;
    }
    assert!(seen > 500, "{seen}");
    for words in [
        "every kind of panel",
        "of no run",
        "λ = 0.01",
        "L = 2",
        "L = 3",
        "start gaussian (std 0.1)",
        "rank of the target: 2",
        "(h)",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn a_curve_is_the_median_of_its_seeds_with_their_band() {
    let picture = one(
        "{show: {over_time: {y: loss, envelope: true}}, lines: weight_decay, where: {init: pytorch, network.widths: [4, 8, 3]}}",
    );
    let panel = curves(&picture);
    assert_eq!(labels(&picture)[..2], ["λ = 0", "λ = 0.01"]);
    assert_eq!(panel.series[0].points, [0.0, 1.0, 10.0, 60.0, 80.0, 100.0].map(|t| (t, 10.0)));
    // 20 % of the way from the least value to the median, and 80 % from the median to the largest.
    let (_, low, high) = panel.bands[0].points[2];
    assert!((low - 6.0).abs() < 1e-12 && (high - 34.0).abs() < 1e-12);
    assert!(picture.caption.contains("medians over 3 seeds"), "{}", picture.caption);
    // The law's envelope lies on the law.
    let law = panel.series.iter().rfind(|series| series.guide).unwrap();
    assert!(law.points.iter().all(|(t, y)| (y / (10.0 * (-0.02 * t).exp()) - 1.0).abs() < 1e-12), "{law:?}");
    assert!(notes(&picture).starts_with("start pytorch, widths 4-8-3."));
}

#[test]
fn keys_that_no_line_tells_are_said_to_be_in_the_medians() {
    let picture = one("{show: {over_time: {y: loss}}, lines: depth, where: {weight_decay: 0}}");
    assert!(picture.caption.contains("medians over 2 starts, 3 seeds"), "{}", picture.caption);
}

#[test]
fn a_flow_at_rest_goes_on_to_its_end_and_others_do_not() {
    let text = "  - title: t\n    panels: [{show: {over_time: {y: loss}}, where: {weight_decay: 0, init: pytorch, network.widths: [4, 8, 3]}}]\n";
    let (mut ensemble, pictures) = made(text);
    // Seeds 0 and 2 of this cell stop at t = 1.
    let mut cut = |seed: u64, word: &str| {
        let of_cell = |m: &&mut Member| {
            m.scenario.seed == seed
                && m.scenario.weight_decay.is_zero()
                && m.values["init"] == "pytorch"
                && m.run.widths.len() == 3
        };
        let member = ensemble.members.iter_mut().find(of_cell).unwrap();
        member.manifest["processes"]["flow"]["termination"] = word.into();
        for column in &mut member.run.table.columns {
            match &mut column.values {
                Values::Text(v) => v.truncate(2),
                Values::Integer(v) => v.to_mut().truncate(2),
                Values::Flag(v) => v.to_mut().truncate(2),
                Values::Float(v) => v.to_mut().truncate(2),
            }
        }
    };
    cut(0, "converged");
    cut(2, "max_steps");
    let picture = picture_of(&ensemble, &pictures[0]);
    let points = &curves(&picture).series[0].points;
    // The median of 5, 10 and 40, then of 5 and 10.
    assert_eq!((points[1], points[2], points[5]), ((1.0, 10.0), (10.0, 7.5), (100.0, 7.5)));
    let notes = notes(&picture);
    assert!(notes.contains("1 of 3 processes converged: last value carried forward."), "{notes}");
    assert!(notes.contains("1 of 3 processes ended early: not in the medians from there on."), "{notes}");
}

#[test]
fn rates_lie_on_the_law_and_a_diverged_process_has_none() {
    let text = "  - title: t\n    panels: [{show: {at_end: {x: weight_decay, y: loss, take: rate, slope: 2}}, lines: process, processes: [flow, gd]}]\n";
    let (mut ensemble, pictures) = made(text);
    let rates = |ensemble: &Ensemble| {
        let picture = picture_of(ensemble, &pictures[0]);
        let points: Vec<Vec<_>> = curves(&picture).series.iter().filter(|s| !s.guide).map(|s| s.points.clone()).collect();
        (points, notes(&picture))
    };
    let (points, _) = rates(&ensemble);
    for (at, rate) in points.iter().flatten() {
        assert!((rate - 2.0 * at).abs() < 1e-12, "{points:?}");
    }
    for member in &mut ensemble.members {
        member.manifest["processes"]["gd"]["termination"] = "diverged".into();
    }
    let (points, notes) = rates(&ensemble);
    assert!(points[0].iter().all(|p| p.1.is_finite()) && points[1].iter().all(|p| p.1.is_nan()));
    assert!(notes.contains("24 of 48 processes diverged: not drawn."), "{notes}");
}

#[test]
fn what_has_no_rate_is_level_and_the_others_stand_at_theirs() {
    let picture = one("{show: {at_end: {x: lr, y: loss}}, lines: process, where: {weight_decay: 0}}");
    let panel = curves(&picture);
    assert!(panel.series.iter().any(|s| s.guide && s.points.iter().all(|p| p.1 == 10.0)));
    assert!(panel.series.iter().any(|s| !s.guide && s.points == [(0.1, 10.0)]));
    assert!(notes(&picture).contains("flow has no learning rate: drawn as a level line."));
    assert_eq!(labels(&picture), ["flow", "gd"]);
}

#[test]
fn values_that_are_no_numbers_stand_side_by_side() {
    let picture = one("{show: {at_end: {x: init, y: inverse_depth}}, lines: depth}");
    let panel = curves(&picture);
    assert_eq!(panel.x.names, ["pytorch", "gaussian (std 0.1)"]);
    assert_eq!(labels(&picture), ["L = 2", "L = 3"]);
    let xs: Vec<f64> = panel.series.iter().filter(|s| !s.guide).flat_map(|s| s.points.iter().map(|p| p.0)).collect();
    assert!(xs.windows(2).all(|pair| pair[0] != pair[1]) && xs.iter().all(|x| (x - x.round()).abs() < 0.3), "{xs:?}");
}

#[test]
fn cells_without_a_value_are_hatched_and_counted() {
    let picture = one("{show: {map: {x: init, y: weight_decay, value: hole}}}");
    let cells = cells(&picture);
    assert_eq!((cells.columns.len(), cells.rows.len()), (2, 2));
    assert!(cells.values[0] == [1.0, 1.0] && cells.values[1].iter().all(|value| value.is_nan()));
    assert!(notes(&picture).contains("2 of 4 cells have no value: hatched."), "{}", notes(&picture));
    let full = one("{show: {map: {x: init, y: depth, value: inverse_depth}}}");
    assert!(!notes(&full).contains("hatched"));
    let none = one("{show: {map: {x: init, y: depth, value: of_the_future}}}");
    assert!(notes(&none).contains("4 of 4 cells have no value"));
}

#[test]
fn a_curve_of_nothing_says_so() {
    let picture = one("{show: {over_time: {y: hole}}, lines: weight_decay}");
    assert!(notes(&picture).contains("not defined: not drawn"), "{}", notes(&picture));
    let missing = one("{show: {over_time: {y: of_the_future}}}");
    assert!(notes(&missing).contains("The records have no column of_the_future."), "{}", notes(&missing));
    // No process of that name.
    let empty = one("{show: {over_time: {y: loss}}, processes: [adam]}");
    assert!(notes(&empty).contains("No unit matches (of 24)."), "{}", notes(&empty));
    assert!(curves(&empty).series.is_empty());
}

#[test]
fn every_unit_is_a_dot() {
    let picture = one("{show: {scatter: {x: loss, y: inverse_depth}}, lines: init}");
    let panel = curves(&picture);
    assert_eq!(panel.series.iter().map(|s| s.points.len()).sum::<usize>(), 24);
    assert!(panel.series.iter().all(|s| s.each && s.look.line.is_none()));
    let looks: Vec<_> = panel.series.iter().map(|s| s.look.marker.unwrap().shape).collect();
    assert_ne!(looks[0], looks[1]);
}

/// They have no place: they are no dots, and the small print counts them once.
#[test]
fn what_diverged_is_counted_once_beside_the_dots() {
    let text =
        "  - title: t\n    panels: [{show: {scatter: {x: loss, y: inverse_depth}}, lines: process, processes: [flow, gd]}]\n";
    let (mut ensemble, pictures) = made(text);
    for member in ensemble.members.iter_mut().filter(|member| member.scenario.seed == 2) {
        member.manifest["processes"]["gd"]["termination"] = json!("diverged");
    }
    let notes = notes(&picture_of(&ensemble, &pictures[0]));
    assert!(
        notes.contains("40 dots, one for each process of a unit, at its end. 8 of 48 processes diverged: not drawn."),
        "{notes}"
    );
    assert_eq!(notes.matches("not drawn").count(), 1, "{notes}");
}

/// At both ends of `loss` to a power of its own: of seeds 0, 1 and 2 the 10 % quantile is 0.
#[test]
fn a_band_that_a_log_axis_cannot_hold_is_told() {
    let without = |show: &str, what: &str| {
        let text = format!("  - title: t\n    panels: [{{show: {{{show}}}, where: {{depth: 2}}}}]\n");
        let (mut ensemble, pictures) = made(&text);
        let told = |ensemble: &Ensemble| {
            notes(&picture_of(ensemble, &pictures[0])).contains(&format!("No {what} where its lower edge is not positive."))
        };
        assert!(!told(&ensemble), "{show}");
        for member in ensemble.members.iter_mut().filter(|member| member.scenario.seed == 0) {
            let loss = member.run.table.columns.iter_mut().find(|column| column.name == "loss").unwrap();
            loss.values = Values::Float((0..12).map(|_| -50.0).collect());
        }
        assert!(told(&ensemble), "{show}");
    };
    without("over_time: {y: loss, y_scale: log}", "band");
    without("at_end: {x: weight_decay, y: loss, y_scale: log}", "band");
    without("at_end: {x: init, y: loss, y_scale: log}", "bar");
}

/// A cell has one colour, its median's.
#[test]
fn a_map_has_neither_bands_nor_bars() {
    let map = "{show: {map: {x: init, y: depth, value: loss}}, where: {weight_decay: 0}}";
    let alone = one(map);
    assert!(alone.caption.ends_with("; medians over 3 seeds"), "{}", alone.caption);
    let curve = "{show: {over_time: {y: loss}}, lines: depth, where: {weight_decay: 0}}";
    let (ensemble, pictures) = made(&format!("  - title: t\n    panels:\n      - {map}\n      - {curve}\n"));
    let both = picture_of(&ensemble, &pictures[0]);
    let notes: Vec<String> = both.panels.iter().map(|panel| plot::Plot::notes(panel).join(" ")).collect();
    assert!(notes[0].starts_with("Medians over 3 seeds. "), "{notes:?}");
    assert!(notes[1].contains("Medians over 2 starts, 3 seeds, bands and bars from 10 to 90 %."), "{notes:?}");
}

#[test]
fn a_spectrum_falls_and_the_rank_is_marked_after_it() {
    let picture = one("{show: {spectra: {of: [gram_W1, target_agop], rank: true}}, where: {seed: 1}}");
    let panel = curves(&picture);
    assert_eq!(panel.series[0].points[..3], [(1.0, 1.0), (2.0, 0.5), (3.0, 0.25)]);
    assert_eq!(panel.series[1].points[..], [(1.0, 1.0), (2.0, 0.5)]);
    assert!(matches!(panel.across[..], [Across::X(2.5)]) && labels(&picture).contains(&"rank of the target: 2"));
    assert!(
        notes(&picture).contains("3 eigenvalues below rounding (d·ε times the largest) are not drawn."),
        "{}",
        notes(&picture)
    );
}

#[test]
fn peaks_are_where_the_curves_are_highest() {
    let picture = one("{show: peaks, lines: depth}");
    let panel = curves(&picture);
    assert_eq!(panel.series[0].points, [(0.5, 0.8), (1.0, 0.99), (2.0, 0.9)]);
    assert_eq!(panel.series.last().unwrap().points, [(1.0, 0.99), (1.0, 0.99)]);
    assert!(labels(&picture).contains(&"α̃ = 1"));
}

#[test]
fn a_matrix_is_of_one_unit_and_says_of_which() {
    let picture = one("{show: {matrix: {of: gram_W1}}, where: {weight_decay: 0, init: pytorch, network.widths: [4, 8, 3]}}");
    assert_eq!(cells(&picture).values[2], [0.0, 0.0, -0.5, 0.0]);
    assert!(notes(&picture).contains("The first of 3 units: seed 0."), "{}", notes(&picture));
    let none = one("{show: {matrix: {of: agop}}}");
    assert!(notes(&none).contains("No unit has kept this matrix.") && cells(&none).values.is_empty());
}

#[test]
fn panels_that_tell_different_things_have_legends_of_their_own() {
    let (ensemble, pictures) = made(EVERY_KIND);
    let picture = picture_of(&ensemble, &pictures[0]);
    let labels = labels(&picture);
    let place = |label: &str| labels.iter().position(|known| *known == label).unwrap_or_else(|| panic!("{label} {labels:?}"));
    assert!(place("(a)") < place("λ = 0") && place("λ = 0.01") < place("(b, c, d)") && place("(b, c, d)") < place("L = 2"));
    assert!(place("(f)") < place("start pytorch"));
    assert!(labels.contains(&"(b) 2λ") && labels.contains(&"(c) between"), "{labels:?}");
}

#[test]
fn a_log_axis_is_chosen_by_the_values_unless_it_is_named() {
    let scale = |panel: &str| curves(&one(panel)).y.scale;
    assert_eq!(scale("{show: {over_time: {y: loss}}}"), Scale::Linear);
    assert_eq!(scale("{show: {over_time: {y: loss, y_scale: log}}}"), Scale::Log);
}

/// Writes pictures to look at: `GRAMFLOW_PICTURES=/tmp/pictures cargo test --lib figure -- --ignored`.
#[test]
#[ignore = "writes pictures to look at"]
fn pictures_to_look_at() {
    let Some(folder) = std::env::var_os("GRAMFLOW_PICTURES") else { return };
    std::fs::create_dir_all(&folder).unwrap();
    let (ensemble, pictures) = made(EVERY_KIND);
    super::super::draw_ensemble(&ensemble, &pictures, Path::new(&folder)).unwrap();
}

/// Axes of cells take a label alone; what a style says of all panels is for those that it can change.
#[test]
fn limits_of_cells_are_told_to_do_nothing() {
    let (ensemble, mut pictures) = made(EVERY_KIND);
    let mut warnings = |style: &str| {
        pictures[0].style = serde_json::from_str(style).unwrap();
        let dir = tempfile::tempdir().unwrap();
        super::super::draw_ensemble(&ensemble, &pictures, dir.path()).unwrap().warnings
    };
    let kinds = &made(EVERY_KIND).1[0].panels;
    let map = letter(kinds.iter().position(|panel| matches!(panel.show, Show::Map { .. })).unwrap());
    assert_eq!(warnings(r#"{"axes":[{"x":{"limits":[0.1,9]}}]}"#), [""; 0]);
    assert_eq!(warnings(&format!(r#"{{"axes":[{{"panel":"{map}","x":{{"label":"start"}}}}]}}"#)), [""; 0]);
    let told = warnings(&format!(r#"{{"axes":[{{"panel":"{map}","x":{{"limits":[1,2]}},"y":{{"scale":"log"}}}}]}}"#));
    let line = format!("style.axes: x.limits, y.scale change nothing in panel {map} of `made-up`: ");
    assert!(told.len() == 1 && told[0].starts_with(&line), "{told:?}");
}

/// A curve for each column, in the order in which they are named, under what their labels have in common.
#[test]
fn further_columns_are_curves_of_their_own() {
    let picture = one("{show: {at_end: {x: weight_decay, y: loss, also: [inverse_depth]}}, where: {depth: 2, init: pytorch}}");
    let panel = curves(&picture);
    let drawn: Vec<Vec<f64>> = panel.series.iter().map(|series| series.points.iter().map(|point| point.1).collect()).collect();
    assert_eq!(drawn.len(), 2);
    assert!((drawn[0][0] - 10.0).abs() < 1e-12 && drawn[1] == [0.5, 0.5], "{drawn:?}");
    let labels: Vec<&str> = picture.legend.iter().map(|entry| entry.label.as_str()).collect();
    assert_eq!(labels, ["loss ℒ", "inverse_depth"].map(|name| name.replace('_', "\\_")), "{labels:?}");
}

/// Limits that leave out a line leave out its words. Those that lines of several panels share stand while one of these is drawn.
#[test]
fn the_legend_explains_lines_only_where_one_is_drawn() {
    let (ensemble, pictures) = made(
        "  - title: marks
    panels:
      - {show: {at_end: {x: init, y: inverse_depth}}, mark: {y: 0.4, label: between}}
      - {show: {at_end: {x: init, y: inverse_depth}}, mark: {y: 0.45, label: between}}
      - {show: peaks}
",
    );
    let entries = |axes: &str| {
        let style = serde_json::from_str(&format!(r#"{{"axes":[{axes}]}}"#)).unwrap();
        let picture = picture_of(&ensemble, &pictures[0]).styled(&style).unwrap();
        let has = |label: &str| labels(&picture).contains(&label);
        assert!(has("(c) best α̃"), "{:?}", labels(&picture));
        ["(a, b) between", "(c) α̃ = 1"].map(has)
    };
    let low = |panel: char| format!(r#"{{"panel":"{panel}","y":{{"limits":[0, 0.3]}}}}"#);
    assert_eq!(entries(""), [true, true]);
    assert_eq!(entries(&low('a')), [true, true]);
    assert_eq!(entries(&format!("{},{}", low('a'), low('b'))), [false, true]);
    assert_eq!(entries(r#"{"panel":"c","x":{"limits":[1.5, 2]}}"#), [true, false]);
}
