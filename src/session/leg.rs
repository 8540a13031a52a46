//! A run in legs: all processes pause, their state is saved, and the next leg begins from it, whether in the same process or after a kill.
//!
//! When a leg ends is up to the wall clock and the user; what is computed is not. Processes pause between two of their steps, as they do when
//! they are interrupted, and nothing is recorded there. A leg builds everything anew from the plan and takes up the saved state, so that the
//! way back from a checkpoint is the way of every leg.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::ode::{Interrupt, VectorField};
use crate::spool::Spooled;

use super::certificate::{Lead, Leading, Second, certify, finer};
use super::descent::named;
use super::processes::{Carried, carry};
use super::saved::SavedProcesses;
use super::{Finished, Plan, Problem, finish};

/// Between two checkpoints at a shorter interval than this, processes take at least so many steps in all: a run comes to its end at any
/// interval.
const SHORT: Duration = Duration::from_secs(10);
const FEWEST_STEPS: u64 = 200;

/// How a run saves its state, and where it begins.
pub struct Checkpoints<'c> {
    /// The wall time from one checkpoint to the next.
    pub every: Duration,
    /// The state to go on from, as it was kept.
    pub from: Option<Spooled<u8>>,
    /// Keeps a state. The next one replaces it.
    pub keep: &'c mut dyn FnMut(Spooled<u8>),
}

/// The state of a run between two legs.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    processes: SavedProcesses,
    /// The second integration, where there is one.
    second: Option<Spooled<u8>>,
    /// The state before the end of the horizon counts, once it does.
    before_the_end: Option<Spooled<u8>>,
}

/// Carries out a plan in legs, and keeps the state after each. The result is that of [`carry_out`](super::carry_out), wall times apart. Once
/// `interrupt` is raised, the state is kept, and all processes end there.
///
/// # Errors
/// [`ArchiveError`] if something of the user's own does not save its state, or the state to go on from is not that of such a run.
pub(crate) fn carry_out_in_legs(
    plan: &Plan,
    problem: &Problem,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
    checkpoints: Checkpoints,
) -> Result<Finished, ArchiveError> {
    let fewest = if checkpoints.every < SHORT { FEWEST_STEPS } else { 1 };
    in_legs(plan, problem, interrupt, progress, checkpoints, fewest)
}

/// The same where, once it is time for a checkpoint, processes may still ask `fewest` times whether it is.
fn in_legs(
    plan: &Plan,
    problem: &Problem,
    interrupt: &Interrupt,
    mut progress: impl FnMut(f64),
    Checkpoints { every, from, keep }: Checkpoints,
    fewest: u64,
) -> Result<Finished, ArchiveError> {
    check_saves(plan, problem)?;
    let mut saved: Option<Saved> = None;
    if let Some(bytes) = from {
        let mut archive = Archive::read(bytes);
        archive.item(&mut saved)?;
    }
    let mut before_the_end = saved.as_mut().and_then(|saved| saved.before_the_end.take());
    let mut alarm = Alarm::after(every);
    loop {
        let pause = interrupt.pausing(Arc::clone(&alarm.rings), fewest);
        let pause = if before_the_end.is_none() { pause.before_the_end() } else { pause };
        let next = match leg(plan, problem, &pause, &mut progress, saved)? {
            Leg::Ended(finished) => return Ok(Finished { before_the_end, ..*finished }),
            Leg::Paused(next) => *next,
        };
        saved = Some(Saved { before_the_end: before_the_end.take(), ..next });
        let mut written = Archive::written();
        written.item(&mut saved)?;
        let state = written.into_bytes();
        before_the_end = saved.as_mut().and_then(|saved| saved.before_the_end.take());
        if pause.was_at_the_end() {
            before_the_end = Some(state.clone());
            if !interrupt.is_raised() && !alarm.rings.load(Ordering::Relaxed) {
                continue;
            }
        }
        keep(state);
        alarm = Alarm::after(every);
        if interrupt.is_raised() {
            // As any interrupted run leaves what it has.
            return leg(plan, problem, interrupt, progress, saved).map(Leg::into_finished);
        }
    }
}

/// Sets a flag after some time: steps of a small network take less than to ask what time it is.
struct Alarm {
    rings: Arc<AtomicBool>,
    /// Ends the thread when it is dropped.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Alarm {
    fn after(time: Duration) -> Self {
        let rings = Arc::new(AtomicBool::new(time.is_zero()));
        if time.is_zero() {
            return Self { rings, alive: None, thread: None };
        }
        let (alive, ended) = mpsc::channel::<()>();
        let flag = Arc::clone(&rings);
        let thread = thread::spawn(move || {
            if ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
                flag.store(true, Ordering::Relaxed);
            }
        });
        Self { rings, alive: Some(alive), thread: Some(thread) }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            // It cannot panic.
            let _ = thread.join();
        }
    }
}

/// Checks before anything is integrated that all there is saves its state.
fn check_saves(plan: &Plan, problem: &Problem) -> Result<(), ArchiveError> {
    if !plan.own.0.is_empty() {
        return Err(ArchiveError::Stateful { what: "an observable of one's own" });
    }
    let mut unused = Archive::written();
    problem.flow().switching().map_or(Ok(()), |switching| switching.archive(&mut unused))?;
    plan.optimizers.iter().try_for_each(|settings| {
        let rule = settings.rule_of(problem.start.architecture(), &plan.weight_decay, &problem.rates).archive(&mut unused);
        rule.map_err(|error| named(error, settings.name()))
    })
}

/// What comes of a leg.
pub(super) enum Leg {
    /// All processes have ended.
    Ended(Box<Finished>),
    /// They go on from here.
    Paused(Box<Saved>),
}

impl Leg {
    /// The result of a leg whose interrupt is no pause.
    pub(super) fn into_finished(self) -> Finished {
        match self {
            Self::Ended(finished) => *finished,
            Self::Paused(_) => unreachable!("only a pause ends a leg"),
        }
    }
}

/// One leg, from a saved state if there is one.
pub(super) fn leg(
    plan: &Plan,
    problem: &Problem,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
    saved: Option<Saved>,
) -> Result<Leg, ArchiveError> {
    let (processes, second) = saved.map_or((None, None), |saved| (Some(saved.processes), saved.second));
    // A claim about the flow is judged with its error, which takes a second integration.
    if !plan.is_certified() {
        let Carried { ended, kept, saved } = carry(plan, problem, interrupt, progress, None, processes)?;
        return Ok(match saved.filter(|_| interrupt.has_stopped()) {
            Some(processes) => {
                Leg::Paused(Saved { processes: processes.with(kept), second: None, before_the_end: None }.into())
            }
            None => {
                let mut finished = finish(plan, problem, ended, kept);
                finished.judge(plan);
                Leg::Ended(Box::new(finished))
            }
        });
    }
    let (finer, its_problem, lead) = (finer(plan), problem.clone(), Lead::default());
    thread::scope(|scope| {
        let fly = || Second::fly(&finer, its_problem, interrupt, &lead, second.as_ref());
        let its_thread = scope.spawn(|| fly().inspect_err(|_| interrupt.raise()));
        let leading = Leading(&lead);
        let carried = carry(plan, problem, interrupt, progress, Some(&lead), processes);
        drop(leading);
        let second = match its_thread.join() {
            Ok(second) => second,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let (Carried { ended, kept, saved }, second) = (carried?, second?);
        if let Some(processes) = saved.filter(|_| interrupt.has_stopped()) {
            let (processes, second) = (processes.with(kept), second.saved);
            return Ok(Leg::Paused(Saved { processes, second, before_the_end: None }.into()));
        }
        let mut finished = finish(plan, problem, ended, kept);
        certify(&mut finished, &finer, &second);
        finished.finer = Some(second.into_finer());
        finished.judge(plan);
        Ok(Leg::Ended(Box::new(finished)))
    })
}

#[cfg(all(test, feature = "command"))]
mod tests;
