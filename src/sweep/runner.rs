//! Workers: as many threads as jobs, each taking the next unit that is not finished. Results are files, so that nothing of a finished
//! unit is held.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::ode::Interrupt;
use crate::scenario::Sweep;

use super::unit::{Manner, Outcome, run_unit};
use super::{Folder, Plan, SweepError, Unit};

/// Part `index` of `count` of a sweep: the units whose place in the plan, from 0, leaves index − 1 when divided by count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl Default for Shard {
    /// The whole.
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if 1 <= index && index <= count => Ok(Self { index, count }),
            _ => Err("must be I/N with 1 ≤ I ≤ N, as in 2/8".to_string()),
        }
    }
}

/// What of a sweep to run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Units at a time.
    pub jobs: NonZeroUsize,
    /// Which units.
    pub shard: Shard,
    /// Whether units keep the final weights of their processes beside their records.
    pub weights: bool,
}

/// How far a sweep is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Units of the shard.
    pub total: usize,
    /// Units that were finished before.
    pub before: usize,
    /// Units finished by this command.
    pub done: usize,
    /// Units that could not be run.
    pub failed: usize,
    /// Since the first unit began.
    pub elapsed: Duration,
}

impl Progress {
    /// Units a second; 0 before there is one.
    pub fn rate(&self) -> f64 {
        (self.done + self.failed) as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Units that are still to be run.
    pub fn left(&self) -> usize {
        self.total - self.before - self.done - self.failed
    }

    /// How long that will take, as far as one knows.
    pub fn time_left(&self) -> Option<Duration> {
        (self.rate() > 0.0).then(|| Duration::try_from_secs_f64(self.left() as f64 / self.rate()).unwrap_or(Duration::MAX))
    }
}

/// What came of the units of a shard.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How far it came.
    pub progress: Progress,
    /// The units that could not be run, and why, in the order of the plan.
    pub failures: Vec<(Unit, String)>,
    /// Time spent in the runs themselves, over all workers.
    pub in_runs: Duration,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Runs the units of a sweep that are not finished. `progress` is called when there is something new, and a few times a second.
/// Once `interrupt` is raised units stop after their current steps and leave nothing; what is finished stays.
pub fn run(
    sweep: &Sweep,
    plan: &Plan,
    folder: &Folder,
    options: Options,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&Progress),
) -> Result<Report, SweepError> {
    let Options { jobs, shard, weights } = options;
    let ours: Vec<Unit> = plan.units().into_iter().skip(shard.index - 1).step_by(shard.count).collect();
    let open: Vec<Unit> = ours.iter().copied().filter(|unit| !folder.is_done(unit.id)).collect();
    let mut report = Report::default();
    (report.progress.total, report.progress.before) = (ours.len(), ours.len() - open.len());
    drop(ours);

    let workers = jobs.get().min(open.len());
    // Workers share the cores.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let manner = Manner { weights, threads: (cores / workers.max(1)).max(1) };
    let (next, broken) = (AtomicUsize::new(0), AtomicBool::new(false));
    let begin = Instant::now();
    let mut error = None;
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, open, next, broken) = (sender.clone(), &open, &next, &broken);
            scope.spawn(move || {
                while !interrupt.is_raised() && !broken.load(Ordering::Relaxed) {
                    let Some(&unit) = open.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    // Another command in the same folder may have been faster.
                    let outcome = if folder.is_done(unit.id) {
                        Ok(Outcome::Done(Duration::ZERO))
                    } else {
                        run_unit(sweep, unit, folder, manner, interrupt)
                    };
                    // The receiver outlives the workers.
                    let _ = sender.send((unit, outcome));
                }
            });
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(Duration::from_millis(200)) {
                Ok((_, Ok(Outcome::Done(spent)))) => {
                    report.progress.done += 1;
                    report.in_runs += spent;
                }
                Ok((unit, Ok(Outcome::Failed(reason)))) => {
                    report.progress.failed += 1;
                    report.failures.push((unit, reason));
                }
                Ok((_, Ok(Outcome::Interrupted))) | Err(RecvTimeoutError::Timeout) => {}
                // Where one unit cannot be written, none can: what is under way may end, nothing else begins.
                Ok((_, Err(cause))) => {
                    broken.store(true, Ordering::Relaxed);
                    error.get_or_insert(cause);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            report.progress.elapsed = begin.elapsed();
            progress(&report.progress);
        }
    });
    report.progress.elapsed = begin.elapsed();
    if let Some(error) = error {
        return Err(error);
    }
    report.failures.sort_by_key(|(unit, _)| unit.index);
    report.interrupted = report.progress.left() > 0;
    Ok(report)
}
