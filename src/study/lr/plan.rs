//! The units of a study: each is one optimizer at one rate and batch, with as many of its seeds as share the flow, run by the runner
//! of sweeps like any other unit.
//!
//! A unit ends with its optimizer's last step, at most one step before T: there the flow's own end is the point that the optimizer's is
//! compared with. The flow is integrated by `auto` at rtol 10⁻¹² or the scenario's own if that is less, atol in the scenario's proportion.
//!
//! Seeds that share a unit share its flow. They do so until their steps outweigh the flow, when units are better spread over cores.

use std::path::Path;

use serde_json::{Value, json};

use crate::flow::{Integrator, Preserve};
use crate::observe::Measure;
use crate::record::{Grid, Record};
use crate::scenario::{Scenario, ScenarioError, Sweep};
use crate::sweep::{self, SweepError};

use super::line_up::{Batch, Contender, Repeated, line_up};
use super::{LrError, MOST_MEMBERS, RateStudySettings};

/// The tolerance of the flow that distances are taken from, unless the scenario's is tighter: a modified flow is η² away.
const RTOL: f64 = 1e-12;

/// Below this many steps seeds share a unit. A flow at 10⁻¹² takes some thousand gradients, and at every record time of a unit the flow is
/// observed as well as the optimizer: together some ten thousand steps' worth.
const STEPS_TOGETHER: u64 = 30_000;

/// The steps that a flow of a unit may take, as a multiple of its optimizer's: more than `auto` takes along the path of a stable optimizer,
/// whose steps are at most 2/ρ long; with momentum (1 + β)/(1 − β) times that, but stabilised methods follow that too, …
const SHARE: u64 = 10;
/// … but at least this many. Beyond the bound of stability modified flows turn stiff, and so do limits whose averages are short beside the
/// horizon and whose ε is small: they would take hours. A flow that does not get to the end is reported as undefined.
const LEAST_STEPS: u64 = 30_000;

/// The processes of one unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Job {
    /// The contender's index.
    pub contender: usize,
    /// η.
    pub lr: f64,
    /// The number of steps within the horizon.
    pub steps: u64,
    /// The name of each process, and its seed if it has one.
    pub processes: Vec<(String, u64)>,
}

/// The units of a study, and their scenarios.
#[derive(Debug, Clone)]
pub struct RatePlan {
    pub(super) contenders: Vec<Contender>,
    pub(super) rates: Vec<f64>,
    pub(super) samples: usize,
    /// In the order of the sweep's units.
    pub(super) units: Vec<Job>,
    /// Contenders and rates that are left out: the first step would pass T.
    pub(super) too_long: Vec<(usize, f64)>,
    /// Optimizers that are left out: they take the steps of another.
    pub(super) repeated: Vec<Repeated>,
    /// The scenario of the flow that distances are taken from.
    pub(super) reference: Scenario,
    sweep: Sweep,
    plan: sweep::SweepPlan,
}

impl RatePlan {
    /// Plans a study of `scenario`, which has `samples` samples. Nothing is run.
    ///
    /// # Errors
    /// If an optimizer, a batch or a rate does not suit the scenario, there is no rate, or an ensemble has fewer than 2 members or too many.
    pub fn new(scenario: &Scenario, samples: usize, settings: &RateStudySettings) -> Result<Self, LrError> {
        if let Some(count) = settings.ensemble.filter(|count| !(2..=MOST_MEMBERS).contains(count)) {
            return Err(LrError::Ensemble { count });
        }
        let (contenders, repeated) = line_up(&settings.optimizers, &settings.batches, scenario, samples)?;
        let rates = settings.rates.clone();
        let (Some(&largest), t_end) = (rates.last(), scenario.flow.t_end) else { return Err(LrError::NoRates) };
        let (mut units, mut too_long) = (Vec::new(), Vec::new());
        for (index, contender) in contenders.iter().enumerate() {
            for &lr in &rates {
                let steps = contender.rule.steps_within(lr, t_end);
                if steps == 0 {
                    too_long.push((index, lr));
                    continue;
                }
                units.extend(seeds(contender, settings.seeds, steps).map(|seeds| Job {
                    contender: index,
                    lr,
                    steps,
                    processes: seeds.map(|seed| (process(contender, lr, seed), seed)).collect(),
                }));
            }
        }
        if let (true, Some(&(index, lr))) = (units.is_empty(), too_long.first()) {
            let contender = &contenders[index];
            let most = rounded_down(lr * t_end / contender.rule.at_rate("x", lr, 1).time(1));
            return Err(LrError::RateTooLarge { optimizer: contender.label.clone(), lr, most });
        }
        // The longest first: cores then end together. Names break ties, so that words in another order are the same study.
        units.sort_by(|a, b| {
            let cost = |unit: &Job| unit.steps.saturating_mul(unit.processes.len() as u64);
            cost(b).cmp(&cost(a)).then(a.lr.total_cmp(&b.lr)).then(a.processes.cmp(&b.processes))
        });
        let reference = reference(scenario);
        let values = units.iter().map(|unit| {
            let contender = &contenders[unit.contender];
            let optimizers: Vec<_> =
                unit.processes.iter().map(|(name, _)| contender.at(name, unit.lr, largest, unit.steps)).collect();
            let t_end = optimizers[0].time(unit.steps);
            let measure = json(&measures(scenario, &contenders[unit.contender]));
            (json(&optimizers), json!(t_end), json!(max_steps(scenario, unit.steps)), json(&record(scenario, t_end)), measure)
        });
        let mut lists: [Vec<Value>; 5] = Default::default();
        for (optimizers, end, steps, record, measure) in values {
            lists.iter_mut().zip([optimizers, end, steps, record, measure]).for_each(|(list, value)| list.push(value));
        }
        let [optimizers, ends, steps, records, measures] = lists;
        let mut zip = json!({"optimizers": optimizers, "flow.t_end": ends, "flow.max_steps": steps, "measure": measures});
        if let Grid::Times(_) = scenario.record.grid {
            zip["record"] = records.into();
        }
        let text = format!("{}sweep: {}\n", reference.to_yaml(), json!({"zip": zip}));
        let (sweep, plan) = expand(&text)?;
        Ok(Self { contenders, rates, samples, units, too_long, repeated, reference, sweep, plan })
    }

    /// SHA-256 of all its units' scenarios, 64 hex digits.
    pub fn hash(&self) -> String {
        self.plan.hash()
    }

    /// The units as a sweep.
    pub fn sweep(&self) -> (&Sweep, &sweep::SweepPlan) {
        (&self.sweep, &self.plan)
    }

    /// The rates at which a contender takes a step at all, rising.
    pub(super) fn rates_of(&self, contender: usize) -> impl Iterator<Item = f64> {
        self.rates.iter().copied().filter(move |&lr| !self.too_long.contains(&(contender, lr)))
    }

    /// The index of a unit of a contender at one of its rates, and its steps.
    ///
    /// # Panics
    /// If it is not one of [`Self::rates_of`].
    pub(super) fn unit_at(&self, contender: usize, lr: f64) -> (usize, u64) {
        let mut units = self.units.iter().enumerate();
        let (index, unit) = units.find(|(_, unit)| unit.contender == contender && unit.lr == lr).expect("a rate has a unit");
        (index, unit.steps)
    }

    /// What the scenario asks for and a study does otherwise, and distances that tend to nothing.
    pub(super) fn notes(&self, scenario: &Scenario, settings: &RateStudySettings) -> Vec<String> {
        let mut notes = Vec::new();
        if scenario.measure.iter().any(|measure| matches!(measure, Measure::Sde(_))) {
            let instead = match settings.ensemble {
                Some(count) => format!("expectations over {count} seeds and paths are compared at the last step"),
                None => "--ensemble compares expectations over seeds and paths at the last step".to_string(),
            };
            notes.push(format!("measure: sde is left out, as paths along one seed have no order: {instead}"));
        }
        let sized = |batch: &Batch| matches!(batch, Batch::Samples(_));
        if settings.batches.iter().any(sized) && !self.contenders.iter().any(|contender| contender.rule.batching().is_some()) {
            notes.push("--batch changes nothing: of the optimizers that can be studied gd, sgd, momentum and nesterov take batches, and none of them is here".to_string());
        }
        let warm = self.contenders.iter().filter(|contender| contender.rule.noise().temperature > 0.0);
        notes.extend(warm.map(|contender| {
            format!(
                "{}: its temperature moves it away from the flow at any rate: its distances to the flow, and those of its seeds, do not tend to 0",
                contender.called()
            )
        }));
        notes
    }

    /// The number of processes, not counting flows.
    pub fn runs(&self) -> usize {
        self.units.iter().map(|unit| unit.processes.len()).sum()
    }
}

/// Expands a scenario with its `sweep:` block. Mistakes in a unit come from the command line: problems name the key, but no line.
fn expand(text: &str) -> Result<(Sweep, sweep::SweepPlan), LrError> {
    let refused = |error: ScenarioError| match error {
        ScenarioError::Diagnostics(problems) => {
            let mut lines: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.path, p.message)).collect();
            lines.dedup();
            LrError::Unit(lines.join("\n"))
        }
        other => LrError::Scenario(other),
    };
    let sweep = Sweep::parse(text, Path::new("study.yaml"), &[]).map_err(refused)?.ok_or(LrError::NoRates)?;
    match sweep::SweepPlan::new(&sweep) {
        Ok(plan) => Ok((sweep, plan)),
        Err(SweepError::Scenario(error)) => Err(refused(error)),
        Err(other) => Err(LrError::Sweep(other)),
    }
}

/// `rate` rounded down to four digits, as one would type it.
fn rounded_down(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.log10().floor() - 3.0);
    // 0.19999999999999996 is 0.2 but for rounding.
    let whole = (rate / unit * (1.0 + 1e-12)).floor() * unit;
    format!("{whole:.3e}").parse().unwrap_or(rate)
}

/// The scenario without what the study sets itself.
fn reference(scenario: &Scenario) -> Scenario {
    let mut reference = scenario.clone();
    let flow = &mut reference.flow;
    let (rtol, atol) = (flow.rtol, flow.atol);
    // RTOL itself, which a quotient and a product may round: the caption and the manifest name it.
    flow.rtol = rtol.min(RTOL);
    flow.atol = (atol * (flow.rtol / rtol)).max(f64::MIN_POSITIVE);
    (flow.integrator, flow.preserve, flow.certify) = (Integrator::Auto, Preserve::None, false);
    reference.optimizers.clear();
    // A study of the optimizers judges nothing of the flow.
    reference.claims.clear();
    // It reads the columns that it needs.
    reference.observe = None;
    reference
}

/// What the scenario measures, and the flow that a contender is compared with, if one is known: none is for layers with rates or decays of
/// their own.
fn measures(scenario: &Scenario, contender: &Contender) -> Vec<Measure> {
    let own = if contender.rule.descends() { Measure::ModifiedFlow } else { Measure::Limit };
    let own = scenario.is_one_for_all().then_some(own);
    scenario.measure.iter().copied().filter(|measure| !measure.compares()).chain(own).collect()
}

/// The most steps of each flow of a unit, within the scenario's own bound.
fn max_steps(scenario: &Scenario, steps: u64) -> u64 {
    scenario.flow.max_steps.min(LEAST_STEPS.max(steps.saturating_mul(SHARE)))
}

/// The scenario's record, which names no time beyond `t_end`.
fn record(scenario: &Scenario, t_end: f64) -> Record {
    let grid = match &scenario.record.grid {
        Grid::Times(times) => Grid::Times(times.iter().copied().filter(|t| *t <= t_end).collect()),
        other => other.clone(),
    };
    Record { grid, ..scenario.record.clone() }
}

/// The seeds of each unit of a contender that takes so many steps.
fn seeds(contender: &Contender, seeds: u64, steps: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    let seeds = if contender.random { seeds } else { 1 };
    let together = STEPS_TOGETHER.div_ceil(steps);
    (0..seeds).step_by(together.min(seeds).max(1) as usize).map(move |first| first..(first + together).min(seeds))
}

/// The name of a process, on which its batches depend: other rates and seeds draw other batches.
fn process(contender: &Contender, lr: f64, seed: u64) -> String {
    match contender.random {
        true => format!("{}-s{seed}", contender.drawing_at(lr)),
        false => contender.label.clone(),
    }
}

/// `part` as JSON, which is also YAML. Parts of scenarios are lists and maps with text keys.
fn json(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::lr::Batch;

    const TEXT: &str = "
name: tiny
data: {synthetic: {inputs: {dim: 3, samples: 40}, target: {low_rank: {rank: 1, outputs: 2}}}}
network: {widths: [3, 3, 2]}
flow: {t_end: 2.0, rtol: 1.0e-6, atol: 1.0e-8}
record: {times: [0, 1, 1.95, 2]}
";

    fn plan(optimizers: &[&str], rates: &[f64], seeds: u64) -> Result<RatePlan, LrError> {
        let scenario = crate::scenario::parse(TEXT, Path::new("tiny.yaml"), &[]).unwrap().0;
        let optimizers = optimizers.iter().map(|word| word.to_string()).collect();
        let batches = vec![Batch::Full, Batch::Samples(4)];
        RatePlan::new(
            &scenario,
            40,
            &RateStudySettings { rates: rates.to_vec(), optimizers, batches, seeds, loss: None, ensemble: None },
        )
    }

    #[test]
    fn a_unit_ends_with_its_optimizers_last_step() {
        let plan = plan(&["gd", "momentum"], &[0.03, 0.1], 1).unwrap();
        assert_eq!(plan.units.len(), 8);
        for (index, unit) in plan.units.iter().enumerate() {
            let scenario = plan.sweep.unit(index).unwrap();
            let optimizer = &scenario.optimizers[0];
            assert_eq!((optimizer.steps(), optimizer.lr()), (Some(unit.steps), unit.lr));
            assert_eq!(optimizer.time(unit.steps), scenario.flow.t_end);
            assert!(optimizer.time(unit.steps + 1) > 2.0 * (1.0 + 1e-12), "{optimizer:?}");
            assert!((scenario.flow.rtol - 1e-12).abs() < 1e-20 && (scenario.flow.atol - 1e-14).abs() < 1e-20);
        }
        // The longest first.
        assert!(plan.units.windows(2).all(|pair| pair[0].steps >= pair[1].steps));
    }

    #[test]
    fn the_reference_is_integrated_at_the_tolerance_that_is_named() {
        // 1e-9·(1e-12/1e-9) is 1.0000000000000002e-12.
        for (rtol, named) in [(1e-9, RTOL), (3e-13, 3e-13)] {
            let mut scenario = crate::scenario::parse(TEXT, Path::new("tiny.yaml"), &[]).unwrap().0;
            (scenario.flow.rtol, scenario.flow.atol) = (rtol, rtol / 4.0);
            let flow = reference(&scenario).flow;
            assert_eq!(flow.rtol, named);
            assert!((flow.atol / (named / 4.0) - 1.0).abs() < 1e-15, "{flow:?}");
        }
    }

    #[test]
    fn seeds_are_batches_of_one_problem_and_share_a_flow_while_they_are_short() {
        let short = plan(&["gd"], &[0.01, 0.1], 5).unwrap();
        assert_eq!((short.units.len(), short.runs()), (4, 12));
        let unit = short.units.iter().position(|unit| unit.processes.len() == 5).unwrap();
        let scenario = short.sweep.unit(unit).unwrap();
        assert_eq!(scenario.seed, 0);
        let names: Vec<&str> = scenario.optimizers.iter().map(|optimizer| optimizer.name()).collect();
        assert_eq!(names, [0, 1, 2, 3, 4].map(|seed| format!("sgd-b4-lr1e-2-s{seed}")));
        // 200,000 steps each.
        let long = plan(&["gd"], &[1e-5], 5).unwrap();
        assert_eq!((long.units.len(), long.runs()), (6, 6));
    }

    #[test]
    fn the_order_of_words_is_no_other_study() {
        assert_eq!(plan(&["gd", "adam"], &[0.1], 2).unwrap().hash(), plan(&["adam", "gd"], &[0.1], 2).unwrap().hash());
        assert_ne!(plan(&["gd", "adam"], &[0.1], 2).unwrap().hash(), plan(&["gd", "adam"], &[0.1], 3).unwrap().hash());
    }

    #[test]
    fn a_rate_that_takes_no_step_is_left_out_and_refused_where_no_other_is_left() {
        let study = plan(&["gd", "momentum"], &[0.1, 1.5], 1).unwrap();
        // Each with all samples and with batches of 4.
        let momentum = |index: &usize| study.contenders[*index].label == "momentum";
        let left_out: Vec<f64> = study.too_long.iter().filter(|(index, _)| momentum(index)).map(|(_, lr)| *lr).collect();
        assert_eq!((left_out, study.too_long.len(), study.units.len()), (vec![1.5; 2], 2, 6));
        for index in 0..study.contenders.len() {
            assert_eq!(study.rates_of(index).count(), if momentum(&index) { 1 } else { 2 });
        }
        let error = plan(&["momentum"], &[1e300], 1).unwrap_err().to_string();
        assert_eq!(error, "--lr 1e300: the first step of momentum would pass t_end: at most 0.2");
    }
}
