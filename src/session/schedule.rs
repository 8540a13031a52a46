//! When each process is recorded: the merged times of all of them.

use crate::optim::Optimizer;

use super::Plan;

/// A time on the common clock at which something is recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Moment<'a> {
    pub t: f64,
    /// Whether the flow is recorded.
    pub flow: bool,
    /// The optimizers that are recorded, by index, each with its number of steps.
    pub descents: &'a [(usize, u64)],
}

/// Many of them, in order of time, in 17 bytes each and 16 for each optimizer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Moments {
    t: Vec<f64>,
    flow: Vec<bool>,
    descents: Vec<(usize, u64)>,
    /// Where those of each moment end among all descents.
    ends: Vec<usize>,
}

impl Moments {
    pub(super) fn len(&self) -> usize {
        self.t.len()
    }

    pub(super) fn at(&self, index: usize) -> Moment<'_> {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Moment { t: self.t[index], flow: self.flow[index], descents: &self.descents[begin..self.ends[index]] }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Moment<'_>> {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Adds one that is not before the last; where both stand at the same time, the last takes it in.
    fn add(&mut self, event: Moment) {
        match (self.t.last_mut(), self.flow.last_mut(), self.ends.last_mut()) {
            // Two record times stay apart, however close.
            (Some(t), Some(flow), Some(end)) if event.t - *t <= SAME * event.t && !(*flow && event.flow) => {
                // A record time is exact; a step's time is Σ η_j with its rounding.
                if event.flow {
                    *t = event.t;
                }
                *flow |= event.flow;
                *end += event.descents.len();
            }
            _ => {
                self.t.push(event.t);
                self.flow.push(event.flow);
                self.ends.push(self.descents.len() + event.descents.len());
            }
        }
        self.descents.extend_from_slice(event.descents);
    }
}

impl Moment<'_> {
    /// Whether one of these optimizers is recorded.
    pub(super) fn concerns(&self, group: &[usize]) -> bool {
        self.descents.iter().any(|(index, _)| group.contains(index))
    }
}

/// An optimizer's steps on the common clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock<'a> {
    /// The settings, which tell the time of each step.
    pub settings: &'a Optimizer,
    pub last_step: u64,
}

impl<'a> Clock<'a> {
    /// Of an optimizer beside a flow to `t_end`.
    pub(super) fn new(settings: &'a Optimizer, t_end: f64) -> Self {
        Self { settings, last_step: settings.last_step(t_end) }
    }
}

/// A step whose time is closer than this to a record time, relative to it, stands at that time: Σ η_j is rounded.
pub(super) const SAME: f64 = 1e-12;

/// The most records of an optimizer beyond the horizon, unless more were asked for within it.
const BEYOND: usize = 200;

/// The recorded moments in order of time: the flow at every record time, each optimizer at the steps nearest to those times and at its
/// last.
fn schedule(record_times: &[f64], clocks: &[Clock]) -> Moments {
    let steps: Vec<Vec<u64>> = clocks.iter().map(|clock| recorded_steps(record_times, clock)).collect();
    let mut merged = Moments::default();
    // Of the flow and of each optimizer, how many are merged so far.
    let (mut recorded, mut stepped) = (0, vec![0; clocks.len()]);
    loop {
        let step =
            |index: usize| steps[index].get(stepped[index]).map(|&step| (clocks[index].settings.time(step), index, step));
        // The first of several at the same time.
        let next = (0..clocks.len()).filter_map(step).min_by(|a, b| a.0.total_cmp(&b.0));
        match (record_times.get(recorded), next) {
            (Some(&t), next) if next.is_none_or(|next| t.total_cmp(&next.0).is_le()) => {
                merged.add(Moment { t, flow: true, descents: &[] });
                recorded += 1;
            }
            (_, Some((t, index, step))) => {
                merged.add(Moment { t, flow: false, descents: &[(index, step)] });
                stepped[index] += 1;
            }
            (_, None) => return merged,
        }
    }
}

/// The events of a run.
pub(super) struct Timetable {
    pub events: Moments,
    /// How many of them a longer horizon has as well, at the beginning.
    pub before_the_end: usize,
}

impl Timetable {
    pub(super) fn of(plan: &Plan) -> Self {
        let clocks: Vec<Clock> = plan.optimizers.iter().map(|settings| Clock::new(settings, plan.flow.t_end)).collect();
        let events = schedule(plan.record_times(), &clocks);
        Self { before_the_end: before_the_end(&events, &clocks, plan.flow.t_end), events }
    }
}

/// Whether the events of `longer` begin with those of `shorter` that do not depend on its horizon.
#[cfg(feature = "command")]
pub(crate) fn begins_alike(shorter: &Plan, longer: &Plan) -> bool {
    let (shorter, longer) = (Timetable::of(shorter), Timetable::of(longer));
    let alike = shorter.before_the_end;
    longer.before_the_end >= alike && longer.events.iter().take(alike).eq(shorter.events.iter().take(alike))
}

/// How many events at the beginning a longer horizon has as well: those before the flow's last and before the last steps of optimizers that
/// go on to the end of the flow.
fn before_the_end(events: &Moments, clocks: &[Clock], t_end: f64) -> usize {
    let is_last = |&(index, step): &(usize, u64)| clocks[index].settings.steps().is_none() && step >= clocks[index].last_step;
    events.iter().take_while(|event| event.t < t_end && !event.descents.iter().any(is_last)).count()
}

/// The steps nearest to the record times (at least two), and the last step; steps and their times increase.
fn recorded_steps(record_times: &[f64], clock: &Clock) -> Vec<u64> {
    // An optimizer may go on beyond the horizon. Its records there grow by the ratio of the last two record times, or by a larger ratio
    // that needs no more records than there were, or [`BEYOND`].
    let (before, end) = (record_times[record_times.len() - 2], record_times[record_times.len() - 1]);
    let most = record_times.len().max(BEYOND);
    let needed = (clock.settings.time(clock.last_step) / end).powf(1.0 / most as f64);
    let further = |t: &f64| if end / before >= needed { t * end / before } else { t * needed };
    let beyond = std::iter::successors(Some(end), |t| (before > 0.0).then(|| further(t))).skip(1).take(most);
    let nearest = record_times.iter().copied().chain(beyond).map(|t| clock.settings.step_nearest(t, clock.last_step));
    let mut steps: Vec<u64> = Vec::new();
    for step in nearest.take_while(|&step| step < clock.last_step).chain([clock.last_step]) {
        // Steps at rates that have fallen to 0 share one time: keep the latest.
        while steps.last().is_some_and(|&last| last == step || clock.settings.time(last) >= clock.settings.time(step)) {
            steps.pop();
        }
        steps.push(step);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{Gd, Schedule, Sgd};

    fn gd(schedule: Schedule) -> Optimizer {
        Optimizer::Gd(Gd { name: None, lr: 0.1, steps: None, schedule })
    }

    fn clock(settings: &Optimizer, last_step: u64) -> Clock<'_> {
        Clock { settings, last_step }
    }

    #[test]
    fn steps_are_the_nearest_to_the_record_times_and_the_last() {
        let gd = gd(Schedule::Constant);
        assert_eq!(recorded_steps(&[0.0, 0.04, 0.06, 1.0, 2.0], &clock(&gd, 20)), [0, 1, 10, 20]);
        // Fewer steps than fit into the horizon, and more.
        assert_eq!(recorded_steps(&[0.0, 1.0, 2.0], &clock(&gd, 5)), [0, 5]);
        assert_eq!(recorded_steps(&[0.0, 1.0, 2.0], &clock(&gd, 50)), [0, 10, 20, 40, 50]);
    }

    /// The last two record times differ by one unit in the last place, or by 1e-9: their ratio alone would never reach the end.
    #[test]
    fn an_optimizer_beyond_the_horizon_has_a_bounded_number_of_records() {
        let gd = gd(Schedule::Constant);
        for before in [2f64.next_down(), 2.0 - 1e-9] {
            let steps = recorded_steps(&[0.0, 1.0, before, 2.0], &clock(&gd, 1_000_000));
            assert!(steps.len() <= 4 + BEYOND && steps.len() > BEYOND / 2, "{}", steps.len());
            assert_eq!((steps[0], steps[1], *steps.last().unwrap()), (0, 10, 1_000_000));
        }
        // The only earlier time is 0, which gives no ratio.
        assert_eq!(recorded_steps(&[0.0, 2.0], &clock(&gd, 50)), [0, 20, 50]);
    }

    /// 3 · 0.1 is 0.30000000000000004: the same time as 0.3, at which the flow lands once.
    #[test]
    fn times_that_differ_by_rounding_are_one_event() {
        let events = schedule(&[0.0, 0.3, 0.52, 1.0], &[clock(&gd(Schedule::Constant), 10)]);
        let all: Vec<_> = events.iter().map(|Moment { t, flow, descents }| (t, flow, descents.to_vec())).collect();
        let both = |t, step| (t, true, vec![(0, step)]);
        assert_eq!(all, [both(0.0, 0), both(0.3, 3), (0.5, false, vec![(0, 5)]), (0.52, true, vec![]), both(1.0, 10)]);
    }

    /// Two steps of 0.1, then of 0.05, 0.025, …: the times 0, 0.1, 0.2, 0.25, 0.3, 0.325, … tend to 0.4.
    #[test]
    fn steps_of_falling_rates_stand_where_the_rates_add_up() {
        let falling = gd(Schedule::Step { step_size: 2, gamma: 0.5 });
        assert_eq!(recorded_steps(&[0.0, 0.1, 0.26, 0.29, 1.0], &clock(&falling, 6)), [0, 1, 3, 4, 6]);
        let events = schedule(&[0.0, 0.3], &[clock(&falling, 4)]);
        assert_eq!(events.len(), 2);
        assert_eq!(events.at(1).descents, [(0, 4)]);
        // After 200 steps the rate is below the rounding of the time: only the last of those steps is recorded.
        assert_eq!(recorded_steps(&[0.0, 0.3, 0.5], &clock(&falling, 10_000)), [0, 4, 10_000]);
    }

    #[test]
    fn the_last_step_does_not_pass_the_end() {
        assert_eq!(gd(Schedule::Constant).last_step(0.3), 3);
        assert_eq!(gd(Schedule::Step { step_size: 2, gamma: 0.5 }).last_step(0.3), 4);
        // 0.1 · (1 + ½ + 0 + ½ + 1 + …).
        let cosine = gd(Schedule::Cosine { t_max: 2, eta_min: 0.0 });
        assert_eq!((cosine.last_step(0.14), cosine.last_step(0.16), cosine.last_step(1.99)), (1, 3, 39));
    }

    /// k·lr/(1 − β), dampening included; without momentum k·lr to the bit.
    #[test]
    fn momentum_stretches_the_clock() {
        let sgd = |momentum, dampening| Optimizer::Sgd(Sgd { momentum, dampening, ..Sgd::new(0.1) });
        for step in [0, 1, 3, 7, 1_000_003] {
            let plain = step as f64 * 0.1;
            assert_eq!(gd(Schedule::Constant).time(step), plain);
            assert_eq!(sgd(0.0, 0.0).time(step), plain);
            assert_eq!(sgd(0.9, 0.0).time(step), plain / (1.0 - 0.9));
            assert!((sgd(0.9, 0.5).time(step) - 5.0 * plain).abs() <= 1e-14 * 5.0 * plain);
        }
        assert_eq!(sgd(0.9, 0.0).last_step(10.0), 10);
    }
}
