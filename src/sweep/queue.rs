//! The units that are left of several sweeps, the dearest first: a long unit that begins last would keep one worker busy and the others idle.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Unit;
use super::costs::UnitCosts;

/// What workers take their units from.
#[derive(Debug)]
pub(super) struct Queue {
    sweeps: Mutex<Vec<Open>>,
    jobs: NonZeroUsize,
    /// Whether the order of the units matters.
    sorts: bool,
}

/// The units that are left of one sweep.
#[derive(Debug)]
struct Open {
    /// How many there were.
    all: usize,
    units: VecDeque<Unit>,
    /// Those that have been taken and have not ended.
    running: Vec<Unit>,
    costs: UnitCosts,
    /// Whether a unit of it has been taken.
    begun: bool,
    /// The expected seconds of all units that have not ended; `None` before one has been measured.
    left: Option<f64>,
}

impl Open {
    /// The number of units that have not ended.
    fn count(&self) -> usize {
        self.units.len() + self.running.len()
    }

    /// The expected seconds of the next unit; infinite where nothing is known: it may be the dearest.
    fn next_cost(&self) -> f64 {
        self.units.front().and_then(|unit| self.costs.seconds(*unit)).unwrap_or(f64::INFINITY)
    }

    /// Takes in what a unit has cost.
    fn learn(&mut self, unit: Unit, spent: Duration, sorts: bool) {
        if self.costs.learn(unit, spent.as_secs_f64()) {
            let Self { units, running, costs, .. } = self;
            let seconds = |unit: &Unit| costs.seconds(*unit).unwrap_or(0.0);
            self.left = Some(units.iter().chain(running.iter()).map(seconds).sum());
            if sorts && costs.is_informed(self.all) {
                let dearest = |a: &Unit, b: &Unit| seconds(b).total_cmp(&seconds(a));
                units.make_contiguous().sort_by(dearest);
            }
        }
    }
}

impl Queue {
    /// Takes units of sweeps. A single worker takes those of a single sweep in their order; otherwise the units of each sweep are scattered
    /// until enough is known of their costs: neighbours in a plan cost alike, and the first ones say little about the others.
    pub fn new(open: Vec<(UnitCosts, Vec<Unit>)>, jobs: NonZeroUsize) -> Self {
        let sorts = open.len() > 1 || jobs.get() > 1;
        let sweep = |(costs, units): (UnitCosts, Vec<Unit>)| Open {
            all: units.len(),
            units: if sorts { strewn(&units) } else { units.into() },
            running: Vec::new(),
            costs,
            begun: false,
            left: None,
        };
        Self { sweeps: Mutex::new(open.into_iter().map(sweep).collect()), jobs, sorts }
    }

    fn sweeps(&self) -> MutexGuard<'_, Vec<Open>> {
        // No thread panics while it holds the lock, and the guarded state is always consistent.
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next unit, with the index of its sweep: one of each sweep, then the dearest.
    pub fn next(&self) -> Option<(usize, Unit)> {
        let mut sweeps = self.sweeps();
        let mut open = sweeps.iter_mut().enumerate().filter(|(_, sweep)| !sweep.units.is_empty());
        let dearer = |a: &Open, b: &Open| match (a.begun, b.begun) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            _ => a.next_cost().total_cmp(&b.next_cost()),
        };
        // Of equal ones the first.
        let first = open.next()?;
        let (which, sweep) = open.fold(first, |best, other| if dearer(other.1, best.1).is_gt() { other } else { best });
        let unit = sweep.units.pop_front()?;
        sweep.begun = true;
        sweep.running.push(unit);
        Some((which, unit))
    }

    /// A unit of the sweep at index `which` has ended; it took this time if it was run to its end.
    pub fn ended(&self, which: usize, unit: Unit, spent: Option<Duration>) {
        let sweep = &mut self.sweeps()[which];
        sweep.running.retain(|running| *running != unit);
        sweep.left = sweep.left.map(|left| (left - sweep.costs.seconds(unit).unwrap_or(0.0)).max(0.0));
        if let Some(spent) = spent {
            sweep.learn(unit, spent, self.sorts);
        }
    }

    /// The expected time for all units that have not ended. Those of a sweep of which none has been measured are assumed to cost the mean of
    /// the others; `None` where nothing is known.
    pub fn time_left(&self) -> Option<Duration> {
        let sweeps = self.sweeps();
        let known = sweeps.iter().filter_map(|sweep| Some((sweep.left?, sweep.count())));
        let (seconds, units) = known.fold((0.0, 0), |(seconds, units), (own, count)| (seconds + own, units + count));
        let all: usize = sweeps.iter().map(Open::count).sum();
        let begun = sweeps.iter().any(|sweep| sweep.left.is_some());
        if !begun || (units == 0 && all > 0) {
            return None;
        }
        let unknown = (all - units) as f64 * seconds / units.max(1) as f64;
        let workers = self.jobs.get().min(all.max(1));
        Some(Duration::try_from_secs_f64((seconds + unknown) / workers as f64).unwrap_or(Duration::MAX))
    }
}

/// Every unit once, by a stride near the golden section of their number, which soon comes close to every position.
pub(super) fn strewn(units: &[Unit]) -> VecDeque<Unit> {
    let n = units.len();
    let coprime = |stride: &usize| (1..=*stride).rev().find(|d| n.is_multiple_of(*d) && stride.is_multiple_of(*d)) == Some(1);
    let stride = ((0.618 * n as f64) as usize..n).find(|stride| *stride > 0 && coprime(stride)).unwrap_or(1);
    (0..n).map(|k| units[k * stride % n]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Id;

    fn units(n: usize) -> Vec<Unit> {
        (0..n).map(|index| Unit { id: Id::of_hash(&format!("{index:016x}")).unwrap(), index }).collect()
    }

    fn queue(sizes: &[usize], jobs: usize) -> Queue {
        let open = sizes.iter().map(|n| (UnitCosts::with_lengths(vec![*n]), units(*n))).collect();
        Queue::new(open, NonZeroUsize::new(jobs).unwrap())
    }

    fn seconds(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n))
    }

    fn indices(taken: impl IntoIterator<Item = Unit>) -> Vec<usize> {
        taken.into_iter().map(|unit| unit.index).collect()
    }

    #[test]
    fn strewn_units_are_the_same_units() {
        for n in 0..50 {
            let mut all = indices(strewn(&units(n)));
            // The mean place of the first third is near the middle.
            if n >= 12 {
                let third = &all[..n / 3];
                let mean = third.iter().sum::<usize>() as f64 / third.len() as f64 / n as f64;
                assert!((mean - 0.5).abs() < 0.2, "{n}: {mean}");
            }
            all.sort();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_worker_takes_one_sweep_in_its_order() {
        let queue = queue(&[5], 1);
        let mut taken = Vec::new();
        while let Some((which, unit)) = queue.next() {
            taken.push(unit);
            queue.ended(which, unit, seconds(10 * unit.index as u64));
        }
        assert_eq!(indices(taken), [0, 1, 2, 3, 4]);
    }

    /// Once a quarter of the units is measured, the others follow by their costs; every unit is taken once.
    #[test]
    fn with_several_workers_the_dearest_units_go_first() {
        let queue = queue(&[64], 2);
        let mut taken = Vec::new();
        while let Some((which, unit)) = queue.next() {
            taken.push(unit);
            // The dearest units are in the middle of the plan.
            queue.ended(which, unit, seconds(100 - (unit.index as i64 - 30).unsigned_abs()));
        }
        let taken = indices(taken);
        let far = |index: &usize| (*index as i64 - 30).abs();
        // UnitCosts between measured ones are interpolated, so that neighbours may change places.
        let late: Vec<i64> = taken[16..].iter().map(far).collect();
        assert!(late.windows(2).all(|pair| pair[1] + 4 >= pair[0]), "{taken:?}");
        let mut all = taken.clone();
        all.sort();
        assert_eq!(all, (0..64).collect::<Vec<_>>());
    }

    #[test]
    fn first_one_of_each_then_the_dearest() {
        let queue = queue(&[2, 0, 3, 2], 2);
        let firsts: Vec<_> = (0..3).filter_map(|_| queue.next()).collect();
        assert_eq!(firsts.iter().map(|(which, _)| *which).collect::<Vec<_>>(), [0, 2, 3]);
        for ((which, unit), spent) in firsts.into_iter().zip([1, 3, 5]) {
            queue.ended(which, unit, seconds(spent));
        }
        let take = || queue.next().map(|(which, _)| which);
        assert_eq!([take(), take(), take(), take(), take()], [Some(3), Some(2), Some(2), Some(0), None]);
    }

    #[test]
    fn the_time_left_knows_that_sweeps_cost_differently() {
        let queue = queue(&[11, 3], 2);
        assert_eq!(queue.time_left(), None);
        let (first, second) = (queue.next().unwrap(), queue.next().unwrap());
        queue.ended(first.0, first.1, seconds(1));
        let close = |millis: u64| {
            let left = queue.time_left().unwrap().as_secs_f64();
            assert!((left - 1e-3 * millis as f64).abs() < 1e-6, "{left}");
        };
        // Nothing is known of the second: it is assumed to cost the same as the first.
        close(6500);
        queue.ended(second.0, second.1, seconds(20));
        close(25_000);
        // One unit keeps one worker busy.
        let mut taken: Vec<_> = std::iter::from_fn(|| queue.next()).collect();
        let last = taken.iter().position(|(which, _)| *which == 1).unwrap();
        taken.remove(last);
        taken.into_iter().for_each(|(which, unit)| queue.ended(which, unit, None));
        close(20_000);
    }
}
