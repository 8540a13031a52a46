//! The flow and the optimizers on one clock, on as many threads as there are: none waits for another but to be handed θ(t) of the flow.
//!
//! A process does not depend on the others, so that any number of threads leaves the same records.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::linalg::at_most_threads;
use crate::network::Parameters;
use crate::observe::Measure;
use crate::ode::Interrupt;
use crate::record::Recorder;

use super::certificate::Lead;
use super::descent::Descent;
use super::flow::Flow;
use super::observers::{Kept, Observer, Observers, Recording, Source};
use super::process::Ended;
use super::schedule::{Clock, Moment, schedule};
use super::{Plan, Problem};

/// Records of an optimizer that the flow may be ahead: enough that neither waits for each step of the other.
const AHEAD: usize = 16;

/// What is left of all processes, the flow first.
pub(super) struct Carried {
    pub ended: Vec<Ended>,
    /// Their records.
    pub kept: Kept,
}

/// Carries all processes to their ends. `lead`: who waits for the flow; it takes one of the threads.
pub(super) fn carry(
    plan: &Plan,
    problem: &Problem,
    interrupt: &Interrupt,
    progress: impl FnMut(f64),
    lead: Option<&Lead>,
) -> Carried {
    let clock = |settings| Clock::new(settings, plan.flow.t_end);
    let events = schedule(plan.record_times(), &plan.optimizers.iter().map(clock).collect::<Vec<_>>());
    let names = ["flow"].into_iter().chain(plan.optimizers.iter().map(|settings| settings.name()));
    let mut recorders: Vec<Recorder> = names.map(Recorder::new).collect();
    if plan.record_weights {
        recorders.iter_mut().for_each(Recorder::keep_weights);
    }

    let Crew { groups, observing, share } = Crew::of(plan, problem, lead.is_some());
    let helpers = groups.len() + observing;
    let observers = Observers::new(recorders, 2 * helpers);
    let processes = Processes { plan, interrupt, events: &events, observers: &observers };
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
        let mut ended = at_most_threads(share, || processes.fly(problem, &observer, &ways, lead, progress));
        drop((ways, source));
        let kept = observers.finish(&observer);
        let mut descents: Vec<(usize, Ended)> = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(ends) => descents.extend(ends),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        descents.sort_by_key(|(index, _)| *index);
        ended.extend(descents.into_iter().map(|(_, end)| end));
        for (end, time) in ended.iter_mut().zip(&kept.times) {
            end.observation += *time;
        }
        Carried { ended, kept }
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
    way: SyncSender<Option<Arc<Parameters>>>,
}

/// What all threads share.
#[derive(Clone, Copy)]
struct Processes<'a> {
    plan: &'a Plan,
    interrupt: &'a Interrupt,
    events: &'a [Moment],
    observers: &'a Observers,
}

impl<'a> Processes<'a> {
    /// The flow, and between its events the optimizers that have no thread of their own.
    fn fly(
        self,
        problem: &Problem,
        observer: &Observer,
        ways: &[Way],
        lead: Option<&Lead>,
        mut progress: impl FnMut(f64),
    ) -> Vec<Ended> {
        let Self { plan, interrupt, events, observers } = self;
        let mut flow = Flow::new(plan, problem, interrupt);
        let mut recording = Recording::new(0, observers, observer);
        let every: Vec<usize> = if ways.is_empty() { (0..plan.optimizers.len()).collect() } else { Vec::new() };
        let mut descents = Descents::new(self, &every, problem, observer);
        for event in events {
            let there = flow.advance(event.t);
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
            if !event.descents.is_empty() {
                let theta = flow.at(event.t).map(|theta| Arc::new(theta.clone()));
                for Way { way, .. } in ways.iter().filter(|way| event.concerns(way.group)) {
                    // A thread that has ended early needs nothing.
                    let _ = way.send(theta.clone());
                }
                descents.advance(event, theta.as_ref());
            }
            progress(event.t);
            if interrupt.is_raised() {
                break;
            }
        }
        // An interrupted flow may stand at a step of an optimizer: its last state is recorded like any other's.
        if interrupt.is_raised() && recording.last_time() != Some(flow.t()) {
            flow.record(&mut recording);
        }
        std::iter::once(flow.ended()).chain(descents.ended().map(|(_, end)| end)).collect()
    }

    /// A group of optimizers on a thread of its own, which then measures what waits.
    fn descend(
        self,
        group: &[usize],
        problem: &Problem,
        from_flow: Receiver<Option<Arc<Parameters>>>,
        source: Source,
    ) -> Vec<(usize, Ended)> {
        let observer = Observer::new(self.plan, problem);
        let mut descents = Descents::new(self, group, problem, &observer);
        for event in self.events.iter().filter(|event| event.concerns(group)) {
            // A flow that was interrupted has nothing more to tell.
            let theta = from_flow.recv().ok().flatten();
            descents.advance(event, theta.as_ref());
            if self.interrupt.is_raised() {
                break;
            }
        }
        let ended = descents.ended().collect();
        // The flow may wait to tell more, and nobody listens any longer.
        drop((from_flow, source));
        self.observers.serve(&observer);
        ended
    }
}

/// Optimizers that are stepped on one thread.
struct Descents<'a> {
    members: Vec<(usize, Descent<'a>, Recording<'a>)>,
}

impl<'a> Descents<'a> {
    fn new(processes: Processes<'a>, group: &[usize], problem: &'a Problem, observer: &'a Observer<'a>) -> Self {
        let Processes { plan, interrupt, observers, .. } = processes;
        let member = |&index: &usize| {
            let descent = Descent::new(&plan.optimizers[index], plan, problem, interrupt);
            (index, descent, Recording::new(index + 1, observers, observer))
        };
        Self { members: group.iter().map(member).collect() }
    }

    /// Steps those that are recorded at an event and hands in their records. `flow`: θ of the flow there.
    fn advance(&mut self, event: &Moment, flow: Option<&Arc<Parameters>>) {
        for &(optimizer, step) in &event.descents {
            let Some((_, descent, recording)) = self.members.iter_mut().find(|(index, ..)| *index == optimizer) else {
                continue;
            };
            let good = descent.advance(step);
            // A stopped descent is recorded once, where it stopped.
            if good || recording.last_time() != Some(descent.t()) {
                descent.record(recording, flow.filter(|_| good).cloned());
            }
        }
    }

    /// Each at its end, by index.
    fn ended(self) -> impl Iterator<Item = (usize, Ended)> {
        self.members.into_iter().map(|(index, descent, _)| (index, descent.ended()))
    }
}
