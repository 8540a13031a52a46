//! Collects the rows of one process and turns those of all processes into the table and the arrays of a run.
//!
//! Values are kept by column, each number in 8 bytes. Of long columns only the end is in memory ([`Spooled`]): a run may have any number of
//! records.

use serde::{Deserialize, Serialize};

use crate::network::Parameters;
use crate::npz::{Array, Arrays};
use crate::observe::{Row, Scalar};
use crate::spool::Spooled;

use super::{Table, TableColumn, Texts, Trajectory, Values};

/// The recorded moments of one process, in order of time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorder {
    process: String,
    steps: Spooled<u64>,
    times: Spooled<f64>,
    scalars: Vec<Named<Scalars>>,
    vectors: Vec<Named<Vectors>>,
    /// Present where the weights are kept.
    trajectory: Option<Trajectory>,
}

/// The values of one name, one for each moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Named<T> {
    name: String,
    values: T,
}

/// What is kept of one name.
trait Series: Default {
    /// What a row has of it.
    type Value;

    /// Adds the value of a moment.
    fn push(&mut self, value: Self::Value);

    /// The name is missing at this many moments.
    fn miss(&mut self, count: usize);
}

/// The scalars of one name as numbers, NaN where there is none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Scalars {
    numbers: Spooled<f64>,
    /// Whether floats, counts and flags are among them. What is missing is a float.
    floats: bool,
    counts: bool,
    flags: bool,
}

impl Series for Scalars {
    type Value = Scalar;

    fn push(&mut self, value: Scalar) {
        self.numbers.push(match value {
            Scalar::Float(x) => {
                self.floats = true;
                x
            }
            Scalar::Count(n) => {
                self.counts = true;
                n as f64
            }
            Scalar::Flag(yes) => {
                self.flags = true;
                f64::from(u8::from(yes))
            }
        });
    }

    fn miss(&mut self, count: usize) {
        self.floats |= count > 0;
        self.numbers.extend_by(count, f64::NAN);
    }
}

/// The vectors of one name, one after another; empty where there is none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Vectors {
    numbers: Spooled<f64>,
    /// Their lengths, each with the number of vectors that follow one another and have it.
    lengths: Vec<(usize, usize)>,
}

impl Vectors {
    fn note(&mut self, length: usize, count: usize) {
        match self.lengths.last_mut() {
            Some((last, so_many)) if *last == length => *so_many += count,
            _ if count == 0 => {}
            _ => self.lengths.push((length, count)),
        }
    }

    /// Of shape (times, length), shorter vectors padded with NaN.
    fn into_array(self) -> Array {
        let Self { numbers, lengths } = self;
        let times = lengths.iter().map(|(_, count)| count).sum();
        let longest = lengths.iter().map(|(length, _)| *length).max().unwrap_or(0);
        if lengths.len() <= 1 {
            return Array { shape: vec![times, longest], data: numbers };
        }
        let (mut data, mut rest) = (Spooled::new(), numbers.values());
        for (length, count) in lengths {
            for _ in 0..count {
                data.extend(rest.by_ref().take(length));
                data.extend_by(longest - length, f64::NAN);
            }
        }
        Array { shape: vec![times, longest], data }
    }
}

impl Series for Vectors {
    type Value = Vec<f64>;

    fn push(&mut self, value: Vec<f64>) {
        self.note(value.len(), 1);
        self.numbers.extend_from_slice(&value);
    }

    fn miss(&mut self, count: usize) {
        self.note(0, count);
    }
}

impl Recorder {
    /// Records the process of this name.
    pub fn new(process: impl Into<String>) -> Self {
        let (steps, times, scalars, vectors) = (Spooled::new(), Spooled::new(), Vec::new(), Vec::new());
        Self { process: process.into(), steps, times, scalars, vectors, trajectory: None }
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
        let before = self.times.len();
        push_all(&mut self.scalars, row.scalars, before);
        push_all(&mut self.vectors, row.vectors, before);
        self.steps.push(step);
        self.times.push(t);
    }

    /// The time of the last row.
    pub fn last_time(&self) -> Option<f64> {
        self.times.at(self.times.len().checked_sub(1)?)
    }

    /// Why what should be on disk is in memory, if it is.
    pub fn complaint(&self) -> Option<&str> {
        let scalars = self.scalars.iter().map(|known| &known.values.numbers);
        let vectors = self.vectors.iter().map(|known| &known.values.numbers);
        let columns = scalars.chain(vectors).chain([&self.times]).filter_map(Spooled::complaint);
        columns.chain(self.trajectory.iter().filter_map(Trajectory::complaint)).next()
    }

    /// Takes out the scalars of this name.
    fn take(&mut self, name: &str) -> Option<Scalars> {
        let own = self.scalars.iter_mut().find(|known| known.name == name)?;
        Some(std::mem::take(&mut own.values))
    }
}

/// Adds the values of a moment under their names, before which there were `before` moments.
fn push_all<T: Series>(known: &mut Vec<Named<T>>, values: Vec<(String, T::Value)>, before: usize) {
    let as_before = known.len() == values.len() && known.iter().zip(&values).all(|(known, (name, _))| known.name == *name);
    if as_before {
        known.iter_mut().zip(values).for_each(|(known, (_, value))| known.values.push(value));
        return;
    }
    let mut has = vec![false; known.len()];
    for (name, value) in values {
        let index = known.iter().position(|known| known.name == name).unwrap_or_else(|| {
            let mut values = T::default();
            values.miss(before);
            known.push(Named { name, values });
            has.push(false);
            known.len() - 1
        });
        // Of a name that a row gives twice, the first value counts.
        if !std::mem::replace(&mut has[index], true) {
            known[index].values.push(value);
        }
    }
    known.iter_mut().zip(has).filter(|(_, has)| !has).for_each(|(known, _)| known.values.miss(1));
}

/// One row per process and recorded time: `process`, `step`, `t`, then the scalars under the names that the observables gave, undefined for
/// processes in which they were not measured. The scalars are taken out.
pub fn table(recorders: &mut [Recorder]) -> Table {
    let (mut processes, mut steps, mut times) = (Texts::default(), Spooled::new(), Spooled::new());
    for recorder in recorders.iter() {
        processes.extend_by(recorder.times.len(), recorder.process.as_str());
        steps.extend(recorder.steps.values().map(|step| step as i64));
        times.extend(recorder.times.values());
    }
    let mut columns = vec![
        TableColumn { name: "process".into(), values: Values::Text(processes) },
        TableColumn { name: "step".into(), values: Values::Integer(steps) },
        TableColumn { name: "t".into(), values: Values::Float(times) },
    ];
    let mut names: Vec<String> = Vec::new();
    for Named { name, .. } in recorders.iter().flat_map(|recorder| &recorder.scalars) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    for name in names {
        let part = |recorder: &mut Recorder| {
            recorder.take(&name).unwrap_or_else(|| {
                let mut none = Scalars::default();
                none.miss(recorder.times.len());
                none
            })
        };
        let values = values(recorders.iter_mut().map(part).collect());
        columns.push(TableColumn { name, values });
    }
    Table { columns }
}

/// A column of the type of its values; of floats where types are mixed. Counts are below 2⁵³.
fn values(parts: Vec<Scalars>) -> Values {
    let any = |has: fn(&Scalars) -> bool| parts.iter().any(has);
    let kinds = [any(|part| part.floats), any(|part| part.counts), any(|part| part.flags)];
    // The numbers of the first part stay where they are.
    let mut all = parts.into_iter().map(|part| part.numbers).filter(|numbers| !numbers.is_empty());
    let mut numbers = all.next().unwrap_or_default();
    all.for_each(|more| numbers.extend(more.values()));
    match kinds {
        [false, true, false] => Values::Integer(numbers.values().map(|n| n as i64).collect()),
        [false, false, true] => Values::Flag(numbers.values().map(|yes| yes != 0.0).collect()),
        _ => Values::Float(numbers),
    }
}

/// `p/t`, `p/step` and every vector of each process p over its recorded times, of shape (times, length); shorter vectors are padded with
/// NaN.
pub fn arrays(recorders: Vec<Recorder>) -> Arrays {
    let mut arrays = Arrays::new();
    for Recorder { process, steps, times, vectors, .. } in recorders {
        arrays.insert(format!("{process}/t"), Array::vector(times));
        let steps: Spooled<f64> = steps.values().map(|step| step as f64).collect();
        arrays.insert(format!("{process}/step"), Array::vector(steps));
        for Named { name, values } in vectors {
            arrays.insert(format!("{process}/{name}"), values.into_array());
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
        let mut recorders = vec![flow, gd];
        let (table, arrays) = (table(&mut recorders), arrays(recorders));
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

    /// A column is of one type if all its values are, in all processes; vectors that come late or change their length are padded.
    #[test]
    fn types_and_lengths_are_those_of_all_values() {
        let (mut flow, mut gd) = (Recorder::new("flow"), Recorder::new("gd"));
        for k in 0..3 {
            let mut values = vec![("n", Scalar::Count(k)), ("yes", Scalar::Flag(k == 1))];
            if k > 0 {
                values.push(("late", Scalar::Count(7)));
            }
            flow.push(k as u64, k as f64, row(&values, &[1.0; 3][..k]));
        }
        gd.push(0, 0.0, row(&[("yes", Scalar::Flag(true)), ("n", Scalar::Float(0.5))], &[]));
        let mut recorders = vec![flow.clone()];
        let (alone, arrays) = (table(&mut recorders), arrays(recorders));
        assert_eq!(alone.column("n"), Some(&Values::Integer([0, 1, 2].into())));
        assert_eq!(alone.column("yes"), Some(&Values::Flag([false, true, false].into())));
        let late = alone.floats("flow", "late");
        assert!(late[0].is_nan() && late[1..] == [7.0, 7.0]);
        let v = &arrays["flow/v"];
        assert_eq!(v.shape, [3, 2]);
        assert!(v.data[..2].iter().all(|x| x.is_nan()) && v.data[2] == 1.0 && v.data[3].is_nan() && v.data[4..] == [1.0, 1.0]);
        let both = table(&mut [flow, gd]);
        assert_eq!(both.column("n"), Some(&Values::Float([0.0, 1.0, 2.0, 0.5].into())));
        assert_eq!(both.column("yes"), Some(&Values::Flag([false, true, false, true].into())));
    }

    /// Far beyond what stays in memory, and through a checkpoint on the way: the table and the arrays are those of plain vectors.
    #[test]
    fn a_long_record_reads_as_if_it_were_in_memory() {
        const ROWS: usize = 90_000;
        let value = |k: usize| (k as f64).sqrt().sin();
        let vector = |k: usize| (0..if k < ROWS / 2 { 3 } else { 2 }).map(|i| value(k + i)).collect::<Vec<f64>>();
        let mut recorder = Recorder::new("flow");
        for k in 0..ROWS {
            let mut scalars =
                vec![("value", Scalar::Float(value(k))), ("count", Scalar::Count(k)), ("odd", Scalar::Flag(k % 2 == 1))];
            if k % 3 == 0 {
                scalars.push(("third", Scalar::Float(-value(k))));
            }
            recorder.push(k as u64, value(k), row(&scalars, &vector(k)));
            if k == ROWS / 3 {
                let saved = postcard::to_stdvec(&recorder).unwrap();
                recorder = postcard::from_bytes(&saved).unwrap();
                assert_eq!(postcard::to_stdvec(&recorder).unwrap(), saved);
            }
        }
        assert_eq!((recorder.last_time(), recorder.complaint()), (Some(value(ROWS - 1)), None));
        let mut recorders = vec![recorder.clone(), recorder];
        let (table, arrays) = (table(&mut recorders), arrays(recorders));
        let all = || (0..ROWS).chain(0..ROWS);
        let bits = |numbers: &[f64]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let third = all().map(|k| if k % 3 == 0 { -value(k) } else { f64::NAN }).collect::<Vec<_>>();
        for (name, expected) in [("value", all().map(value).collect()), ("t", all().map(value).collect()), ("third", third)] {
            let Some(Values::Float(found)) = table.column(name) else { panic!("{name}") };
            assert!(found.in_memory() < ROWS / 2, "{name}");
            assert_eq!(bits(found), bits(&expected), "{name}");
            assert_eq!(bits(&table.floats("flow", name)), bits(&expected), "{name}");
        }
        assert_eq!(table.column("count"), Some(&Values::Integer(all().map(|k| k as i64).collect::<Vec<_>>().into())));
        assert_eq!(table.column("odd"), Some(&Values::Flag(all().map(|k| k % 2 == 1).collect::<Vec<_>>().into())));
        assert_eq!((table.rows(), table.processes(), table.count_of("flow")), (2 * ROWS, vec!["flow"], 2 * ROWS));
        let v = &arrays["flow/v"];
        let padded = |k: usize| [&vector(k)[..], &[f64::NAN]].concat()[..3].to_vec();
        assert!(v.shape == [ROWS, 3] && v.data.in_memory() < ROWS);
        assert_eq!(bits(&v.row(ROWS / 2 + 1)), bits(&padded(ROWS / 2 + 1)));
        assert_eq!(v.column(1).collect::<Vec<_>>(), (0..ROWS).map(|k| value(k + 1)).collect::<Vec<_>>());
        assert_eq!(bits(&v.data), bits(&(0..ROWS).flat_map(padded).collect::<Vec<_>>()));
    }
}
