//! The tables of a study, row by row.

use crate::record::{Table, Texts};

use super::super::canvas::Point;
use super::super::quantiles::quantile;
use super::Contender;

/// A table: a column that it lacks is empty, a number that it lacks is NaN.
#[derive(Clone, Copy)]
pub(super) struct Rows<'t>(&'t Table);

impl<'t> Rows<'t> {
    pub fn of(table: &'t Table) -> Self {
        Self(table)
    }

    pub fn texts(self, name: &str) -> &'t Texts {
        self.0.texts(name)
    }

    pub fn counts(self, name: &str) -> &'t [i64] {
        self.0.counts(name)
    }

    pub fn floats(self, name: &str) -> &'t [f64] {
        self.0.numbers(name)
    }

    pub fn float(self, name: &str, row: usize) -> f64 {
        self.floats(name).get(row).copied().unwrap_or(f64::NAN)
    }

    pub fn is(self, name: &str, row: usize, word: &str) -> bool {
        self.texts(name).get(row).is_some_and(|text| text == word)
    }

    /// The rows of an optimizer with its batch size.
    pub fn of_contender(self, contender: &Contender) -> impl Iterator<Item = usize> + use<'t> {
        let (name, batch) = (contender.name.clone(), contender.batch);
        let rows = self.texts("optimizer").iter().zip(self.counts("batch")).enumerate();
        rows.filter(move |(_, (text, count))| *text == name && **count == batch).map(|(row, _)| row)
    }

    /// For each learning rate of a contender, the finite values of `column` over its seeds, in ascending order; rates without any are left out.
    pub fn by_rate(self, contender: &Contender, column: &str) -> Vec<(f64, Vec<f64>)> {
        let mut found: Vec<(f64, Vec<f64>)> = Vec::new();
        for row in self.of_contender(contender) {
            let (lr, value) = (self.float("lr", row), self.float(column, row));
            let place = match found.iter().position(|(known, _)| *known == lr) {
                Some(place) => place,
                None => {
                    found.push((lr, Vec::new()));
                    found.len() - 1
                }
            };
            if value.is_finite() {
                found[place].1.push(value);
            }
        }
        found.retain(|(_, values)| !values.is_empty());
        found.iter_mut().for_each(|(_, values)| values.sort_by(f64::total_cmp));
        found
    }
}

/// The medians of ascending values, and a bar from their tenth to their ninetieth percentile where there are several.
pub(super) fn medians(values: &[(f64, Vec<f64>)]) -> (Vec<Point>, Vec<Vec<Point>>) {
    let medians = values.iter().map(|(x, values)| (*x, quantile(values, 0.5))).collect();
    let several = values.iter().filter(|(_, values)| values.len() > 1);
    let bars = several.map(|(x, values)| vec![(*x, quantile(values, 0.1)), (*x, quantile(values, 0.9))]).collect();
    (medians, bars)
}
