//! When what is recorded: the merged times of all processes.

use super::process::Descent;

/// One moment of the common clock at which something is recorded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub t: f64,
    /// Whether the flow is recorded.
    pub flow: bool,
    /// The optimizers that are recorded, by index, and the number of steps after which.
    pub descents: Vec<(usize, u64)>,
}

/// Times closer than this, relative to the later one, are one time: a flow cannot step less than rounding.
const SAME: f64 = 1e-12;

/// The events in order of time: the flow at every record time, each optimizer at the steps nearest to them and at its last.
pub(super) fn schedule(record_times: &[f64], descents: &[Descent]) -> Vec<Event> {
    let mut events: Vec<Event> = record_times.iter().map(|&t| Event { t, flow: true, descents: Vec::new() }).collect();
    for (index, descent) in descents.iter().enumerate() {
        for step in recorded_steps(record_times, descent.time_per_step(), descent.last_step()) {
            events.push(Event { t: step as f64 * descent.time_per_step(), flow: false, descents: vec![(index, step)] });
        }
    }
    events.sort_by(|a, b| a.t.total_cmp(&b.t));
    let mut merged: Vec<Event> = Vec::new();
    for event in events {
        match merged.last_mut() {
            Some(last) if event.t - last.t <= SAME * event.t => {
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

/// The steps nearest to the record times, and the last; increasing.
fn recorded_steps(record_times: &[f64], time_per_step: f64, last: u64) -> Vec<u64> {
    let nearest = record_times.iter().map(|t| (t / time_per_step).round() as u64);
    let mut steps: Vec<u64> = nearest.take_while(|&step| step < last).chain([last]).collect();
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_the_nearest_to_the_record_times_and_the_last() {
        assert_eq!(recorded_steps(&[0.0, 0.04, 0.06, 1.0, 2.0], 0.1, 20), [0, 1, 10, 20]);
        // Fewer steps than the horizon has, and more.
        assert_eq!(recorded_steps(&[0.0, 1.0, 2.0], 0.1, 5), [0, 5]);
        assert_eq!(recorded_steps(&[0.0, 1.0, 2.0], 0.1, 50), [0, 10, 20, 50]);
    }

    #[test]
    fn the_flow_lands_on_every_time_once() {
        // 3 · 0.1 is 0.30000000000000004: the same time as 0.3.
        let events = schedule(&[0.0, 0.3, 1.0], &[]);
        assert_eq!(events.iter().map(|event| event.t).collect::<Vec<_>>(), [0.0, 0.3, 1.0]);
    }
}
