//! Tables. A run's has one row per process and recorded time, and one column per scalar; a study's has one row per point.

/// The values of one column, all of one type.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Names.
    Text(Vec<String>),
    /// Counts.
    Integer(Vec<i64>),
    /// Yes or no.
    Flag(Vec<bool>),
    /// Measured numbers; NaN where the quantity is not defined (null in Parquet).
    Float(Vec<f64>),
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
    pub(crate) fn texts(&self, name: &str) -> &[String] {
        match self.column(name) {
            Some(Values::Text(values)) => values,
            _ => &[],
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
        for process in self.keys() {
            if !names.contains(&process.as_str()) {
                names.push(process);
            }
        }
        names
    }

    /// The numbers of column `name` in the rows of `process`, in order; empty if there is no such column of numbers.
    pub fn floats(&self, process: &str, name: &str) -> Vec<f64> {
        match self.column(name) {
            Some(Values::Float(values)) => self.rows_of(process).filter_map(|row| values.get(row).copied()).collect(),
            _ => Vec::new(),
        }
    }

    /// The rows of `process`.
    pub fn rows_of<'a>(&'a self, process: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.keys().iter().enumerate().filter(move |(_, key)| *key == process).map(|(row, _)| row)
    }

    /// The first column, which identifies the rows.
    fn keys(&self) -> &[String] {
        match self.columns.first().map(|column| &column.values) {
            Some(Values::Text(keys)) => keys,
            _ => &[],
        }
    }
}
