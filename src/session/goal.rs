//! Ends a flow where one of its stopping conditions first holds.
//!
//! The flow is checked at the end of each of its steps. A crossing is then located by bisection, to `rtol` of its time: inside the step by
//! dense output or, for methods without it, by integrating again from the last state at which the condition did not hold. The single steps
//! of `dopri5`, `dop853` and `rk4` are not visible; these are checked at the ends of segments, which are at most a factor of 2^{1/4} in
//! time apart. Where the flow stops, the condition holds. A quantity that crosses its threshold and returns within one step is not seen.

use std::time::{Duration, Instant};

use nalgebra::DVector;
use serde::{Deserialize, Serialize};

use crate::archive::{Archive, ArchiveError};
use crate::flow;
use crate::network::LayerRates;
use crate::objective::Objective;
use crate::ode::{Integrator, Segment, Termination, Work};

use super::Plan;
use super::monitor::{FIRST, RATIO};
use super::stop::{Criterion, Reached};

/// Watches a flow for its stopping conditions.
pub(super) struct Goal {
    criterion: Criterion,
    /// A function of the variables in which the flow is integrated.
    objective: Box<dyn Objective>,
    rtol: f64,
    t_end: f64,
    /// Whether the integrator returns after every step.
    sees_steps: bool,
    /// The time up to which the condition is known not to hold.
    looked: f64,
    /// The last state at which it is known not to hold; `None` before the first check.
    below: Option<(f64, DVector<f64>)>,
    /// Where the condition will hold, within a step that reaches beyond the current state.
    ahead: Option<(f64, Reached)>,
    /// A search for where the condition first holds that was interrupted.
    search: Option<Search>,
    /// The end of a segment that was interrupted.
    towards: Option<f64>,
    /// Gradients spent on integrating again and on states inside steps.
    gradients: u64,
    /// Time spent on checks since it was last taken.
    time: Duration,
}

/// A bisection by integrating again from the last state at which the condition did not hold.
#[derive(Serialize, Deserialize)]
struct Search {
    /// The condition does not hold here,
    low: f64,
    start: DVector<f64>,
    /// and does here.
    high: f64,
    theta: DVector<f64>,
    reached: Reached,
    /// How far an interrupted integration to the middle has come.
    way: Option<(f64, DVector<f64>)>,
}

impl Goal {
    /// For the flow on `objective`, if the scenario sets conditions.
    pub(super) fn of(plan: &Plan, objective: Box<dyn Objective>) -> Option<Self> {
        use flow::Integrator::{Dop853, Dopri5, Rk4};
        Some(Self {
            criterion: Criterion::of(plan, LayerRates::default(), objective.dim())?,
            objective,
            rtol: plan.flow.rtol,
            t_end: plan.flow.t_end,
            sees_steps: !matches!(plan.flow.integrator, Dopri5 | Dop853 | Rk4 { .. }),
            looked: 0.0,
            below: None,
            ahead: None,
            search: None,
            towards: None,
            gradients: 0,
            time: Duration::ZERO,
        })
    }

    /// Whether the times of its checks, at which steps are cut, depend on the horizon.
    pub(super) fn looks_by_horizon(&self) -> bool {
        !self.sees_steps
    }

    /// The time spent on checks since the last call.
    pub(super) fn take_time(&mut self) -> Duration {
        std::mem::take(&mut self.time)
    }

    /// Checks the start, once.
    pub(super) fn look_at_start(&mut self, theta: &DVector<f64>) -> Option<Termination> {
        if self.below.is_some() {
            return None;
        }
        self.below = Some((0.0, theta.clone()));
        self.criterion.look(&*self.objective, theta, None).map(|reached| reached.at(0.0))
    }

    /// Goes on at time `t` from θ, which has been changed.
    pub(super) fn restart(&mut self, t: f64, theta: &DVector<f64>) {
        (self.looked, self.ahead) = (t, None);
        self.keep(t, theta);
    }

    /// Gradients spent besides those of the integration.
    pub(super) fn gradients(&self) -> u64 {
        self.gradients + self.criterion.gradients()
    }

    /// Advances by at most one step towards `t1`. The segment ends where the condition first holds, if it does.
    pub(super) fn advance(&mut self, integrator: &mut Integrator, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
        if let Some(search) = self.search.take() {
            let begin = Instant::now();
            let mut segment = Segment { t: t0, work: Work::default(), stop: None };
            self.go_back(integrator, &mut segment, theta, search);
            self.time += begin.elapsed();
            return segment;
        }
        let look = if self.sees_steps { t1 } else { t1.min((RATIO * t0).max(FIRST * self.t_end)) };
        let until = self.towards.take().unwrap_or(self.ahead.map_or(look, |(t, _)| t.min(look))).min(t1);
        let mut segment = step(integrator, t0, until, theta);
        if segment.stop.is_some() {
            self.towards = Some(until);
            return segment;
        }
        let begin = Instant::now();
        self.look(integrator, &mut segment, theta);
        self.time += begin.elapsed();
        segment
    }

    /// Checks the end of a segment; if the condition holds there, the segment is cut where it first holds.
    fn look(&mut self, integrator: &mut Integrator, segment: &mut Segment, theta: &mut DVector<f64>) {
        if let Some((t, reached)) = self.ahead {
            segment.stop = (segment.t == t).then(|| reached.at(t));
            return;
        }
        let dense = integrator.last_step().filter(|[_, to]| *to > self.looked);
        if let Some([from, to]) = dense {
            self.look_ahead(integrator, [from, to], segment.t, theta);
            if let Some((t, reached)) = self.ahead.filter(|(t, _)| *t <= segment.t) {
                self.gradients += integrator.within_last_step(t, theta).unwrap_or(0);
                (segment.t, segment.stop) = (t, Some(reached.at(t)));
            }
        } else if segment.t > self.looked {
            match self.criterion.look(&*self.objective, theta, None) {
                None => self.looked = segment.t,
                Some(reached) => match self.below.take() {
                    None => segment.stop = Some(reached.at(segment.t)),
                    Some((low, start)) => {
                        let search = Search { low, start, high: segment.t, theta: theta.clone(), reached, way: None };
                        self.go_back(integrator, segment, theta, search);
                    }
                },
            }
        }
        if segment.stop.is_none() && segment.t == self.looked {
            self.keep(segment.t, theta);
        }
    }

    fn keep(&mut self, t: f64, theta: &DVector<f64>) {
        match &mut self.below {
            Some((at, state)) => {
                *at = t;
                state.copy_from(theta);
            }
            None => self.below = Some((t, theta.clone())),
        }
    }

    /// Whether low and high agree to the tolerance.
    fn is_found(&self, low: f64, high: f64) -> bool {
        high - low <= self.rtol * high || halfway(low, high).is_none()
    }

    /// Checks the end of a step; if the condition holds there, `ahead` becomes where it first holds.
    fn look_ahead(&mut self, integrator: &mut Integrator, [from, to]: [f64; 2], t: f64, theta: &DVector<f64>) {
        let mut state = theta.clone();
        if t < to {
            self.gradients += integrator.within_last_step(to, &mut state).unwrap_or(0);
        }
        self.looked = to;
        let Some(mut reached) = self.criterion.look(&*self.objective, &state, None) else { return };
        let (mut low, mut high) = (from, to);
        while let Some(middle) = halfway(low, high).filter(|_| !self.is_found(low, high)) {
            self.gradients += integrator.within_last_step(middle, &mut state).unwrap_or(0);
            match self.criterion.look(&*self.objective, &state, None) {
                Some(earlier) => (high, reached) = (middle, earlier),
                None => low = middle,
            }
        }
        self.ahead = Some((high, reached));
    }

    /// Integrates again from the last state at which the condition did not hold, bisecting the time up to where it holds. The segment ends, and
    /// `theta` stands, where it first holds; if an integration stops on the way, where it is known to. One that is interrupted ends where
    /// the condition is known not to hold, and the search goes on with the next segment.
    fn go_back(&mut self, integrator: &mut Integrator, segment: &mut Segment, theta: &mut DVector<f64>, mut search: Search) {
        let Search { low, start, high, theta: there, reached, way } = &mut search;
        'search: while let Some(middle) = halfway(*low, *high).filter(|_| !self.is_found(*low, *high)) {
            let (mut t, mut state) = way.take().unwrap_or_else(|| (*low, start.clone()));
            while t < middle {
                let segment = step(integrator, t, middle, &mut state);
                self.gradients += segment.work.evaluations;
                t = segment.t;
                match segment.stop {
                    None => {}
                    Some(Termination::Interrupted { .. }) => {
                        *way = Some((t, state));
                        break 'search;
                    }
                    Some(_) => break 'search,
                }
            }
            match self.criterion.look(&*self.objective, &state, None) {
                Some(earlier) => {
                    (*high, *reached) = (middle, earlier);
                    *there = state;
                }
                None => (*low, *start) = (middle, state),
            }
        }
        if search.way.is_some() {
            theta.copy_from(&search.start);
            (segment.t, segment.stop) = (search.low, Some(Termination::Interrupted { t: search.low }));
            self.search = Some(search);
        } else {
            theta.copy_from(&search.theta);
            (segment.t, segment.stop) = (search.high, Some(search.reached.at(search.high)));
        }
    }

    pub(super) fn archive(&mut self, archive: &mut Archive) -> Result<(), ArchiveError> {
        self.criterion.archive(archive)?;
        archive.item(&mut self.looked)?;
        archive.item(&mut self.below)?;
        archive.item(&mut self.ahead)?;
        archive.item(&mut self.search)?;
        archive.item(&mut self.towards)?;
        archive.item(&mut self.gradients)
    }
}

/// One step, if the method returns after single steps.
fn step(integrator: &mut Integrator, t0: f64, t1: f64, theta: &mut DVector<f64>) -> Segment {
    integrator.advance_or_pause(t0, t0.next_up(), t1, theta).expect("times are finite and in order")
}

/// The midpoint, unless the two are neighbouring floats.
fn halfway(low: f64, high: f64) -> Option<f64> {
    let middle = low + 0.5 * (high - low);
    (low < middle && middle < high).then_some(middle)
}
