//! Observation beside integration: records wait in a queue until a thread is free to measure them.
//!
//! A row depends on its pending record alone, and rows are put back in the order in which they were handed in, so that any number of threads
//! leaves the same records. With one thread every record is measured at once, by the thread that hands it in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::network::Parameters;
use crate::observe::{Columns, Group, Observable, Row};
use crate::record::Recorder;

use super::pending::PendingRecord;
use super::{Plan, Problem, observables};

/// Measures pending records, on a problem of its own.
pub(super) struct Observer<'a> {
    problem: &'a Problem,
    observables: Vec<Box<dyn Observable>>,
    keeps_weights: bool,
}

/// What was measured of one record.
struct Observed {
    process: usize,
    step: u64,
    t: f64,
    /// `None` where products of the weights overflow.
    row: Option<Row>,
    /// What observables of one's own have written without declaring it.
    undeclared: BTreeSet<String>,
    /// θ, where it is kept.
    parameters: Option<Parameters>,
    time: Duration,
}

impl<'a> Observer<'a> {
    pub(super) fn new(plan: &Plan, problem: &'a Problem) -> Self {
        Self { problem, observables: observables(plan, problem), keeps_weights: plan.record_weights }
    }

    fn measure(&self, process: usize, pending: PendingRecord) -> Observed {
        let (begin, mut undeclared) = (Instant::now(), BTreeSet::new());
        let row = pending.snapshot(self.problem).map(|snapshot| {
            let mut row = Row::default();
            for observable in &self.observables {
                let Columns { group, list, arrays } = observable.columns();
                let before = (row.scalars.len(), row.vectors.len());
                observable.measure(&snapshot, &mut row);
                if group == Group::Own {
                    let declared = |name: &str| list.iter().any(|column| column.layer(name).is_some());
                    let others = row.scalars.extract_if(before.0.., |(name, _)| !declared(name));
                    undeclared.extend(others.map(|(name, _)| name));
                    let declared = |name: &str| arrays.iter().any(|array| array.is_called(name));
                    let others = row.vectors.extract_if(before.1.., |(name, _)| !declared(name));
                    undeclared.extend(others.map(|(name, _)| name));
                }
            }
            row
        });
        let PendingRecord { step, t, parameters, .. } = pending;
        let parameters = self.keeps_weights.then_some(parameters);
        Observed { process, step, t, row, undeclared, parameters, time: begin.elapsed() }
    }
}

/// The queue, and what came of it.
pub(super) struct Observers {
    state: Mutex<State>,
    changed: Condvar,
    /// Records that may wait: whoever hands in more measures the first of them.
    most: usize,
}

struct State {
    waiting: VecDeque<(usize, usize, PendingRecord)>,
    /// Records handed in so far: the number of the next.
    count: usize,
    /// Those that are measured but have one before them that is not.
    early: BTreeMap<usize, Observed>,
    kept: Kept,
    /// Threads that may still hand in records.
    sources: usize,
    /// A thread has panicked over a record.
    broken: bool,
}

/// Everything that was measured, by process.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub recorders: Vec<Recorder>,
    /// Time spent measuring.
    pub times: Vec<Duration>,
    /// Moments at which products of the weights overflow.
    pub missed: usize,
    /// What observables of one's own have written without declaring it.
    pub undeclared: BTreeSet<String>,
    /// Records put back in order so far, of those handed in to these observers.
    #[serde(skip)]
    count: usize,
}

impl Observers {
    /// For processes of which this was kept so far, and of whose records `most` may wait.
    pub(super) fn new(kept: Kept, most: usize) -> Self {
        let kept = Kept { count: 0, ..kept };
        let state = State { waiting: VecDeque::new(), count: 0, early: BTreeMap::new(), kept, sources: 0, broken: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), most }
    }

    /// Hands in a record of a process; measures the first that waits, if too many do.
    fn hand_in(&self, process: usize, pending: PendingRecord, observer: &Observer) {
        let mut state = self.lock();
        let number = state.count;
        state.count += 1;
        state.waiting.push_back((number, process, pending));
        let first = if state.waiting.len() > self.most { state.waiting.pop_front() } else { None };
        drop(state);
        match first {
            Some(first) => self.measure(first, observer),
            None => self.changed.notify_all(),
        }
    }

    /// Measures what waits and what comes, until nothing waits and nothing more can come.
    pub(super) fn serve(&self, observer: &Observer) {
        loop {
            let idle = |state: &mut State| state.waiting.is_empty() && state.sources > 0;
            let mut state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
            let Some(first) = state.waiting.pop_front() else { return };
            drop(state);
            self.measure(first, observer);
        }
    }

    /// Measures what waits, and waits for what others still measure.
    pub(super) fn finish(&self, observer: &Observer) -> Kept {
        self.serve(observer);
        let open = |state: &mut State| state.kept.count < state.count && !state.broken;
        let mut state = self.changed.wait_while(self.lock(), open).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut state.kept)
    }

    fn measure(&self, (number, process, pending): (usize, usize, PendingRecord), observer: &Observer) {
        /// Tells those who wait that this record will never be measured, if its measurement panics.
        struct Breaks<'a>(&'a Observers);
        impl Drop for Breaks<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.lock().broken = true;
                    self.0.changed.notify_all();
                }
            }
        }
        let breaks = Breaks(self);
        let observed = observer.measure(process, pending);
        drop(breaks);
        let mut state = self.lock();
        state.early.insert(number, observed);
        loop {
            let next = state.kept.count;
            let Some(observed) = state.early.remove(&next) else { break };
            state.kept.add(observed);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A thread that panicked leaves plain values: they are as good as ever.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Nothing so far, of processes with these recorders.
    pub(super) fn new(recorders: Vec<Recorder>) -> Self {
        let times = vec![Duration::ZERO; recorders.len()];
        Self { recorders, times, ..Self::default() }
    }

    fn add(&mut self, observed: Observed) {
        let Observed { process, step, t, row, undeclared, parameters, time } = observed;
        self.count += 1;
        self.undeclared.extend(undeclared);
        self.times[process] += time;
        let Some(row) = row else {
            self.missed += 1;
            return;
        };
        self.recorders[process].push(step, t, row);
        if let Some(parameters) = parameters {
            self.recorders[process].push_weights(t, &parameters);
        }
    }
}

/// Whoever may hand in records. When it goes, by a panic, too, nobody waits for it any longer.
pub(super) struct Source<'a>(&'a Observers);

impl<'a> Source<'a> {
    pub(super) fn new(observers: &'a Observers) -> Self {
        observers.lock().sources += 1;
        Self(observers)
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        self.0.lock().sources -= 1;
        self.0.changed.notify_all();
    }
}

/// Hands in the records of one process, in order of time.
pub(super) struct Recording<'a> {
    process: usize,
    observers: &'a Observers,
    /// The one of this thread.
    observer: &'a Observer<'a>,
    last: Option<f64>,
}

impl<'a> Recording<'a> {
    pub(super) fn new(process: usize, observers: &'a Observers, observer: &'a Observer<'a>) -> Self {
        Self { process, observers, observer, last: None }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.last)
    }

    /// The time of the last record.
    pub(super) fn last_time(&self) -> Option<f64> {
        self.last
    }

    /// Hands in a record.
    pub(super) fn add(&mut self, pending: PendingRecord) {
        self.last = Some(pending.t);
        self.observers.hand_in(self.process, pending, self.observer);
    }
}
