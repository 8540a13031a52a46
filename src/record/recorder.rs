//! Collects the rows of one process and turns those of all processes into the table and the arrays of a run.

use crate::network::Parameters;
use crate::npz::{Array, Arrays};
use crate::observe::{Row, Scalar};

use super::{Column, Table, Trajectory, Values};

/// The recorded moments of one process, in order of time.
#[derive(Debug, Clone)]
pub struct Recorder {
    process: String,
    /// The names of the scalars and of the vectors of every moment.
    scalars: Vec<String>,
    vectors: Vec<String>,
    moments: Vec<Moment>,
    /// Where the weights are kept.
    trajectory: Option<Trajectory>,
}

/// One recorded time; its values are in the order of the names.
#[derive(Debug, Clone)]
struct Moment {
    step: u64,
    t: f64,
    scalars: Vec<Scalar>,
    vectors: Vec<Vec<f64>>,
}

impl Recorder {
    /// For the process of this name.
    pub fn new(process: impl Into<String>) -> Self {
        let (scalars, vectors, moments) = (Vec::new(), Vec::new(), Vec::new());
        Self { process: process.into(), scalars, vectors, moments, trajectory: None }
    }

    /// From now on it keeps the weights, too.
    pub fn keep_weights(&mut self) {
        self.trajectory = Some(Trajectory::new(self.process.as_str()));
    }

    /// Adds θ at time `t`, if it keeps that.
    pub fn push_weights(&mut self, t: f64, theta: &Parameters) {
        if let Some(trajectory) = &mut self.trajectory {
            trajectory.push(t, theta);
        }
    }

    /// The weights that it has kept, if it keeps them.
    pub fn take_trajectory(&mut self) -> Option<Trajectory> {
        self.trajectory.take()
    }

    /// Adds what was measured at time `t`, after `step` steps of the process: the same names in the same order every time.
    pub fn push(&mut self, step: u64, t: f64, row: Row) {
        let (scalar_names, scalars): (Vec<_>, Vec<_>) = row.scalars.into_iter().unzip();
        let (vector_names, vectors): (Vec<_>, Vec<_>) = row.vectors.into_iter().unzip();
        if self.moments.is_empty() {
            (self.scalars, self.vectors) = (scalar_names, vector_names);
        } else {
            assert_eq!((&self.scalars, &self.vectors), (&scalar_names, &vector_names), "observables change no names");
        }
        self.moments.push(Moment { step, t, scalars, vectors });
    }

    /// The time of the last row.
    pub fn last_time(&self) -> Option<f64> {
        self.moments.last().map(|moment| moment.t)
    }
}

/// One row per process and recorded time: `process`, `step`, `t`, then the scalars under the names that the observables gave. All
/// processes are observed alike.
pub fn table(recorders: &[Recorder]) -> Table {
    let moments = || recorders.iter().flat_map(|recorder| &recorder.moments);
    let processes = recorders.iter().flat_map(|recorder| recorder.moments.iter().map(|_| recorder.process.clone()));
    let mut columns = vec![
        Column { name: "process".into(), values: Values::Text(processes.collect()) },
        Column { name: "step".into(), values: Values::Integer(moments().map(|moment| moment.step as i64).collect()) },
        Column { name: "t".into(), values: Values::Float(moments().map(|moment| moment.t).collect()) },
    ];
    let names = recorders.iter().map(|recorder| &recorder.scalars).find(|names| !names.is_empty());
    for (index, name) in names.into_iter().flatten().enumerate() {
        let first = moments().next().map_or(Scalar::Float(f64::NAN), |moment| moment.scalars[index]);
        columns.push(Column { name: name.clone(), values: values(first, moments().map(|moment| moment.scalars[index])) });
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
    for Recorder { process, vectors, moments, .. } in recorders {
        arrays.insert(format!("{process}/t"), Array::vector(moments.iter().map(|moment| moment.t).collect()));
        arrays.insert(format!("{process}/step"), Array::vector(moments.iter().map(|moment| moment.step as f64).collect()));
        for (index, name) in vectors.iter().enumerate() {
            let data: Vec<f64> = moments.iter().flat_map(|moment| moment.vectors[index].iter().copied()).collect();
            let array = Array { shape: vec![moments.len(), data.len() / moments.len()], data };
            arrays.insert(format!("{process}/{name}"), array);
        }
    }
    arrays
}
