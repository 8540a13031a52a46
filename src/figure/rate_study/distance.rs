//! Distances against η: (a) to the flow, (b) from the mean over seeds to the flow, and from seeds to their mean; in a picture of their own,
//! distances to flows and limits that follow the optimizer more closely than the flow does; in another, how far expectations are from those of
//! its stochastic differential equations.
//!
//! The order is fitted through the filled points. Dashed curves are the largest distance on the way, the spread of seeds, and E‖θ‖².

use crate::folder::RateStudy;

use super::super::axis::Scale;
use super::super::number::number;
use super::super::page::{Entry, Picture};
use super::super::panel::{AxisSpec, Panel, Series};
use super::super::style::{BLACK, Body, DASHED, DOTTED, GREY, Look, Marker, Shape};
use super::rows::Rows;
use super::{Contender, abridged_rates, contenders, diverged_entry, entries, mark_divergences, mark_gate, picture, rates};

/// A panel: its heading, its axis label, and the values of `compared_with` that it shows.
struct Subject {
    heading: &'static str,
    label: &'static str,
    words: &'static [&'static str],
}

const FLOW: Subject = Subject { heading: "to the flow", label: "‖θ − θ_{flow}‖", words: &["flow"] };
const SEEDS: Subject =
    Subject { heading: "over seeds", label: "‖mean − θ_{flow}‖, and spread", words: &["flow_of_mean", "mean_of_seeds"] };
const COMPANIONS: [Subject; 3] = [
    Subject { heading: "to the modified flow", label: "‖θ − θ_{modified}‖", words: &["modified_flow"] },
    Subject { heading: "to the third-order flow", label: "‖θ − θ_{third order}‖", words: &["third_order_flow"] },
    Subject { heading: "to the optimizer’s own limit", label: "‖θ − θ_{limit}‖", words: &["limit"] },
];

const WEAK: [Subject; 2] = [
    Subject {
        heading: "equation of order 1",
        label: "|E φ(X) − E φ(θ)|, order 1",
        words: &["sde_1_objective", "sde_1_norm_squared"],
    },
    Subject {
        heading: "equation of order 2",
        label: "|E φ(X) − E φ(θ)|, order 2",
        words: &["sde_2_objective", "sde_2_norm_squared"],
    },
];

impl Subject {
    /// Whether its curves are errors of expectations: they have no other error than that of sampling.
    fn is_weak(&self) -> bool {
        self.words.iter().all(|word| word.starts_with("sde"))
    }
}

pub(in super::super) fn picture_of(study: &RateStudy) -> Option<Picture> {
    of_subjects(study, "distance", "distance against learning rate", &[FLOW, SEEDS])
}

pub(in super::super) fn companions(study: &RateStudy) -> Option<Picture> {
    of_subjects(study, "companions", "distance to modified flows and limits", &COMPANIONS)
}

pub(in super::super) fn weak(study: &RateStudy) -> Option<Picture> {
    of_subjects(study, "weak", "weak errors of stochastic differential equations", &WEAK)
}

fn of_subjects(study: &RateStudy, name: &'static str, subject: &str, subjects: &[Subject]) -> Option<Picture> {
    let all = contenders(study);
    let (mut panels, mut shown, mut bodies, mut diverged, mut gate) = (Vec::new(), Vec::new(), Vec::new(), false, None);
    for subject in subjects {
        let mut panel = Panel::new(subject.heading, rates(), AxisSpec::new(subject.label, Scale::Log));
        let mut has_part =
            |c: &&Contender| draw(&mut panel, study, c, subject, &mut bodies) || only_diverges(study, c, subject);
        let drawn: Vec<Contender> = all.iter().filter(&mut has_part).cloned().collect();
        if drawn.is_empty() {
            continue;
        }
        guides(&mut panel, study, subject);
        floor(&mut panel, study, subject);
        diverged |= mark_divergences(&mut panel, study, &drawn);
        gate = mark_gate(&mut panel, study).or(gate);
        shown.extend(drawn.into_iter().filter(|contender| !shown.contains(contender)).collect::<Vec<_>>());
        panels.push(panel);
    }
    shown.sort_by_key(|contender| all.iter().position(|known| known == contender));
    let line = Look { color: BLACK, line: Some(0.9), dash: None, marker: None };
    let mut legend = entries(&shown);
    if subjects.iter().all(Subject::is_weak) {
        legend.push(Entry::new("φ = J", line));
        legend.push(Entry::new("φ = ‖θ‖²", line.dashed(DASHED)));
    } else if panels.iter().any(|panel| panel.heading == SEEDS.heading) {
        legend.push(Entry::new("at the end; (b) mean over seeds", line));
        legend.push(Entry::new("largest on the way; (b) spread", line.dashed(DASHED)));
    } else {
        legend.push(Entry::new("at the end", line));
        legend.push(Entry::new("largest on the way", line.dashed(DASHED)));
    }
    for (body, words) in [(Body::Disc, "filled: in the fit of the order"), (Body::Ring, "hollow: not in the fit")] {
        if bodies.contains(&body) {
            let marker = Some(Marker { shape: Shape::Circle, body });
            legend.push(Entry::new(words, Look { color: GREY, line: None, dash: None, marker }));
        }
    }
    if diverged {
        legend.push(diverged_entry());
    }
    legend.extend(gate);
    if panels.iter().any(|panel| panel.series.iter().any(|series| series.look == FLOOR)) {
        legend.push(Entry::new("error of the flow’s integration", FLOOR));
    }
    picture(study, name, subject, legend, panels)
}

const FLOOR: Look = Look { color: BLACK, line: Some(0.8), dash: Some(DOTTED), marker: None };

/// Adds the curves of a contender; false if it has none. `bodies` takes up how their points are filled.
fn draw(panel: &mut Panel, study: &RateStudy, contender: &Contender, subject: &Subject, bodies: &mut Vec<Body>) -> bool {
    let rows = Rows::of(&study.curves);
    let before = panel.series.len();
    for (word, at) in subject.words.iter().flat_map(|word| [(*word, "end"), (*word, "max")]) {
        let of_curve = |row: &usize| rows.is("compared_with", *row, word) && rows.is("at", *row, at);
        let own: Vec<usize> = rows.of_contender(contender).filter(of_curve).collect();
        let point = |row: usize| (rows.float("lr", row), rows.float("distance", row));
        if !own.iter().any(|row| point(*row).1 > 0.0) {
            continue;
        }
        // A gap where there is no distance, and where it may be sampling noise or the integration's error.
        let known = |row: &usize| if rows.is("state", *row, "floor") { (point(*row).0, f64::NAN) } else { point(*row) };
        let points: Vec<_> = own.iter().map(known).collect();
        let dashed = at == "max" || word == "mean_of_seeds" || word.ends_with("norm_squared");
        let line = Look { marker: None, dash: dashed.then_some(DASHED), ..contender.look };
        // As a guide: the notes below explain what is missing.
        panel.series.push(Series::guide(points, line));
        if at == "max" {
            continue;
        }
        for fitted in [true, false] {
            let part = own.iter().filter(|row| rows.is("state", **row, "fitted") == fitted).map(|row| point(*row));
            let part: Vec<_> = part.filter(|point| point.1 > 0.0).collect();
            let body = if fitted { Body::Disc } else { Body::Ring };
            bodies.extend((!part.is_empty()).then_some(body));
            let marker = contender.look.marker.map(|marker| Marker { body, ..marker });
            panel.series.push(Series::guide(part, Look { line: None, marker, ..contender.look }));
        }
        let sunk = own.iter().filter(|row| rows.is("state", **row, "floor") && point(**row).1.is_nan()).count();
        if sunk > 0 {
            panel.notes.push(format!("{}: {sunk} means within sampling noise, not drawn.", contender.called));
        }
        let ended = own.iter().filter(|row| rows.is("state", **row, "undefined")).map(|row| point(*row).0);
        let undefined: Vec<(f64, String)> = ended.map(|lr| (lr, number(lr, 3))).collect();
        if !undefined.is_empty() {
            panel.notes.push(format!(
                "{}: the flow or limit it is compared with ends early at η = {}.",
                contender.called,
                abridged_rates(study, &undefined)
            ));
        }
    }
    panel.series.len() > before
}

/// Whether a contender diverged at every rate: the panel marks that it did.
fn only_diverges(study: &RateStudy, contender: &Contender, subject: &Subject) -> bool {
    let rows = Rows::of(&study.curves);
    let of_subject = |row: &usize| subject.words.iter().any(|word| rows.is("compared_with", *row, word));
    let mut own = rows.of_contender(contender).filter(of_subject).peekable();
    own.peek().is_some() && own.all(|row| rows.is("state", row, "diverged"))
}

/// A dashed line for each expected order, beside the first curve of which it is expected.
fn guides(panel: &mut Panel, study: &RateStudy, subject: &Subject) {
    let (fits, points) = (Rows::of(&study.fits), Rows::of(&study.curves));
    let rates = points.floats("lr");
    let last = rates.iter().copied().fold(0.0, f64::max);
    let mut slopes: Vec<f64> = Vec::new();
    for row in 0..study.fits.rows() {
        let slope = fits.float("expected", row);
        let of_subject = subject.words.iter().any(|word| fits.is("compared_with", row, word)) && fits.is("at", row, "end");
        let first = fits.float("lr_from", row);
        if !of_subject || slope.is_nan() || first.is_nan() || slopes.contains(&slope) {
            continue;
        }
        let same = |point: &usize| {
            ["optimizer", "compared_with", "at"].iter().all(|name| fits.texts(name).get(row) == points.texts(name).get(*point))
                && fits.counts("batch").get(row) == points.counts("batch").get(*point)
                && points.float("lr", *point) == first
        };
        let Some(start) = (0..study.curves.rows()).find(same) else { continue };
        slopes.push(slope);
        // Beside the curve, not on it.
        let from = 2.0 * points.float("distance", start);
        let line = vec![(first, from), (last, from * (last / first).powf(slope))];
        let label = if slope == 0.5 { "slope ½".to_string() } else { format!("slope {slope}") };
        panel.series.push(Series { end_label: Some(label), ..Series::guide(line, Look::guide()) });
    }
}

/// The error of the flow's own integration, if distances come near it.
fn floor(panel: &mut Panel, study: &RateStudy, subject: &Subject) {
    /// An error further below would only squeeze the curves.
    const NEAR: f64 = 100.0;
    let rows = Rows::of(&study.curves);
    let of_subject =
        |row: &usize| subject.words.iter().any(|word| rows.is("compared_with", *row, word)) && rows.is("at", *row, "end");
    let integrated = !subject.words.contains(&"mean_of_seeds") && !subject.is_weak();
    let own: Vec<usize> = (0..study.curves.rows()).filter(of_subject).collect();
    let least = |name: &str| own.iter().map(|row| rows.float(name, *row)).filter(|x| *x > 0.0).fold(f64::INFINITY, f64::min);
    let (floor, lowest) = (least("floor"), least("distance"));
    if integrated && floor.is_finite() && lowest <= NEAR * floor {
        let extent =
            own.iter().map(|row| rows.float("lr", *row)).fold((f64::INFINITY, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
        panel.series.push(Series::guide(vec![(extent.0, floor), (extent.1, floor)], FLOOR));
    }
}
