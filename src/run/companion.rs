//! The flows that follow an optimizer more closely than gradient flow does, each integrated beside it from its own start and landed on its
//! recorded steps: those that the scenario's `measure` asks for.

use nalgebra::DVector;

use crate::flow::{AdamLimit, Decay, ModifiedFlow, RmspropLimit, ThirdOrderFlow};
use crate::objective::LinearObjective;
use crate::observe;
use crate::ode::{Integrator, Interrupt, Limits, Termination, Tolerance, VectorField, Work};
use crate::record;
use crate::scenario::{self, Measure, Optimizer, Scenario, Schedule};

use super::Problem;
use super::integrator::integrator;

/// A limit is integrated at this relative tolerance at least: an explicit method that does not cap its step against stiffness is not to be
/// trusted above it.
const LIMIT_RTOL: f64 = 1e-6;

/// A flow beside one optimizer.
pub(super) struct Companion<'a> {
    kind: observe::Companion,
    formula: String,
    field: Box<dyn VectorField + 'a>,
    integrator: Box<dyn Integrator>,
    /// Of the field, at time `t`: θ, and whatever averages it has beside.
    state: DVector<f64>,
    t: f64,
    /// θ where it landed last, and when.
    theta: DVector<f64>,
    landed: f64,
    work: Work,
    stop: Option<Termination>,
}

/// What the scenario asks for of one optimizer, and why a flow that it asks for is not there. `minibatches`: whether its gradients are not
/// those of all samples.
pub(super) fn companions<'a>(
    settings: &Optimizer,
    scenario: &Scenario,
    problem: &'a Problem,
    minibatches: bool,
    interrupt: &Interrupt,
) -> (Vec<Companion<'a>>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let maker = Maker { settings, scenario, problem, interrupt };
    for &measure in &scenario.measure {
        match of(measure, settings, &problem.objective, minibatches) {
            Ok(flows) => found.extend(flows.into_iter().map(|flow| maker.companion(flow))),
            Err(reason) => missing.push(reason),
        }
    }
    (found, missing)
}

/// The kinds of companion whose distances a scenario asks for, in the order of their columns.
pub(super) fn kinds(scenario: &Scenario) -> Vec<observe::Companion> {
    let mut kinds = Vec::new();
    if scenario.measure.contains(&Measure::ModifiedFlow) {
        kinds.extend([observe::Companion::ModifiedFlow, observe::Companion::ThirdOrderFlow]);
    }
    if scenario.measure.contains(&Measure::Limit) {
        kinds.push(observe::Companion::Limit);
    }
    kinds
}

/// A flow before it is integrated, which makes its own start from θ_0.
enum Kind<'a> {
    Modified(ModifiedFlow<'a>),
    ThirdOrder(ThirdOrderFlow<'a>),
    Adam(AdamLimit<'a>),
    Rmsprop(RmspropLimit<'a>),
}

/// The flows by which an optimizer is measured; none where it is not of the kind that the measure is about; or why there are none.
fn of<'a>(
    measure: Measure,
    settings: &Optimizer,
    objective: &'a LinearObjective,
    minibatches: bool,
) -> Result<Vec<Kind<'a>>, String> {
    let flows = match (measure, settings) {
        (Measure::ModifiedFlow, Optimizer::Gd(scenario::Gd { lr, .. })) => vec![
            Kind::Modified(ModifiedFlow::of_gradient_descent(objective, *lr)),
            Kind::ThirdOrder(ThirdOrderFlow::new(objective, *lr)),
        ],
        (Measure::ModifiedFlow, Optimizer::Sgd(sgd)) => {
            let mut flows = vec![Kind::Modified(ModifiedFlow::of_momentum(objective, sgd))];
            if sgd.momentum == 0.0 && !minibatches {
                flows.push(Kind::ThirdOrder(ThirdOrderFlow::new(objective, sgd.lr)));
            }
            flows
        }
        (Measure::Limit, Optimizer::Adam(adam) | Optimizer::Adamw(adam)) => {
            if adam.amsgrad {
                return Err("its limit is not compared: amsgrad's largest v so far follows no differential equation".into());
            }
            let decay = if matches!(settings, Optimizer::Adamw(_)) { Decay::Decoupled } else { Decay::Coupled };
            vec![Kind::Adam(AdamLimit::new(objective, adam, decay))]
        }
        (Measure::Limit, Optimizer::Rmsprop(rmsprop)) => vec![Kind::Rmsprop(RmspropLimit::new(objective, rmsprop))],
        (Measure::Limit, Optimizer::Sign(_)) => {
            return Err("it has no limit to compare with: θ̇ = −sign(∇J) is discontinuous, and where an entry of ∇J reaches 0 it has no \
                        solution in the ordinary sense"
                .into());
        }
        _ => Vec::new(),
    };
    if !flows.is_empty() && *settings.schedule() != Schedule::Constant {
        let flow = if measure == Measure::Limit { "limit" } else { "modified flow" };
        return Err(format!("its {flow} is not compared: it is stated for one learning rate; leave out `schedule`"));
    }
    Ok(flows)
}

struct Maker<'a, 's> {
    settings: &'s Optimizer,
    scenario: &'s Scenario,
    problem: &'a Problem,
    interrupt: &'s Interrupt,
}

impl<'a> Maker<'a, '_> {
    /// The companion at its start.
    fn companion(&self, flow: Kind<'a>) -> Companion<'a> {
        let start = self.problem.start.values();
        let still = Work::default();
        let gradients = |count| Work { evaluations: count, ..still };
        match flow {
            Kind::Modified(flow) => {
                let (theta, formula) = (flow.start(start), flow.formula());
                let work = if theta == *start { still } else { gradients(1) };
                self.make(observe::Companion::ModifiedFlow, formula, Box::new(flow), (0.0, theta), work)
            }
            Kind::ThirdOrder(flow) => {
                let formula = flow.formula();
                self.make(observe::Companion::ThirdOrderFlow, formula, Box::new(flow), (0.0, start.clone()), still)
            }
            Kind::Adam(flow) => {
                let (begin, formula) = (flow.start(start), flow.formula());
                self.make(observe::Companion::Limit, formula, Box::new(flow), begin, gradients(3))
            }
            Kind::Rmsprop(flow) => {
                let (state, formula) = (flow.start(start), flow.formula());
                self.make(observe::Companion::Limit, formula, Box::new(flow), (0.0, state), gradients(1))
            }
        }
    }

    fn make(
        &self,
        kind: observe::Companion,
        formula: String,
        field: Box<dyn VectorField + 'a>,
        (t, state): (f64, DVector<f64>),
        work: Work,
    ) -> Companion<'a> {
        let flow = &self.scenario.flow;
        let t_end = self.settings.time(self.settings.last_step(flow.t_end));
        let limits = Limits { t_end, max_steps: flow.max_steps, interrupt: self.interrupt.clone(), ..Limits::default() };
        // The Jacobian of a limit is far from symmetric: its norm, by which our own methods bound their steps, is orders of magnitude above its
        // spectral radius. A method that goes by its error alone needs no such bound.
        let (method, rtol) = if kind == observe::Companion::Limit {
            (scenario::Integrator::Dopri5, flow.rtol.min(LIMIT_RTOL))
        } else {
            (flow.integrator, flow.rtol)
        };
        let integrator = integrator(method, Tolerance { rtol, atol: flow.atol }, limits);
        // At t = 0 it is where it starts, whatever a singular field begins with.
        let theta = if t == 0.0 {
            state.rows(0, self.problem.start.values().len()).into_owned()
        } else {
            self.problem.start.values().clone()
        };
        Companion { kind, formula, field, integrator, state, t, theta, landed: 0.0, work, stop: None }
    }
}

impl Companion<'_> {
    /// Carries it to time `t`, or as far as it gets.
    pub(super) fn advance(&mut self, t: f64) {
        if self.stop.is_none() && self.t < t {
            let segment = self.integrator.advance(&*self.field, self.t, t, &mut self.state);
            (self.t, self.landed) = (segment.t, segment.t);
            self.work += segment.work;
            self.stop = segment.stop;
            self.theta.copy_from(&self.state.rows(0, self.theta.len()));
        }
    }

    /// Its kind, and θ at time `t` if it is there.
    pub(super) fn at(&self, t: f64) -> Option<(observe::Companion, &DVector<f64>)> {
        (self.stop.is_none() && self.landed == t).then_some((self.kind, &self.theta))
    }

    /// Its entry in the manifest, and what a reader of the records must know. `interrupted`: whether its optimizer was.
    pub(super) fn ended(self, interrupted: bool) -> ((String, record::Companion), Option<String>) {
        let name = self.kind.name();
        let complaint = self
            .stop
            .filter(|stop| !matches!(stop, Termination::Interrupted { .. }))
            .map(|stop| format!("the flow of distance_to_{name} ended before it ({stop}): from there on the distance is null"));
        let t = self.landed;
        let termination =
            self.stop.unwrap_or(if interrupted { Termination::Interrupted { t } } else { Termination::TEnd { t } });
        let entry = record::Companion {
            formula: self.formula,
            gradients: self.work.evaluations,
            termination: termination.reason(),
            termination_detail: termination.to_string(),
            t_reached: termination.t(),
        };
        ((name.to_string(), entry), complaint)
    }
}
