//! One integration of the scenario's flow, timed.

use std::time::{Duration, Instant};

use nalgebra::DVector;

use crate::network::Parameters;
use crate::ode::{Termination, Work};

use super::Task;
use super::line_up::Method;
use super::setting::Setting;

/// One integration from the start towards T.
pub(super) struct Flight {
    pub end: Parameters,
    pub work: Work,
    pub time: Duration,
    pub termination: Termination,
}

impl Flight {
    /// Lands on `times` on its way, where `look` sees what is integrated; its time is not counted.
    pub(super) fn new(
        method: &Method,
        setting: Setting,
        task: &Task,
        times: &[f64],
        mut look: impl FnMut(f64, &DVector<f64>),
    ) -> Self {
        let t_end = task.scenario.flow.t_end;
        let mut integrator = method.integrator(setting, task);
        let field = task.problem.flow();
        let mut state = field.state(&task.problem.start);
        let mut flight = Self {
            end: task.problem.start.clone(),
            work: Work::default(),
            time: Duration::ZERO,
            termination: Termination::TEnd { t: t_end },
        };
        let mut t = 0.0;
        for &next in times.iter().chain([&t_end]) {
            let begin = Instant::now();
            let segment = integrator
                .advance(t, next, state.as_mut().unwrap_or(flight.end.values_mut()))
                .expect("times are finite and in order");
            flight.time += begin.elapsed();
            if let Some(state) = &state {
                field.weights(state, &mut flight.end);
            }
            flight.work += segment.work;
            t = segment.t;
            if let Some(stop) = segment.stop {
                flight.termination = stop;
                break;
            }
            look(t, state.as_ref().unwrap_or(flight.end.values()));
        }
        flight
    }
}
