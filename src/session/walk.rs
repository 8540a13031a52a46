//! The way of a companion that takes a step of its own for every step of its optimizer.

use std::time::{Duration, Instant};

use crate::archive::{Archive, ArchiveError};
use crate::observe::CompanionKind;
use crate::ode::{Interrupt, Termination, short};
use crate::record;

use super::left::Left;
use super::stop::QUANTITIES;

/// How far a companion has come, and why it goes no further.
pub(super) struct Walk {
    interrupt: Interrupt,
    /// The time advanced to last.
    landed: f64,
    time: Duration,
    stop: Option<Termination>,
    /// Why it stopped, in words.
    reason: Option<String>,
}

impl Walk {
    pub(super) fn new(interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone(), landed: 0.0, time: Duration::ZERO, stop: None, reason: None }
    }

    /// Takes `missing` steps, which lead to time `t`, or as many as it can. `step` is told the time advanced to before and, where it fails,
    /// says how that ends the companion and why. Returns whether it was paused on the way.
    pub(super) fn advance(
        &mut self,
        t: f64,
        missing: u64,
        mut step: impl FnMut(f64) -> Result<(), (Termination, String)>,
    ) -> bool {
        let (begin, mut taken) = (Instant::now(), 0);
        while taken < missing && self.stop.is_none() && !self.interrupt.is_raised() {
            match step(self.landed) {
                Ok(()) => taken += 1,
                // An objective may give up once it is interrupted and return NaN.
                Err(_) if self.interrupt.is_raised() && !self.interrupt.is_pause() => break,
                Err((stop, reason)) => (self.stop, self.reason) = (Some(stop), Some(reason)),
            }
        }
        self.time += begin.elapsed();
        if self.stop.is_some() {
            return false;
        }
        if taken < missing {
            if !self.interrupt.is_pause() {
                self.stop = Some(Termination::Interrupted { t: self.landed });
            }
            return self.interrupt.is_pause();
        }
        self.landed = t;
        false
    }

    /// Whether it is at time `t`.
    pub(super) fn is_at(&self, t: f64) -> bool {
        self.stop.is_none() && self.landed == t
    }

    /// Whether it goes no further.
    pub(super) fn has_ended(&self) -> bool {
        self.stop.is_some()
    }

    /// Time that its steps have taken so far.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.landed)?;
        archive.item(&mut self.time)?;
        archive.item(&mut self.reason)?;
        Termination::archive(&mut self.stop, &QUANTITIES, archive)
    }

    /// Its entry in the manifest, and a warning if it ended early. `interrupted` tells whether its optimizer was interrupted; `remark`: what
    /// else there is to say of one that did not.
    pub(super) fn ended(
        self,
        kind: CompanionKind,
        interrupted: bool,
        (formula, gradients): (String, u64),
        remark: &str,
    ) -> ((String, record::Companion), Option<String>) {
        let Self { landed: t, time, stop, reason, .. } = self;
        let left = Left { kind, formula, gradients, time, t, stop };
        let termination = left.termination(interrupted);
        let complaint =
            reason.as_ref().map(|reason| format!("distance_to_{} ends at t = {}: {reason}", kind.name(), short(t, 6)));
        let detail = reason.unwrap_or_else(|| format!("{termination}{remark}"));
        (left.entry(termination, detail), complaint)
    }
}
