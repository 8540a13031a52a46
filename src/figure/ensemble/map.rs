//! A column over two keys, one number per unit: a cell for each pair of the keys' values, its colour the median.

use crate::scenario::picture::{Spread, Take};

use super::super::axis::Scale;
use super::super::cells::Cells;
use super::super::quantiles::summary;
use super::super::quantity;
use super::super::text::verbatim;
use super::course::{endings, label, method, taken};
use super::groups::{spread, values_of, with};
use super::{Content, Drawn, Plot, words};

pub(super) fn draw(content: &Content, [x, y]: [&str; 2], value: &str, take: Take, scale: Option<Spread>) -> Drawn {
    let (columns, rows) = (values_of(&content.units, x), values_of(&content.units, y));
    let mut groups = Vec::new();
    let mut empty = 0;
    let mut values: Vec<Vec<f64>> = Vec::new();
    for row in &rows {
        let of_row = with(&content.units, y, row);
        let mut cells = Vec::new();
        for column in &columns {
            let units = with(&of_row, x, column);
            empty += usize::from(units.is_empty());
            let taken: Vec<f64> = units.iter().map(|unit| taken(unit, value, take)).collect();
            cells.push(summary(&taken).map_or(f64::NAN, |summary| summary.median));
            groups.push(units);
        }
        values.push(cells);
    }
    let mut notes = endings(&content.units);
    notes.extend(method(take));
    if empty > 0 {
        notes.push(format!("{empty} cells have no unit."));
    }
    let names = |values: &[serde_json::Value]| values.iter().map(|value| verbatim(&words::text(value))).collect();
    let cells = Cells {
        heading: content.heading(),
        x: words::axis(x),
        y: words::axis(y),
        value: label(value, take),
        columns: names(&columns),
        rows: names(&rows),
        scale: scale.map_or_else(|| quantity::scale(values.iter().flatten().copied()), Scale::from),
        values,
        matrix: false,
        notes,
    };
    Drawn { plot: Plot::Cells(cells), legend: Vec::new(), over: spread(&groups) }
}
