//! Tables. A run's has one row per process and recorded time, and one column per scalar; a study's has one row per point.

use std::ops::Range;

use crate::spool::{SpoolItem, Spooled};

use super::Texts;

/// The values of one column, all of one type. Long columns of numbers lie on disk.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Names.
    Text(Texts),
    /// Counts.
    Integer(Spooled<i64>),
    /// Yes or no.
    Flag(Spooled<bool>),
    /// Measured numbers; NaN where the quantity is not defined (null in Parquet).
    Float(Spooled<f64>),
}

impl Values {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(v) => v.len(),
            Self::Integer(v) => v.len(),
            Self::Flag(v) => v.len(),
            Self::Float(v) => v.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One named column.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// `process`, `step`, `t`, or the name that an observable or a study gave.
    pub name: String,
    /// One per row.
    pub values: Values,
}

/// Columns of equal length. The first identifies the rows: a run's `process`, a study's `method`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// In the order of the Parquet file: in a run `process`, `step`, `t`, then what was observed.
    pub columns: Vec<TableColumn>,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The column called `name`, if there is one.
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|column| column.name == name).map(|column| &column.values)
    }

    /// The texts of the column `name`; empty if there is no such column.
    pub(crate) fn texts(&self, name: &str) -> &Texts {
        static NONE: Texts = Texts::new();
        match self.column(name) {
            Some(Values::Text(values)) => values,
            _ => &NONE,
        }
    }

    /// The counts of the column `name`; empty if there is no such column.
    pub(crate) fn counts(&self, name: &str) -> &[i64] {
        match self.column(name) {
            Some(Values::Integer(values)) => values,
            _ => &[],
        }
    }

    /// The measured numbers of the column `name`; empty if there is no such column.
    pub(crate) fn numbers(&self, name: &str) -> &[f64] {
        match self.column(name) {
            Some(Values::Float(values)) => values,
            _ => &[],
        }
    }

    /// The flags of the column `name`; empty if there is no such column.
    pub(crate) fn flags(&self, name: &str) -> &[bool] {
        match self.column(name) {
            Some(Values::Flag(values)) => values,
            _ => &[],
        }
    }

    /// The processes (methods), in the order of their first rows.
    pub fn processes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (process, _) in self.runs() {
            if !names.contains(&process) {
                names.push(process);
            }
        }
        names
    }

    /// The numbers of column `name` in the rows of `process`, in order; empty if there is no such column of numbers.
    pub fn floats(&self, process: &str, name: &str) -> Vec<f64> {
        match self.column(name) {
            Some(Values::Float(values)) => self.of(process, values),
            _ => Vec::new(),
        }
    }

    /// The same of a column of whole numbers.
    pub fn integers(&self, process: &str, name: &str) -> Vec<i64> {
        match self.column(name) {
            Some(Values::Integer(values)) => self.of(process, values),
            _ => Vec::new(),
        }
    }

    /// Those of these values of a column that stand in the rows of `process`.
    fn of<T: SpoolItem>(&self, process: &str, values: &Spooled<T>) -> Vec<T> {
        let mut own = Vec::new();
        for (_, rows) in self.runs().filter(|(key, _)| *key == process) {
            own.extend_from_slice(&values.slice(rows.start.min(values.len())..rows.end.min(values.len())));
        }
        own
    }

    /// The rows of `process`.
    pub fn rows_of<'a>(&'a self, process: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.runs().filter(move |(key, _)| *key == process).flat_map(|(_, rows)| rows)
    }

    /// The number of rows of `process`.
    pub fn count_of(&self, process: &str) -> usize {
        self.runs().filter(|(key, _)| *key == process).map(|(_, rows)| rows.len()).sum()
    }

    /// The keys in the first column, which identifies the rows, each with rows that follow one another.
    fn runs(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let keys = match self.columns.first().map(|column| &column.values) {
            Some(Values::Text(keys)) => Some(keys),
            _ => None,
        };
        keys.into_iter().flat_map(Texts::runs)
    }
}
