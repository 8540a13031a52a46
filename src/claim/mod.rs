//! Judges what a scenario is meant to show: each claim is a number measured on the records, with a threshold and a numerical error.
//!
//! A claim `holds` or `fails` as its value compares with its threshold, unless the error of the value is at least the distance between the
//! two: then the verdict is `integrator-limited`. So no claim `holds` by a value that its own error could carry over the threshold.
//! The error is the larger of two estimates:
//!
//! - |value − value′|, where value′ is measured on a second integration at a tenth of the tolerance. A value that would be zero by a law
//!   measures nothing but the integration: all of it is error if the second integration at least halves it;
//! - what the balance law D_l(t) = e^{−2λt}D_l(0), which is exact, says of the error: see [`Records::law_error`] and the claims about the
//!   gap. Where a loose tolerance lets both integrations drift alike, their difference shows nothing, but the law still does.
//!
//! A flow that stopped before its horizon while it still moved, or whose second integration did, proves nothing: `integrator-limited`. A
//! flow that the scenario's `stop` ended is judged where it ended, and the statement says so. A claim whose value is undefined (no exponent
//! can be identified, the start is balanced where the claim is about an imbalance, or `stop` ended the flow at t = 0, so that the claim would
//! be about the start alone) `fails`, with the reason.
//!
//! A verdict does not depend on the record grid, or says that the grid is too coarse: `grid-limited`. A value fitted to the records must
//! lead to the same verdict on every second record; a maximum over all times needs records close enough to see it; other values are taken
//! at the end of the flow, or at times that the claim chooses.
//!
//! All claims but one kind are about the flow. `follows-flow` and its like are about each optimizer, and their errors are those of the
//! models that the optimizer is compared with. Claims see the setup, the records and how processes ended, so that any run folder can be
//! judged.

mod balance_law;
mod converged;
mod decay_rate;
mod exponent;
mod follows;
mod low_rank;
mod nfa;
mod nfa_asymptotic;
mod nfa_exact;
mod nfa_violated;
mod peak;
mod records;
mod stagnates;
mod statement;

use std::collections::BTreeMap;

use crate::flow::Integrator;
use crate::ode::{Reason, Termination};
use crate::record::{Bound, ErrorFrom, Outcome, Process, Run, Verdict};
use crate::theory::balance::BalanceLaw;

pub use records::Records;
pub use statement::{Claim, ClaimError};

/// What claims know of a run besides its records.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The law of the imbalances D_l along the flow.
    pub law: BalanceLaw,
    /// L.
    pub depth: usize,
    /// Whether the network is f(x) = W_L ⋯ W_1 x.
    pub linear: bool,
    /// The horizon of the flow.
    pub t_end: f64,
    /// By which the flow is integrated.
    pub integrator: Integrator,
    /// Paths of stochastic differential equations beside an optimizer; 0 where none are asked for.
    pub paths: usize,
}

/// What a verdict is based on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What was run.
    pub setup: &'a Setup,
    /// The records that are judged.
    pub run: &'a Run,
    /// How the flow ended, and the events on its way.
    pub flow: &'a Process,
    /// The records of the second integration, up to the time at which the first ended, and how the second ended; without them nothing
    /// holds.
    pub second: Option<Again<'a>>,
}

/// What the second integration of the flow, at a tenth of the tolerance, found.
#[derive(Debug, Clone, Copy)]
pub struct Again<'a> {
    /// Its records, at the times of the first.
    pub run: &'a Run,
    /// How it ended.
    pub termination: Termination,
    /// Whether it has come to rest at a minimum, by the test and the tolerance of the first. Only the claim `converged` asks.
    pub converged: bool,
}

/// One number that a claim measures, with its threshold.
#[derive(Debug, Clone)]
struct Condition {
    quantity: String,
    value: f64,
    bound: Bound,
    threshold: f64,
    /// Lower bound on the error of `value` by the balance law; 0 where the law gives none.
    law_error: f64,
    /// Whether the value would be 0 without integration error.
    zero_by_law: bool,
}

impl Condition {
    fn new(quantity: impl Into<String>, value: f64, bound: Bound, threshold: f64) -> Self {
        Self { quantity: quantity.into(), value, bound, threshold, law_error: 0.0, zero_by_law: false }
    }

    fn at_most(quantity: impl Into<String>, value: f64, threshold: f64) -> Self {
        Self::new(quantity, value, Bound::AtMost, threshold)
    }

    fn at_least(quantity: impl Into<String>, value: f64, threshold: f64) -> Self {
        Self::new(quantity, value, Bound::AtLeast, threshold)
    }

    fn law_error(self, law_error: f64) -> Self {
        Self { law_error, ..self }
    }

    fn zero_by_law(self) -> Self {
        Self { zero_by_law: true, ..self }
    }
}

/// What was measured for a claim: its conditions, all of which must hold, the one that the claim is named for first.
#[derive(Debug, Clone, Default)]
struct Measured {
    conditions: Vec<Condition>,
    /// Further numbers, by name.
    details: Vec<(&'static str, f64)>,
    /// What a reader should know besides the value.
    remark: String,
}

impl From<Condition> for Measured {
    fn from(condition: Condition) -> Self {
        Self { conditions: vec![condition], ..Self::default() }
    }
}

/// Why a claim has no numbers.
#[derive(Debug, Clone, PartialEq)]
enum Missing {
    /// The quantity does not exist, whatever the records.
    Undefined(String),
    /// The records are too few or too far apart to measure it.
    TooCoarse(String),
}

impl From<String> for Missing {
    fn from(reason: String) -> Self {
        Self::Undefined(reason)
    }
}

/// The numbers, or why there are none.
type Finding = Result<Measured, Missing>;

/// The verdicts on these claims, by name; those about optimizers by `claim/optimizer`. `processes`: how each of them ended.
pub fn judge(claims: &[Claim], evidence: &Evidence, processes: &BTreeMap<String, Process>) -> BTreeMap<String, Verdict> {
    let verdicts = |&claim: &Claim| match claim.model() {
        Some(model) => follows::verdicts(claim, model, evidence, processes),
        None => BTreeMap::from([(claim.name().to_string(), verdict(claim, evidence))]),
    };
    claims.iter().flat_map(verdicts).collect()
}

/// The verdict on one claim about the flow, whether or not the scenario makes it. A claim about optimizers is undefined.
pub fn verdict(claim: Claim, evidence: &Evidence) -> Verdict {
    let flow = evidence.flow;
    if !flow.termination.ends_a_flow() {
        let ended = flow.termination.said(&flow.termination_detail);
        return limited(format!("the claim is about the end of the flow, which {ended}"));
    }
    if flow.termination == Reason::Reached && flow.t_reached == 0.0 {
        return undefined(format!("nothing to judge: the flow {}", flow.termination_detail));
    }
    let first = measure(claim, &Records::new(evidence.setup, evidence.run), evidence);
    let measured = match first {
        Ok(measured) => measured,
        Err(Missing::Undefined(reason)) => return undefined(reason),
        Err(Missing::TooCoarse(reason)) => return nothing(Outcome::GridLimited, format!("{reason}: {MORE_RECORDS}")),
    };
    let second = match evidence.second {
        None => return limited("without a second integration the error is not known".to_string()),
        Some(Again { termination: stop, .. }) if !stop.is_complete() && stop.t() < flow.t_reached => {
            return limited(format!("the error is not known, because the second integration {}", stop.said()));
        }
        Some(Again { run, .. }) => measure(claim, &Records::new(evidence.setup, run), evidence),
    };
    let halved = is_fitted(claim).then(|| measure(claim, &Records::new(evidence.setup, evidence.run).halved(), evidence));
    let value = |found: &Finding, index: usize| {
        found.as_ref().ok().and_then(|m| m.conditions.get(index)).map_or(f64::NAN, |condition| condition.value)
    };
    let certified = |(i, condition): (usize, &Condition)| {
        let by_grid = halved.as_ref().map_or(0.0, |halved| (value(halved, i) - condition.value).abs());
        certify(condition, value(&second, i)).on_a_grid(condition, by_grid)
    };
    // Statements about the end of the flow then refer to where `stop` ended it.
    let remark = match flow.termination {
        Reason::Reached => {
            let (t, t_end) = (flow.t_reached, evidence.setup.t_end);
            let short = format!("its end is t = {t}, where `stop` ended the flow before t_end {t_end}");
            if measured.remark.is_empty() { short } else { format!("{}; {short}", measured.remark) }
        }
        _ => measured.remark.clone(),
    };
    let certain: Vec<_> = measured.conditions.iter().zip(measured.conditions.iter().enumerate().map(certified)).collect();
    // A condition that fails decides; then one that cannot be decided; then the one that the claim is named for.
    let rank = |outcome: Outcome| match outcome {
        Outcome::Fails => 0,
        Outcome::IntegratorLimited => 1,
        Outcome::GridLimited => 2,
        Outcome::Holds => 3,
    };
    let Some((condition, certified)) = certain.iter().min_by_key(|(_, certified)| rank(certified.outcome)) else {
        return undefined("nothing was measured".to_string());
    };
    let mut details: BTreeMap<String, f64> = measured.details.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    for (condition, certified) in &certain {
        if certain.len() > 1 {
            details.insert(condition.quantity.clone(), condition.value);
            details.insert(format!("error of {}", condition.quantity), certified.error);
        }
    }
    let remedy = match certified.outcome {
        Outcome::IntegratorLimited => {
            format!("the error reaches the threshold: {}", evidence.setup.integrator.remedy())
        }
        Outcome::GridLimited => {
            format!("judged from every second record it may fall on the other side of the threshold: {MORE_RECORDS}")
        }
        Outcome::Holds | Outcome::Fails => String::new(),
    };
    let remarks: Vec<&str> = [remedy.as_str(), &remark].into_iter().filter(|text| !text.is_empty()).collect();
    judged(condition, *certified, &remarks.join("; "), details)
}

/// The verdict by a condition, with a remark for its statement.
fn judged(condition: &Condition, certified: Certified, remark: &str, details: BTreeMap<String, f64>) -> Verdict {
    Verdict {
        verdict: certified.outcome,
        quantity: condition.quantity.clone(),
        value: condition.value,
        threshold: condition.threshold,
        bound: condition.bound,
        error: certified.error,
        error_from: certified.from,
        statement: statement(condition, &certified, remark),
        details,
    }
}

/// The remedy where the records are too few.
const MORE_RECORDS: &str = "record more times";

/// Whether the value is fitted to the records: every second record then shows how much it depends on their grid.
fn is_fitted(claim: Claim) -> bool {
    matches!(claim, Claim::DecayRate | Claim::NfaAsymptotic)
}

/// The claim's numbers on the records of one integration.
fn measure(claim: Claim, records: &Records, evidence: &Evidence) -> Finding {
    let rests_on_law = matches!(claim, Claim::BalanceLaw | Claim::DecayRate | Claim::NfaExact | Claim::NfaAsymptotic);
    if rests_on_law && records.decay().is_nan() {
        return Err(Missing::Undefined("κ_lλ_l is not the same for all layers, so D_l obeys no law".to_string()));
    }
    match claim {
        Claim::BalanceLaw => balance_law::measure(records),
        Claim::DecayRate => decay_rate::measure(records),
        Claim::NfaExact => nfa_exact::measure(records),
        Claim::NfaAsymptotic => nfa_asymptotic::measure(records),
        Claim::Nfa => nfa::measure(records),
        Claim::Exponent => exponent::measure(records),
        Claim::Peak => peak::measure(records),
        Claim::LowRank => low_rank::measure(records),
        Claim::NfaViolated => nfa_violated::measure(records),
        Claim::Stagnates => stagnates::measure(records, evidence),
        Claim::Converged => converged::measure(records, evidence),
        Claim::FollowsFlow
        | Claim::FollowsModifiedFlow
        | Claim::FollowsThirdOrderFlow
        | Claim::FollowsLimit
        | Claim::FollowsCentralFlow
        | Claim::FollowsSde => Err(Missing::Undefined("it is about optimizers".to_string())),
    }
}

/// The outcome of a condition, and the error of its value.
#[derive(Debug, Clone, Copy)]
struct Certified {
    outcome: Outcome,
    error: f64,
    from: ErrorFrom,
}

impl Certified {
    /// The same, for a value that every second record would change by `difference`; NaN if they do not give one.
    fn on_a_grid(self, condition: &Condition, difference: f64) -> Self {
        // An unknown difference (NaN) may be arbitrarily large.
        let safe = difference < (condition.value - condition.threshold).abs();
        let decided = matches!(self.outcome, Outcome::Holds | Outcome::Fails) && !condition.value.is_nan();
        if decided && !safe { Self { outcome: Outcome::GridLimited, ..self } } else { self }
    }
}

/// Compares a value with its threshold, given `partner`, the value of the second integration.
fn certify(condition: &Condition, partner: f64) -> Certified {
    let &Condition { value, law_error, zero_by_law, .. } = condition;
    let all_of_it = zero_by_law && partner <= 0.5 * value;
    let difference = if all_of_it { value.abs() } else { (value - partner).abs() };
    let (error, from) =
        if law_error > difference { (law_error, ErrorFrom::BalanceLaw) } else { (difference, ErrorFrom::SecondIntegration) };
    Certified { outcome: decide(condition, error), error, from }
}

/// Compares a value of this error with its threshold.
fn decide(condition: &Condition, error: f64) -> Outcome {
    let &Condition { value, bound, threshold, .. } = condition;
    let keeps = match bound {
        Bound::AtMost => value <= threshold,
        Bound::AtLeast => value >= threshold,
    };
    match () {
        // An undefined value is no evidence.
        () if value.is_nan() => Outcome::Fails,
        // An unknown error (NaN) may be arbitrarily large.
        () if error.is_nan() || error >= (value - threshold).abs() => Outcome::IntegratorLimited,
        () if keeps => Outcome::Holds,
        () => Outcome::Fails,
    }
}

fn statement(condition: &Condition, certified: &Certified, remark: &str) -> String {
    let Condition { quantity, value, bound, threshold, .. } = condition;
    let asked = match bound {
        Bound::AtMost => "at most",
        Bound::AtLeast => "at least",
    };
    let error = match certified.from {
        _ if certified.error.is_nan() => "error unknown: the value is not defined in the second integration".to_string(),
        ErrorFrom::SecondIntegration => format!("± {:.1e} by a second integration", certified.error),
        ErrorFrom::BalanceLaw if certified.error.is_infinite() => "all of which may be error, by the balance law".to_string(),
        ErrorFrom::BalanceLaw => format!("± {:.1e} by the balance law", certified.error),
        ErrorFrom::Paths => format!("± {:.1e} by the number of paths", certified.error),
    };
    let remark = if remark.is_empty() { String::new() } else { format!("; {remark}") };
    let (value, threshold) = (shown(*value), shown(*threshold));
    format!("{quantity}: {value}, {error}; {asked} {threshold} is claimed{remark}")
}

/// A number as a reader sees it; `-` for NaN.
pub fn shown(value: f64) -> String {
    match value.abs() {
        _ if value.is_nan() => "-".to_string(),
        size if size == 0.0 || (1e-3..1e4).contains(&size) => {
            let text = format!("{value:.4}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
        }
        _ => format!("{value:.2e}").replace(".00e", "e"),
    }
}

/// A claim whose quantity does not exist.
fn undefined(reason: String) -> Verdict {
    nothing(Outcome::Fails, reason)
}

/// A claim that these integrations cannot decide.
fn limited(reason: String) -> Verdict {
    nothing(Outcome::IntegratorLimited, reason)
}

fn nothing(verdict: Outcome, statement: String) -> Verdict {
    Verdict {
        verdict,
        quantity: "not defined".to_string(),
        value: f64::NAN,
        threshold: f64::NAN,
        bound: Bound::AtMost,
        error: f64::NAN,
        error_from: ErrorFrom::SecondIntegration,
        statement,
        details: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests;
