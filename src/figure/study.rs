//! Pictures of a study of integrators. Work and precision: (a) gradients, (b) wall time against the achieved error. Tolerance: the
//! achieved error against the one asked for.
//!
//! One curve per method, in the order of its tolerances (steps). Points whose error may be the reference's own are hollow. A point that
//! did not reach T has no error: it is named in the small print.

use crate::folder::Study;
use crate::record::Values;

use super::axis::Scale;
use super::canvas::Point;
use super::number::number;
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

/// `column`: a method is in the legend if it has a value in this column.
fn picture(study: &Study, name: &'static str, words: &str, column: &str, panels: Vec<Panel>) -> Option<Picture> {
    if panels.iter().flat_map(|panel| &panel.series).all(|series| series.points.is_empty()) {
        return None;
    }
    let methods = study
        .table
        .processes()
        .into_iter()
        .filter(|method| study.table.floats(method, column).iter().any(|value| value.is_finite()));
    let mut legend: Vec<Entry> = methods.map(|method| Entry::new(verbatim(method), style::method(method, false))).collect();
    if flags(study).contains(&true) {
        let marker = Some(Marker { shape: Shape::Circle, body: Body::Ring });
        let look = Look { color: GREY, line: None, dash: None, marker };
        legend.push(Entry::new("hollow: within 10 times the reference’s own error", look));
    }
    if floor(study).is_some() {
        legend.push(Entry::new("the reference’s own error", FLOOR));
    }
    Some(Picture::new(name, format!("{}: {words}", study.name), study.caption.clone(), legend, panels))
}

/// The curve of each method, and over it its filled and hollow points. `of`: the points of the method's rows.
fn curves(study: &Study, of: impl Fn(&Study, &str) -> Vec<Point>) -> Vec<Series> {
    let limited = flags(study);
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
    let column = |name: &str| -> Vec<f64> {
        match study.table.column(name) {
            Some(Values::Integer(counts)) => study.table.rows_of(method).map(|row| counts[row] as f64).collect(),
            _ => study.table.floats(method, name),
        }
    };
    column(x).into_iter().zip(column(y)).collect()
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
    match study.table.column("reference_floor") {
        Some(Values::Float(values)) => values.first().copied().filter(|floor| *floor > 0.0),
        _ => None,
    }
}

fn flags(study: &Study) -> &[bool] {
    match study.table.column("reference_limited") {
        Some(Values::Flag(flags)) => flags,
        _ => &[],
    }
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
            match reasons.iter_mut().find(|(reason, _)| *reason == terminations[row]) {
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
