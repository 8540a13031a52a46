//! Which flows an optimizer is compared with, and why one that the scenario asks for is missing.

use crate::observe::{CompanionKind, Measure, SdePaths};
use crate::optim::{CentralFlow, Follows, Ground, Optimizer, Schedule, Sde, SdeSettings, WeakOrder};

use super::Plan;
use super::Problem;

/// The flows that an optimizer is compared with, and the reasons for those that are missing. Both are empty where the measure does not
/// apply to the optimizer.
#[derive(Default)]
pub(super) struct Choice<'a> {
    pub flows: Vec<(CompanionKind, Follows<'a>)>,
    /// The central flow, which no integrator of others advances.
    pub central: Option<CentralFlow<'a>>,
    /// Paths of a stochastic differential equation, likewise.
    pub sde: Option<Sde>,
    pub reasons: Vec<String>,
}

/// The flows that `measure` asks for, beside an optimizer that takes `steps` steps.
pub(super) fn choose<'a>(measure: Measure, settings: &Optimizer, plan: &Plan, problem: &'a Problem, steps: u64) -> Choice<'a> {
    let mut choice = Choice::default();
    let compares = measure.compares() && is_about(measure, settings);
    if compares && !plan.is_one_for_all() {
        let reason = "its flows are not compared: they assume one rate and one weight decay for all layers";
        choice.reasons.push(reason.to_string());
        return choice;
    }
    if compares && *settings.schedule() != Schedule::Constant {
        let flow = match measure {
            Measure::Limit => "limit",
            Measure::CentralFlow => "central flow",
            Measure::Sde(_) => "stochastic differential equation",
            _ => "modified flow",
        };
        choice.reasons.push(format!("its {flow} is not compared: it assumes a constant rate; leave out `schedule`"));
        return choice;
    }
    let (objective, samples) = (&*problem.objective, problem.samples.as_ref());
    let ground = Ground { objective, samples, start: problem.start.values(), steps };
    let followed = match measure {
        Measure::ModifiedFlow => {
            let modified = settings.modified_flow(&ground);
            // Without a modified flow, one reason is enough.
            let third = if let Some(Ok(_)) = modified { settings.third_order_flow(&ground) } else { None };
            vec![(CompanionKind::ModifiedFlow, modified), (CompanionKind::ThirdOrderFlow, third)]
        }
        Measure::Limit => vec![(CompanionKind::Limit, settings.limit(&ground))],
        Measure::CentralFlow => {
            match settings.central_flow(&ground) {
                Some(Ok(flow)) => choice.central = Some(flow),
                Some(Err(reason)) => choice.reasons.push(reason),
                None => {}
            }
            Vec::new()
        }
        Measure::Sde(SdePaths { paths, order }) => {
            let order = if order == 1 { WeakOrder::First } else { WeakOrder::Second };
            match settings.sde(&ground, order, &SdeSettings { paths, seed: plan.seed, threads: problem.threads }) {
                Some(Ok(sde)) => choice.sde = Some(sde),
                Some(Err(reason)) => choice.reasons.push(reason),
                None => {}
            }
            Vec::new()
        }
        Measure::Ledger | Measure::Sharpness | Measure::PreconditionedSharpness => Vec::new(),
        Measure::Hessian(_) | Measure::Saddles | Measure::Ntk => Vec::new(),
    };
    for (kind, flow) in followed {
        match flow {
            Some(Ok(flow)) => choice.flows.push((kind, flow)),
            Some(Err(reason)) => choice.reasons.push(reason),
            None => {}
        }
    }
    choice
}

/// Whether the measure applies to this kind of optimizer.
fn is_about(measure: Measure, settings: &Optimizer) -> bool {
    match measure {
        Measure::ModifiedFlow | Measure::Sde(_) | Measure::Ledger => settings.descends(),
        Measure::CentralFlow => settings.descends() || settings.preconditioned_bound().is_some(),
        Measure::Limit => !settings.descends(),
        Measure::PreconditionedSharpness => settings.preconditioned_bound().is_some(),
        Measure::Sharpness | Measure::Hessian(_) | Measure::Saddles | Measure::Ntk => true,
    }
}

/// Why columns that the scenario asks for are null for every process: the measure applies to no optimizer, or there is a single layer.
pub(super) fn unanswered(plan: &Plan) -> Vec<String> {
    let reason = |&measure: &Measure| {
        let (word, kinds) = match measure {
            Measure::ModifiedFlow => ("modified_flow", "gd and sgd"),
            Measure::CentralFlow => ("central_flow", "gd, sgd, adam, adamw and rmsprop"),
            Measure::Sde(_) => ("sde", "sgd in batches"),
            Measure::Ledger => ("ledger", "gd and sgd"),
            Measure::Limit => ("limit", "adam, adamw, rmsprop and muon"),
            Measure::PreconditionedSharpness => ("preconditioned_sharpness", "adam, adamw and rmsprop"),
            Measure::Sharpness | Measure::Hessian(_) | Measure::Saddles | Measure::Ntk => return None,
        };
        let answered = plan.optimizers.iter().any(|settings| is_about(measure, settings));
        (!answered)
            .then(|| format!("measure: {word} is about {kinds}, and the scenario has no such optimizer: its columns are null"))
    };
    let mut reasons: Vec<String> = plan.measure.iter().filter_map(reason).collect();
    if plan.measure.contains(&Measure::Ledger) && plan.layers() == 1 {
        reasons
            .push("measure: ledger is about neighbouring layers, and there is one layer: ledger_residual is null".to_string());
    }
    reasons
}
