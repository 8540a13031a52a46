//! What `ode_solvers`' two adaptive methods share: segments, the carried step, budgets, and why they stopped.
//!
//! Hairer, Nørsett & Wanner, *Solving Ordinary Differential Equations I*, 2nd ed. 1993, II.4–II.5 (step control), with the
//! library's own controller settings (PI, β = 0.04 for Dopri5 and none for Dop853).

use nalgebra::DVector;
use ode_solvers::dop_shared::{IntegrationError, Stats};

use super::rhs::{FEWEST_STATES, Rhs, states_per_call};
use super::{Integrator, Segment, Termination, VectorField, Work, has_blown_up};

/// What accuracy is asked for, and how much it may cost.
///
/// A step is accepted if the root mean square over i of (local error_i)/(atol + rtol·|θ_i|) is at most 1.
///
/// Where stability and not accuracy limits the step, as in most gradient flows after their transient, a loose tolerance is not
/// cheaper, and it is *wrong*: the jitter at the stability limit drives a drift along flat directions of the loss. At rtol 1e-3 flows
/// have ended 36–93 % off. Keep rtol at 1e-6 or tighter; the balance law shows the drift.
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

    /// Why no step leads on from (t, θ). The library gives up on steps of at most 10·ε·t.
    fn stopped_short(rhs: &Rhs<'_>, t: f64, theta: &DVector<f64>) -> Termination {
        // Look a little ahead as well: the field may be good up to here and NaN beyond.
        let ahead = t + 1e-10 * t.abs();
        let good = rhs.is_finite_at(t, theta) && rhs.is_finite_at(ahead, theta);
        if good {
            Termination::Stiff { t, step: 10.0 * f64::EPSILON * t.abs() }
        } else {
            Termination::Diverged { t, norm: theta.norm() }
        }
    }
}

impl Integrator for Adaptive {
    fn advance(&mut self, field: &dyn VectorField, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        let rhs = Rhs::new(field);
        let mut work = Work::default();
        let mut t = t0;
        let start_norm = *self.start_norm.get_or_insert_with(|| theta.norm());
        let stop = loop {
            if t >= t1 {
                break None;
            }
            // Less than the library can step. Euler's step is exact to rounding there.
            if t1 - t <= 1e-12 * t1.abs() {
                let mut dtheta = DVector::zeros(theta.len());
                rhs.eval(t, theta, &mut dtheta);
                theta.axpy(t1 - t, &dtheta, 1.0);
                work.accepted += 1;
                t = t1;
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
            let most = states_per_call(field.dim());
            let leg = Leg { t0: t, t1, step: self.step, max_steps: most.min(budget) as u32 };
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
            if has_blown_up(theta.norm(), start_norm) {
                break Some(Termination::Diverged { t, norm: theta.norm() });
            }
            match flown.end {
                // Landed: within rounding of t1, which is what the caller's clock says.
                Ok(_) => t = t1,
                // As many rejections in a row have shrunk the step by 3^64: nothing leads on from here.
                Err(IntegrationError::MaxNumStepReached { .. }) if accepted == 0 && flown.tries >= FEWEST_STATES => {
                    break Some(Self::stopped_short(&rhs, t, theta));
                }
                Err(IntegrationError::MaxNumStepReached { .. }) => {}
                Err(IntegrationError::StepSizeUnderflow { .. } | IntegrationError::StiffnessDetected { .. }) => {
                    break Some(Self::stopped_short(&rhs, t, theta));
                }
            }
        };
        work.evaluations = rhs.evaluations();
        Segment { t, work, stop }
    }
}
