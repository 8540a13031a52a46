//! The flow and the optimizers on one clock, on as many threads as there are: none waits for another but to be handed θ(t) of the flow.
//!
//! A process does not depend on the others, so that any number of threads leaves the same records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::archive::{Archive, ArchiveError};
use crate::linalg::at_most_threads;
use crate::observe::Measure;
use crate::ode::Interrupt;
use crate::record::Recorder;

use super::certificate::Lead;
use super::descents::{Descents, Desk};
use super::flow::Flow;
use super::observers::{Kept, Observer, Observers, Recording, Source};
use super::process::Ended;
use super::saved::{End, Handed, Part, SavedProcesses};
use super::schedule::{Moment, Moments, Timetable};
use super::{Plan, Problem};

/// Records of an optimizer that the flow may be ahead: enough that neither waits for each step of the other.
const AHEAD: usize = 16;

/// What is left of all processes, the flow first.
pub(super) struct Carried {
    pub ended: Vec<Ended>,
    /// Their records.
    pub kept: Kept,
    /// Their states without these, if the interrupt is a pause.
    pub saved: Option<SavedProcesses>,
}

/// Carries all processes to their ends, from a `saved` state if there is one. `lead`: who waits for the flow; it takes one of the threads.
pub(super) fn carry(
    plan: &Plan,
    problem: &Problem,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
    lead: Option<&Lead>,
    mut saved: Option<SavedProcesses>,
) -> Result<Carried, ArchiveError> {
    let Timetable { events, before_the_end } = Timetable::of(plan);
    let names = ["flow"].into_iter().chain(plan.optimizers.iter().map(|settings| settings.name()));
    let mut recorders: Vec<Recorder> = names.map(Recorder::new).collect();
    if plan.record_weights {
        recorders.iter_mut().for_each(Recorder::keep_weights);
    }
    saved.as_ref().map_or(Ok(()), |saved| saved.check(plan.optimizers.len() + 1))?;
    let kept = saved.as_mut().map_or_else(|| Kept::new(recorders), SavedProcesses::take_kept);

    let Crew { groups, observing, share } = Crew::of(plan, problem, lead.is_some());
    let helpers = groups.len() + observing;
    let observers = Observers::new(kept, 2 * helpers);
    let (events, saved_ones) = (&events, saved.as_ref());
    let processes = Processes { plan, interrupt, events, before_the_end, observers: &observers, saved: saved_ones };
    thread::scope(|scope| {
        // Whatever becomes of this thread, the others do not wait for its records.
        let source = Source::new(&observers);
        let (mut ways, mut threads) = (Vec::new(), Vec::new());
        for group in &groups {
            let (way, from_flow) = sync_channel(AHEAD);
            ways.push(Way { group, way });
            let (its_problem, its_source) = (problem.clone(), Source::new(&observers));
            let work = move || at_most_threads(share, || processes.descend(group, &its_problem, from_flow, its_source));
            threads.push(scope.spawn(work));
        }
        for _ in 0..observing {
            let its_problem = problem.clone();
            scope.spawn(move || at_most_threads(1, || processes.observers.serve(&Observer::new(plan, &its_problem))));
        }
        let observer = Observer::new(plan, problem);
        let flown = at_most_threads(share, || processes.fly(problem, &observer, &ways, lead, progress));
        drop((ways, source));
        let kept = observers.finish(&observer);
        let mut parts = vec![flown];
        for thread in threads {
            match thread.join() {
                Ok(part) => parts.push(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let (mut ends, mut ahead) = (Vec::new(), BTreeMap::new());
        for part in parts {
            let part = part?;
            ends.extend(part.ends);
            ahead.extend(part.ahead);
        }
        ends.sort_by_key(|end| end.process);
        let saved = interrupt.is_pause().then(|| SavedProcesses::of_ends(&mut ends, ahead));
        let mut ended: Vec<Ended> = ends.into_iter().map(|end| end.ended).collect();
        for (end, time) in ended.iter_mut().zip(&kept.times) {
            end.observation += *time;
        }
        Ok(Carried { ended, kept, saved })
    })
}

/// Who does what.
struct Crew {
    /// Optimizers by index, those of each further thread; none where they are stepped on the flow's.
    groups: Vec<Vec<usize>>,
    /// Threads that do nothing but measure.
    observing: usize,
    /// Threads that the products of one process may take.
    share: usize,
}

impl Crew {
    fn of(plan: &Plan, problem: &Problem, certified: bool) -> Self {
        // The tangent kernel takes memory, and threads of its own. Observables of one's own are asked on one thread, in order of time.
        let alone = plan.measure.contains(&Measure::Ntk) || !plan.own.0.is_empty();
        let free = if alone { 0 } else { problem.threads.saturating_sub(1 + usize::from(certified)) };
        let most = plan.optimizers.len().min(free);
        let groups = (0..most).map(|group| (group..plan.optimizers.len()).step_by(most).collect());
        let groups: Vec<Vec<usize>> = groups.collect();
        let share = if groups.is_empty() { usize::MAX } else { (problem.threads / (1 + groups.len())).max(1) };
        Self { groups, observing: free - most, share }
    }
}

/// The way to the thread of a group of optimizers: θ of the flow at every event at which one of them is recorded.
struct Way<'a> {
    group: &'a [usize],
    way: SyncSender<Handed>,
}

/// What all threads share.
#[derive(Clone, Copy)]
struct Processes<'a> {
    plan: &'a Plan,
    interrupt: &'a Interrupt,
    events: &'a Moments,
    /// The first of them that depends on the horizon.
    before_the_end: usize,
    observers: &'a Observers,
    saved: Option<&'a SavedProcesses>,
}

impl<'a> Processes<'a> {
    /// The events that some process has not passed, each with its number.
    fn open(self) -> impl Iterator<Item = (usize, Moment<'a>)> {
        let first = self.saved.map_or(0, |saved| saved.first(self.events));
        self.events.iter().enumerate().skip(first)
    }

    /// What optimizers on one thread need.
    fn desk<'p>(self, problem: &'p Problem, observer: &'p Observer<'p>) -> Desk<'p>
    where
        'a: 'p,
    {
        let Self { plan, interrupt, observers, .. } = self;
        Desk { plan, problem, interrupt, observers, observer }
    }

    /// The flow, and between its events the optimizers that have no thread of their own.
    fn fly(
        self,
        problem: &Problem,
        observer: &Observer,
        ways: &[Way],
        lead: Option<&Lead>,
        mut progress: impl FnMut(f64),
    ) -> Result<Part, ArchiveError> {
        let Self { plan, interrupt, observers, .. } = self;
        let mut flow = Flow::new(plan, problem, interrupt);
        let mut recording = Recording::new(0, observers, observer);
        let mut passed = 0;
        if let Some((mut archive, before)) = self.saved.map(|saved| saved.of(0)) {
            flow.archive(&mut archive)?;
            recording.archive(&mut archive)?;
            passed = before;
            if let Some(lead) = lead {
                lead.at(flow.t());
            }
            progress(flow.t());
        }
        let before = passed;
        let every: Vec<usize> = if ways.is_empty() { (0..plan.optimizers.len()).collect() } else { Vec::new() };
        let mut descents = Descents::new(&every, self.desk(problem, observer), self.saved)?;
        let mut ahead = BTreeMap::new();
        for (index, event) in self.open() {
            if index >= self.before_the_end && interrupt.pauses_at_the_end() {
                break;
            }
            if index >= before {
                let there = flow.advance(event.t);
                if interrupt.is_pause() && flow.is_interrupted() {
                    break;
                }
                if (event.flow && there) || flow.just_stopped(recording.last_time()) {
                    flow.record(&mut recording);
                }
                if let Some(lead) = lead {
                    lead.at(flow.t());
                }
                if event.flow && there {
                    flow.look_at_record();
                } else if flow.is_stopped() {
                    flow.look_stopped();
                }
                passed = index + 1;
            }
            if !event.descents.is_empty() {
                let theta = match self.saved.filter(|_| index < before) {
                    Some(saved) => saved.told(index),
                    None => flow.at(event.t).map(|theta| Arc::new(theta.clone())),
                };
                for Way { way, .. } in ways.iter().filter(|way| event.concerns(way.group)) {
                    // A thread that has ended early needs nothing.
                    let _ = way.send(theta.clone());
                }
                if descents.advance(index, event, theta.as_ref()) {
                    ahead.insert(index, theta);
                    // Of events that the flow had passed before, those to come are still open.
                    ahead.extend(self.saved.into_iter().flat_map(|saved| saved.told_after(index)));
                    break;
                }
            }
            // What was passed before is no progress.
            if index >= before {
                progress(event.t);
                if interrupt.is_raised() {
                    break;
                }
            }
        }
        // An interrupted flow may stand at a step of an optimizer: its last state is recorded like any other's.
        if !interrupt.is_pause() && interrupt.is_raised() && recording.last_time() != Some(flow.t()) {
            flow.record(&mut recording);
        }
        let mut written = Archive::written();
        if interrupt.is_pause() {
            flow.archive(&mut written)?;
            recording.archive(&mut written)?;
        }
        let end = End { process: 0, ended: flow.ended(), passed, saved: written.into_bytes() };
        let ends = std::iter::once(Ok(end)).chain(descents.ended(interrupt)).collect::<Result<_, _>>()?;
        Ok(Part { ends, ahead })
    }

    /// A group of optimizers on a thread of its own, which then measures what waits.
    fn descend(
        self,
        group: &[usize],
        problem: &Problem,
        from_flow: Receiver<Handed>,
        source: Source,
    ) -> Result<Part, ArchiveError> {
        let interrupt = self.interrupt;
        let observer = Observer::new(self.plan, problem);
        let descents = Descents::new(group, self.desk(problem, &observer), self.saved);
        // The others are not to do in vain what nobody can save.
        let mut descents = descents.inspect_err(|_| interrupt.raise())?;
        let mut ahead = BTreeMap::new();
        let mut events = self.open().filter(|(_, event)| event.concerns(group));
        for (index, event) in events.by_ref() {
            // A flow that was interrupted has nothing more to tell.
            let told = from_flow.recv();
            if told.is_err() && interrupt.is_pause() {
                break;
            }
            let theta = told.ok().flatten();
            if descents.advance(index, event, theta.as_ref()) {
                ahead.insert(index, theta);
                break;
            }
            if !interrupt.is_pause() && interrupt.is_raised() {
                break;
            }
        }
        if interrupt.is_pause() {
            // The flow tells the rest of what it has passed.
            ahead.extend(events.map(|(index, _)| index).zip(from_flow.iter()));
        }
        let ends: Result<_, _> = descents.ended(interrupt).collect();
        // The flow may wait to tell more, and nobody listens any longer.
        drop((from_flow, source));
        self.observers.serve(&observer);
        Ok(Part { ends: ends?, ahead })
    }
}
