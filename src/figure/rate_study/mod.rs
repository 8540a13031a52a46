//! Pictures of a study of learning rates, everything against η on a log axis: distances, alignment, cost.
//!
//! One colour for each optimizer, one shape for each batch size. Runs that diverged are marked at the upper edge.

mod alignment;
mod cost;
mod distance;
mod findings;
mod rows;

pub(super) use alignment::picture_of as alignment;
pub(super) use cost::picture_of as cost;
pub(super) use distance::{companions, picture_of as distance, weak};
pub use findings::findings;

use crate::folder::RateStudy;

use super::axis::Scale;
use super::findings::title;
use super::number::number;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Overhead, Panel, Series};
use super::plot::Across;
use super::style::{self, BLACK, Body, DASHED, GREY, Look, Marker, Shape};
use super::text::verbatim;
use rows::Rows;

/// One optimizer with one batch size.
#[derive(Debug, Clone, PartialEq)]
struct Contender {
    name: String,
    batch: i64,
    look: Look,
    /// Its name in a sentence: `gd`, or, where batch sizes differ, `sgd on batches of 8`.
    called: String,
}

const SHAPES: [Shape; 4] = [Shape::Circle, Shape::Square, Shape::Diamond, Shape::Triangle];
/// The look of the flow, which has no learning rate.
const FLOW: Look = Look { color: BLACK, line: Some(0.9), dash: Some(DASHED), marker: None };
const DIVERGED: Marker = Marker { shape: Shape::Triangle, body: Body::Disc };

/// The contenders in the order of the table, with their looks.
fn contenders(study: &RateStudy) -> Vec<Contender> {
    let rows = Rows::of(&study.runs);
    let (mut names, mut batches): (Vec<String>, Vec<i64>) = (Vec::new(), Vec::new());
    let mut found: Vec<(String, i64)> = Vec::new();
    for (name, batch) in rows.texts("optimizer").iter().zip(rows.counts("batch")) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_string());
        }
        if !batches.contains(batch) {
            batches.push(*batch);
        }
        if !found.iter().any(|known| *known == (name.to_string(), *batch)) {
            found.push((name.to_string(), *batch));
        }
    }
    batches.sort_unstable_by(|a, b| b.cmp(a));
    let place = |name: &String| names.iter().position(|known| known == name).unwrap_or(0);
    let look = |name: &String, batch: i64| {
        let shape = SHAPES[batches.iter().position(|known| *known == batch).unwrap_or(0) % SHAPES.len()];
        let marker = Some(Marker { shape, body: Body::Disc });
        Look { color: style::categorical(place(name)), line: Some(style::THIN_LINE), dash: None, marker }
    };
    let called = |name: &String, batch: i64| match batches.len() {
        1 => name.clone(),
        _ => format!("{name} on batches of {batch}"),
    };
    let contender =
        |(name, batch): (String, i64)| Contender { look: look(&name, batch), called: called(&name, batch), name, batch };
    found.into_iter().map(contender).collect()
}

/// Legend entries: `gd`, or, where batch sizes differ, `sgd, batches of 8`.
fn entries(contenders: &[Contender]) -> Vec<Entry> {
    let several = contenders.iter().any(|contender| contender.batch != contenders[0].batch);
    let label = |contender: &Contender| match several {
        true => format!("{}, batches of {}", verbatim(&contender.name), contender.batch),
        false => verbatim(&contender.name),
    };
    contenders.iter().map(|contender| Entry::new(label(contender), contender.look)).collect()
}

fn rates() -> AxisSpec {
    AxisSpec::new("learning rate η", Scale::Log)
}

/// The value of the flow, which has no learning rate: a level line across all rates, and to both sides of a single one.
fn level(study: &RateStudy, value: f64) -> Series {
    let rates = Rows::of(&study.runs).floats("lr");
    let (low, high) = rates.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
    let beside = if low == high { 1.25 } else { 1.0 };
    Series::guide(vec![(low / beside, value), (high * beside, value)], FLOW)
}

/// The words of `places`, whose rates ascend; three or more neighbours among the study's rates are shortened to the first and the last.
fn abridged_rates(study: &RateStudy, places: &[(f64, String)]) -> String {
    let mut rates = Rows::of(&study.runs).floats("lr").to_vec();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let index = |(rate, _): &(f64, String)| rates.partition_point(|known| known < rate);
    let runs = places.chunk_by(|a, b| index(b) == index(a) + 1);
    let words = |run: &[(f64, String)]| match run {
        [(_, first), _, .., (_, last)] => format!("{first} to {last}"),
        few => few.iter().map(|(_, word)| word.clone()).collect::<Vec<_>>().join(", "),
    };
    runs.map(words).collect::<Vec<_>>().join(", ")
}

/// Marks runs that diverged at the upper edge of the panel, and notes their rates and steps. Returns whether there are any.
fn mark_divergences(panel: &mut Panel, study: &RateStudy, contenders: &[Contender]) -> bool {
    let rows = Rows::of(&study.runs);
    let mut row = 0;
    for contender in contenders {
        let mut found: Vec<(f64, f64)> = Vec::new();
        for (lr, step) in rows.of_contender(contender).map(|row| (rows.float("lr", row), rows.float("diverged_at", row))) {
            match found.iter_mut().find(|(known, _)| *known == lr) {
                _ if step.is_nan() => {}
                Some((_, first)) => *first = first.min(step),
                None => found.push((lr, step)),
            }
        }
        if found.is_empty() {
            continue;
        }
        let look = Look { line: None, marker: Some(DIVERGED), ..contender.look };
        panel.overhead.extend(found.iter().map(|(x, _)| Overhead { x: *x, row, look, label: None, words: None }));
        let places = found.iter().map(|(lr, step)| (*lr, format!("{} (step {step})", number(*lr, 3)))).collect::<Vec<_>>();
        panel.notes.push(format!("{} diverges at η = {}.", contender.called, abridged_rates(study, &places)));
        row += 1;
    }
    row > 0
}

/// Draws the stability bound of gd, η = 2/λ_max, as a vertical line where it lies among the rates.
fn mark_gate(panel: &mut Panel, study: &RateStudy) -> Option<Entry> {
    let gate = 2.0 / study.sharpness;
    let x = |rate: &&f64| **rate >= gate;
    let rows = Rows::of(&study.runs);
    let rates = rows.floats("lr");
    if !gate.is_finite() || rates.iter().find(x).is_none() || rates.iter().all(|rate| *rate >= gate) {
        return None;
    }
    panel.across.push(Across::X(gate));
    let label = format!("η = 2/λ_{{max}}, λ_{{max}} = {}", number(study.sharpness, 3));
    Some(Entry::across(label, &[Across::X(gate)]))
}

/// Explains the bars, if there are several seeds.
fn bars_entry(study: &RateStudy) -> Option<Entry> {
    let several = Rows::of(&study.runs).counts("seed").iter().any(|seed| *seed > 0);
    several.then(|| Entry::words("bars: 10–90 % of the seeds"))
}

fn diverged_entry() -> Entry {
    Entry::overhead("at the upper edge: diverged", Look { color: GREY, line: None, dash: None, marker: Some(DIVERGED) })
}

/// The picture of these panels, if there is anything in them. Its title is the first finding, or `subject` where there is none.
fn picture(study: &RateStudy, name: &'static str, subject: &str, legend: Vec<Entry>, panels: Vec<Panel>) -> Option<Picture> {
    let title = title(&study.name, &findings(study, name), subject);
    (!panels.is_empty()).then(|| Picture::new(name, title, study.caption.clone(), legend, panels))
}
