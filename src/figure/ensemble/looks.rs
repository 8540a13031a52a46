//! How the curves of a picture look: each value of the key that distinguishes them has one look, the same in all panels.

use plotters::style::RGBColor;
use serde_json::Value;

use crate::scenario::picture;

use super::super::page::Entry;
use super::super::style::{self, Body, LINE, Look, Marker, Shape};
use super::super::text::verbatim;
use super::groups::{Trace, numbers, values_of};
use super::words;

/// The values of one key, each with its look.
#[derive(Debug, Clone)]
pub(super) struct Looks {
    key: String,
    values: Vec<(Value, Look)>,
}

/// The look where no key distinguishes curves.
pub(super) fn only() -> Look {
    Look { marker: Some(Marker { shape: Shape::Circle, body: Body::Dot }), ..Look::line(style::categorical(0)) }
}

/// The looks of so many curves that no key distinguishes.
pub(super) fn side_by_side(count: usize) -> Vec<Look> {
    (0..count).map(|i| marked(i, style::categorical(i))).collect()
}

impl Looks {
    /// The looks of every key that panels of `asked` name as `lines`, for its values in the `units` of those panels.
    pub fn of(asked: &picture::Picture, units: &[Vec<Trace>]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for key in asked.panels.iter().filter_map(|panel| panel.lines.as_ref()) {
            if all.iter().any(|looks| looks.key == *key) {
                continue;
            }
            let with_key = asked.panels.iter().zip(units).filter(|(panel, _)| panel.lines.as_ref() == Some(key));
            let values = if key == "process" {
                // As the panels list them, where they do: units may have them in another order.
                let mut names: Vec<Value> = Vec::new();
                for (panel, units) in with_key {
                    let listed = panel.processes.iter().flatten().map(String::as_str);
                    for name in listed.chain(units.iter().map(|unit| unit.process)) {
                        if units.iter().any(|unit| unit.process == name) && !names.contains(&name.into()) {
                            names.push(name.into());
                        }
                    }
                }
                names
            } else {
                let units: Vec<Trace> = with_key.flat_map(|(_, units)| units.iter().copied()).collect();
                values_of(&units, key)
            };
            let looks = looks_of(key, &values);
            all.push(Self { key: key.clone(), values: values.into_iter().zip(looks).collect() });
        }
        all
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// `units` grouped by their value of the key, each group with its look; values without units are left out.
    pub fn split<'a>(&self, units: &[Trace<'a>]) -> Vec<(Look, Vec<Trace<'a>>)> {
        let curves = self.values.iter().map(|(value, look)| (*look, super::groups::with(units, &self.key, value)));
        curves.filter(|(_, units)| !units.is_empty()).collect()
    }

    /// A legend entry for each value.
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |(value, look): &(Value, Look)| Entry::new(verbatim(&words::label(&self.key, value)), *look);
        self.values.iter().map(entry).collect()
    }
}

/// Numbers go from dark to light, other values have colours of their own; neighbouring values differ in marker. The flow is a solid line
/// without markers, as in the pictures of a run.
fn looks_of(key: &str, values: &[Value]) -> Vec<Look> {
    if key == "process" {
        let mut optimizers = 0;
        let look = |value: &Value| {
            if value.as_str() == Some("flow") {
                return style::process(0);
            }
            optimizers += 1;
            style::process(optimizers)
        };
        return values.iter().map(look).collect();
    }
    let ordered = numbers(values).is_some();
    let color = |i: usize| if ordered { style::sequential(i, values.len()) } else { style::categorical(i) };
    (0..values.len()).map(|i| marked(i, color(i))).collect()
}

/// A line of this colour whose marker differs from those of its neighbours.
fn marked(i: usize, color: RGBColor) -> Look {
    let shape = [Shape::Circle, Shape::Square, Shape::Diamond, Shape::Triangle][i % 4];
    let body = [Body::Disc, Body::Ring][(i + i / 4) % 2];
    Look { color, line: Some(LINE), dash: None, marker: Some(Marker { shape, body }) }
}
