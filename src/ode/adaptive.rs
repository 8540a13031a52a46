//! What the two adaptive methods of `ode_solvers` share: segments, the carried step, budgets, and the reason for stopping.
//!
//! Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, 2nd ed. 1993, II.4–II.5 (step control), with the
//! library's own controller settings (PI, β = 0.04 for Dopri5 and none for Dop853).

use nalgebra::DVector;
use ode_solvers::dop_shared::{IntegrationError, Stats};

use crate::archive::{Archive, ArchiveError};

use super::integrator::{Advance, Integrator};
use super::limits::Budget;
use super::rhs::{FEWEST_STATES, Rhs, states_per_call};
use super::{Limits, OdeError, Segment, Termination, Tolerance, VectorField, Work, has_blown_up};

/// One call of the library: from `t0` towards `t1`, at most about `max_steps` tries, first step `step` (0: let it guess).
pub(super) struct Leg {
    pub t0: f64,
    pub t1: f64,
    pub step: f64,
    pub max_step: f64,
    pub max_steps: u32,
    pub tolerance: Tolerance,
}

/// Its outcome: the times of the accepted steps (the start first), the last state, and how it ended.
pub(super) struct Flown {
    pub times: Vec<f64>,
    pub last: DVector<f64>,
    pub end: Result<Stats, IntegrationError>,
    /// Steps tried, rejected ones included.
    pub tries: u64,
}

/// A call of the library's stepper, one function per method.
pub(super) type Fly = fn(&Rhs<'_>, &Leg, DVector<f64>) -> Flown;

/// An adaptive method of `ode_solvers`: an independent check of our own methods.
///
/// Where stability and not accuracy limits the step, as in most gradient flows after their transient, a loose tolerance is not
/// cheaper, and it is *wrong*: the jitter at the stability limit drives a drift along flat directions of the loss. At rtol 1e-3 flows ended
/// 36–93 % off. These two methods do not cap their steps at that limit: keep their rtol at 1e-6 or tighter.
pub(super) struct Adaptive {
    fly: Fly,
    tolerance: Tolerance,
    /// The step to start the next segment with; 0 before the first.
    step: f64,
    budget: Budget,
    /// ‖θ‖ at the start of the integration, against which growth is measured.
    start_norm: Option<f64>,
}

impl Adaptive {
    /// The integrator of this method on `field`.
    pub(super) fn bind<'f>(
        field: impl VectorField + 'f,
        fly: Fly,
        tolerance: Tolerance,
        limits: Limits,
    ) -> Result<Integrator<'f>, OdeError> {
        let tolerance = tolerance.check()?;
        Integrator::bind(field, &limits.clone(), || Box::new(Self::new(fly, tolerance, limits)))
    }

    fn new(fly: Fly, tolerance: Tolerance, limits: Limits) -> Self {
        Self { fly, tolerance, step: 0.0, budget: Budget::new(limits), start_norm: None }
    }

    /// Sets the step for the next call. The last step of a segment is cut to land on its end, so its length alone says nothing: the longest
    /// of the last two steps and, if none was rejected, of the step that the call began with is carried on.
    fn carry_step(&mut self, times: &[f64], rejected: u64) {
        let length = |i: usize| times[i + 1] - times[i];
        let steps = times.len() - 1;
        let recent = (steps.saturating_sub(2)..steps).map(length).fold(0.0, f64::max);
        self.step = if rejected > 0 {
            recent
        } else {
            // No try was too long. Ask for more, but never for over ten times what was tried: the library's own bound.
            self.step.max(recent).max((1.5 * self.step).min(10.0 * recent))
        };
    }
}

impl Advance for Adaptive {
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        let rhs = Rhs::new(field);
        let mut work = Work::default();
        let mut t = t0;
        let start_norm = *self.start_norm.get_or_insert_with(|| theta.norm());
        let stop = loop {
            if t >= t1 {
                break None;
            }
            // Shorter than the library can step; an Euler step is exact to rounding here.
            if t1 - t <= 1e-12 * t1.abs() {
                let mut dtheta = DVector::zeros(theta.len());
                // If it is not finite, neither is the state below.
                let _ = rhs.eval(t, theta, &mut dtheta);
                theta.axpy(t1 - t, &dtheta, 1.0);
                work.accepted += 1;
                t = t1;
                break None;
            }
            if let Some(refusal) = self.budget.refusal(t) {
                break Some(refusal);
            }
            // The library loops on a NaN: it must not see one at its start.
            if self.budget.is_fresh() && !rhs.is_finite_at(t, theta) {
                break Some(Termination::Diverged { t, norm: theta.norm() });
            }
            let most = states_per_call(field.dim());
            let leg = Leg {
                t0: t,
                t1,
                step: self.step.min(self.budget.limits.max_step),
                max_step: self.budget.limits.max_step,
                max_steps: most.min(self.budget.left()) as u32,
                tolerance: self.tolerance,
            };
            let flown = (self.fly)(&rhs, &leg, theta.clone());
            let accepted = flown.times.len() as u64 - 1;
            work.accepted += accepted;
            work.rejected += flown.tries - accepted;
            self.budget.spend(flown.tries.min(self.budget.left()));
            self.carry_step(&flown.times, flown.tries - accepted);
            if accepted > 0 {
                t = flown.times[flown.times.len() - 1];
                theta.copy_from(&flown.last);
            }
            if has_blown_up(theta.norm(), start_norm) {
                break Some(Termination::Diverged { t, norm: theta.norm() });
            }
            match flown.end {
                // Landed on t1, to rounding.
                Ok(_) => t = t1,
                // 64 rejections in a row have shrunk the step by 3^64: no step leads on from here.
                Err(IntegrationError::MaxNumStepReached { .. }) if accepted == 0 && flown.tries >= FEWEST_STATES => {
                    break Some(rhs.stopped_short(t, theta));
                }
                Err(IntegrationError::MaxNumStepReached { .. }) => {}
                Err(IntegrationError::StepSizeUnderflow { .. } | IntegrationError::StiffnessDetected { .. }) => {
                    break Some(rhs.stopped_short(t, theta));
                }
            }
        };
        work.evaluations = rhs.gradients();
        Segment { t, work, stop }
    }

    fn archive(&mut self, _: &dyn VectorField, archive: &mut Archive) -> Result<(), ArchiveError> {
        archive.item(&mut self.step)?;
        self.budget.archive(archive)?;
        archive.item(&mut self.start_norm)
    }
}
