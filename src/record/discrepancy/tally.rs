//! Counts the differences of two columns or arrays, and keeps the largest.

use crate::record::Values;

/// The differences of one column or array, as they are found.
#[derive(Debug, Default)]
pub(super) struct TallyOfDifferences {
    pub values: usize,
    /// Where values differ.
    pub places: Vec<usize>,
    pub undefined: usize,
    pub absolute: Option<(f64, usize)>,
    pub relative: Option<(f64, usize)>,
}

impl TallyOfDifferences {
    /// Compares the values of two columns of one type in the rows `rows`.
    pub fn add(&mut self, a: &Values, b: &Values, rows: (usize, usize), place: usize) {
        match (a, b) {
            (Values::Float(a), Values::Float(b)) => self.add_numbers(a[rows.0], b[rows.1], place),
            (Values::Integer(a), Values::Integer(b)) => self.add_counts(a[rows.0].into(), b[rows.1].into(), place),
            (Values::Flag(a), Values::Flag(b)) => self.add_counts(a[rows.0].into(), b[rows.1].into(), place),
            _ => self.add_texts(a, b, rows, place),
        }
    }

    pub fn add_numbers(&mut self, a: f64, b: f64, place: usize) {
        self.values += 1;
        if a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan() {
            return;
        }
        self.places.push(place);
        if a.is_nan() || b.is_nan() {
            self.undefined += 1;
            return;
        }
        let difference = (a - b).abs();
        keep_larger(&mut self.absolute, difference, place);
        // Of values that are not both 0, and infinities are of relative distance 1 from all numbers.
        let size = a.abs().max(b.abs());
        let relative = if size.is_infinite() { 1.0 } else { difference / size };
        keep_larger(&mut self.relative, if size == 0.0 { 0.0 } else { relative }, place);
    }

    fn add_counts(&mut self, a: i128, b: i128, place: usize) {
        self.values += 1;
        if a != b {
            self.places.push(place);
            let (difference, size) = ((a - b).unsigned_abs() as f64, a.unsigned_abs().max(b.unsigned_abs()) as f64);
            keep_larger(&mut self.absolute, difference, place);
            keep_larger(&mut self.relative, difference / size, place);
        }
    }

    pub fn add_texts(&mut self, a: &Values, b: &Values, rows: (usize, usize), place: usize) {
        self.values += 1;
        if let (Values::Text(a), Values::Text(b)) = (a, b)
            && a[rows.0] != b[rows.1]
        {
            self.places.push(place);
        }
    }
}

fn keep_larger(largest: &mut Option<(f64, usize)>, difference: f64, place: usize) {
    if largest.is_none_or(|(so_far, _)| difference > so_far) {
        *largest = Some((difference, place));
    }
}
