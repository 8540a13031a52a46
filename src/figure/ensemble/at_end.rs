//! A column against a key, one number per unit ([`Take`]): a curve for each value of `lines`, medians with bands; where the key's values are
//! not numbers, dots with bars side by side. Units without a value of the key, such as the flow without a learning rate, are a level line.

use serde_json::Value;

use crate::scenario::picture::{Spread, Take};

use super::super::axis::Scale;
use super::super::canvas::Point;
use super::super::number::number;
use super::super::page::Entry;
use super::super::panel::{AxisSpec, Band, Panel, Series};
use super::super::quantiles::summary;
use super::super::quantity;
use super::super::style::{LAW, Look};
use super::super::text::verbatim;
use super::course::{endings, label, method, taken, without_edge};
use super::groups::{Trace, numbers, spread, values_of, with};
use super::{Content, Drawn, Plot, looks, words};

/// What the panel asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtEnd<'a> {
    pub x: &'a str,
    pub y: &'a str,
    /// Further columns, each a curve of its own.
    pub also: &'a [String],
    pub take: Take,
    pub x_scale: Option<Spread>,
    pub y_scale: Option<Spread>,
    pub slope: Option<f64>,
}

/// One curve.
struct Curve<'a> {
    look: Look,
    column: &'a str,
    units: Vec<Trace<'a>>,
}

impl<'a> AtEnd<'a> {
    /// One for each value of `lines`, or for each column.
    fn curves(&self, content: &Content<'a>) -> Vec<Curve<'a>> {
        if self.also.is_empty() {
            return content.curves().into_iter().map(|(look, units)| Curve { look, column: self.y, units }).collect();
        }
        let looks = looks::side_by_side(1 + self.also.len());
        let curve = |(look, column)| Curve { look, column, units: content.units.clone() };
        looks.into_iter().zip(self.columns()).map(curve).collect()
    }

    fn columns(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.y).chain(self.also.iter().map(String::as_str))
    }

    /// The label of the y axis: of several columns, the words that all begin with, which have no symbols, or else the first word of each.
    fn label(&self) -> String {
        if self.also.is_empty() {
            return label(self.y, self.take);
        }
        let words = |column: &str| -> Vec<String> {
            let own = label(column, self.take);
            own.split(' ').take_while(|word| word.chars().all(char::is_alphabetic)).map(str::to_string).collect()
        };
        let all: Vec<Vec<String>> = self.columns().map(words).collect();
        let shared = |i: &usize| all.iter().all(|words| words.get(*i).is_some_and(|word| *word == all[0][*i]));
        let common = (0..all[0].len()).take_while(shared).count();
        if common > 0 {
            return all[0][..common].join(" ");
        }
        let mut first: Vec<&str> = all.iter().filter_map(|words| words.first()).map(String::as_str).collect();
        first.dedup();
        if first.is_empty() { label(self.y, self.take) } else { first.join(", ") }
    }
}

/// Distance between curves side by side at one name or whole number; neighbouring names and numbers are 1 apart.
const ASIDE: f64 = 0.08;

/// The values of the key, the place of each on the axis, and the axis.
struct Places {
    values: Vec<Value>,
    at: Vec<f64>,
    axis: AxisSpec,
}

impl Places {
    fn of(units: &[Trace], asked: AtEnd) -> Self {
        let values = values_of(units, asked.x);
        let label = words::axis(asked.x);
        let scale = numbers(&values).and_then(|numbers| asked.x_scale.map(Scale::from).or_else(|| own_scale(&numbers)));
        match (numbers(&values), scale) {
            (Some(at), Some(scale)) => Self { at, axis: AxisSpec::new(label, scale), values },
            _ => {
                let names = values.iter().map(|value| verbatim(&words::text(value))).collect();
                let at = (0..values.len()).map(|i| i as f64).collect();
                Self { values, at, axis: AxisSpec::names(label, names) }
            }
        }
    }

    fn named(&self) -> bool {
        !self.axis.names.is_empty()
    }

    /// Whether there is room between the values to set curves side by side.
    fn apart(&self) -> bool {
        self.axis.scale == Scale::Index
    }

    fn extent(&self) -> (f64, f64) {
        let drawn = self.at.iter().copied().filter(|x| self.axis.scale.coordinate(*x).is_some());
        drawn.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    }
}

/// The scale that suits the numbers; `None` for a 0 among numbers that need a log axis: they are drawn side by side, as names.
fn own_scale(numbers: &[f64]) -> Option<Scale> {
    let positive = numbers.iter().copied().filter(|x| *x != 0.0);
    let span =
        numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max) - numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let (log, whole) = (quantity::scale(positive) == Scale::Log, numbers.iter().all(|x| x.fract() == 0.0));
    match (log, numbers.contains(&0.0)) {
        (true, true) => None,
        (true, false) => Some(Scale::Log),
        (false, _) if whole && numbers.len() as f64 > 0.2 * span => Some(Scale::Index),
        (false, _) => Some(Scale::Linear),
    }
}

pub(super) fn draw<'a>(content: &Content<'a>, asked: AtEnd<'a>) -> Drawn {
    let places = Places::of(&content.units, asked);
    let curves = asked.curves(content);
    let (mut series, mut bands, mut groups, mut all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut lower: Vec<f64> = Vec::new();
    let mut notes = endings(&content.units);
    for (index, Curve { look, column, units }) in curves.iter().enumerate() {
        let aside = if places.apart() { ASIDE * (index as f64 - (curves.len() - 1) as f64 / 2.0) } else { 0.0 };
        let (mut median, mut band): (Vec<Point>, Vec<(f64, f64, f64)>) = Default::default();
        for (value, at) in places.values.iter().zip(&places.at) {
            let own = with(units, asked.x, value);
            if own.is_empty() {
                continue;
            }
            let values: Vec<f64> = own.iter().map(|unit| taken(unit, column, asked.take)).collect();
            let summary = summary(&values);
            median.push((at + aside, summary.map_or(f64::NAN, |summary| summary.median)));
            let (low, high) = summary.and_then(|summary| summary.band).unwrap_or((f64::NAN, f64::NAN));
            band.push((at + aside, low, high));
            groups.push(own);
        }
        all.extend(median.iter().map(|p| p.1));
        // A bar of no length is not drawn.
        lower.extend(band.iter().filter(|p| !places.named() || p.1 < p.2).map(|p| p.1));
        if places.named() {
            let bars = band.iter().filter(|bar| bar.1 < bar.2).map(|bar| vec![(bar.0, bar.1), (bar.0, bar.2)]);
            series.extend(bars.map(|bar| Series::guide(bar, Look { marker: None, ..*look })));
            series.push(Series::dots(median, look.dotted()));
        } else if !median.is_empty() {
            bands.push(Band { points: band, color: look.color });
            let dotted = Series { each: true, ..Series::new(median, look.dotted()) };
            series.push(dotted);
        }
        let unplaced: Vec<Trace> = units.iter().filter(|unit| unit.value(asked.x).is_null()).copied().collect();
        if !unplaced.is_empty() {
            let values: Vec<f64> = unplaced.iter().map(|unit| taken(unit, column, asked.take)).collect();
            match summary(&values) {
                Some(summary) => {
                    all.push(summary.median);
                    let (low, high) = places.extent();
                    let level = vec![(low, summary.median), (high, summary.median)];
                    series.push(Series::guide(level, Look { marker: None, ..*look }));
                    notes.push(format!("{} has no {}: drawn as a level line.", unplaced[0].process, plain(asked.x)));
                }
                None => notes.push(format!("{}: not defined.", unplaced[0].process)),
            }
            groups.push(unplaced);
        }
    }
    let scale = asked.y_scale.map_or_else(|| quantity::scale(all.iter().copied()), Scale::from);
    let (low, high) = places.extent();
    let mut panel = Panel::new(content.heading(), places.axis.clone(), AxisSpec::new(asked.label(), scale));
    let by_column = curves.iter().filter(|_| !asked.also.is_empty());
    let mut legend: Vec<Entry> = by_column.map(|curve| Entry::new(quantity::label(curve.column), curve.look)).collect();
    if let Some(slope) = asked.slope.filter(|_| !places.named() && low <= high) {
        series.push(Series::guide(vec![(low, slope * low), (high, slope * high)], LAW));
        legend.push(Entry::new(format!("{}{}", number(slope, 3), words::symbol(asked.x)), LAW));
    }
    notes.extend(method(asked.take));
    if places.apart() && curves.len() > 1 {
        notes.push("Points at the same value are drawn side by side.".to_string());
    }
    notes.extend(without_edge(scale, if places.named() { "bar" } else { "band" }, lower.into_iter()));
    (panel.series, panel.bands, panel.notes) = (series, bands, notes);
    Drawn { plot: Plot::Curves(panel), legend, over: spread(&groups) }
}

/// The axis label of a key without its symbol: small print has no markup.
fn plain(key: &str) -> String {
    let axis = words::axis(key);
    axis.split(' ').filter(|word| word.chars().count() > 1 && !word.contains('_')).collect::<Vec<_>>().join(" ")
}
