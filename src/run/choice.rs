//! Which flows an optimizer is compared with, and why it has none where the scenario asks for them.

use crate::flow::{AdamLimit, Decay, ModifiedFlow, NormalisedFlow, RmspropLimit, ThirdOrderFlow};
use crate::objective::Objective;
use crate::observe::Measure;
use crate::scenario::Scenario;
use crate::settings::{Adam, Gd, Optimizer, Rmsprop, Schedule, Sgd};

use super::Problem;

/// A flow before it is integrated, which makes its own start from θ_0.
pub(super) enum Kind<'a> {
    Modified(ModifiedFlow<'a>),
    ThirdOrder(ThirdOrderFlow<'a>),
    /// Of averages that do not remember.
    Normalised(NormalisedFlow<'a>),
    Adam(AdamLimit<'a>),
    Rmsprop(RmspropLimit<'a>),
}

/// The flows by which an optimizer is measured, and the reasons for those that it lacks. Both are empty where the optimizer is not of the
/// kind that the measure is about.
#[derive(Default)]
pub(super) struct Choice<'a> {
    pub flows: Vec<Kind<'a>>,
    pub reasons: Vec<String>,
}

impl<'a> Choice<'a> {
    fn of(flow: Kind<'a>) -> Self {
        Self { flows: vec![flow], reasons: Vec::new() }
    }

    fn none(reason: impl Into<String>) -> Self {
        Self { flows: Vec::new(), reasons: vec![reason.into()] }
    }
}

/// What `measure` means for an optimizer that takes `steps` steps.
pub(super) fn choose<'a>(measure: Measure, settings: &Optimizer, problem: &'a Problem, steps: u64) -> Choice<'a> {
    if is_about(measure, settings) && *settings.schedule() != Schedule::Constant {
        let flow = if measure == Measure::Limit { "limit" } else { "modified flow" };
        return Choice::none(format!("its {flow} is not compared: it is stated for one learning rate; leave out `schedule`"));
    }
    match (measure, settings) {
        (Measure::ModifiedFlow, Optimizer::Gd(Gd { lr, .. })) => {
            let flow = ModifiedFlow::of_gradient_descent(&*problem.objective, *lr);
            with_third_order(Kind::Modified(flow), third_order(&*problem.objective, *lr))
        }
        (Measure::ModifiedFlow, Optimizer::Sgd(sgd)) => match modified(sgd, problem, steps) {
            Ok(flow) => with_third_order(Kind::Modified(flow), third_order_of_sgd(sgd, problem)),
            Err(reason) => Choice::none(format!("its modified flow is not compared: {reason}")),
        },
        (Measure::Limit, Optimizer::Adam(adam)) => adam_limit(adam, problem, Decay::Coupled),
        (Measure::Limit, Optimizer::Adamw(adam)) => adam_limit(adam, problem, Decay::Decoupled),
        (Measure::Limit, Optimizer::Rmsprop(rmsprop)) => Choice::of(rmsprop_limit(rmsprop, &*problem.objective)),
        (Measure::Limit, Optimizer::Sign(_)) => Choice::none(
            "it has no limit to compare with: θ̇ = −sign(∇J) is discontinuous, and where an entry of ∇J reaches 0 it has no solution in the \
             ordinary sense",
        ),
        _ => Choice::default(),
    }
}

/// Whether optimizers of this kind are what the measure is about.
pub(super) fn is_about(measure: Measure, settings: &Optimizer) -> bool {
    let descends = matches!(settings, Optimizer::Gd(_) | Optimizer::Sgd(_));
    match measure {
        Measure::ModifiedFlow | Measure::Ledger => descends,
        Measure::Limit => !descends,
        Measure::Sharpness | Measure::Ntk => true,
    }
}

/// Why columns that the scenario asks for are null for every process: no optimizer is of the kind that they are about.
pub(super) fn unanswered(scenario: &Scenario) -> Vec<String> {
    let reason = |&measure: &Measure| {
        let (word, kinds) = match measure {
            Measure::ModifiedFlow => ("modified_flow", "gd and sgd"),
            Measure::Ledger => ("ledger", "gd and sgd"),
            Measure::Limit => ("limit", "adam, adamw and rmsprop"),
            Measure::Sharpness | Measure::Ntk => return None,
        };
        let answered = scenario.optimizers.iter().any(|settings| is_about(measure, settings));
        (!answered)
            .then(|| format!("measure: {word} is about {kinds}, and the scenario has no such optimizer: its columns are null"))
    };
    let mut reasons: Vec<String> = scenario.measure.iter().filter_map(reason).collect();
    if scenario.measure.contains(&Measure::Ledger) && scenario.network.layers() == 1 {
        reasons
            .push("measure: ledger is about neighbouring layers, and there is one layer: ledger_residual is null".to_string());
    }
    reasons
}

fn with_third_order<'a>(modified: Kind<'a>, third: Result<ThirdOrderFlow<'a>, String>) -> Choice<'a> {
    let mut choice = Choice::of(modified);
    match third {
        Ok(flow) => choice.flows.push(Kind::ThirdOrder(flow)),
        Err(reason) => choice.reasons.push(format!("distance_to_third_order_flow is null: {reason}")),
    }
    choice
}

fn third_order(objective: &dyn Objective, lr: f64) -> Result<ThirdOrderFlow<'_>, String> {
    let kink = |l| objective.architecture().activation(l).kink().is_some();
    match (1..=objective.architecture().depth()).find(|&l| kink(l)) {
        Some(l) => Err(format!("it takes third derivatives, and the activation of layer {l} has a kink")),
        None => Ok(ThirdOrderFlow::new(objective, lr)),
    }
}

fn third_order_of_sgd<'a>(sgd: &Sgd, problem: &'a Problem) -> Result<ThirdOrderFlow<'a>, String> {
    if sgd.momentum > 0.0 || epochs(sgd, problem).is_some() {
        return Err("that flow is known for gradient descent on all samples, without momentum".into());
    }
    third_order(&*problem.objective, sgd.lr)
}

/// n and the samples of a batch, of an `sgd` whose batches are not all samples, each once.
fn epochs(sgd: &Sgd, problem: &Problem) -> Option<(usize, usize)> {
    let (samples, batch) = (problem.samples.as_ref()?.count(), sgd.batch?);
    (batch < samples || sgd.replacement).then_some((samples, batch))
}

/// The flow of the mean over seeds, or why there is none.
fn modified<'a>(sgd: &Sgd, problem: &'a Problem, steps: u64) -> Result<ModifiedFlow<'a>, String> {
    let objective = &*problem.objective;
    let Some((samples, batch)) = epochs(sgd, problem) else { return Ok(ModifiedFlow::of_momentum(objective, sgd)) };
    let drift = "so that its mean over seeds drifts with the covariance of the iterates and follows no flow of θ alone";
    let remedy = "set replacement: false, and a batch that divides the number of samples";
    if sgd.replacement {
        return Err(format!("batches drawn with replacement leave noise that epochs do not cancel, {drift}; {remedy}"));
    }
    if samples % batch != 0 {
        return Err(format!(
            "batches of {batch} do not divide {samples} samples, and those of the shorter last batch weigh more: epochs do not cancel the \
             noise, {drift}; {remedy}"
        ));
    }
    let batches = samples / batch;
    if steps < batches as u64 {
        return Err(format!("it holds over whole epochs, of {batches} steps here, and there are {steps}"));
    }
    // Problems have samples where an optimizer takes minibatches.
    let products = problem.samples.as_ref().and_then(|samples| objective.sample_products(samples));
    let products = products.ok_or("the objective does not give its samples' gradients one by one")?;
    Ok(ModifiedFlow::of_epochs(objective, sgd, products, batches))
}

fn adam_limit<'a>(adam: &Adam, problem: &'a Problem, decay: Decay) -> Choice<'a> {
    if adam.amsgrad {
        return Choice::none("its limit is not compared: amsgrad's largest v so far follows no differential equation");
    }
    Choice::of(if adam.betas == [0.0; 2] {
        Kind::Normalised(NormalisedFlow::new(&*problem.objective, adam.eps, decay))
    } else {
        Kind::Adam(AdamLimit::new(&*problem.objective, adam, decay))
    })
}

fn rmsprop_limit<'a>(rmsprop: &Rmsprop, objective: &'a dyn Objective) -> Kind<'a> {
    if rmsprop.alpha == 0.0 && !rmsprop.centered {
        Kind::Normalised(NormalisedFlow::new(objective, rmsprop.eps, Decay::Coupled))
    } else {
        Kind::Rmsprop(RmspropLimit::new(objective, rmsprop))
    }
}
