//! Collects the rows of one process and turns those of all processes into the table and the arrays of a run.

use crate::npz::{Array, Arrays};
use crate::observe::{Row, Scalar};

use super::{Column, Table, Values};

/// The recorded rows of one process, in order of time.
#[derive(Debug, Clone)]
pub struct Recorder {
    process: String,
    moments: Vec<Moment>,
}

#[derive(Debug, Clone)]
struct Moment {
    step: u64,
    t: f64,
    row: Row,
}

impl Recorder {
    /// For the process of this name.
    pub fn new(process: impl Into<String>) -> Self {
        Self { process: process.into(), moments: Vec::new() }
    }

    /// Adds what was measured at time `t`, after `step` steps of the process.
    pub fn push(&mut self, step: u64, t: f64, row: Row) {
        self.moments.push(Moment { step, t, row });
    }

    /// The time of the last row.
    pub fn last_time(&self) -> Option<f64> {
        self.moments.last().map(|moment| moment.t)
    }
}

/// One row per process and recorded time: `process`, `step`, `t`, then the scalars under the names that the observables gave.
pub fn table(recorders: &[Recorder]) -> Table {
    let moments = || recorders.iter().flat_map(|recorder| recorder.moments.iter().map(move |moment| (recorder, moment)));
    let mut columns = vec![
        Column { name: "process".into(), values: Values::Text(moments().map(|(r, _)| r.process.clone()).collect()) },
        Column { name: "step".into(), values: Values::Integer(moments().map(|(_, m)| m.step as i64).collect()) },
        Column { name: "t".into(), values: Values::Float(moments().map(|(_, m)| m.t).collect()) },
    ];
    let names = moments().next().map_or(&[][..], |(_, first)| &first.row.scalars[..]);
    for (index, (name, first)) in names.iter().enumerate() {
        let scalars = moments().map(|(_, moment)| {
            let (own, scalar) = &moment.row.scalars[index];
            assert_eq!(own, name, "observables write the same names in the same order every time");
            *scalar
        });
        columns.push(Column { name: name.clone(), values: values(*first, scalars) });
    }
    Table { columns }
}

/// A column of the type of its first value.
fn values(first: Scalar, scalars: impl Iterator<Item = Scalar>) -> Values {
    match first {
        Scalar::Float(_) => Values::Float(scalars.map(|s| if let Scalar::Float(x) = s { x } else { f64::NAN }).collect()),
        Scalar::Count(_) => Values::Integer(scalars.map(|s| if let Scalar::Count(n) = s { n as i64 } else { 0 }).collect()),
        Scalar::Flag(_) => Values::Flag(scalars.map(|s| s == Scalar::Flag(true)).collect()),
    }
}

/// `p/t`, `p/step` and every vector over the recorded times of each process p, of shape (times, length).
pub fn arrays(recorders: &[Recorder]) -> Arrays {
    let mut arrays = Arrays::new();
    for Recorder { process, moments } in recorders {
        arrays.insert(format!("{process}/t"), Array::vector(moments.iter().map(|m| m.t).collect()));
        arrays.insert(format!("{process}/step"), Array::vector(moments.iter().map(|m| m.step as f64).collect()));
        for (index, (name, first)) in moments.first().map_or(&[][..], |m| &m.row.vectors[..]).iter().enumerate() {
            let data: Vec<f64> = moments.iter().flat_map(|m| m.row.vectors[index].1.iter().copied()).collect();
            let array = Array { shape: vec![moments.len(), first.len()], data };
            arrays.insert(format!("{process}/{name}"), array);
        }
    }
    arrays
}
