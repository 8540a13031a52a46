//! `record`: the times at which every process is observed, and whether its weights are kept there.

mod keys;

use crate::settings::{Findings, path};

/// The first positive time of a logarithmic record, unless the flow ends by then.
const FIRST: f64 = 1e-2;

/// The times of the records, and whether θ itself is recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The times.
    pub grid: Grid,
    /// Whether the weights are kept over time.
    pub weights: bool,
}

/// A grid of times, which always contains 0 and `t_end`.
#[derive(Debug, Clone, PartialEq)]
pub enum Grid {
    /// `points` times from `first` to `t_end`, evenly spaced in log t.
    Log {
        /// The number of times, at least 2.
        points: usize,
        /// The first time after 0; `None` only before defaults are filled in: 0.01, or t_end/100 where t_end ≤ 0.01.
        first: Option<f64>,
    },
    /// `points` times from 0 to `t_end`, evenly spaced.
    Linear {
        /// The number of times, at least 2.
        points: usize,
    },
    /// The times listed.
    Times(Vec<f64>),
}

impl Default for Grid {
    fn default() -> Self {
        Self::Log { points: points(), first: None }
    }
}

fn points() -> usize {
    200
}

impl Record {
    /// The times up to `t_end` > 0: strictly increasing, from exactly 0 to exactly `t_end`. Of two times that round to the
    /// same number one is kept.
    pub fn times(&self, t_end: f64) -> Vec<f64> {
        let mut times = vec![0.0];
        let mut push = |t: f64| {
            if times.last().is_some_and(|&last| last < t) && t < t_end {
                times.push(t);
            }
        };
        match &self.grid {
            Grid::Log { points, first } => {
                let first = first.unwrap_or_else(|| default_first(t_end));
                let last = points.saturating_sub(1) as f64;
                // The weighted geometric mean: unlike first · (t_end/first)^s it cannot overflow, and is `first` at s = 0.
                (0..*points).map(|i| i as f64 / last).for_each(|s| push(first.powf(1.0 - s) * t_end.powf(s)));
            }
            Grid::Linear { points } => {
                let last = points.saturating_sub(1) as f64;
                (0..*points).for_each(|i| push(t_end * (i as f64 / last)));
            }
            Grid::Times(listed) => listed.iter().for_each(|&t| push(t)),
        }
        times.push(t_end);
        times
    }

    /// The number of times, at most.
    pub fn count(&self) -> usize {
        match &self.grid {
            Grid::Log { points, .. } | Grid::Linear { points } => points + 1,
            Grid::Times(times) => times.len() + 2,
        }
    }

    pub(crate) fn fill_defaults(&mut self, t_end: f64) {
        if let Grid::Log { first, .. } = &mut self.grid {
            first.get_or_insert_with(|| default_first(t_end));
        }
    }

    pub(crate) fn validate(&self, t_end: f64, found: &mut Findings) {
        match &self.grid {
            Grid::Log { points, first } => {
                found.between("record.log.points", *points, 2, 1_000_000);
                let first = first.unwrap_or_else(|| default_first(t_end));
                // Where t_end itself is wrong, only that is reported.
                let holds = t_end <= 0.0 || (0.0 < first && first < t_end);
                found.require(holds, "record.log.first", &format!("greater than 0 and less than t_end {t_end:?}"), first);
            }
            Grid::Linear { points } => found.between("record.linear.points", *points, 2, 1_000_000),
            Grid::Times(times) => {
                for (index, &t) in times.iter().enumerate() {
                    let at = path::item("record.times", index);
                    found.require((0.0..=t_end).contains(&t), &at, &format!("between 0 and t_end {t_end:?}"), t);
                    if index > 0 && times[index - 1] >= t {
                        found.add(&at, format!("must be greater than the time before it, {:?}, got {t:?}", times[index - 1]));
                    }
                }
            }
        }
    }
}

fn default_first(t_end: f64) -> f64 {
    if t_end <= FIRST { t_end / 100.0 } else { FIRST }
}
