//! How far and how long an integration may go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::archive::{Archive, ArchiveError};

use super::Termination;

/// A request, from another thread or a signal handler, to stop after the current step.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    pause: Option<Arc<Pause>>,
    /// Whether who asks is to pause before the first step that the end of its horizon cuts.
    before_the_end: bool,
}

/// When an interrupt raises itself.
#[derive(Debug)]
struct Pause {
    /// Or at once, if the user's is raised.
    outer: Arc<AtomicBool>,
    due: Arc<AtomicBool>,
    /// How often it may still be asked once it is due, so that something is done in any case; and how often it was.
    least: u64,
    asked: AtomicU64,
    /// Raised by the end of a horizon.
    at_the_end: AtomicBool,
}

impl Interrupt {
    /// Requests the stop.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.raised)
    }

    /// Whether the stop was requested.
    pub fn is_raised(&self) -> bool {
        if self.raised.load(Ordering::Relaxed) {
            return true;
        }
        let Some(pause) = &self.pause else { return false };
        let is_due = pause.due.load(Ordering::Relaxed) && pause.asked.fetch_add(1, Ordering::Relaxed) >= pause.least;
        let raised = is_due || pause.outer.load(Ordering::Relaxed);
        if raised {
            self.raise();
        }
        raised
    }

    /// An interrupt that is raised with this one, or by itself, once somebody has set `due` and it was asked `least` times since. What it stops
    /// is to go on later as if it had not been stopped.
    pub(crate) fn pausing(&self, due: Arc<AtomicBool>, least: u64) -> Self {
        let pause = Pause { outer: self.flag(), due, least, asked: AtomicU64::new(0), at_the_end: AtomicBool::new(false) };
        Self { raised: Arc::default(), pause: Some(Arc::new(pause)), before_the_end: false }
    }

    /// The same, raised as well before the first step that the end of a horizon cuts: until there, what it stops depends on no horizon.
    pub(crate) fn before_the_end(self) -> Self {
        Self { before_the_end: true, ..self }
    }

    /// The same for what has a horizon of its own.
    pub(crate) fn to_the_end(&self) -> Self {
        Self { before_the_end: false, ..self.clone() }
    }

    /// Raises a pause where the end of the horizon is about to count, if that was asked for. Returns whether it was.
    pub(crate) fn pauses_at_the_end(&self) -> bool {
        let Some(pause) = self.pause.as_ref().filter(|_| self.before_the_end) else { return false };
        pause.at_the_end.store(true, Ordering::Relaxed);
        self.raise();
        true
    }

    /// Whether it was raised by the end of a horizon.
    pub(crate) fn was_at_the_end(&self) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.at_the_end.load(Ordering::Relaxed))
    }

    /// Whether anybody was told to stop.
    pub(crate) fn has_stopped(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// Whether what it stops is to go on later.
    pub(crate) fn is_pause(&self) -> bool {
        self.pause.is_some()
    }
}

/// No budget will ever allow this many steps.
const HOPELESS: f64 = 1e12;

/// After this many steps the first ones, which may be far too short or too long, no longer count.
const TRIED: u64 = 30;

/// Bounds on an integration besides its tolerance.
#[derive(Debug, Clone)]
pub struct Limits {
    /// No step goes beyond this time, unless a segment does; infinite for no end.
    pub t_end: f64,
    /// The longest step allowed, in units of time, above 0; infinite for no cap.
    pub max_step: f64,
    /// How many steps may be tried in all, over all segments.
    pub max_steps: u64,
    /// Stops the integration when raised.
    pub interrupt: Interrupt,
}

impl Default for Limits {
    /// No limit but 10,000,000 steps.
    fn default() -> Self {
        Self { t_end: f64::INFINITY, max_step: f64::INFINITY, max_steps: 10_000_000, interrupt: Interrupt::default() }
    }
}

/// The steps that an integration has tried, of those it may try.
#[derive(Debug)]
pub(super) struct Budget {
    pub limits: Limits,
    tried: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, tried: 0 }
    }

    /// Steps left.
    pub(super) fn left(&self) -> u64 {
        self.limits.max_steps.saturating_sub(self.tried)
    }

    /// Whether no step was tried yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.tried == 0
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.tried)
    }

    /// Counts `steps`, at most those left.
    pub(super) fn spend(&mut self, steps: u64) {
        self.tried += steps;
    }

    /// The termination when the budget is spent at time t: `Stuck` if no larger one would help.
    fn spent(&self, t: f64) -> Termination {
        let (steps, t_end) = (self.tried, self.limits.t_end);
        // Infinite at t = 0; an endless horizon has no pace.
        let needed = steps as f64 * (t_end / t);
        if t_end.is_finite() && steps >= TRIED && needed >= HOPELESS {
            Termination::Stuck { t, steps, t_end }
        } else {
            Termination::MaxSteps { t, steps }
        }
    }

    /// Why no further step may be tried at time t, if none may.
    pub(super) fn refusal(&self, t: f64) -> Option<Termination> {
        if self.limits.interrupt.is_raised() {
            Some(Termination::Interrupted { t })
        } else {
            (self.left() == 0).then_some(self.spent(t))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pause comes when it is due, but not before something was done, and with the user's interrupt at once. It stays.
    #[test]
    fn a_pause_raises_itself_and_not_the_users_interrupt() {
        let user = Interrupt::default();
        let asked = |pause: &Interrupt| (0..4).map(|_| pause.is_raised()).collect::<Vec<_>>();
        let due = Arc::new(AtomicBool::new(false));
        let pause = user.pausing(Arc::clone(&due), 2);
        assert_eq!(asked(&pause), [false; 4]);
        due.store(true, Ordering::Relaxed);
        assert!(!pause.has_stopped());
        assert_eq!(asked(&pause.clone()), [false, false, true, true]);
        assert!(pause.is_pause() && pause.has_stopped() && !user.is_raised());
        let later = user.pausing(Arc::default(), 0);
        assert_eq!(asked(&later), [false; 4]);
        user.raise();
        assert_eq!(asked(&later), [true; 4]);
        assert!(user.is_raised() && !user.is_pause());
    }

    /// The end of a horizon raises a pause only if it is to, and not on behalf of what has another horizon.
    #[test]
    fn a_pause_before_the_end_is_raised_there() {
        let pause = || Interrupt::default().pausing(Arc::default(), 0);
        for not in [Interrupt::default().before_the_end(), pause(), pause().before_the_end().to_the_end()] {
            assert!(!not.pauses_at_the_end() && !not.is_raised() && !not.was_at_the_end());
        }
        let before = pause().before_the_end();
        assert!(!before.is_raised() && before.clone().pauses_at_the_end());
        assert!(before.is_raised() && before.to_the_end().is_raised() && before.was_at_the_end());
    }
}
