//! One matrix at the end, entry by entry, its first row on top. It is that of the first unit that kept it: entrywise medians over units would
//! be no unit's matrix.

use crate::scenario::picture::MatrixName;

use super::super::axis::Scale;
use super::super::cells::Cells;
use super::spectra::{label, matrix_of};
use super::{Content, Drawn, Plot, words};

pub(super) fn draw(content: &Content, of: MatrixName) -> Drawn {
    let found = content.units.iter().find_map(|unit| Some((unit, matrix_of(unit, of)?)));
    let values: Vec<Vec<f64>> =
        found.map_or_else(Vec::new, |(_, array)| (0..array.rows()).map(|row| array.row(row).to_vec()).collect());
    let mut notes = Vec::new();
    match found {
        Some((unit, _)) if content.units.len() > 1 => {
            // The keys that the panel's conditions leave open.
            let open = unit.member.values.iter().filter(|(key, _)| {
                let key: &str = key;
                super::groups::values_of(&content.units, key).len() > 1
            });
            let open: Vec<String> = open.map(|(key, value)| words::label(key, value)).collect();
            notes.push(format!("The first of {} units: {}.", content.units.len(), open.join(", ")));
        }
        None if !content.units.is_empty() => notes.push("No unit has kept this matrix.".to_string()),
        _ => {}
    }
    let names: Vec<String> = (1..=values.len()).map(|i| i.to_string()).collect();
    let cells = Cells {
        heading: content.heading(),
        x: "column j".to_string(),
        y: "row i".to_string(),
        value: format!("entries of {}", label(of)),
        columns: names.clone(),
        rows: names,
        values,
        scale: Scale::Linear,
        matrix: true,
        notes,
    };
    Drawn { plot: Plot::Cells(cells), legend: Vec::new(), over: None }
}
