//! What the units of a sweep cost: a factor for each value of each key, fitted to the units that have been measured.
//!
//! ```text
//! log c(unit) = m + Σ_f a_f(value of factor f)
//! ```
//!
//! by least squares. Depth, horizon and decay rate multiply the cost of a unit, whatever the other keys are, to a good approximation; this is
//! our own choice, and only the order of the units and the time that is shown depend on it. A value that no measured unit has is placed
//! between its measured neighbours in the list of values; the first and the last measured one stand for those beyond.

use crate::scenario::entries;

use super::{SweepPlan, Unit};

/// A model of the costs of one sweep.
#[derive(Debug, Clone)]
pub struct UnitCosts {
    /// How many values each factor has.
    lengths: Vec<usize>,
    /// The place of each measured unit along each factor, and the logarithm of its seconds.
    measured: Vec<(Vec<usize>, f64)>,
    fit: Option<Fit>,
}

#[derive(Debug, Clone)]
struct Fit {
    /// m.
    mean: f64,
    /// a_f for each value of each factor.
    effects: Vec<Vec<f64>>,
}

/// Measurements beyond these teach nothing new about the few numbers of the model.
const ENOUGH: usize = 4096;

/// Seconds below which a measurement is noise.
const LEAST: f64 = 1e-6;

impl UnitCosts {
    /// Of a sweep with this plan, of which nothing has been measured.
    pub fn new(plan: &SweepPlan) -> Self {
        Self::with_lengths(plan.lengths())
    }

    /// The same of factors with so many values each.
    pub(super) fn with_lengths(lengths: Vec<usize>) -> Self {
        Self { lengths, measured: Vec::new(), fit: None }
    }

    /// Whether as many units have been measured as the longest factor has values, or a quarter of `all`.
    pub fn is_informed(&self, all: usize) -> bool {
        let longest = self.lengths.iter().copied().max().unwrap_or(1);
        self.measured.len() >= longest.min(all / 4).max(1)
    }

    /// Takes in that a unit has taken so many seconds. Returns whether the costs of all units should be asked for again: when there are twice
    /// as many measurements as at the last time.
    pub fn learn(&mut self, unit: Unit, seconds: f64) -> bool {
        if self.measured.len() >= ENOUGH {
            return false;
        }
        self.measured.push((entries(&self.lengths, unit.index), seconds.max(LEAST).ln()));
        let due = self.measured.len().is_power_of_two();
        if due {
            self.refit();
        }
        due
    }

    /// The expected seconds of a unit; `None` before one has been measured.
    pub fn seconds(&self, unit: Unit) -> Option<f64> {
        let fit = self.fit.as_ref()?;
        let places = entries(&self.lengths, unit.index);
        let effects: f64 = fit.effects.iter().zip(places).map(|(effects, place)| effects[place]).sum();
        Some((fit.mean + effects).exp())
    }

    /// Fits the model to all measurements, by turns: the mean, then the effects of each factor, each from what the others leave
    /// (Gauss–Seidel on the normal equations, which converges for every design).
    pub fn refit(&mut self) {
        /// Turns: a change by the next one is far below the spread of measured times.
        const TURNS: usize = 50;
        if self.measured.is_empty() {
            return;
        }
        let mut fit = Fit { mean: 0.0, effects: self.lengths.iter().map(|length| vec![0.0; *length]).collect() };
        for _ in 0..TURNS {
            let left = |fit: &Fit, places: &[usize], log: f64| {
                log - fit.mean - fit.effects.iter().zip(places).map(|(effects, place)| effects[*place]).sum::<f64>()
            };
            let change: f64 = self.measured.iter().map(|(places, log)| left(&fit, places, *log)).sum();
            fit.mean += change / self.measured.len() as f64;
            for factor in 0..self.lengths.len() {
                let mut sums = vec![(0.0, 0_usize); self.lengths[factor]];
                for (places, log) in &self.measured {
                    let (sum, count) = &mut sums[places[factor]];
                    *sum += left(&fit, places, *log);
                    *count += 1;
                }
                for (effect, (sum, count)) in fit.effects[factor].iter_mut().zip(&sums) {
                    *effect += sum / (*count).max(1) as f64;
                }
                let known: Vec<bool> = sums.iter().map(|(_, count)| *count > 0).collect();
                fill(&mut fit.effects[factor], &known);
            }
        }
        self.fit = Some(fit);
    }
}

/// Sets the effects that are not known from their known neighbours.
fn fill(effects: &mut [f64], known: &[bool]) {
    let at: Vec<usize> = (0..effects.len()).filter(|&place| known[place]).collect();
    let (Some(&first), Some(&last)) = (at.first(), at.last()) else { return };
    let (low, high) = (effects[first], effects[last]);
    effects[..first].fill(low);
    effects[last + 1..].fill(high);
    for pair in at.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let step = (effects[to] - effects[from]) / (to - from) as f64;
        for place in from + 1..to {
            effects[place] = effects[from] + step * (place - from) as f64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Id;

    fn unit(index: usize) -> Unit {
        Unit { id: Id::of_hash(&format!("{index:016x}")).unwrap(), index }
    }

    /// Seconds of a unit of a 3 × 4 × 2 product: a factor for each value.
    fn product(index: usize) -> f64 {
        let places = entries(&[3, 4, 2], index);
        [1.0, 5.0, 40.0][places[0]] * [1.0, 0.3, 2.0, 7.0][places[1]] * [1.0, 1.1][places[2]]
    }

    fn learnt(indices: &[usize]) -> UnitCosts {
        let mut costs = UnitCosts::with_lengths(vec![3, 4, 2]);
        for &index in indices {
            costs.learn(unit(index), product(index));
        }
        costs.refit();
        costs
    }

    /// As many units as there are free effects are enough, where costs are products.
    #[test]
    fn costs_that_are_products_are_found_from_one_unit_for_each_value() {
        // The first unit, and those that differ from it in one value.
        let costs = learnt(&[0, 8, 16, 2, 4, 6, 1]);
        for index in 0..24 {
            let ratio = costs.seconds(unit(index)).unwrap() / product(index);
            assert!((ratio - 1.0).abs() < 1e-6, "{index}: {ratio}");
        }
    }

    #[test]
    fn a_value_between_two_measured_ones_costs_their_geometric_mean_and_one_beyond_the_nearest() {
        let mut costs = UnitCosts::with_lengths(vec![5]);
        costs.learn(unit(1), 2.0);
        costs.learn(unit(3), 8.0);
        costs.refit();
        let seconds: Vec<f64> = (0..5).map(|index| costs.seconds(unit(index)).unwrap()).collect();
        for (found, right) in seconds.iter().zip([2.0, 2.0, 4.0, 8.0, 8.0]) {
            assert!((found / right - 1.0).abs() < 1e-9, "{seconds:?}");
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_unit_and_no_factor_is_needed() {
        let mut costs = UnitCosts::with_lengths(Vec::new());
        assert_eq!(costs.seconds(unit(0)), None);
        assert!(costs.learn(unit(0), 0.0));
        assert!((costs.seconds(unit(0)).unwrap() / LEAST - 1.0).abs() < 1e-9);
    }
}
