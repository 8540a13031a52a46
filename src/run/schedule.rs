//! When what is recorded: the merged times of all processes.

/// One moment of the common clock at which something is recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub t: f64,
    /// Whether the flow is recorded.
    pub flow: bool,
    /// The optimizers that are recorded, by index, and the number of steps after which.
    pub descents: Vec<(usize, u64)>,
}

/// An optimizer's steps on the common clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub time_per_step: f64,
    pub last_step: u64,
}

/// A step whose time is closer than this to a record time, relative to it, stands at that time: k·η is rounded.
const SAME: f64 = 1e-12;

/// The events in order of time: the flow at every record time, each optimizer at the steps nearest to them and at its last.
pub(super) fn schedule(record_times: &[f64], clocks: &[Clock]) -> Vec<Event> {
    let mut events: Vec<Event> = record_times.iter().map(|&t| Event { t, flow: true, descents: Vec::new() }).collect();
    for (index, clock) in clocks.iter().enumerate() {
        for step in recorded_steps(record_times, clock) {
            events.push(Event { t: step as f64 * clock.time_per_step, flow: false, descents: vec![(index, step)] });
        }
    }
    events.sort_by(|a, b| a.t.total_cmp(&b.t));
    let mut merged: Vec<Event> = Vec::new();
    for event in events {
        match merged.last_mut() {
            // Two record times stay two, however close.
            Some(last) if event.t - last.t <= SAME * event.t && !(last.flow && event.flow) => {
                // A record time is exact; a step's time is k·η with its rounding.
                if event.flow {
                    last.t = event.t;
                }
                last.flow |= event.flow;
                last.descents.extend(event.descents);
            }
            _ => merged.push(event),
        }
    }
    merged
}

/// The steps nearest to the record times (two at least), and the last; increasing.
fn recorded_steps(record_times: &[f64], clock: &Clock) -> Vec<u64> {
    // An optimizer may go on beyond the horizon: there in the ratio of the last two record times.
    let (before, end) = (record_times[record_times.len() - 2], record_times[record_times.len() - 1]);
    let beyond = std::iter::successors(Some(end), |t| (before > 0.0).then(|| t * end / before)).skip(1);
    let nearest = record_times.iter().copied().chain(beyond).map(|t| (t / clock.time_per_step).round() as u64);
    let mut steps: Vec<u64> = nearest.take_while(|&step| step < clock.last_step).chain([clock.last_step]).collect();
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(last_step: u64) -> Clock {
        Clock { time_per_step: 0.1, last_step }
    }

    #[test]
    fn steps_are_the_nearest_to_the_record_times_and_the_last() {
        assert_eq!(recorded_steps(&[0.0, 0.04, 0.06, 1.0, 2.0], &clock(20)), [0, 1, 10, 20]);
        // Fewer steps than the horizon has, and more.
        assert_eq!(recorded_steps(&[0.0, 1.0, 2.0], &clock(5)), [0, 5]);
        assert_eq!(recorded_steps(&[0.0, 1.0, 2.0], &clock(50)), [0, 10, 20, 40, 50]);
    }

    /// 3 · 0.1 is 0.30000000000000004: the same time as 0.3, at which the flow lands once.
    #[test]
    fn times_that_differ_by_rounding_are_one_event() {
        let events = schedule(&[0.0, 0.3, 0.52, 1.0], &[clock(10)]);
        let both = |t, step| Event { t, flow: true, descents: vec![(0, step)] };
        let step = Event { t: 0.5, flow: false, descents: vec![(0, 5)] };
        let record = Event { t: 0.52, flow: true, descents: vec![] };
        assert_eq!(events, [both(0.0, 0), both(0.3, 3), step, record, both(1.0, 10)]);
    }
}
