//! The units that are left of several sweeps, and the cost of a unit of each.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Unit;

/// What workers take their units from.
#[derive(Debug)]
pub(super) struct Queue {
    sweeps: Mutex<Vec<Open>>,
    jobs: NonZeroUsize,
}

/// The units that are left of one sweep.
#[derive(Debug)]
struct Open {
    units: VecDeque<Unit>,
    /// Whether a unit of it has been taken.
    begun: bool,
    /// The number of units that have ended, and their time together.
    ended: u32,
    spent: Duration,
}

impl Open {
    /// Average seconds per unit; `None` before one has ended.
    fn cost(&self) -> Option<f64> {
        (self.ended > 0).then(|| self.spent.as_secs_f64() / f64::from(self.ended))
    }
}

impl Queue {
    /// Takes the units of a single sweep in their order. With several sweeps, whose costs are compared, the units of each are scattered:
    /// neighbours in a plan cost alike, and the first ones say little about the others.
    pub fn new(open: Vec<Vec<Unit>>, jobs: NonZeroUsize) -> Self {
        let several = open.len() > 1;
        let sweep = |units: Vec<Unit>| Open {
            units: if several { strewn(&units) } else { units.into() },
            begun: false,
            ended: 0,
            spent: Duration::ZERO,
        };
        Self { sweeps: Mutex::new(open.into_iter().map(sweep).collect()), jobs }
    }

    fn sweeps(&self) -> MutexGuard<'_, Vec<Open>> {
        // No thread panics while it holds the lock, and the guarded state is always consistent.
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next unit, with the index of its sweep.
    pub fn next(&self) -> Option<(usize, Unit)> {
        let mut sweeps = self.sweeps();
        let new = sweeps.iter().position(|sweep| !sweep.begun && !sweep.units.is_empty());
        let dearest = || {
            let open = sweeps.iter().enumerate().filter(|(_, sweep)| !sweep.units.is_empty());
            // A sweep of which no unit has ended yet may be the most expensive.
            open.max_by(|(_, a), (_, b)| {
                let cost = |sweep: &Open| sweep.cost().unwrap_or(f64::INFINITY);
                cost(a).total_cmp(&cost(b))
            })
            .map(|(which, _)| which)
        };
        let which = new.or_else(dearest)?;
        sweeps[which].begun = true;
        sweeps[which].units.pop_front().map(|unit| (which, unit))
    }

    /// Records the time that a unit of the sweep at index `which` took.
    pub fn learn(&self, which: usize, spent: Duration) {
        let sweep = &mut self.sweeps()[which];
        sweep.ended += 1;
        sweep.spent += spent;
    }

    /// The expected time for `left` units of each sweep. A sweep of which no unit has ended is assumed to cost the mean of the others;
    /// `None` before any has ended.
    pub fn time_left(&self, left: &[usize]) -> Option<Duration> {
        let sweeps = self.sweeps();
        let (ended, spent) =
            sweeps.iter().fold((0, 0.0), |(ended, spent), sweep| (ended + sweep.ended, spent + sweep.spent.as_secs_f64()));
        if ended == 0 {
            return None;
        }
        let mean = spent / f64::from(ended);
        let work: f64 = sweeps.iter().zip(left).map(|(sweep, &left)| sweep.cost().unwrap_or(mean) * left as f64).sum();
        let workers = self.jobs.get().min(left.iter().sum::<usize>().max(1));
        Some(Duration::try_from_secs_f64(work / workers as f64).unwrap_or(Duration::MAX))
    }
}

/// Every unit once, by a stride near the golden section of their number, which soon comes close to every position.
fn strewn(units: &[Unit]) -> VecDeque<Unit> {
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

    fn queue(sizes: &[usize]) -> Queue {
        Queue::new(sizes.iter().map(|n| units(*n)).collect(), NonZeroUsize::new(2).unwrap())
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
    fn one_sweep_goes_in_its_order() {
        let queue = queue(&[5]);
        assert_eq!(indices(std::iter::from_fn(|| queue.next().map(|(_, unit)| unit))), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn first_one_of_each_then_the_dearest() {
        let queue = queue(&[2, 0, 3, 2]);
        let take = || queue.next().map(|(which, _)| which);
        assert_eq!([take(), take(), take()], [Some(0), Some(2), Some(3)]);
        for (which, seconds) in [(0, 1), (3, 5), (2, 3)] {
            queue.learn(which, Duration::from_secs(seconds));
        }
        assert_eq!([take(), take(), take(), take(), take()], [Some(3), Some(2), Some(2), Some(0), None]);
    }

    #[test]
    fn the_time_left_knows_that_sweeps_cost_differently() {
        let queue = queue(&[11, 3]);
        assert_eq!(queue.time_left(&[11, 3]), None);
        queue.learn(0, Duration::from_secs(1));
        // Nothing is known of the second: it is assumed to cost the same as the first.
        assert_eq!(queue.time_left(&[10, 3]), Some(Duration::from_millis(6500)));
        queue.learn(1, Duration::from_secs(20));
        assert_eq!(queue.time_left(&[10, 2]), Some(Duration::from_secs(25)));
        // One unit keeps one worker busy.
        assert_eq!(queue.time_left(&[0, 1]), Some(Duration::from_secs(20)));
    }
}
