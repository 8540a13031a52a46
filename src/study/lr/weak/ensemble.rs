//! Many members of one law, some at a time on each thread, and their means.

use crate::linalg::{at_most_threads, each_on_threads, threads_granted};
use crate::ode::Interrupt;
use crate::study::lr::LrError;

/// Members that are drawn from one random stream, one after the other: the same whatever the number of threads.
const CHUNK: u64 = 64;

/// φ at the end of a member, and its control variate C, for each φ.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Member {
    pub(super) values: [f64; 2],
    pub(super) controls: [f64; 2],
}

/// The mean of numbers that come one by one, and the sum of the squares of their distances from it (Welford 1962).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Mean {
    count: u64,
    pub(super) mean: f64,
    squares: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// The standard error of the mean; NaN of fewer than two.
    pub(super) fn error(&self) -> f64 {
        let count = self.count as f64;
        if self.count < 2 { f64::NAN } else { (self.squares / (count - 1.0) / count).sqrt() }
    }
}

/// What is known of E φ.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Law {
    /// Of each φ by itself.
    pub(super) plain: [Mean; 2],
    /// Of φ − C.
    pub(super) controlled: [Mean; 2],
}

impl Law {
    fn add(&mut self, member: &Member) {
        for (index, (value, control)) in member.values.iter().zip(member.controls).enumerate() {
            self.plain[index].add(*value);
            self.controlled[index].add(value - control);
        }
    }

    /// Of φ − C, or of φ where that scatters less: C is then of no use, as where the path without noise is none of the optimizer's.
    pub(super) fn best(&self, index: usize) -> Mean {
        let (plain, controlled) = (self.plain[index], self.controlled[index]);
        if controlled.error() <= plain.error() { controlled } else { plain }
    }
}

/// Why a walk did not get to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// A member diverged in this step, counted from 1.
    Diverged(u64),
    /// The user interrupted.
    Interrupted,
}

/// One thread's share.
struct Slot<W> {
    worker: W,
    chunk: u64,
    size: u64,
    members: Vec<Member>,
    lost: Option<Lost>,
}

/// The law of `count` members, or the step in which the first of them that diverged did. `walk(worker, chunk)` prepares the stream of that
/// chunk, and gives its members one by one; it looks at the interrupt at every step. `progress` is told the share that is done.
pub(super) fn gather<W: Send>(
    count: u64,
    workers: Vec<W>,
    walk: impl Fn(&mut W, u64, u64, &mut Vec<Member>) -> Result<(), Lost> + Sync,
    interrupt: &Interrupt,
    mut progress: impl FnMut(f64),
) -> Result<Result<Law, u64>, LrError> {
    let slot = |worker| Slot { worker, chunk: 0, size: 0, members: Vec::new(), lost: None };
    let mut slots: Vec<Slot<W>> = workers.into_iter().map(slot).collect();
    let chunks = count.div_ceil(CHUNK);
    let (mut law, mut next) = (Law::default(), 0);
    while next < chunks {
        let many = slots.len().min((chunks - next) as usize);
        for (slot, chunk) in slots.iter_mut().zip(next..chunks) {
            (slot.chunk, slot.size) = (chunk, CHUNK.min(count - chunk * CHUNK));
        }
        each_on_threads(many, &mut slots[..many], |_, slot| {
            slot.members.clear();
            slot.lost = at_most_threads(1, || walk(&mut slot.worker, slot.chunk, slot.size, &mut slot.members)).err();
        });
        if interrupt.is_raised() {
            return Err(LrError::Interrupted);
        }
        // In the order of the members: sums do not depend on the threads, nor does the first that is lost.
        for slot in &slots[..many] {
            match slot.lost {
                Some(Lost::Diverged(step)) => return Ok(Err(step)),
                Some(Lost::Interrupted) => return Err(LrError::Interrupted),
                None => {}
            }
            slot.members.iter().for_each(|member| law.add(member));
        }
        next += many as u64;
        progress(next as f64 / chunks as f64);
    }
    Ok(Ok(law))
}

/// As many workers as there are threads for so many members.
pub(super) fn workers<W>(threads: usize, count: u64, worker: impl FnMut() -> W) -> Vec<W> {
    let chunks = count.div_ceil(CHUNK).min(usize::MAX as u64) as usize;
    std::iter::repeat_with(worker).take(threads_granted(threads).clamp(1, chunks.max(1))).collect()
}
