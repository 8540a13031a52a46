//! What `ode_solvers`' two adaptive methods share: segments, the carried step, budgets, and why they stopped.
//!
//! Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, 2nd ed. 1993, II.4–II.5 (step control), with the
//! library's own controller settings (PI, β = 0.04 for Dopri5 and none for Dop853).

use nalgebra::DVector;
use ode_solvers::dop_shared::{IntegrationError, Stats};

use super::rhs::Rhs;
use super::{Integrator, Segment, Termination, VectorField, Work, has_blown_up};

/// What accuracy is asked for, and how much it may cost.
///
/// A step is accepted if the root mean square over i of (local error_i)/(atol + rtol·|θ_i|) is at most 1.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// Relative tolerance, dimensionless.
    pub rtol: f64,
    /// Absolute tolerance, in units of θ.
    pub atol: f64,
    /// The longest step allowed, in units of time; infinite for no cap.
    pub max_step: f64,
    /// How many steps may be tried in all, over all segments.
    pub max_steps: u64,
}

/// One call of the library: from `t0` towards `t1`, at most about `max_steps` tries, first step `step` (0: let it guess).
pub(super) struct Leg {
    pub t0: f64,
    pub t1: f64,
    pub step: f64,
    pub max_steps: u32,
}

/// What came of it: times and states of the accepted steps (the start first), and how it ended.
pub(super) struct Flown {
    pub times: Vec<f64>,
    pub last: DVector<f64>,
    pub end: Result<Stats, IntegrationError>,
    /// Steps tried, rejected ones included.
    pub tries: u64,
}

/// The library's stepper behind a function of ours, one per method.
pub(super) type Fly = fn(&Rhs<'_>, &Leg, DVector<f64>, &Tolerance) -> Flown;

/// An adaptive method of `ode_solvers`.
pub struct Adaptive {
    fly: Fly,
    tolerance: Tolerance,
    /// The step to start the next segment with; 0 before the first.
    step: f64,
    /// Steps tried so far, of `tolerance.max_steps`.
    tried: u64,
    /// ‖θ‖ at the start of the integration: what growth is measured against.
    start_norm: Option<f64>,
}

/// The library keeps every accepted state of a call: calls are cut so that this stays below 32 MiB.
const KEPT_NUMBERS: usize = 1 << 22;

impl Adaptive {
    pub(super) fn new(fly: Fly, tolerance: Tolerance) -> Self {
        Self { fly, tolerance, step: 0.0, tried: 0, start_norm: None }
    }

    /// The natural step after a call. The last step of a segment is cut to land on its end, so its length says nothing: the
    /// carried step is the longest of those before it, the last two and the step it began with unless that was rejected.
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

    fn stopped_short(&self, rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>, step: f64) -> Termination {
        let norm = theta.norm();
        let grown = has_blown_up(norm, self.start_norm.unwrap_or(norm));
        // Look a little ahead as well: the field may be good up to here and NaN beyond.
        let ahead = t + 1e-10 * t.abs().max(step.abs());
        let good = rhs.is_finite_at(t, theta) && rhs.is_finite_at(ahead, theta);
        if grown || !good { Termination::Diverged { t, norm } } else { Termination::Stiff { t, step } }
    }
}

impl Integrator for Adaptive {
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        let rhs = Rhs::new(field);
        let mut work = Work::default();
        let mut t = t0;
        self.start_norm.get_or_insert_with(|| theta.norm());
        let stop = loop {
            if t >= t1 {
                break None;
            }
            let budget = self.tolerance.max_steps - self.tried;
            if budget == 0 {
                break Some(Termination::MaxSteps { t, steps: self.tried });
            }
            // The library loops on a NaN: it must not see one at its start.
            if self.tried == 0 && !rhs.is_finite_at(t, theta) {
                break Some(Termination::Diverged { t, norm: theta.norm() });
            }
            let kept = (KEPT_NUMBERS / field.dim().max(1)).clamp(16, 1000) as u64;
            let leg = Leg { t0: t, t1, step: self.step, max_steps: kept.min(budget) as u32 };
            let flown = (self.fly)(&rhs, &leg, theta.clone(), &self.tolerance);
            let accepted = flown.times.len() as u64 - 1;
            work.accepted += accepted;
            work.rejected += flown.tries - accepted;
            self.tried += flown.tries;
            self.carry_step(&flown.times, flown.tries - accepted);
            if accepted > 0 {
                t = flown.times[flown.times.len() - 1];
                theta.copy_from(&flown.last);
            }
            match flown.end {
                // Landed: within rounding of t1, which is what the caller's clock says.
                Ok(_) => t = t1,
                Err(IntegrationError::MaxNumStepReached { .. }) => {}
                Err(IntegrationError::StepSizeUnderflow { .. } | IntegrationError::StiffnessDetected { .. }) => {
                    break Some(self.stopped_short(&rhs, t, theta, self.step));
                }
            }
        };
        work.evaluations = rhs.evaluations();
        Segment { t, work, stop }
    }
}
