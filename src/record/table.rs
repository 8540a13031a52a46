//! The table of records: one row per process and recorded time, one column per scalar.

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

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// `process`, `step`, `t`, or the name that an observable gave.
    pub name: String,
    /// One per row.
    pub values: Values,
}

/// Columns of equal length. The first, `process`, names the process of each row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// In the order of the Parquet file: `process`, `step`, `t`, then what was observed.
    pub columns: Vec<Column>,
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

    /// The processes, in the order of their first rows.
    pub fn processes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        if let Some(Values::Text(processes)) = self.column("process") {
            for process in processes {
                if !names.contains(&process.as_str()) {
                    names.push(process);
                }
            }
        }
        names
    }

    /// The numbers of column `name` in the rows of `process`, in order; empty if there is no such column of numbers.
    pub fn floats(&self, process: &str, name: &str) -> Vec<f64> {
        match (self.column("process"), self.column(name)) {
            (Some(Values::Text(processes)), Some(Values::Float(values))) => {
                processes.iter().zip(values).filter(|(p, _)| *p == process).map(|(_, &v)| v).collect()
            }
            _ => Vec::new(),
        }
    }
}
