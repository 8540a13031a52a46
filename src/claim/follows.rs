//! `follows-flow`, `follows-modified-flow`, …: an optimizer stays near a continuous model of it: at every record, up to the end of the model,
//! ‖θ − θ_c‖ is at most a twentieth of how far the optimizer gets, max_t ‖θ(t) − θ(0)‖.
//!
//! This reach, and not ‖θ‖, is the measure: in a wide network weights hardly move, and any model would be near. There is a verdict for each
//! optimizer that has this model beside it. Its error is ‖θ_c − θ_c′‖ at the record that decides, with θ_c′ the same model integrated more
//! finely. If a record exceeds the bound by more than its error, the one with the largest value minus error decides, and the claim fails: no
//! further record could mend that. Otherwise the one with the largest value plus error decides.
//!
//! The claim is about all times, and records show some. It does not hold by the start alone, where both are at the same place, nor by
//! records between which the distance may have been beyond the bound: see [`Distances::what_may_be_missed`].
//!
//! `follows-sde` compares with a distribution: ‖θ − X̄‖ is at most three times √(1 + 1/M) spreads, X̄ and the spread of M paths. Were θ one
//! more path, E‖θ − X̄‖² would be (1 + 1/M) times the spread squared. A spread of M paths is known to a share of 1/√(2(M − 1)).

use std::collections::BTreeMap;

use crate::observe::CompanionKind;
use crate::ode::{Reason, short};
use crate::record::{ErrorFrom, Outcome, Process, Verdict};

use super::{Certified, Claim, Condition, Evidence, MORE_RECORDS, decide, judged, limited, nothing, undefined};

/// The share of its reach that an optimizer may be off.
const FOLLOWS: f64 = 0.05;
/// The spreads of its paths that an optimizer may be off.
const SPREADS: f64 = 3.0;
/// The share of its way that an optimizer may cover unseen between two records, 1 − 1/e: what relaxes exponentially covers it in one time
/// constant.
const UNSEEN: f64 = 1.0 - 1.0 / std::f64::consts::E;

/// The verdicts on the claim about the model `model`, by optimizer; `claim` alone has one if no optimizer has the model beside it.
pub(super) fn verdicts(
    claim: Claim,
    model: CompanionKind,
    evidence: &Evidence,
    processes: &BTreeMap<String, Process>,
) -> BTreeMap<String, Verdict> {
    let optimizers = processes.iter().filter(|(name, _)| *name != "flow");
    let verdict = |(name, process): (&String, &Process)| {
        // Without a model there is no distance even at the start.
        let has_model = evidence.run.table.floats(name, &distance_to(model)).iter().any(|distance| distance.is_finite());
        let verdict = || Distances::of(evidence, name, model).verdict(name, process, evidence);
        has_model.then(|| (format!("{}/{name}", claim.name()), verdict()))
    };
    let verdicts: BTreeMap<String, Verdict> = optimizers.filter_map(verdict).collect();
    if verdicts.is_empty() {
        let reason = format!("no optimizer has a {} beside it: the warnings say why", words(model));
        return BTreeMap::from([(claim.name().to_string(), undefined(reason))]);
    }
    verdicts
}

/// The model in words: `modified flow`.
fn words(model: CompanionKind) -> String {
    match model {
        CompanionKind::Sde => "stochastic differential equation".to_string(),
        _ => model.name().replace('_', " "),
    }
}

/// The column with the distances to the model.
fn distance_to(model: CompanionKind) -> String {
    format!("distance_to_{}", model.name())
}

/// How far one optimizer is from one model, over its records.
struct Distances {
    model: CompanionKind,
    t: Vec<f64>,
    step: Vec<i64>,
    /// ‖θ − θ_c‖ and its error, over the reach; of paths, over the spread.
    off: Vec<f64>,
    error: Vec<f64>,
    /// The most that it may be off.
    bound: f64,
    /// ‖θ(t) − θ(0)‖.
    from_start: Vec<f64>,
    /// The largest of these.
    reach: f64,
}

impl Distances {
    fn of(evidence: &Evidence, process: &str, model: CompanionKind) -> Self {
        let Evidence { setup, run, .. } = evidence;
        let column = |name: &str| run.table.floats(process, name);
        let from_start = column("distance_to_start");
        let reach = from_start.iter().copied().fold(0.0, f64::max);
        let off = column(&distance_to(model));
        let (off, error, bound) = if model == CompanionKind::Sde {
            let paths = setup.paths as f64;
            // At the start all paths are where the optimizer is.
            let over_spread =
                |(off, spread): (f64, f64)| if off == 0.0 { 0.0 } else { off / (spread * (1.0 + 1.0 / paths).sqrt()) };
            let off: Vec<f64> = off.into_iter().zip(column("sde_spread")).map(over_spread).collect();
            let error = off.iter().map(|off| off / (2.0 * (paths - 1.0)).sqrt()).collect();
            (off, error, SPREADS)
        } else {
            let over_reach = |values: Vec<f64>| values.into_iter().map(|value| value / reach).collect();
            (over_reach(off), over_reach(column(&format!("{}_error", model.name()))), FOLLOWS)
        };
        Self { model, t: column("t"), step: run.table.integers(process, "step"), off, error, bound, from_start, reach }
    }

    fn verdict(&self, name: &str, process: &Process, evidence: &Evidence) -> Verdict {
        if process.termination == Reason::Interrupted {
            let ended = process.termination.said(&process.termination_detail);
            return limited(format!("the claim is about the whole run of {name}, which {ended}"));
        }
        let diverged = || undefined(format!("{name} {}, and its {} did not", process.termination_detail, words(self.model)));
        if self.reach == 0.0 {
            return match self.step.last() {
                Some(0) if process.termination == Reason::Diverged => diverged(),
                Some(0) => undefined(format!("nothing to judge: {name} {}", process.termination_detail)),
                _ => undefined(format!("{name} does not move")),
            };
        }
        // At the start nothing has moved yet.
        let last = match self.off.iter().rposition(|off| off.is_finite()) {
            Some(last) if last > 0 => last,
            _ if process.termination == Reason::Diverged => return diverged(),
            _ => return self.ends_early(process, evidence).map_or_else(|| self.not_compared(name, process, evidence), limited),
        };
        let (index, error) = self.deciding(last);
        let value = self.off[index];
        let (quantity, from) = match self.model {
            CompanionKind::Sde => {
                (format!("largest distance of {name} to the mean of its paths, in their spreads"), ErrorFrom::Paths)
            }
            _ => {
                let quantity =
                    format!("largest distance of {name} to its {}, over its largest distance to the start", words(self.model));
                (quantity, ErrorFrom::SecondIntegration)
            }
        };
        let condition = Condition::at_most(quantity, value, self.bound);
        let certified = Certified { outcome: decide(&condition, error), error, from };
        let missed = if certified.outcome == Outcome::Holds { self.what_may_be_missed(index, last) } else { None };
        let certified = if missed.is_some() { Certified { outcome: Outcome::GridLimited, ..certified } } else { certified };
        // What lies beyond the bound counts, however the model ends.
        if certified.outcome != Outcome::Fails {
            if process.termination == Reason::Diverged {
                return diverged();
            }
            if let Some(reason) = self.ends_early(process, evidence) {
                return limited(reason);
            }
        }
        let beyond = self.off.iter().position(|off| *off > self.bound);
        let mut details = BTreeMap::from([("largest distance to the start".to_string(), self.reach)]);
        let place = match beyond {
            Some(index) => {
                details.insert("first step beyond".to_string(), self.step[index] as f64);
                details.insert("time of the first step beyond".to_string(), self.t[index]);
                format!("it leaves by step {}, at t = {}", self.step[index], short(self.t[index], 6))
            }
            None => format!("compared up to step {}, at t = {}", self.step[last], short(self.t[last], 6)),
        };
        let remedy = match (certified.outcome, self.model) {
            (Outcome::IntegratorLimited, _) if error.is_nan() => {
                "; its finer integration ends before: raise flow.max_steps, or flow.rtol and flow.atol".to_string()
            }
            (Outcome::IntegratorLimited, CompanionKind::CentralFlow) => {
                "; the error of the central flow, whose step is the learning rate, reaches the bound: lower lr".to_string()
            }
            (Outcome::IntegratorLimited, CompanionKind::Sde) => {
                "; the spread is not known well enough: take more paths".to_string()
            }
            (Outcome::IntegratorLimited, _) => {
                format!("; the error reaches the bound: {}", evidence.setup.integrator.remedy())
            }
            (Outcome::GridLimited, _) => format!("; {}: {MORE_RECORDS}", missed.unwrap_or_default()),
            (Outcome::Holds | Outcome::Fails, _) => String::new(),
        };
        judged(&condition, certified, &format!("{place}{remedy}"), details)
    }

    /// The record that decides, of those up to `last`, and the error of its value: unknown where that of any value is, for that value may be
    /// the largest.
    fn deciding(&self, last: usize) -> (usize, f64) {
        let most = |key: &dyn Fn(usize) -> f64| {
            (0..=last).filter(|&i| self.off[i].is_finite()).max_by(|&a, &b| key(a).total_cmp(&key(b)))
        };
        let is_unknown = |i: usize| self.error[i].is_nan();
        let surely = |i: usize| if is_unknown(i) { f64::NEG_INFINITY } else { self.off[i] - self.error[i] };
        if let Some(beyond) = most(&surely).filter(|&i| surely(i) > self.bound) {
            return (beyond, self.error[beyond]);
        }
        if (0..=last).any(|i| self.off[i].is_finite() && is_unknown(i)) {
            return (most(&|i| self.off[i]).unwrap_or(0), f64::NAN);
        }
        let index = most(&|i| self.off[i] + self.error[i]).unwrap_or(0);
        (index, self.error[index])
    }

    /// Why the distance may have been beyond the bound between two of the records up to `last`, although it is not at `index`, where it is
    /// largest. Between two successive steps there is nothing to miss, nor before the model begins.
    ///
    /// - If the distance falls, from its largest to the record before or after, by as much as is left to the bound, it may have risen as
    ///   much in between. (The record at the start says nothing of this: whatever the distance is later, it begins there.)
    /// - If the optimizer covers most of its way between two records, and the distance is never larger after them, records may show no more
    ///   than what is left of a distance that came and went in between.
    fn what_may_be_missed(&self, index: usize, last: usize) -> Option<String> {
        let gap = |i: usize| Some([i, i + 1]).filter(|_| i < last && self.step[i + 1] - self.step[i] > 1);
        let times = |[from, to]: [usize; 2]| [from, to].map(|i| short(self.t[i], 6));
        let margin = self.bound - self.off[index] - self.error[index];
        let falls = |&[from, to]: &[usize; 2]| from > 0 && (self.off[to] - self.off[from]).abs() >= margin;
        if let Some([from, to]) = index.checked_sub(1).and_then(gap).into_iter().chain(gap(index)).find(falls).map(times) {
            return Some(format!("between the records at t = {from} and t = {to} it may have been beyond the bound"));
        }
        let way = self.from_start[..=last].iter().copied().fold(0.0, f64::max);
        let covers = |&[from, to]: &[usize; 2]| {
            let most = (self.from_start[to] - self.from_start[from]).abs() > UNSEEN * way;
            let is_larger_later = || self.off[to + 1..=last].iter().any(|off| *off > self.off[to]);
            most && self.off[to].is_finite() && !is_larger_later()
        };
        let [from, to] = (0..last).filter_map(gap).find(covers).map(times)?;
        Some(format!("it covers most of its way unseen between the records at t = {from} and t = {to}"))
    }

    /// The verdict where no record after the start has the model beside it.
    fn not_compared(&self, name: &str, process: &Process, evidence: &Evidence) -> Verdict {
        let model = words(self.model);
        let ends = self.end_of_model(process, evidence).map_or(f64::INFINITY, |(_, _, t)| t);
        let (who, t) =
            if ends < process.t_reached { (format!("its {model}"), ends) } else { (name.to_string(), process.t_reached) };
        let t = short(t, 6);
        let reason =
            format!("no record of {name} lies between the start and t = {t}, where {who} ends, so nothing is compared");
        nothing(Outcome::GridLimited, format!("{reason}: {MORE_RECORDS}"))
    }

    /// How the model ended, and when.
    fn end_of_model<'a>(&self, process: &'a Process, evidence: &Evidence<'a>) -> Option<(Reason, &'a str, f64)> {
        if self.model == CompanionKind::Flow {
            let flow = evidence.flow;
            return Some((flow.termination, &flow.termination_detail, flow.t_reached));
        }
        let companion = process.companions.get(self.model.name())?;
        Some((companion.termination, &companion.termination_detail, companion.t_reached))
    }

    /// Why the comparison ends before the optimizer does, if it should not.
    fn ends_early(&self, process: &Process, evidence: &Evidence) -> Option<String> {
        let (termination, detail, t) = self.end_of_model(process, evidence)?;
        (!termination.ends_a_flow() && t < process.t_reached)
            .then(|| format!("its {} ends at t = {}: {detail}", words(self.model), short(t, 6)))
    }
}
