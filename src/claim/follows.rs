//! `follows-flow`, `follows-modified-flow`, …: an optimizer stays near a continuous model of it: at every record, up to the end of the model,
//! ‖θ − θ_c‖ is at most a twentieth of how far the optimizer gets, max_t ‖θ(t) − θ(0)‖.
//!
//! This reach, and not ‖θ‖, is the measure: in a wide network weights hardly move, and any model would be near. There is a verdict for each
//! optimizer that has this model beside it. Its error is ‖θ_c − θ_c′‖ at the record that decides, with θ_c′ the same model integrated more
//! finely. If a record exceeds the bound by more than its error, the one with the largest value minus error decides, and the claim fails: no
//! further record could mend that. Otherwise the one with the largest value plus error decides.
//!
//! `follows-sde` compares with a distribution: ‖θ − X̄‖ is at most three times √(1 + 1/M) spreads, X̄ and the spread of M paths. Were θ one
//! more path, E‖θ − X̄‖² would be (1 + 1/M) times the spread squared. A spread of M paths is known to a share of 1/√(2(M − 1)).

use std::collections::BTreeMap;

use crate::observe::CompanionKind;
use crate::ode::{Reason, short};
use crate::record::{ErrorFrom, Outcome, Process, Verdict};

use super::{Certified, Claim, Condition, Evidence, MORE_RECORDS, decide, judged, limited, undefined};

/// The share of its reach that an optimizer may be off.
const FOLLOWS: f64 = 0.05;
/// The spreads of its paths that an optimizer may be off.
const SPREADS: f64 = 3.0;

/// The verdicts on the claim about the model `model`, by optimizer; `claim` alone has one if no optimizer has the model beside it.
pub(super) fn verdicts(
    claim: Claim,
    model: CompanionKind,
    evidence: &Evidence,
    processes: &BTreeMap<String, Process>,
) -> BTreeMap<String, Verdict> {
    let optimizers = processes.iter().filter(|(name, _)| *name != "flow");
    let verdict = |(name, process): (&String, &Process)| {
        let distances = Distances::of(evidence, name, model);
        let compared = distances.off.iter().any(|off| off.is_finite());
        compared.then(|| (format!("{}/{name}", claim.name()), distances.verdict(name, process, evidence)))
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
    /// max_t ‖θ(t) − θ(0)‖.
    reach: f64,
}

impl Distances {
    fn of(evidence: &Evidence, process: &str, model: CompanionKind) -> Self {
        let Evidence { setup, run, .. } = evidence;
        let column = |name: &str| run.table.floats(process, name);
        let (name, reach) = (model.name(), column("distance_to_start").into_iter().fold(0.0, f64::max));
        let off = column(&format!("distance_to_{name}"));
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
            (over_reach(off), over_reach(column(&format!("{name}_error"))), FOLLOWS)
        };
        Self { model, t: column("t"), step: run.table.integers(process, "step"), off, error, bound, reach }
    }

    fn verdict(&self, name: &str, process: &Process, evidence: &Evidence) -> Verdict {
        if process.termination == Reason::Interrupted {
            return limited(format!("{name} {}: the claim is about its whole run", process.termination_detail));
        }
        if self.reach == 0.0 {
            return undefined(format!("{name} does not move"));
        }
        let last = self.off.iter().rposition(|off| off.is_finite()).unwrap_or(0);
        let all: Vec<usize> = (0..=last).collect();
        let halved: Vec<usize> = all.iter().copied().filter(|i| (last - i).is_multiple_of(2)).collect();
        let (index, among_half) = (self.deciding(&all), self.deciding(&halved));
        let (value, error) = (self.off[index], self.error[index]);
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
        let certified = match certified.outcome {
            Outcome::Holds => certified.on_a_grid(&condition, (self.off[among_half] - value).abs()),
            _ => certified,
        };
        // What lies beyond the bound counts, however the model ends.
        if certified.outcome != Outcome::Fails {
            if process.termination == Reason::Diverged {
                return undefined(format!("{name} {}, and its {} did not", process.termination_detail, words(self.model)));
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
            (Outcome::GridLimited, _) => format!("; records this far apart may miss the largest: {MORE_RECORDS}"),
            (Outcome::Holds | Outcome::Fails, _) => String::new(),
        };
        judged(&condition, certified, &format!("{place}{remedy}"), details)
    }

    /// The record among `records` that decides.
    fn deciding(&self, records: &[usize]) -> usize {
        let most = |key: &dyn Fn(usize) -> f64| {
            records.iter().copied().filter(|&i| self.off[i].is_finite()).max_by(|&a, &b| key(a).total_cmp(&key(b)))
        };
        // An unknown error may be arbitrarily large.
        let error = |i: usize| if self.error[i].is_nan() { f64::INFINITY } else { self.error[i] };
        let (surely, at_worst) = (|i: usize| self.off[i] - error(i), |i: usize| self.off[i] + error(i));
        most(&surely).filter(|&i| surely(i) > self.bound).or(most(&at_worst)).unwrap_or(0)
    }

    /// Why the comparison ends before the optimizer does, if it should not.
    fn ends_early(&self, process: &Process, evidence: &Evidence) -> Option<String> {
        let (termination, detail, t) = match self.model {
            CompanionKind::Flow => {
                let flow = evidence.flow;
                (flow.termination, &flow.termination_detail, flow.t_reached)
            }
            _ => {
                let companion = process.companions.get(self.model.name())?;
                (companion.termination, &companion.termination_detail, companion.t_reached)
            }
        };
        (!termination.ends_a_flow() && t < process.t_reached)
            .then(|| format!("its {} ends at t = {}: {detail}", words(self.model), short(t, 6)))
    }
}
