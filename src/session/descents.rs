//! Optimizers that are stepped on one thread, event by event.

use std::sync::Arc;

use crate::archive::{Archive, ArchiveError};
use crate::network::Parameters;
use crate::ode::Interrupt;

use super::descent::{Advanced, Descent};
use super::observers::{Observer, Observers, Recording};
use super::saved::{End, SavedProcesses};
use super::schedule::Moment;
use super::{Plan, Problem};

/// What they need.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub plan: &'a Plan,
    pub problem: &'a Problem,
    pub interrupt: &'a Interrupt,
    pub observers: &'a Observers,
    pub observer: &'a Observer<'a>,
}

/// Optimizers that are stepped on one thread.
pub(super) struct Descents<'a> {
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    optimizer: usize,
    descent: Descent<'a>,
    recording: Recording<'a>,
    /// The number of events that it has passed.
    passed: usize,
}

impl<'a> Descents<'a> {
    /// Those of these indices, at their starts or where they were saved.
    pub(super) fn new(group: &[usize], desk: Desk<'a>, saved: Option<&SavedProcesses>) -> Result<Self, ArchiveError> {
        let Desk { plan, problem, interrupt, observers, observer } = desk;
        let member = |&optimizer: &usize| {
            let mut descent = Descent::new(&plan.optimizers[optimizer], plan, problem, interrupt);
            let mut recording = Recording::new(optimizer + 1, observers, observer);
            let mut passed = 0;
            if let Some((mut archive, before)) = saved.map(|saved| saved.of(optimizer + 1)) {
                descent.archive(&mut archive)?;
                recording.archive(&mut archive)?;
                passed = before;
            }
            Ok(Member { optimizer, descent, recording, passed })
        };
        Ok(Self { members: group.iter().map(member).collect::<Result<_, _>>()? })
    }

    /// Steps those that are recorded at an event, unless they have passed it, and hands in their records. `flow`: θ of the flow there. Returns
    /// whether one of them was paused on the way.
    pub(super) fn advance(&mut self, index: usize, event: Moment, flow: Option<&Arc<Parameters>>) -> bool {
        let mut paused = false;
        for &(optimizer, step) in event.descents {
            let open = |member: &&mut Member| member.optimizer == optimizer && member.passed <= index;
            let Some(Member { descent, recording, passed, .. }) = self.members.iter_mut().find(open) else { continue };
            let advanced = descent.advance(step);
            if advanced == Advanced::Paused {
                paused = true;
                continue;
            }
            let good = advanced == Advanced::There;
            // A stopped descent is recorded once, where it stopped.
            if good || recording.last_time() != Some(descent.t()) {
                descent.record(recording, flow.filter(|_| good).cloned());
            }
            *passed = index + 1;
        }
        paused
    }

    /// Each at its end.
    pub(super) fn ended(self, interrupt: &Interrupt) -> impl Iterator<Item = Result<End, ArchiveError>> {
        self.members.into_iter().map(|Member { optimizer, mut descent, mut recording, passed }| {
            let mut written = Archive::written();
            if interrupt.is_pause() {
                descent.archive(&mut written)?;
                recording.archive(&mut written)?;
            }
            Ok(End { process: optimizer + 1, ended: descent.ended(), passed, saved: written.into_bytes() })
        })
    }
}
