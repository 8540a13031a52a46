//! The steps of an optimizer on the flow's clock: t_k = Σ_{j<k} η_j, times (1 − τ)/(1 − β) with momentum β and dampening τ.

use super::optimizer::MAX_STEPS;
use super::settings::Pace;
use super::{Optimizer, Schedule};

/// A step that passes a time by no more than this, relatively, is within it: a sum of rates may be off by as much.
const ROUNDING: f64 = 1e-12;

impl Optimizer {
    /// η_k, the learning rate of the step from θ_k, k = `step`.
    pub fn rate(&self, step: u64) -> f64 {
        let Pace { lr, schedule, .. } = self.pace();
        schedule.rate(lr, step)
    }

    /// t_k = Σ_{j<k} η_j, times (1 − τ)/(1 − β) with momentum β and dampening τ: the time of the k-th iterate on the flow's clock, k =
    /// `step`. At a constant rate without momentum exactly k·lr.
    pub fn time(&self, step: u64) -> f64 {
        let Pace { lr, schedule, .. } = self.pace();
        schedule.sum(lr, step) / self.friction()
    }

    /// The step k ≤ `last` whose time is closest to `t` ≥ 0; 0 is the start.
    pub fn step_nearest(&self, t: f64, last: u64) -> u64 {
        let Pace { lr, schedule, .. } = self.pace();
        if *schedule == Schedule::Constant {
            return ((t * self.friction() / lr).round() as u64).min(last);
        }
        let before = self.last_step_until(t, last);
        let after = last.min(before + 1);
        if self.time(after) - t < t - self.time(before) { after } else { before }
    }

    /// The last step: `steps`, or the last that does not pass `t_end` > 0.
    pub fn last_step(&self, t_end: f64) -> u64 {
        let Pace { lr, steps, schedule, .. } = self.pace();
        steps.unwrap_or_else(|| match schedule {
            Schedule::Constant => self.steps_within(lr, t_end),
            _ => self.last_step_until(t_end * (1.0 + ROUNDING), MAX_STEPS),
        })
    }

    /// The number of steps of the same rule at the constant rate `lr` that do not pass `t_end` > 0.
    pub fn steps_within(&self, lr: f64, t_end: f64) -> u64 {
        (t_end * self.friction() / lr * (1.0 + ROUNDING)).floor() as u64
    }

    /// The last step k ≤ `last` whose time is at most `t`, by bisection: times do not decrease.
    fn last_step_until(&self, t: f64, last: u64) -> u64 {
        let (mut within, mut beyond) = (0, last + 1);
        while beyond - within > 1 {
            let middle = within + (beyond - within) / 2;
            if self.time(middle) <= t { within = middle } else { beyond = middle }
        }
        within
    }
}
