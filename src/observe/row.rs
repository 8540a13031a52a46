//! The values measured at one recorded time.

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// A finite number, or NaN where it is not defined.
    Float(f64),
    /// A count.
    Count(usize),
    /// Yes or no.
    Flag(bool),
}

/// Named scalars and vectors, in the order in which the observables wrote them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// What goes to the table of records.
    pub scalars: Vec<(String, Scalar)>,
    /// What goes to the arrays over time.
    pub vectors: Vec<(String, Vec<f64>)>,
}

impl Row {
    /// Adds a number. One that is infinite is not defined: what it stands for overflowed.
    pub fn float(&mut self, name: impl Into<String>, value: f64) {
        self.scalars.push((name.into(), Scalar::Float(finite(value))));
    }

    /// Adds a count.
    pub fn count(&mut self, name: impl Into<String>, value: usize) {
        self.scalars.push((name.into(), Scalar::Count(value)));
    }

    /// Adds a yes or no.
    pub fn flag(&mut self, name: impl Into<String>, value: bool) {
        self.scalars.push((name.into(), Scalar::Flag(value)));
    }

    /// Adds a vector under the name of an array that is declared, of the same length at every recorded time. Infinite entries are not defined.
    pub fn vector(&mut self, name: impl Into<String>, mut values: Vec<f64>) {
        values.iter_mut().for_each(|value| *value = finite(*value));
        self.vectors.push((name.into(), values));
    }
}

fn finite(value: f64) -> f64 {
    if value.is_infinite() { f64::NAN } else { value }
}
