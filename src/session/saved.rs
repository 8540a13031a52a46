//! What is left of processes at the end of a leg, and the state from which the next one begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::network::Parameters;
use crate::spool::Spooled;

use super::observers::Kept;
use super::process::Ended;
use super::schedule::Moments;

/// θ of the flow at an event, where it is there.
pub(super) type Handed = Option<Arc<Parameters>>;

/// What one thread leaves of its processes.
#[derive(Default)]
pub(super) struct Part {
    pub ends: Vec<End>,
    /// What the flow has told of events that a process of this thread has not passed.
    pub ahead: BTreeMap<usize, Handed>,
}

/// What is left of one process.
pub(super) struct End {
    /// 0 is the flow.
    pub process: usize,
    pub ended: Ended,
    /// The number of events that it has passed.
    pub passed: usize,
    /// Its state; empty unless the interrupt is a pause.
    pub saved: Spooled<u8>,
}

/// The states of all processes, from which they go on.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedProcesses {
    /// Of the flow, and of the optimizers by index.
    states: Vec<Spooled<u8>>,
    /// How many of the events each of them has passed.
    passed: Vec<usize>,
    /// θ of the flow at events that it has passed and an optimizer that is recorded there has not, where it was there.
    ahead: BTreeMap<usize, Option<Parameters>>,
    kept: Kept,
}

impl SavedProcesses {
    /// The same with their records.
    pub(super) fn with(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    /// Of processes at these ends, in order, which lose their states; without records.
    pub(super) fn of_ends(ends: &mut [End], ahead: BTreeMap<usize, Handed>) -> Self {
        Self {
            states: ends.iter_mut().map(|end| std::mem::take(&mut end.saved)).collect(),
            passed: ends.iter().map(|end| end.passed).collect(),
            ahead: ahead.into_iter().map(|(index, theta)| (index, theta.as_deref().cloned())).collect(),
            kept: Kept::default(),
        }
    }

    /// Whether it is that of so many processes.
    pub(super) fn check(&self, processes: usize) -> Result<(), ArchiveError> {
        let found = [self.states.len(), self.passed.len(), self.kept.recorders.len(), self.kept.times.len()];
        if found == [processes; 4] { Ok(()) } else { Err(ArchiveError::Another("number of processes")) }
    }

    /// The records, taken out.
    pub(super) fn take_kept(&mut self) -> Kept {
        std::mem::take(&mut self.kept)
    }

    /// The state of a process, to be read, and how many events it has passed.
    pub(super) fn of(&self, process: usize) -> (Archive, usize) {
        (Archive::read(self.states[process].clone()), self.passed[process])
    }

    /// θ of the flow at an event that it has passed.
    pub(super) fn told(&self, index: usize) -> Handed {
        self.ahead.get(&index).cloned().flatten().map(Arc::new)
    }

    /// The same for all later ones.
    pub(super) fn told_after(&self, index: usize) -> impl Iterator<Item = (usize, Handed)> {
        self.ahead.range(index + 1..).map(|(index, theta)| (*index, theta.clone().map(Arc::new)))
    }

    /// The first event that some process has not passed.
    pub(super) fn first(&self, events: &Moments) -> usize {
        let flow = self.passed[0].min(events.len());
        let open = |index: usize| events.at(index).descents.iter().any(|(optimizer, _)| self.passed[optimizer + 1] <= index);
        (0..flow).find(|&index| open(index)).unwrap_or(flow)
    }
}
