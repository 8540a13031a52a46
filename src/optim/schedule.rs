//! `schedule` of an optimizer: its learning rate η_k over the steps k = 0, 1, …, as in `torch.optim.lr_scheduler` with one
//! `scheduler.step()` after every step; and Σ_{j<k} η_j in closed form, from which the time of a step follows.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::settings::{Findings, path};

/// How the learning rate η_k departs from `lr`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "command", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// The learning rate stays at `lr`.
    #[default]
    Constant,
    /// `StepLR`: the rate falls by a factor every so many steps, lr · gamma^⌊k/step_size⌋ at step k.
    Step {
        /// The number of steps between two falls.
        step_size: u64,
        /// The factor of a fall, at most 1.
        #[serde(default = "gamma")]
        gamma: f64,
    },
    /// `CosineAnnealingLR`: the rate falls along half a cosine, eta_min + (lr − eta_min)(1 + cos(πk/t_max))/2 at step k, and rises again after
    /// t_max steps.
    Cosine {
        /// The number of steps from `lr` to `eta_min`.
        t_max: u64,
        /// The smallest learning rate.
        #[serde(default)]
        eta_min: f64,
    },
    /// `LinearLR`: the rate goes linearly from lr · start_factor to lr · end_factor, and stays there.
    Warmup {
        /// The number of steps from `start_factor` to `end_factor`.
        #[serde(default = "total_iters")]
        total_iters: u64,
        /// The factor of the first step.
        #[serde(default = "start_factor")]
        start_factor: f64,
        /// The factor after `total_iters` steps.
        #[serde(default = "end_factor")]
        end_factor: f64,
    },
}

fn gamma() -> f64 {
    0.1
}

fn total_iters() -> u64 {
    5
}

fn start_factor() -> f64 {
    1.0 / 3.0
}

fn end_factor() -> f64 {
    1.0
}

impl Schedule {
    /// η_k for k = `step`.
    pub fn rate(&self, lr: f64, step: u64) -> f64 {
        match *self {
            Self::Constant => lr,
            Self::Step { step_size, gamma } => lr * gamma.powf((step / step_size) as f64),
            Self::Cosine { t_max, eta_min } => {
                let angle = PI * (step % (2 * t_max)) as f64 / t_max as f64;
                eta_min + (lr - eta_min) * (1.0 + angle.cos()) / 2.0
            }
            Self::Warmup { total_iters, start_factor, end_factor } => {
                let part = step.min(total_iters) as f64 / total_iters as f64;
                lr * (start_factor + (end_factor - start_factor) * part)
            }
        }
    }

    /// Σ_{j<k} η_j for k = `steps`: k·lr, to the bit, where the rate is constant.
    pub fn sum(&self, lr: f64, steps: u64) -> f64 {
        let k = steps as f64;
        match *self {
            Self::Constant => k * lr,
            Self::Step { gamma: 1.0, .. } => k * lr,
            Self::Step { step_size, gamma } => {
                let (falls, rest) = ((steps / step_size) as f64, (steps % step_size) as f64);
                let fallen = gamma.powf(falls);
                lr * (step_size as f64 * (1.0 - fallen) / (1.0 - gamma) + rest * fallen)
            }
            Self::Cosine { t_max, eta_min } => {
                // Σ_{j<k} cos(jx) = sin(kx/2)·cos((k − 1)x/2)/sin(x/2) with x = π/t_max, which is 0 over a whole period.
                let (half, part) = (PI / t_max as f64 / 2.0, (steps % (2 * t_max)) as f64);
                let cosines = (part * half).sin() * ((part - 1.0) * half).cos() / half.sin();
                k * ((lr + eta_min) / 2.0) + (lr - eta_min) / 2.0 * cosines
            }
            Self::Warmup { total_iters, start_factor, end_factor } => {
                let (rising, n) = (steps.min(total_iters) as f64, total_iters as f64);
                let slope = (end_factor - start_factor) / n;
                let risen = rising * start_factor + slope * (rising * (rising - 1.0) / 2.0);
                lr * (risen + steps.saturating_sub(total_iters) as f64 * end_factor)
            }
        }
    }

    pub(crate) fn validate(&self, lr: f64, at: &str, found: &mut Findings) {
        let at = |kind: &str, key: &str| path::child(&path::child(at, kind), key);
        let most = super::optimizer::MAX_STEPS;
        match *self {
            Self::Constant => {}
            Self::Step { step_size, gamma } => {
                found.between(&at("step", "step_size"), step_size, 1, most);
                found.require(0.0 < gamma && gamma <= 1.0, &at("step", "gamma"), "greater than 0 and at most 1", gamma);
            }
            Self::Cosine { t_max, eta_min } => {
                found.between(&at("cosine", "t_max"), t_max, 1, most);
                let holds = (0.0..=lr).contains(&eta_min);
                found.require(holds, &at("cosine", "eta_min"), &format!("between 0 and lr {lr:?}"), eta_min);
            }
            Self::Warmup { total_iters, start_factor, end_factor } => {
                found.between(&at("warmup", "total_iters"), total_iters, 1, most);
                let holds = 0.0 < start_factor && start_factor <= 1.0;
                found.require(holds, &at("warmup", "start_factor"), "greater than 0 and at most 1", start_factor);
                found.between(&at("warmup", "end_factor"), end_factor, 0.0, 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        prop_oneof![
            Just(Schedule::Constant),
            (1u64..50, 0.05..1.0).prop_map(|(step_size, gamma)| Schedule::Step { step_size, gamma }),
            (1u64..50).prop_map(|step_size| Schedule::Step { step_size, gamma: 1.0 }),
            (1u64..50, 0.0..0.1).prop_map(|(t_max, eta_min)| Schedule::Cosine { t_max, eta_min }),
            (1u64..50, 0.01..1.0, 0.0..1.0).prop_map(|(total_iters, start_factor, end_factor)| {
                Schedule::Warmup { total_iters, start_factor, end_factor }
            }),
        ]
    }

    proptest! {
        #[test]
        fn the_closed_form_is_the_sum_of_the_rates(schedule in any_schedule(), steps in 0u64..300) {
            let (rates, sum): (Vec<f64>, f64) = ((0..steps).map(|k| schedule.rate(0.1, k)).collect(), schedule.sum(0.1, steps));
            prop_assert!(rates.iter().all(|&rate| rate >= 0.0));
            let running: f64 = rates.iter().sum();
            prop_assert!((sum - running).abs() <= 1e-13 * (steps as f64 * 0.1), "{} {}", sum, running);
        }
    }

    #[test]
    fn rates_are_those_of_torch() {
        let rates = |schedule: Schedule| -> Vec<f64> { (0..5).map(|k| schedule.rate(0.1, k)).collect() };
        let close = |schedule, expected: [f64; 5]| {
            let rates = rates(schedule);
            assert!(rates.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{rates:?}");
        };
        close(Schedule::Step { step_size: 2, gamma: 0.5 }, [0.1, 0.1, 0.05, 0.05, 0.025]);
        close(Schedule::Cosine { t_max: 2, eta_min: 0.02 }, [0.1, 0.06, 0.02, 0.06, 0.1]);
        close(Schedule::Warmup { total_iters: 2, start_factor: 0.5, end_factor: 1.0 }, [0.05, 0.075, 0.1, 0.1, 0.1]);
    }
}
