//! Measures a few units of a sweep, so that the cost of all is known before they are run.

use std::collections::{HashSet, VecDeque};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::free_memory;
use crate::ode::{Interrupt, Reason};
use crate::run::{self, Problem};
use crate::scenario::Sweep;

use super::costs::UnitCosts;
use super::queue::strewn;
use super::{SweepPlan, Unit};

/// What is known of the costs of a sweep's units, on one core of this machine.
#[derive(Debug)]
pub struct Probe {
    costs: UnitCosts,
    /// Units that were run to their ends.
    pub whole: usize,
    /// Units that were stopped after their share of the time, and extrapolated to their horizons.
    pub cut: usize,
    /// Units that could not be run, and why.
    pub failures: Vec<(Unit, String)>,
}

impl Probe {
    /// The expected seconds of a unit. One that was measured, too, has the value of the model for all; `None` if no unit could be measured.
    pub fn seconds(&self, unit: Unit) -> Option<f64> {
        self.costs.seconds(unit)
    }
}

/// The outcome of one unit.
enum Measured {
    Whole(f64),
    Cut(f64),
    Failed(String),
}

/// Runs units of the sweep for about `budget` altogether, one at a time, on one thread, and keeps nothing of them: the first unit; those that
/// differ from it in one value, the ends of each list first; then others, as long as there is time. A unit may take half of what is left.
pub fn probe(sweep: &Sweep, plan: &SweepPlan, budget: Duration) -> Probe {
    let mut probe = Probe { costs: UnitCosts::new(plan), whole: 0, cut: 0, failures: Vec::new() };
    let begin = Instant::now();
    for unit in order(plan) {
        let left = budget.saturating_sub(begin.elapsed());
        // With less than this share nothing more is learnt.
        if left.is_zero() || left < budget / 50 {
            break;
        }
        match measure(sweep, unit, left / 2) {
            Measured::Whole(seconds) => {
                probe.whole += 1;
                probe.costs.learn(unit, seconds);
            }
            Measured::Cut(seconds) => {
                probe.cut += 1;
                probe.costs.learn(unit, seconds);
            }
            Measured::Failed(reason) => probe.failures.push((unit, reason)),
        }
    }
    probe.costs.refit();
    probe
}

/// Units in the order in which they tell most about the costs.
fn order(plan: &SweepPlan) -> Vec<Unit> {
    let lengths = plan.lengths();
    // How far apart in the plan two neighbours along each factor are.
    let strides: Vec<usize> = (0..lengths.len()).map(|factor| lengths[factor + 1..].iter().product()).collect();
    let mut star = vec![0];
    let levels: Vec<Vec<usize>> = lengths.iter().map(|length| halved(*length)).collect();
    // The first choice of every factor, then the second, …, so that none is measured in full before another is begun.
    for turn in 0..levels.iter().map(Vec::len).max().unwrap_or(0) {
        star.extend(levels.iter().zip(&strides).filter_map(|(levels, stride)| Some(levels.get(turn)? * stride)));
    }
    let units = plan.units();
    let by_place = |place: &usize| units.binary_search_by_key(place, |unit| unit.index).ok().map(|at| units[at]);
    let mut chosen: Vec<Unit> = star.iter().filter_map(by_place).collect();
    let known: HashSet<usize> = chosen.iter().map(|unit| unit.index).collect();
    chosen.extend(strewn(&units).into_iter().filter(|unit| !known.contains(&unit.index)));
    chosen
}

/// The places 1, …, n − 1 of a list: the last, then the middle, then the middles of the halves, ….
fn halved(n: usize) -> Vec<usize> {
    if n < 2 {
        return Vec::new();
    }
    let (mut places, mut gaps) = (vec![n - 1], VecDeque::from([(0, n - 1)]));
    while let Some((low, high)) = gaps.pop_front() {
        if high - low > 1 {
            let middle = low + (high - low) / 2;
            places.push(middle);
            gaps.extend([(low, middle), (middle, high)]);
        }
    }
    places
}

/// The seconds of a unit that is stopped after `limit`.
fn measure(sweep: &Sweep, unit: Unit, limit: Duration) -> Measured {
    let scenario = match sweep.unit(unit.index) {
        Ok(scenario) => scenario,
        Err(error) => return Measured::Failed(error.to_string()),
    };
    let begin = Instant::now();
    let problem = match Problem::with_threads(&scenario, 1, free_memory().unwrap_or(u64::MAX)) {
        Ok(problem) => problem,
        Err(error) => return Measured::Failed(format!("{}: {error}", error.key())),
    };
    let (setup, interrupt, mut passed) = (begin.elapsed(), Interrupt::default(), Vec::new());
    let begin = Instant::now();
    let finished = thread::scope(|scope| {
        let (ended, wait) = mpsc::channel::<()>();
        let clock = interrupt.clone();
        scope.spawn(move || {
            // Of the other kind is the error of a run that has ended: its end of the channel is dropped.
            if wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                clock.raise();
            }
        });
        let finished = run::run(&scenario, &problem, &interrupt, |t| passed.push((t, begin.elapsed().as_secs_f64())));
        drop(ended);
        finished
    });
    let spent = begin.elapsed();
    let stopped = finished.manifest.processes.values().filter(|process| process.termination == Reason::Interrupted);
    match stopped.map(|process| process.t_reached).min_by(f64::total_cmp) {
        None => Measured::Whole((setup + spent).as_secs_f64()),
        Some(t) if t > 0.0 => {
            let spent = spent.as_secs_f64();
            Measured::Cut(setup.as_secs_f64() + spent * (scenario.flow.t_end / t).powf(exponent(&passed, t, spent)))
        }
        Some(_) => Measured::Failed(format!("no step ended within {:.2} s: allow more time", limit.as_secs_f64())),
    }
}

/// p of the seconds ∝ t^p that it took to get to time t, from the last half of that time; 1, as for optimizers, where no moment is known before.
/// Flows take less: their steps grow.
fn exponent(passed: &[(f64, f64)], t: f64, seconds: f64) -> f64 {
    let earlier = passed.iter().rev().find(|(before, _)| 0.0 < *before && *before <= 0.5 * t);
    earlier.map_or(1.0, |(before, then)| ((seconds / then).ln() / (t / before).ln()).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const TEXT: &str = "
name: many
data: {synthetic: {inputs: {dim: 2, samples: 5}, target: {low_rank: {rank: 1, outputs: 1}}}}
network: {widths: [2, 2, 1]}
flow: {t_end: 1.0}
sweep: {grid: {weight_decay: [0, 0.1, 0.2, 0.3, 0.4], flow.t_end: [1, 10, 100]}, seeds: 2}
";

    fn sweep() -> (Sweep, SweepPlan) {
        let sweep = Sweep::parse(TEXT, Path::new("many.yaml"), &[]).unwrap().unwrap();
        let plan = SweepPlan::new(&sweep).unwrap();
        (sweep, plan)
    }

    #[test]
    fn every_unit_is_probed_once_those_first_that_differ_from_the_first_in_one_value() {
        let (_, plan) = sweep();
        let order = order(&plan);
        let differs = |unit: &Unit| plan.places(*unit).iter().filter(|place| **place > 0).count();
        // 1 + 4 + 2 + 1 units, of which the first is the plan's and the next are the ends of the lists.
        assert_eq!(order[..8].iter().map(differs).collect::<Vec<_>>(), [0, 1, 1, 1, 1, 1, 1, 1]);
        let ends: Vec<Vec<usize>> = order[1..4].iter().map(|unit| plan.places(*unit)).collect();
        assert!([vec![4, 0, 0], vec![0, 2, 0], vec![0, 0, 1]].iter().all(|end| ends.contains(end)), "{ends:?}");
        let mut all: Vec<usize> = order.iter().map(|unit| unit.index).collect();
        all.sort();
        assert_eq!(all, (0..30).collect::<Vec<_>>());
        for n in 0..20 {
            let mut places = halved(n);
            places.sort();
            assert_eq!(places, (1..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_unit_goes_on_as_it_went_in_the_last_half_of_its_time() {
        let passed: Vec<(f64, f64)> = (1..=100).map(|k| (f64::from(k), 3.0 * f64::from(k).sqrt())).collect();
        assert!((exponent(&passed, 100.0, 30.0) - 0.5).abs() < 1e-12);
        // An optimizer's time is proportional to t, and nothing is known of what began a moment ago.
        assert_eq!(exponent(&[(0.0, 0.0), (90.0, 9.0)], 100.0, 10.0), 1.0);
        assert_eq!(exponent(&[], 100.0, 10.0), 1.0);
    }

    /// With time for all units every one is measured to its end; with none, nothing is known and nothing fails.
    #[test]
    fn what_is_known_depends_on_the_time() {
        let (sweep, plan) = sweep();
        let all = probe(&sweep, &plan, Duration::from_secs(3600));
        assert_eq!((all.whole, all.cut, all.failures.len()), (30, 0, 0));
        assert!(plan.units().into_iter().all(|unit| all.seconds(unit).is_some_and(|seconds| seconds > 0.0)));
        let none = probe(&sweep, &plan, Duration::ZERO);
        assert_eq!((none.whole, none.cut), (0, 0));
        assert!(plan.units().into_iter().all(|unit| none.seconds(unit).is_none()));
    }
}
