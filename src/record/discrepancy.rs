//! Whether two runs of one scenario hold the same bits, and if not, how far each column and array is off, and where.
//!
//! Two values are the same if they have the same bits, or if both are NaN: a file does not keep which NaN it was.

mod tally;

use serde::Serialize;

use crate::npz::{Array, Arrays};
use crate::ode::short;

use super::{Table, Values};
use tally::TallyOfDifferences;

/// How two tables, or two sets of arrays, differ: the recorded one and the one that was made again.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Repetition {
    /// Columns or arrays that both have, with the same bits.
    pub same: usize,
    /// Those that both have, with other bits, in the order of the recorded ones.
    pub differing: Vec<Discrepancy>,
    /// The names of those that only the recorded run has.
    pub only_recorded: Vec<String>,
    /// The names of those that only the repeated run has.
    pub only_repeated: Vec<String>,
    /// Those that have another length, shape or type in the other run, each in a sentence; of their values only those at common places are
    /// compared.
    pub reshaped: Vec<String>,
}

/// How one column or one array differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Discrepancy {
    /// The column, or the key of the array.
    pub name: String,
    /// Values that were compared.
    pub values: usize,
    /// How many of them differ.
    pub differing: usize,
    /// How many of these are defined in one run only, so that there is no difference to take.
    pub undefined_in_one: usize,
    /// The first value that differs, of a column the one at the earliest time.
    pub first: Spot,
    /// The largest |a − b|; `None` where nothing could be subtracted.
    pub absolute: Option<Difference>,
    /// The largest |a − b| / max(|a|, |b|).
    pub relative: Option<Difference>,
}

/// A difference, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Its size, absolute or relative.
    pub size: f64,
    /// Where it is.
    pub at: Spot,
}

/// A value of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Spot {
    /// The process of a row of records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The time of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<f64>,
    /// The indices of an entry of an array.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub index: Vec<usize>,
}

impl Repetition {
    /// Whether everything is there in both, with the same bits.
    pub fn is_same(&self) -> bool {
        let lists = [&self.only_recorded, &self.only_repeated, &self.reshaped];
        self.differing.is_empty() && lists.iter().all(|list| list.is_empty())
    }

    /// Columns or arrays that both have.
    pub fn common(&self) -> usize {
        self.same + self.differing.len()
    }

    /// Compares the tables of records of two runs. Rows correspond if they are of the same process and have the same number among its rows.
    pub fn of_tables(recorded: &Table, repeated: &Table) -> Self {
        let mut found = Self::default();
        let pairs = found.pair_rows(recorded, repeated);
        let (key, t) = (recorded.columns.first().map(|column| &column.name), recorded.numbers("t"));
        for column in &recorded.columns {
            let name = &column.name;
            let Some(values) = repeated.column(name) else {
                found.only_recorded.push(name.clone());
                continue;
            };
            if column.values.kind_name() != values.kind_name() {
                let (was, is) = (column.values.kind_name(), values.kind_name());
                found.reshaped.push(format!("{name} held {was} and now holds {is}"));
                continue;
            }
            let spot = |row: usize| Spot {
                process: recorded.process(row).map(str::to_string),
                t: t.get(row).copied(),
                index: Vec::new(),
            };
            let mut tally = TallyOfDifferences::default();
            if Some(name) == key {
                // Rows are paired by process, whatever their order: the order itself is compared here.
                let rows = 0..recorded.rows().min(repeated.rows());
                rows.for_each(|row| tally.add_texts(&column.values, values, (row, row), row));
            } else {
                pairs.iter().for_each(|&(row, other)| tally.add(&column.values, values, (row, other), row));
            }
            // The earliest time, not the first row: the difference begins there.
            let time = |row: usize| t.get(row).copied().unwrap_or(0.0);
            found.enter(name, tally, spot, |a, b| time(a).total_cmp(&time(b)));
        }
        let new = repeated.columns.iter().filter(|column| recorded.column(&column.name).is_none());
        found.only_repeated = new.map(|column| column.name.clone()).collect();
        found
    }

    /// Rows that correspond. Notes processes that have another number of rows.
    fn pair_rows(&mut self, recorded: &Table, repeated: &Table) -> Vec<(usize, usize)> {
        let mut processes = recorded.processes();
        processes.extend(repeated.processes().into_iter().filter(|name| !recorded.processes().contains(name)));
        let mut pairs = Vec::with_capacity(recorded.rows());
        for process in processes {
            let (before, after) = (recorded.count_of(process), repeated.count_of(process));
            if before != after {
                self.reshaped.push(format!("process {process} had {before} rows and now has {after}"));
            }
            pairs.extend(recorded.rows_of(process).zip(repeated.rows_of(process)));
        }
        pairs
    }

    /// Compares two sets of arrays. `t` tells the time of an entry of the array of this name by its first index, where it has one.
    pub fn of_arrays(recorded: &Arrays, repeated: &Arrays, t: impl Fn(&str, usize) -> Option<f64>) -> Self {
        let mut found = Self::default();
        for (name, before) in recorded {
            let Some(after) = repeated.get(name) else {
                found.only_recorded.push(name.clone());
                continue;
            };
            if before.shape.get(1..) != after.shape.get(1..) {
                found.reshaped.push(format!("{name} had shape {:?} and now has {:?}", before.shape, after.shape));
                continue;
            }
            if before.rows() != after.rows() {
                found.reshaped.push(format!("{name} had {} rows and now has {}", before.rows(), after.rows()));
            }
            let mut tally = TallyOfDifferences::default();
            for (place, (a, b)) in before.data.iter().zip(&after.data).enumerate() {
                tally.add_numbers(*a, *b, place);
            }
            let spot = |place: usize| {
                let index = before.index(place);
                Spot { process: None, t: index.first().and_then(|&row| t(name, row)), index }
            };
            found.enter(name, tally, spot, |a, b| a.cmp(&b));
        }
        found.only_repeated = repeated.keys().filter(|name| !recorded.contains_key(*name)).cloned().collect();
        found
    }

    /// Enters a column or an array with these differences.
    fn enter(
        &mut self,
        name: &str,
        tally: TallyOfDifferences,
        spot: impl Fn(usize) -> Spot,
        earlier: impl Fn(usize, usize) -> std::cmp::Ordering,
    ) {
        let Some(first) = tally.places.iter().copied().min_by(|&a, &b| earlier(a, b)) else {
            self.same += 1;
            return;
        };
        let largest = |found: Option<(f64, usize)>| found.map(|(size, place)| Difference { size, at: spot(place) });
        self.differing.push(Discrepancy {
            name: name.to_string(),
            values: tally.values,
            differing: tally.places.len(),
            undefined_in_one: tally.undefined,
            first: spot(first),
            absolute: largest(tally.absolute),
            relative: largest(tally.relative),
        });
    }
}

impl Values {
    /// What the column holds, in a word.
    fn kind_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "names",
            Self::Integer(_) => "counts",
            Self::Flag(_) => "flags",
            Self::Float(_) => "numbers",
        }
    }
}

impl Table {
    /// The process (method) of a row.
    fn process(&self, row: usize) -> Option<&str> {
        match &self.columns.first()?.values {
            Values::Text(names) => names.get(row),
            _ => None,
        }
    }
}

impl Array {
    /// The indices of the entry at this place of the data.
    fn index(&self, mut place: usize) -> Vec<usize> {
        let mut index = vec![0; self.shape.len()];
        for (own, &length) in index.iter_mut().zip(&self.shape).rev() {
            (*own, place) = (place % length, place / length);
        }
        index
    }
}

impl std::fmt::Display for Spot {
    /// `gd, t = 0.5`, `[3, 0], t = 0.5`; of the time, the digits that mean something.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let index = (!self.index.is_empty()).then(|| format!("{:?}", self.index));
        let t = self.t.map(|t| format!("t = {}", short(t, 6)));
        let parts: Vec<String> = self.process.clone().into_iter().chain(index).chain(t).collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TableColumn;

    /// Two processes with three and two records.
    fn table(loss: [f64; 5]) -> Table {
        let column = |name: &str, values| TableColumn { name: name.into(), values };
        Table {
            columns: vec![
                column("process", Values::Text(["flow", "flow", "flow", "gd", "gd"].into_iter().collect())),
                column("step", Values::Integer([0, 7, 9, 0, 100].into())),
                column("t", Values::Float([0.0, 0.5, 1.0, 0.0, 0.25].into())),
                column("loss", Values::Float(loss.into())),
            ],
        }
    }

    const LOSS: [f64; 5] = [1.0, f64::NAN, 4.0, 1e-9, -0.0];

    fn spot(process: &str, t: f64) -> Spot {
        Spot { process: Some(process.into()), t: Some(t), index: Vec::new() }
    }

    #[test]
    fn a_table_is_the_same_as_itself_and_nothing_else() {
        let whole = Repetition::of_tables(&table(LOSS), &table(LOSS));
        assert!(whole.is_same() && whole.same == 4, "{whole:?}");
        for row in 0..5 {
            let mut other = LOSS;
            // The least that a bit can do; a number where there was none.
            other[row] = if other[row].is_nan() { 0.0 } else { f64::from_bits(other[row].to_bits() ^ 1) };
            let found = Repetition::of_tables(&table(LOSS), &table(other));
            assert!(!found.is_same() && found.same == 3 && found.differing[0].differing == 1, "{row}: {found:?}");
            assert_eq!(found.differing[0].undefined_in_one, usize::from(row == 1));
        }
        let mut other = LOSS;
        other[4] = 0.0;
        let found = Repetition::of_tables(&table(LOSS), &table(other));
        assert_eq!(found.differing[0].absolute.as_ref().unwrap().size, 0.0, "signs of zero differ by nothing: {found:?}");
    }

    #[test]
    fn the_largest_differences_are_found_where_they_are() {
        let found = Repetition::of_tables(&table(LOSS), &table([1.0, f64::NAN, 4.5, 2e-9, 0.0]));
        let [loss] = &found.differing[..] else { panic!("{found:?}") };
        assert_eq!((loss.name.as_str(), loss.values, loss.differing), ("loss", 5, 3));
        assert_eq!(loss.absolute, Some(Difference { size: 0.5, at: spot("flow", 1.0) }));
        assert_eq!(loss.relative, Some(Difference { size: 0.5, at: spot("gd", 0.0) }));
        assert_eq!(loss.first, spot("gd", 0.0), "the earliest time");
    }

    #[test]
    fn rows_and_columns_that_one_run_lacks_are_named() {
        let mut other = table(LOSS);
        other.columns[3].name = "objective".into();
        for column in &mut other.columns {
            match &mut column.values {
                Values::Text(values) => values.truncate(4),
                Values::Integer(values) => values.to_mut().truncate(4),
                Values::Float(values) => values.to_mut().truncate(4),
                Values::Flag(_) => {}
            }
        }
        let found = Repetition::of_tables(&table(LOSS), &other);
        assert_eq!((found.only_recorded, found.only_repeated), (vec!["loss".to_string()], vec!["objective".to_string()]));
        assert_eq!(found.reshaped, ["process gd had 2 rows and now has 1"]);
        assert!(found.differing.is_empty());
        let mut other = table(LOSS);
        other.columns[1].values = Values::Float([0.0; 5].into());
        assert_eq!(Repetition::of_tables(&table(LOSS), &other).reshaped, ["step held counts and now holds numbers"]);
    }

    /// The rows of a process are paired with its own, and the other order is noticed.
    #[test]
    fn processes_in_another_order_are_noticed() {
        let mut other = table(LOSS);
        for column in &mut other.columns {
            match &mut column.values {
                Values::Text(values) => *values = ["gd", "gd", "flow", "flow", "flow"].into_iter().collect(),
                Values::Integer(values) => values.rotate_left(3),
                Values::Float(values) => values.rotate_left(3),
                Values::Flag(_) => {}
            }
        }
        let found = Repetition::of_tables(&table(LOSS), &other);
        assert_eq!(found.differing.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["process"]);
    }

    #[test]
    fn entries_of_arrays_are_found_by_their_indices() {
        let array = |shape: &[usize], data: &[f64]| Array::new(shape, data.to_vec());
        let arrays = |data: &[f64]| Arrays::from([("gd/W1".to_string(), array(&[2, 1, 3], data))]);
        let (before, after) = ([1.0, 2.0, 3.0, 4.0, 5.0, f64::INFINITY], [1.0, 2.0, 3.0, 4.0, 5.5, 6.0]);
        let found = Repetition::of_arrays(&arrays(&before), &arrays(&after), |_, row| Some(row as f64));
        let [w] = &found.differing[..] else { panic!("{found:?}") };
        assert_eq!((w.differing, w.first.to_string()), (2, "[1, 0, 1], t = 1".to_string()));
        assert_eq!(w.absolute.as_ref().unwrap().size, f64::INFINITY);
        assert_eq!(w.relative.as_ref().unwrap().size, 1.0);
        let flat = Arrays::from([("gd/W1".to_string(), array(&[2, 3], &before)), ("gd/b1".to_string(), array(&[0], &[]))]);
        let found = Repetition::of_arrays(&arrays(&before), &flat, |_, _| None);
        assert_eq!(found.reshaped, ["gd/W1 had shape [2, 1, 3] and now has [2, 3]"]);
        assert_eq!(found.only_repeated, ["gd/b1"]);
        assert!(Repetition::of_arrays(&flat, &flat, |_, _| None).is_same());
    }
}
