//! Workers: one thread per job, each taking the next unit that is not finished, of one sweep or of several. Results are files: nothing of a
//! finished unit stays in memory.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::Keep;
use crate::machine::free_memory;
use crate::ode::Interrupt;
use crate::scenario::Sweep;

use super::costs::UnitCosts;
use super::queue::Queue;
use super::unit::{Ended, Manner, run_unit};
use super::{Folder, SweepError, SweepPlan, Unit};

/// Part `index` of `count` of a sweep: the units whose position among the units of the plan, from 0, is index − 1 modulo count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The part, from 1.
    pub index: usize,
    /// The number of parts.
    pub count: usize,
}

impl Default for Shard {
    /// The whole sweep.
    fn default() -> Self {
        Self { index: 1, count: 1 }
    }
}

impl Shard {
    /// Its part of `units`, in their order.
    pub fn of(self, units: &[Unit]) -> impl Iterator<Item = Unit> {
        units.iter().copied().skip(self.index - 1).step_by(self.count)
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

/// How units are run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many units run at a time.
    pub jobs: NonZeroUsize,
    /// What units keep besides their records.
    pub keep: Keep,
    /// The bytes of memory that all running units may take together; `None` for what is free.
    pub memory: Option<u64>,
    /// The wall time from one checkpoint of a unit to the next, if units keep any.
    pub checkpoint: Option<Duration>,
}

/// A sweep, or a shard of it, to be run into its folder.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The sweep.
    pub sweep: &'a Sweep,
    /// Its plan.
    pub plan: &'a SweepPlan,
    /// The folder of its units.
    pub folder: &'a Folder,
    /// The units to be run.
    pub shard: Shard,
}

/// The progress of the units.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The number of units.
    pub total: usize,
    /// Units that were finished before.
    pub before: usize,
    /// Units finished by this command.
    pub done: usize,
    /// Units that could not be run.
    pub failed: usize,
    /// Time since the first unit began.
    pub elapsed: Duration,
    /// The expected time for the rest, from the units that have ended.
    pub time_left: Option<Duration>,
}

impl Progress {
    /// Units per second; 0 before the first.
    pub fn rate(&self) -> f64 {
        (self.done + self.failed) as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Units that are still to be run.
    pub fn left(&self) -> usize {
        self.total - self.before - self.done - self.failed
    }

    /// Adds the units of another sweep.
    fn and(self, other: &Self) -> Self {
        Self {
            total: self.total + other.total,
            before: self.before + other.before,
            done: self.done + other.done,
            failed: self.failed + other.failed,
            ..self
        }
    }
}

/// The outcome of the units of a sweep, or of a shard of it.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Its progress at the end.
    pub progress: Progress,
    /// The units that could not be run, and why, in the order of the plan.
    pub failures: Vec<(Unit, String)>,
    /// Time spent in the runs themselves, over all workers.
    pub in_runs: Duration,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Runs the units of a sweep that are not finished. `progress` is called on every change, and a few times per second. Once `interrupt` is
/// raised, units stop after their current steps and leave nothing but their checkpoints, if they keep any; finished units stay.
///
/// # Errors
/// [`SweepError`] if a unit cannot be written.
pub fn run(task: Task, options: Options, interrupt: &Interrupt, progress: impl FnMut(&Progress)) -> Result<Report, SweepError> {
    Ok(run_all(&[task], options, interrupt, progress)?.remove(0))
}

/// The same for several sweeps on one pool of workers, with a report for each. One unit of each is run first, to learn the costs, then the
/// dearest: a long unit that begins last would keep one worker busy and the others idle.
pub fn run_all(
    tasks: &[Task],
    options: Options,
    interrupt: &Interrupt,
    mut progress: impl FnMut(&Progress),
) -> Result<Vec<Report>, SweepError> {
    let mut reports = Vec::new();
    let mut open: Vec<(UnitCosts, Vec<Unit>)> = Vec::new();
    for Task { plan, folder, shard, .. } in tasks {
        let mut units: Vec<Unit> = shard.of(&plan.units()).collect();
        let mut report = Report::default();
        report.progress.total = units.len();
        units.retain(|unit| !folder.is_done(unit.id));
        report.progress.before = report.progress.total - units.len();
        reports.push(report);
        open.push((UnitCosts::new(plan), units));
    }
    let count: usize = open.iter().map(|(_, units)| units.len()).sum();
    let (queue, broken) = (Queue::new(open, options.jobs), AtomicBool::new(false));
    let workers = options.jobs.get().min(count);
    // Workers share the cores.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let memory = options.memory.or_else(free_memory).unwrap_or(u64::MAX);
    let workers_at_least = workers.max(1);
    let threads = (cores / workers_at_least).max(1);
    let manner =
        Manner { keep: options.keep, threads, memory: memory / workers_at_least as u64, checkpoint: options.checkpoint };
    let begin = Instant::now();
    let mut error = None;
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, queue, broken) = (sender.clone(), &queue, &broken);
            scope.spawn(move || {
                while !interrupt.is_raised() && !broken.load(Ordering::Relaxed) {
                    let Some((which, unit)) = queue.next() else { break };
                    let Task { sweep, folder, .. } = tasks[which];
                    let mut spent = None;
                    // Another command in the same folder may have been faster.
                    let outcome = if folder.is_done(unit.id) {
                        Ok(Ended::Done(Duration::ZERO))
                    } else {
                        let begin = Instant::now();
                        let outcome = run_unit(sweep, unit, folder, manner, interrupt);
                        spent = matches!(outcome, Ok(Ended::Done(_))).then(|| begin.elapsed());
                        outcome
                    };
                    queue.ended(which, unit, spent);
                    // The receiver outlives the workers.
                    let _ = sender.send((which, unit, outcome));
                }
            });
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(Duration::from_millis(200)) {
                Ok((which, _, Ok(Ended::Done(spent)))) => {
                    reports[which].progress.done += 1;
                    reports[which].in_runs += spent;
                }
                Ok((which, unit, Ok(Ended::Failed(reason)))) => {
                    reports[which].progress.failed += 1;
                    reports[which].failures.push((unit, reason));
                }
                Ok((_, _, Ok(Ended::Interrupted))) | Err(RecvTimeoutError::Timeout) => {}
                // Where one unit cannot be written, none can: running units may finish, but nothing else begins.
                Ok((_, _, Err(cause))) => {
                    broken.store(true, Ordering::Relaxed);
                    error.get_or_insert(cause);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let own: Vec<&Progress> = reports.iter().map(|report| &report.progress).collect();
            let all = Progress { elapsed: begin.elapsed(), time_left: queue.time_left(), ..Progress::default() };
            progress(&own.into_iter().fold(all, Progress::and));
        }
    });
    if let Some(error) = error {
        return Err(error);
    }
    for report in &mut reports {
        report.progress.elapsed = begin.elapsed();
        report.failures.sort_by_key(|(unit, _)| unit.index);
        report.interrupted = report.progress.left() > 0;
    }
    Ok(reports)
}
