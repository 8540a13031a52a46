//! Pictures of a study of integrators. Work and precision: (a) gradients, (b) wall time against the achieved error. Tolerance: the
//! achieved error against the one asked for.
//!
//! One curve per method, in the order of its tolerances (steps). Points whose error may be the reference's own are hollow. A point that
//! did not reach T has no error: it is named in the small print.

use crate::folder::Study;
use crate::record::Values;

use super::axis::Scale;
use super::canvas::Point;
use super::findings::title;
use super::number::{number, number_range};
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::style::{self, BLACK, Body, DASHED, DOTTED, GREY, Look, Marker, Shape};
use super::text::verbatim;

const ERROR: &str = "error ‖θ − θ_{ref}‖ / ‖θ_{ref}‖ at t = T";
/// The reference's own error.
const FLOOR: Look = Look { color: BLACK, line: Some(0.8), dash: Some(DASHED), marker: None };
/// Where a tight explicit method should lie: its error a small multiple of the tolerance.
const MULTIPLES: [(f64, &str, Look); 2] = [
    (1.0, "error = rtol", Look { color: GREY, line: Some(0.8), dash: None, marker: None }),
    (20.0, "error = 20·rtol", Look { color: GREY, line: Some(0.8), dash: Some(DOTTED), marker: None }),
];

/// Up to this many changes of the cheapest method are told one by one.
const MOST_CHANGES: usize = 2;

pub(super) fn work_precision(study: &Study) -> Option<Picture> {
    let panel = |heading: &str, label: &str, column: &str| {
        let mut panel = Panel::new(heading, AxisSpec::new(ERROR, Scale::Log), AxisSpec::new(label, Scale::Log));
        panel.series = curves(study, |study, method| pairs(study, method, "error", column));
        across(&mut panel, study, |floor, (low, high)| [(floor, low), (floor, high)], |point| point.1);
        panel
    };
    let mut work = panel("work", "gradients ∇J", "gradients");
    work.notes = notes(study);
    let time = panel("time", "wall time (seconds)", "wall_seconds");
    picture(study, "work_precision", "work against precision", "error", vec![work, time])
}

pub(super) fn tolerance(study: &Study) -> Option<Picture> {
    let mut panel =
        Panel::new("error and tolerance", AxisSpec::new("tolerance rtol", Scale::Log), AxisSpec::new(ERROR, Scale::Log));
    panel.series = curves(study, |study, method| pairs(study, method, "rtol", "error"));
    let rtols: Vec<f64> = panel.series.iter().flat_map(|series| &series.points).map(|point| point.0).collect();
    across(&mut panel, study, |floor, (low, high)| [(low, floor), (high, floor)], |point| point.0);
    panel.series.extend(MULTIPLES.map(|(multiple, _, look)| {
        Series::guide(
            extent(rtols.iter().copied()).map_or(Vec::new(), |(a, b)| vec![(a, multiple * a), (b, multiple * b)]),
            look,
        )
    }));
    panel.notes = notes(study);
    let mut picture = picture(study, "tolerance", "achieved error against tolerance", "rtol", vec![panel])?;
    picture.legend.extend(MULTIPLES.map(|(_, label, look)| Entry::new(label, look)));
    Some(picture)
}

/// What the picture `name` shows, sentence by sentence, as its title and its caption say; empty where the table does not say. Points whose
/// error may be the reference's own do not count.
pub fn findings(study: &Study, name: &str) -> Vec<String> {
    let limited = limited_by_reference(study);
    let known = |method: &str, of: &[&str]| -> Vec<Vec<f64>> {
        let columns: Vec<Vec<f64>> = of.iter().map(|column| values(study, method, column)).collect();
        let rows = study.table.rows_of(method).enumerate().filter(|(_, row)| !limited.get(*row).copied().unwrap_or(false));
        let rows = rows.map(|(i, _)| columns.iter().map(|column| column.get(i).copied().unwrap_or(f64::NAN)).collect());
        rows.filter(|row: &Vec<f64>| row.iter().all(|value| *value > 0.0 && value.is_finite())).collect()
    };
    let methods = study.table.processes();
    let sentence = match name {
        "work_precision" => {
            let all: Vec<(&str, Vec<Vec<f64>>)> =
                methods.into_iter().map(|method| (method, known(method, &["error", "gradients"]))).collect();
            fewest_gradients(&all)
        }
        "tolerance" => {
            let ratios = methods.into_iter().flat_map(|method| known(method, &["error", "rtol"])).map(|row| row[0] / row[1]);
            extent(ratios).map(|(low, high)| format!("Achieved errors are {} times rtol.", number_range([low, high], 2)))
        }
        _ => None,
    };
    sentence.into_iter().collect()
}

/// Which method needs the fewest gradients for an error of at most 10^k, for every k from the largest error to the smallest that two
/// methods reach (one, if there is only one).
fn fewest_gradients(all: &[(&str, Vec<Vec<f64>>)]) -> Option<String> {
    let errors = |points: &[Vec<f64>]| points.iter().map(|point| point[0]).collect::<Vec<f64>>();
    let mut best: Vec<f64> = all.iter().filter_map(|(_, points)| errors(points).into_iter().reduce(f64::min)).collect();
    best.sort_by(f64::total_cmp);
    let exponent = |error: f64| error.log10().ceil() as i32;
    let tightest = exponent(*best.get(1).or(best.first())?);
    let loosest = exponent(all.iter().flat_map(|(_, points)| errors(points)).reduce(f64::max)?).max(tightest);
    let cheapest = |k: i32| {
        let cost = |(method, points): &(&str, Vec<Vec<f64>>)| {
            let enough = points.iter().filter(|point| exponent(point[0]) <= k).map(|point| point[1]);
            Some((enough.reduce(f64::min)?, method.to_string()))
        };
        Some((k, all.iter().filter_map(cost).min_by(|a, b| a.0.total_cmp(&b.0))?.1))
    };
    let levels: Vec<(i32, String)> = (tightest..=loosest).rev().filter_map(cheapest).collect();
    let level = |k: i32| number(10f64.powi(k), 1);
    let runs: Vec<&[(i32, String)]> = levels.chunk_by(|a, b| a.1 == b.1).collect();
    let range = |run: &[(i32, String)]| match run {
        [(first, _), .., (last, _)] => format!("{} to {}", level(*first), level(*last)),
        [(only, _)] => level(*only),
        [] => String::new(),
    };
    let (first, rest) = runs.split_first()?;
    if rest.len() > MOST_CHANGES {
        let wins = |method: &String| levels.iter().filter(|(_, other)| other == method).count();
        let (_, method) = levels.iter().max_by_key(|(_, method)| wins(method))?;
        let (count, all) = (wins(method), levels.len());
        return Some(format!(
            "{method} most often needs the fewest gradients: for {count} of {all} powers of ten of the error."
        ));
    }
    let others: String = rest.iter().map(|run| format!(", {} for {}", run[0].1, range(run))).collect();
    Some(format!("{} needs the fewest gradients for errors of {}{others}.", first[0].1, range(first)))
}

/// `column`: a method is in the legend if it has a value in this column.
fn picture(study: &Study, name: &'static str, subject: &str, column: &str, panels: Vec<Panel>) -> Option<Picture> {
    if panels.iter().flat_map(|panel| &panel.series).all(|series| series.points.is_empty()) {
        return None;
    }
    let methods = study
        .table
        .processes()
        .into_iter()
        .filter(|method| study.table.floats(method, column).iter().any(|value| value.is_finite()));
    let mut legend: Vec<Entry> = methods.map(|method| Entry::new(verbatim(method), style::method(method, false))).collect();
    if limited_by_reference(study).contains(&true) {
        let marker = Some(Marker { shape: Shape::Circle, body: Body::Ring });
        let look = Look { color: GREY, line: None, dash: None, marker };
        legend.push(Entry::new("hollow: less than 10 times the reference’s own error", look));
    }
    if floor(study).is_some() {
        legend.push(Entry::new("the reference’s own error", FLOOR));
    }
    let title = title(&study.name, &findings(study, name), subject);
    Some(Picture::new(name, title, study.caption.clone(), legend, panels))
}

/// The curve of each method, and over it its filled and hollow points. `of`: the points of the method's rows.
fn curves(study: &Study, of: impl Fn(&Study, &str) -> Vec<Point>) -> Vec<Series> {
    let limited = limited_by_reference(study);
    let mut series = Vec::new();
    // The first on top: `auto` over the method that it stands for.
    for method in study.table.processes().into_iter().rev() {
        let rows = study.table.rows_of(method).map(|row| limited.get(row).copied().unwrap_or(false));
        let mut all: Vec<(bool, Point)> = rows.zip(of(study, method)).filter(|(_, (x, y))| *x > 0.0 && *y > 0.0).collect();
        let look = style::method(method, false);
        series.push(Series::new(all.iter().map(|(_, point)| *point).collect(), Look { marker: None, ..look }));
        // The pen sets markers from left to right.
        all.sort_by(|a, b| a.1.0.total_cmp(&b.1.0));
        let part = |hollow: bool| all.iter().filter(move |(limited, _)| *limited == hollow).map(|(_, point)| *point);
        for hollow in [false, true] {
            // As guides: these are points of the curve, already counted.
            series.push(Series::guide(part(hollow).collect(), Look { line: None, ..style::method(method, hollow) }));
        }
    }
    series.retain(|series| !series.points.is_empty());
    series
}

/// The values of two columns in the rows of `method`; NaN where there is none.
fn pairs(study: &Study, method: &str, x: &str, y: &str) -> Vec<Point> {
    values(study, method, x).into_iter().zip(values(study, method, y)).collect()
}

/// The values of a column of numbers in the rows of `method`.
fn values(study: &Study, method: &str, name: &str) -> Vec<f64> {
    match study.table.column(name) {
        Some(Values::Integer(counts)) => study.table.rows_of(method).map(|row| counts[row] as f64).collect(),
        _ => study.table.floats(method, name),
    }
}

/// Adds the line of the reference's own error, over the extent of the points' coordinate `along`.
fn across(panel: &mut Panel, study: &Study, line: impl Fn(f64, (f64, f64)) -> [Point; 2], along: fn(&Point) -> f64) {
    let points = panel.series.iter().flat_map(|series| &series.points).map(along);
    if let (Some(floor), Some(extent)) = (floor(study), extent(points)) {
        panel.series.push(Series::guide(line(floor, extent).to_vec(), FLOOR));
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    (low <= high).then_some((low, high))
}

fn floor(study: &Study) -> Option<f64> {
    study.table.numbers("reference_floor").first().copied().filter(|floor| *floor > 0.0)
}

/// Whether the error of each point may be mostly the reference's own.
fn limited_by_reference(study: &Study) -> &[bool] {
    study.table.flags("reference_limited")
}

/// What is not drawn: points that did not reach T, by method and reason, and points that are the reference itself.
fn notes(study: &Study) -> Vec<String> {
    let Some(Values::Text(terminations)) = study.table.column("termination") else { return Vec::new() };
    let mut notes = Vec::new();
    for method in study.table.processes() {
        let rows: Vec<usize> = study.table.rows_of(method).collect();
        let column = |name: &str| study.table.floats(method, name);
        let (errors, rtols, steps) = (column("error"), column("rtol"), column("step"));
        if errors.len() != rows.len() || rtols.len() != rows.len() || steps.len() != rows.len() {
            continue;
        }
        let word = if rtols.iter().all(|rtol| rtol.is_nan()) { "h =" } else { "rtol" };
        let setting = |i: usize| number(if rtols[i].is_nan() { steps[i] } else { rtols[i] }, 2);
        let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
        for (i, &row) in rows.iter().enumerate().filter(|&(i, _)| errors[i].is_nan()) {
            match reasons.iter_mut().find(|(reason, _)| *reason == &terminations[row]) {
                Some((_, settings)) => settings.push(setting(i)),
                None => reasons.push((&terminations[row], vec![setting(i)])),
            }
        }
        for (reason, settings) in reasons {
            notes.push(format!("Not at T: {method} at {word} {} ({reason}).", settings.join(", ")));
        }
        let same = errors.iter().filter(|error| **error == 0.0).count();
        if same > 0 {
            notes.push(format!("{method}: {same} equal to the reference to the last bit, not drawn."));
        }
    }
    notes
}
