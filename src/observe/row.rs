//! The values measured at one recorded time.

use serde::{Deserialize, Serialize};

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// A finite number, or NaN where it is undefined.
    Float(f64),
    /// A count.
    Count(usize),
    /// A yes or no.
    Flag(bool),
}

/// Named scalars and vectors, in the order in which the observables wrote them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// Values for the table of records.
    pub scalars: Vec<(String, Scalar)>,
    /// Values for the arrays over time.
    pub vectors: Vec<(String, Vec<f64>)>,
}

impl Row {
    /// Adds a number. An infinite one has overflowed and is recorded as undefined.
    pub fn float(&mut self, name: impl Into<String>, value: f64) {
        self.scalars.push((name.into(), Scalar::Float(finite(value))));
    }

    /// Adds a count.
    pub fn count(&mut self, name: impl Into<String>, value: usize) {
        self.scalars.push((name.into(), Scalar::Count(value)));
    }

    /// Adds a flag.
    pub fn flag(&mut self, name: impl Into<String>, value: bool) {
        self.scalars.push((name.into(), Scalar::Flag(value)));
    }

    /// Adds the values of a declared array, as many at every recorded time. Infinite entries are recorded as undefined.
    pub fn vector(&mut self, name: impl Into<String>, mut values: Vec<f64>) {
        values.iter_mut().for_each(|value| *value = finite(*value));
        self.vectors.push((name.into(), values));
    }
}

fn finite(value: f64) -> f64 {
    if value.is_infinite() { f64::NAN } else { value }
}
