//! The records that a page draws curves of: columns over time, of every process of a run or of the units of a sweep. The numbers are the
//! records' own, all digits; what would make the page too large is left out, and the page says so.

use serde::Serialize;

use crate::observe::registry;
use crate::record::{Table, TableColumn, Values};

use super::html::Page;

/// The most numbers on a page: some 3 MB.
const BUDGET: usize = 150_000;
/// The most records of a curve: more cannot be told apart on a screen.
const MOST_POINTS: usize = 400;
/// The fewest records of a curve to thin it to: fewer would not show its shape.
const LEAST_POINTS: usize = 25;
/// The most columns left out that are named one by one.
const MOST_NAMED: usize = 5;
/// The columns that one looks at first, as far as they were recorded.
const MAIN: [&str; 14] = [
    "loss",
    "objective",
    "test_loss",
    "accuracy",
    "grad_norm",
    "balance_gap",
    "balance_gap_over_envelope",
    "balance_law_residual_relative",
    "nfa_cosine",
    "nfa_alignment_residual",
    "nfa_residual_relative",
    "nfa_exponent",
    "distance_to_flow_relative",
    "sharpness",
];

/// The curves of a page.
#[derive(Debug, Serialize)]
pub(super) struct Curves {
    columns: Vec<String>,
    /// What each column is.
    about: Vec<String>,
    /// The label of each unit; empty for a run.
    units: Vec<String>,
    curves: Vec<Curve>,
    #[serde(skip)]
    points: usize,
    /// The most records of a curve that was thinned.
    #[serde(skip)]
    thinned: Option<usize>,
    #[serde(skip)]
    left_out: Vec<String>,
}

/// One process over time; values that are not numbers are null in JSON.
#[derive(Debug, Serialize)]
struct Curve {
    unit: Option<usize>,
    process: String,
    t: Vec<f64>,
    /// In the order of the columns.
    values: Vec<Option<Vec<f64>>>,
    #[serde(skip)]
    all: Vec<(String, Vec<f64>)>,
}

impl Curves {
    /// No curves yet, with room for those of `count` units.
    pub fn of_units(count: usize) -> Self {
        // As if each unit had a flow and an optimizer, and all of the main columns.
        let points = BUDGET / (2 * MAIN.len() * count.max(1));
        Self {
            columns: Vec::new(),
            about: Vec::new(),
            units: Vec::new(),
            curves: Vec::new(),
            points: points.clamp(LEAST_POINTS, MOST_POINTS),
            thinned: None,
            left_out: Vec::new(),
        }
    }

    /// The curves of one run.
    pub fn of_run(table: &Table) -> Self {
        let mut curves = Self::of_units(1);
        curves.add(None, table);
        curves
    }

    /// Adds the curves of the next unit.
    pub fn add_unit(&mut self, label: String, table: &Table) {
        self.units.push(label);
        self.add(Some(self.units.len() - 1), table);
    }

    fn add(&mut self, unit: Option<usize>, table: &Table) {
        for process in table.processes() {
            let t = table.floats(process, "t");
            let kept = chosen(t.len(), self.points);
            if kept.len() < t.len() {
                self.thinned = self.thinned.max(Some(t.len()));
            }
            let pick = |values: Vec<f64>| kept.iter().filter_map(|&row| values.get(row).copied()).collect::<Vec<f64>>();
            let named = |TableColumn { name, values }: &TableColumn| match values {
                Values::Float(_) if name != "t" => Some((name.clone(), pick(table.floats(process, name)))),
                _ => None,
            };
            let all = table.columns.iter().filter_map(named).filter(|(_, values)| values.iter().any(|value| value.is_finite()));
            let all = all.collect();
            self.curves.push(Curve { unit, process: process.to_string(), t: pick(t), values: Vec::new(), all });
        }
    }

    /// Settles which columns the page has: loss and objective, those `asked` for, the other main ones, then the rest, while there is room.
    fn settle(&mut self, asked: &[&str]) {
        let mut recorded: Vec<&str> = Vec::new();
        for (name, _) in self.curves.iter().flat_map(|curve| &curve.all) {
            if !recorded.contains(&name.as_str()) {
                recorded.push(name);
            }
        }
        let mut order: Vec<&str> = Vec::new();
        for name in MAIN[..2].iter().chain(asked).chain(&MAIN[2..]).copied().chain(recorded.iter().copied()) {
            if recorded.contains(&name) && !order.contains(&name) {
                order.push(name);
            }
        }
        let mut room = BUDGET.saturating_sub(self.curves.iter().map(|curve| curve.t.len()).sum());
        let (mut columns, mut left_out) = (Vec::new(), Vec::new());
        for name in order {
            let has = |curve: &&Curve| curve.all.iter().any(|(other, _)| other == name);
            let cost: usize = self.curves.iter().filter(has).map(|curve| curve.t.len()).sum();
            // At least one column is kept.
            if cost <= room || columns.is_empty() {
                room = room.saturating_sub(cost);
                columns.push(name.to_string());
            } else {
                left_out.push(name.to_string());
            }
        }
        for curve in &mut self.curves {
            let values = |name: &String| curve.all.iter().position(|(other, _)| other == name);
            let places: Vec<Option<usize>> = columns.iter().map(values).collect();
            curve.values = places.into_iter().map(|place| place.map(|at| std::mem::take(&mut curve.all[at].1))).collect();
        }
        self.about = columns.iter().map(|column| about(column)).collect();
        (self.columns, self.left_out) = (columns, left_out);
    }

    /// Adds the curves to a page, with a note on what was left out; nothing if there is nothing to draw. `asked`: columns that come before
    /// others; `table`: the file that has everything.
    pub fn add_to(mut self, page: &mut Page, asked: &[&str], table: &str) {
        self.settle(asked);
        if self.columns.is_empty() {
            return;
        }
        // This cannot fail: maps with text keys, lists and numbers are JSON.
        page.curves(&serde_json::to_string(&self).unwrap_or_default());
        let mut note = "The values are those of the nearest records, not of lines between them.".to_string();
        if let Some(most) = self.thinned {
            note.push_str(&format!(
                " Curves have up to {most} records; this page shows {} of them, evenly chosen.",
                self.points
            ));
        }
        if !self.left_out.is_empty() {
            let named = self.left_out[..self.left_out.len().min(MOST_NAMED)].join(", ");
            let more = match self.left_out.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more columns"),
            };
            note.push_str(&format!(" Left out to keep it small: {named}{more}."));
        }
        if self.thinned.is_some() || !self.left_out.is_empty() {
            note.push_str(&format!(" {table} has them all."));
        }
        page.caption(&note);
    }
}

/// At most `most` of `rows` rows, evenly spaced, the first and the last among them.
fn chosen(rows: usize, most: usize) -> Vec<usize> {
    if rows <= most {
        return (0..rows).collect();
    }
    (0..most).map(|i| (i * (rows - 1) + (most - 1) / 2) / (most - 1)).collect()
}

/// The formula and the unit of a column, as declared.
fn about(column: &str) -> String {
    match registry::find(column) {
        Some((_, found)) if found.unit == "1" || found.unit == "-" => found.formula.to_string(),
        Some((_, found)) => format!("{}, in units of {}", found.formula, found.unit),
        None => "a column of your own".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize, columns: usize) -> Table {
        let column = |name: String, values| TableColumn { name, values };
        let numbers = |k: usize| Values::Float((0..rows).map(|row| (row * (k + 1)) as f64).collect());
        let mut all = vec![
            column("process".into(), Values::Text(crate::record::Texts::repeated("flow", rows))),
            column("t".into(), numbers(0)),
        ];
        all.extend((0..columns).map(|k| column(format!("own_{k}"), numbers(k))));
        all.push(column("loss".into(), numbers(7)));
        all.push(column("undefined".into(), Values::Float(vec![f64::NAN; rows].into())));
        Table { columns: all }
    }

    #[test]
    fn a_long_curve_keeps_its_ends_and_records_of_its_own() {
        for (rows, most) in [(401, 400), (1000, 400), (50, 25), (1_000_000, 400)] {
            let kept = chosen(rows, most);
            assert_eq!((kept.len(), kept[0], kept[most - 1]), (most, 0, rows - 1));
            assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "{rows}");
        }
        assert_eq!(chosen(3, 400), [0, 1, 2]);
        assert!(chosen(0, 400).is_empty());
    }

    #[test]
    fn what_there_is_no_room_for_is_named() {
        let mut curves = Curves::of_run(&table(1000, 500));
        curves.settle(&["own_499", "nothing"]);
        assert_eq!(curves.columns[..3], ["loss", "own_499", "own_0"]);
        assert_eq!(curves.columns.len() + curves.left_out.len(), 501);
        let numbers: usize =
            curves.curves.iter().map(|curve| curve.t.len() * (1 + curve.values.iter().flatten().count())).sum();
        assert!(numbers <= BUDGET && numbers > BUDGET - 2 * MOST_POINTS && curves.thinned == Some(1000), "{numbers}");
    }

    #[test]
    fn many_units_are_thinned_together() {
        let mut curves = Curves::of_units(500);
        for unit in 0..500 {
            curves.add_unit(format!("unit {unit}"), &table(100, 3));
        }
        curves.settle(&[]);
        assert_eq!(curves.curves[0].t.len(), LEAST_POINTS);
        assert_eq!((curves.columns.len(), curves.units.len()), (4, 500));
        assert!(serde_json::to_string(&curves).unwrap().len() < 4_000_000);
    }
}
