//! Counts the verdicts of many units on their claims: over all units, and by whatever distinguishes units with different verdicts.

use std::collections::BTreeMap;

use crate::folder::{Share, Tally};
use crate::record::{Outcome, Verdict};

use super::{SweepPlan, Unit};

/// The counts of the units' verdicts on one claim, at least one of them.
pub(super) fn tally(plan: &SweepPlan, judged: &[(Unit, Verdict)]) -> Tally {
    let everything: Vec<&(Unit, Verdict)> = judged.iter().collect();
    let first = everything.first().map_or("", |(_, verdict)| verdict.quantity.as_str());
    let same = everything.iter().all(|(_, verdict)| verdict.quantity == first);
    let telling = telling(plan, judged);
    let by = if telling.is_empty() { BTreeMap::new() } else { groups(plan, judged, &telling) };
    Tally {
        quantity: if same { first.to_string() } else { String::new() },
        all: share(&everything),
        by: by.into_iter().map(|(place, members)| Share { of: values(plan, &telling, &place), ..share(&members) }).collect(),
    }
}

fn share(judged: &[&(Unit, Verdict)]) -> Share {
    let count = |outcome| judged.iter().filter(|(_, verdict)| verdict.verdict == outcome).count();
    let range = |of: fn(&Verdict) -> f64| {
        let defined = judged.iter().map(|(_, verdict)| of(verdict)).filter(|value| value.is_finite());
        defined.fold(None, |range: Option<[f64; 2]>, x| Some(range.map_or([x, x], |[low, high]| [low.min(x), high.max(x)])))
    };
    let mut bounds = judged.iter().map(|(_, verdict)| verdict.bound);
    let bound = bounds.next().filter(|first| bounds.all(|other| other == *first));
    Share {
        of: BTreeMap::new(),
        holds: count(Outcome::Holds),
        fails: count(Outcome::Fails),
        integrator_limited: count(Outcome::IntegratorLimited),
        grid_limited: count(Outcome::GridLimited),
        value: range(|verdict| verdict.value),
        threshold: range(|verdict| verdict.threshold),
        bound,
        error: range(|verdict| verdict.error).map(|[_, largest]| largest),
    }
}

/// Groups units by their positions along some factors.
fn groups<'j>(
    plan: &SweepPlan,
    judged: &'j [(Unit, Verdict)],
    factors: &[usize],
) -> BTreeMap<Vec<usize>, Vec<&'j (Unit, Verdict)>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for member in judged {
        let places = plan.places(member.0);
        groups.entry(factors.iter().map(|&factor| places[factor]).collect()).or_default().push(member);
    }
    groups
}

/// The factors, other than seeds, that are needed to distinguish units with different verdicts. A factor is dropped if the groups by the
/// remaining ones agree on their verdicts as well as before.
fn telling(plan: &SweepPlan, judged: &[(Unit, Verdict)]) -> Vec<usize> {
    let agreeing = |factors: &[usize]| -> usize {
        let most = |members: &Vec<&(Unit, Verdict)>| {
            let share = share(members);
            Outcome::ALL.into_iter().map(|outcome| share.count(outcome)).max().unwrap_or(0)
        };
        groups(plan, judged, factors).values().map(most).sum()
    };
    let mut factors: Vec<usize> = (0..plan.varied.len()).filter(|&factor| plan.varied[factor].keys != ["seed"]).collect();
    let best = agreeing(&factors);
    for factor in (0..plan.varied.len()).rev() {
        let rest: Vec<usize> = factors.iter().copied().filter(|other| *other != factor).collect();
        if agreeing(&rest) == best {
            factors = rest;
        }
    }
    factors
}

/// The first of several keys that vary together stands for all.
fn values(plan: &SweepPlan, factors: &[usize], places: &[usize]) -> BTreeMap<String, serde_json::Value> {
    let value = |(&factor, &place): (&usize, &usize)| {
        let factor = &plan.varied[factor];
        Some((factor.keys.first()?.clone(), factor.values.first()?.get(place)?.clone()))
    };
    factors.iter().zip(places).filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Bound, ErrorFrom};
    use crate::scenario::Sweep;
    use std::path::Path;

    const TEXT: &str = "
name: tiny
data: {synthetic: {inputs: {dim: 2, samples: 5}, target: {low_rank: {rank: 1, outputs: 1}}}}
network: {widths: [2, 1]}
flow: {t_end: 1.0}
sweep:
  grid: {weight_decay: [0, 0.1, 0.2], init: [pytorch, identity]}
  seeds: 2
";

    fn judged(outcome: impl Fn(&[usize]) -> Outcome) -> (SweepPlan, Vec<(Unit, Verdict)>) {
        let sweep = Sweep::parse(TEXT, Path::new("tiny.yaml"), &[]).unwrap().unwrap();
        let plan = SweepPlan::new(&sweep).unwrap();
        let verdict = |unit: Unit| Verdict {
            verdict: outcome(&plan.places(unit)),
            quantity: "q".into(),
            value: unit.index as f64,
            threshold: 1.0,
            bound: Bound::AtMost,
            error: if unit.index == 0 { f64::NAN } else { 1.0 / unit.index as f64 },
            error_from: ErrorFrom::SecondIntegration,
            statement: String::new(),
            details: BTreeMap::new(),
        };
        let verdicts = plan.units().into_iter().map(|unit| (unit, verdict(unit))).collect();
        (plan, verdicts)
    }

    #[test]
    fn units_that_agree_are_counted_together() {
        let (plan, judged) = judged(|_| Outcome::Holds);
        let tally = tally(&plan, &judged);
        assert_eq!((tally.all.holds, tally.all.value, tally.all.error, tally.by.len()), (12, Some([0.0, 11.0]), Some(1.0), 0));
        assert_eq!((tally.all.verdicts(), tally.all.bound), ("holds 12".to_string(), Some(Bound::AtMost)));
    }

    #[test]
    fn units_that_differ_are_told_apart_by_the_one_key_that_does() {
        let (plan, judged) = judged(|places| if places[0] == 0 { Outcome::Fails } else { Outcome::Holds });
        let by = tally(&plan, &judged).by;
        let labels: Vec<String> = by.iter().map(|share| format!("{}: {}", share.label(), share.verdicts())).collect();
        assert_eq!(labels, ["weight_decay = 0: fails 4", "weight_decay = 0.1: holds 4", "weight_decay = 0.2: holds 4"]);
        assert_eq!(by[1].value, Some([4.0, 7.0]));
    }

    /// Where only the seed makes a difference, no key is named; where two keys are needed, both are.
    #[test]
    fn seeds_tell_nothing_and_two_keys_may_be_needed() {
        let (plan, by_seed) = judged(|places| if places[2] == 0 { Outcome::Fails } else { Outcome::Holds });
        let tally_of_seeds = tally(&plan, &by_seed);
        assert_eq!((tally_of_seeds.by.len(), tally_of_seeds.all.verdicts()), (0, "holds 6, fails 6".to_string()));
        let (plan, both) = judged(|p| if p[0] == 1 && p[1] == 1 { Outcome::IntegratorLimited } else { Outcome::Holds });
        let by = tally(&plan, &both).by;
        assert_eq!(
            (by.len(), by[3].label(), by[3].integrator_limited),
            (6, "init = identity, weight_decay = 0.1".to_string(), 2)
        );
    }
}
