//! Collects the rows of one process and turns those of all processes into the table and the arrays of a run.

use serde::{Deserialize, Serialize};

use crate::network::Parameters;
use crate::npz::{Array, Arrays};
use crate::observe::{Row, Scalar};

use super::{Table, TableColumn, Trajectory, Values};

/// The recorded moments of one process, in order of time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorder {
    process: String,
    /// The names of the scalars and of the vectors.
    scalars: Vec<String>,
    vectors: Vec<String>,
    moments: Vec<Moment>,
    /// Present where the weights are kept.
    trajectory: Option<Trajectory>,
}

/// One recorded time. Its values are in the order of the names that were known then; a vector that was not measured is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Moment {
    step: u64,
    t: f64,
    scalars: Vec<Scalar>,
    vectors: Vec<Vec<f64>>,
}

const UNDEFINED: Scalar = Scalar::Float(f64::NAN);

impl Moment {
    /// The scalar at this index of the names; undefined where there is none.
    fn scalar(&self, index: Option<usize>) -> Scalar {
        index.and_then(|index| self.scalars.get(index)).copied().unwrap_or(UNDEFINED)
    }

    /// The vector at this index of the names; empty where there is none.
    fn vector(&self, index: usize) -> &[f64] {
        self.vectors.get(index).map_or(&[], Vec::as_slice)
    }
}

impl Recorder {
    /// Records the process of this name.
    pub fn new(process: impl Into<String>) -> Self {
        let (scalars, vectors, moments) = (Vec::new(), Vec::new(), Vec::new());
        Self { process: process.into(), scalars, vectors, moments, trajectory: None }
    }

    /// Keeps the weights, too, from now on.
    pub fn keep_weights(&mut self) {
        self.trajectory = Some(Trajectory::new(self.process.as_str()));
    }

    /// Adds θ at time `t`, if weights are kept.
    pub fn push_weights(&mut self, t: f64, theta: &Parameters) {
        if let Some(trajectory) = &mut self.trajectory {
            trajectory.push(t, theta);
        }
    }

    /// Takes the weights out, if they are kept.
    pub fn take_trajectory(&mut self) -> Option<Trajectory> {
        self.trajectory.take()
    }

    /// Adds what was measured at time `t`, after `step` steps of the process. Names that are missing in this row, or were missing in
    /// earlier ones, are undefined there.
    pub fn push(&mut self, step: u64, t: f64, row: Row) {
        let scalars = aligned(&mut self.scalars, row.scalars, UNDEFINED);
        let vectors = aligned(&mut self.vectors, row.vectors, Vec::new());
        self.moments.push(Moment { step, t, scalars, vectors });
    }

    /// The time of the last row.
    pub fn last_time(&self) -> Option<f64> {
        self.moments.last().map(|moment| moment.t)
    }
}

/// The values in the order of `names`, to which new names are appended; `none` where a value is missing.
fn aligned<T: Clone>(names: &mut Vec<String>, values: Vec<(String, T)>, none: T) -> Vec<T> {
    let as_before = names.len() == values.len() && names.iter().zip(&values).all(|(known, (name, _))| known == name);
    if as_before {
        return values.into_iter().map(|(_, value)| value).collect();
    }
    let mut all = vec![none.clone(); names.len()];
    for (name, value) in values {
        match names.iter().position(|known| *known == name) {
            Some(index) => all[index] = value,
            None => {
                names.push(name);
                all.push(value);
            }
        }
    }
    all
}

/// One row per process and recorded time: `process`, `step`, `t`, then the scalars under the names that the observables gave, undefined for
/// processes in which they were not measured.
pub fn table(recorders: &[Recorder]) -> Table {
    let moments = || recorders.iter().flat_map(|recorder| &recorder.moments);
    let processes = recorders.iter().flat_map(|recorder| recorder.moments.iter().map(|_| recorder.process.clone()));
    let mut columns = vec![
        TableColumn { name: "process".into(), values: Values::Text(processes.collect()) },
        TableColumn { name: "step".into(), values: Values::Integer(moments().map(|moment| moment.step as i64).collect()) },
        TableColumn { name: "t".into(), values: Values::Float(moments().map(|moment| moment.t).collect()) },
    ];
    let mut names: Vec<&String> = Vec::new();
    for recorder in recorders {
        let new = recorder.scalars.iter().filter(|name| !names.contains(name)).collect::<Vec<_>>();
        names.extend(new);
    }
    for name in names {
        let of = |recorder: &Recorder| recorder.scalars.iter().position(|known| known == name);
        let scalars = recorders.iter().flat_map(|recorder| {
            let index = of(recorder);
            recorder.moments.iter().map(move |moment| moment.scalar(index))
        });
        columns.push(TableColumn { name: name.clone(), values: values(&scalars.collect::<Vec<_>>()) });
    }
    Table { columns }
}

/// A column of the type of its values; of floats where types are mixed.
fn values(scalars: &[Scalar]) -> Values {
    let number = |scalar: &Scalar| match *scalar {
        Scalar::Float(x) => x,
        Scalar::Count(n) => n as f64,
        Scalar::Flag(yes) => f64::from(u8::from(yes)),
    };
    let counts = scalars.iter().map(|s| if let Scalar::Count(n) = s { Some(*n as i64) } else { None }).collect();
    let flags = scalars.iter().map(|s| if let Scalar::Flag(yes) = s { Some(*yes) } else { None }).collect();
    match (counts, flags) {
        _ if scalars.is_empty() => Values::Float(Vec::new()),
        (Some(counts), _) => Values::Integer(counts),
        (_, Some(flags)) => Values::Flag(flags),
        _ => Values::Float(scalars.iter().map(number).collect()),
    }
}

/// `p/t`, `p/step` and every vector of each process p over its recorded times, of shape (times, length); shorter vectors are padded with
/// NaN.
pub fn arrays(recorders: &[Recorder]) -> Arrays {
    let mut arrays = Arrays::new();
    for Recorder { process, vectors, moments, .. } in recorders {
        arrays.insert(format!("{process}/t"), Array::vector(moments.iter().map(|moment| moment.t).collect()));
        arrays.insert(format!("{process}/step"), Array::vector(moments.iter().map(|moment| moment.step as f64).collect()));
        for (index, name) in vectors.iter().enumerate() {
            let length = moments.iter().map(|moment| moment.vector(index).len()).max().unwrap_or(0);
            let mut data = Vec::with_capacity(moments.len() * length);
            for (row, moment) in moments.iter().enumerate() {
                data.extend_from_slice(moment.vector(index));
                data.resize((row + 1) * length, f64::NAN);
            }
            let array = Array { shape: vec![moments.len(), length], data };
            arrays.insert(format!("{process}/{name}"), array);
        }
    }
    arrays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scalars: &[(&str, Scalar)], vector: &[f64]) -> Row {
        Row {
            scalars: scalars.iter().map(|(name, value)| (name.to_string(), *value)).collect(),
            vectors: vec![("v".to_string(), vector.to_vec())],
        }
    }

    /// Whatever an observable leaves out or adds on the way, every value is under its own name, and nothing is lost.
    #[test]
    fn what_is_not_always_measured_is_undefined_elsewhere() {
        let (mut flow, mut gd) = (Recorder::new("flow"), Recorder::new("gd"));
        flow.push(0, 0.0, row(&[("a", Scalar::Float(1.0)), ("n", Scalar::Count(3))], &[1.0, 2.0]));
        flow.push(1, 1.0, row(&[("n", Scalar::Count(4)), ("b", Scalar::Flag(true))], &[3.0]));
        gd.push(0, 0.0, row(&[("b", Scalar::Flag(false)), ("n", Scalar::Count(5))], &[]));
        let (table, arrays) = (table(&[flow.clone(), gd.clone()]), arrays(&[flow, gd]));
        let bits = |name: &str| table.floats("flow", name).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits("a"), [1f64.to_bits(), f64::NAN.to_bits()]);
        assert_eq!(bits("b"), [f64::NAN.to_bits(), 1f64.to_bits()]);
        assert_eq!(table.floats("gd", "b"), [0.0]);
        assert!(matches!(table.column("n"), Some(Values::Integer(n)) if *n == [3, 4, 5]));
        let v = &arrays["flow/v"];
        assert_eq!(v.shape, [2, 2]);
        assert!(v.data[..3] == [1.0, 2.0, 3.0] && v.data[3].is_nan());
        assert_eq!(arrays["gd/v"].shape, [1, 0]);
    }
}
