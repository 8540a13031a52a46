//! Whether a session can be run: checks whatever its user may have got wrong, before anything is integrated.

use crate::archive::ArchiveError;
use crate::claim::{Claim, ClaimError};
use crate::flow::Preserve;
use crate::observe::{Column, Group, HessianError, Measure, NamedArray, Owner, SdePathsError, registry};
use crate::ode::Interrupt;
use crate::optim::Noise;
use crate::settings::Finding;

use super::{Plan, Problem, SaddlesError, check_saddles, declared_arrays, flow_integrator};

/// Why a session cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// θ_0 does not have the objective's dimension.
    #[error("the start has {found} entries and the objective {dim}: give one per parameter")]
    Start {
        /// P, the dimension of the objective.
        dim: usize,
        /// The number of entries of θ_0.
        found: usize,
    },
    /// J or its gradient is not finite at θ_0.
    #[error("at the start J = {value} and ‖∇J‖ = {gradient}: start where both are finite")]
    NotFinite {
        /// J(θ_0).
        value: f64,
        /// ‖∇J(θ_0)‖.
        gradient: f64,
    },
    /// The horizon of the flow is not positive and finite.
    #[error("t_end must be greater than 0 and finite, got {t_end}")]
    Horizon {
        /// As given.
        t_end: f64,
    },
    /// The flow's tolerances, step or limits are invalid.
    #[error(transparent)]
    Integrator(#[from] crate::ode::OdeError),
    /// Something does not save its state, or the state to go on from is not that of this session.
    #[error(transparent)]
    State(#[from] ArchiveError),
    /// Record times do not increase strictly from 0 to the end of the horizon.
    #[error("record times must begin with 0, increase strictly, and end with t_end = {t_end}; {t} does not fit")]
    Times {
        /// The first that does not fit.
        t: f64,
        /// The end of the horizon.
        t_end: f64,
    },
    /// Two processes share a name.
    #[error("two processes are called `{name}`: give each optimizer a name of its own")]
    Name {
        /// The shared name.
        name: String,
    },
    /// An optimizer's rate is not positive and finite, or it takes no step before the end.
    #[error("{name}: lr = {lr} takes no step before t_end: choose a rate between 0 and t_end")]
    Rate {
        /// The process.
        name: String,
        /// η.
        lr: f64,
    },
    /// A setting of an optimizer is out of its range.
    #[error("{name}: {setting} {problem}")]
    Setting {
        /// The process.
        name: String,
        /// The path of the setting: `betas[0]`.
        setting: String,
        /// What would be right.
        problem: String,
    },
    /// An optimizer takes minibatches, but the objective offers no gradients of batches.
    #[error("{name} takes minibatches, and the objective offers no gradients of batches: leave out `batch` and `label_noise`")]
    Batches {
        /// The process.
        name: String,
    },
    /// An optimizer's temperature is negative or not finite, or the layers have rates of their own and would not share it.
    #[error("{name}: temperature = {temperature} must be at least 0 and finite, and 0 where layers have rates of their own")]
    Temperature {
        /// The process.
        name: String,
        /// T.
        temperature: f64,
    },
    /// A column or an array of a user-defined observable has a name that is taken.
    #[error("an observable of yours writes `{column}`, which is taken: give it a name of its own")]
    Column {
        /// Its name.
        column: String,
    },
    /// `stop` asks for an accuracy, but the objective has none.
    #[error("stop: the objective has no accuracy at the start: ask for a loss or a gradient instead")]
    Accuracy,
    /// The tangent kernel is asked for, but the objective does not offer it.
    #[error("measure ntk: the objective offers no tangent kernel: implement Objective::tangent_kernel, or leave it out")]
    Kernel,
    /// A claim is about a model of optimizers that is not there.
    #[error("claims: {0}")]
    Claim(#[from] ClaimError),
    /// More of the Hessian's spectrum is asked for than can be measured.
    #[error("measure: {0}")]
    Hessian(#[from] HessianError),
    /// Saddles are asked for that cannot be looked for.
    #[error("measure: {0}")]
    Saddles(#[from] SaddlesError),
    /// Paths of a stochastic differential equation are asked for that cannot be followed.
    #[error("measure: {0}")]
    Sde(#[from] SdePathsError),
    /// The balance law is to be preserved where not all of D_l obeys it.
    #[error("preserve: all of D_l obeys the law only in linear networks without biases: leave it out")]
    Preserve,
    /// Something about layers is asked for, but the objective has none.
    #[error("{what} is about layers, and the objective has none: implement Objective::layers, or leave it out")]
    Layers {
        /// The claim or measure.
        what: String,
    },
}

/// Checks that these settings can be run on this problem.
///
/// # Errors
/// The first [`SessionError`] found.
pub(super) fn check(plan: &Plan, problem: &Problem, interrupt: &Interrupt) -> Result<(), SessionError> {
    let (objective, start) = (&*problem.objective, problem.start.values());
    let (dim, found) = (objective.dim(), start.len());
    if found != dim {
        return Err(SessionError::Start { dim, found });
    }
    let (value, gradient) = problem.at_start();
    if !(value.is_finite() && gradient.is_finite()) {
        return Err(SessionError::NotFinite { value, gradient });
    }
    let t_end = plan.flow.t_end;
    if !(t_end > 0.0 && t_end.is_finite()) {
        return Err(SessionError::Horizon { t_end });
    }
    flow_integrator(&plan.flow, problem.flow(), interrupt)?;
    check_times(&plan.times, t_end)?;
    check_optimizers(plan, t_end)?;
    check_columns(plan)?;
    if plan.stop.as_ref().is_some_and(|stop| stop.accuracy.is_some()) && objective.accuracy(start).is_nan() {
        return Err(SessionError::Accuracy);
    }
    if plan.measure.contains(&Measure::Ntk) && objective.tangent_kernel().is_none() {
        return Err(SessionError::Kernel);
    }
    let mut missing = plan.claims.iter().flat_map(|claim| claim.missing(!plan.optimizers.is_empty(), &plan.measure));
    missing.next().map_or(Ok(()), Err)?;
    for measure in &plan.measure {
        match measure {
            Measure::Hessian(asked) => asked.check(objective.dim() as u64)?,
            Measure::Sde(asked) => asked.check()?,
            Measure::Saddles => {
                let has_kinks = objective.layers().is_some_and(|layers| layers.architecture().has_kinks());
                check_saddles(plan.flow.integrator, has_kinks)?;
            }
            _ => {}
        }
    }
    if plan.flow.preserve != Preserve::None && !plan.linear {
        return Err(SessionError::Preserve);
    }
    if objective.layers().is_none() {
        let claims =
            plan.claims.iter().filter(|claim| **claim != Claim::Converged && claim.model().is_none()).map(|claim| claim.name());
        let measures = plan.measure.iter().filter(|measure| measure.group().is_some_and(Group::is_of_layers)).map(|m| m.name());
        if let Some(what) = claims.chain(measures).next() {
            return Err(SessionError::Layers { what: what.to_string() });
        }
    }
    Ok(())
}

fn check_times(times: &[f64], t_end: f64) -> Result<(), SessionError> {
    let fits = |index: usize| match index {
        0 => times[0] == 0.0,
        _ => times[index - 1] < times[index] && times[index] <= t_end,
    };
    match (0..times.len()).find(|&index| !fits(index)) {
        Some(index) => Err(SessionError::Times { t: times[index], t_end }),
        None if times.last() == Some(&t_end) => Ok(()),
        None => Err(SessionError::Times { t: times.last().copied().unwrap_or(f64::NAN), t_end }),
    }
}

/// Refuses columns or arrays that share a name: a value would be lost.
pub(crate) fn check_columns(plan: &Plan) -> Result<(), SessionError> {
    let mut own: Vec<&str> = Vec::new();
    let all = plan.own.0.iter().flat_map(|observable| observable.columns().list);
    for &Column { name, .. } in all {
        if own.contains(&name) || registry::find(&name.replace("{l}", "1")).is_some() {
            return Err(SessionError::Column { column: name.to_string() });
        }
        own.push(name);
    }
    let mut own: Vec<&str> = Vec::new();
    let all = plan.own.0.iter().flat_map(|observable| observable.columns().arrays);
    for &NamedArray { name, .. } in all {
        let one = name.replace("{l}", "1");
        let is_taken = declared_arrays().any(|(_, other)| other.owner != Owner::Target && other.is_called(&one));
        if own.contains(&name) || is_taken {
            return Err(SessionError::Column { column: name.to_string() });
        }
        own.push(name);
    }
    Ok(())
}

fn check_optimizers(plan: &Plan, t_end: f64) -> Result<(), SessionError> {
    let mut names = vec!["flow"];
    for optimizer in &plan.optimizers {
        let (name, lr) = (optimizer.name(), optimizer.lr());
        if names.contains(&name) {
            return Err(SessionError::Name { name: name.to_string() });
        }
        names.push(name);
        if !(lr > 0.0 && lr.is_finite() && optimizer.last_step(t_end) >= 1) {
            return Err(SessionError::Rate { name: name.to_string(), lr });
        }
        let Noise { temperature, labels } = optimizer.noise();
        if optimizer.batching().is_some() || labels != 0.0 {
            return Err(SessionError::Batches { name: name.to_string() });
        }
        if !(temperature >= 0.0 && temperature.is_finite()) || (temperature > 0.0 && !plan.layer_rates.are_one()) {
            return Err(SessionError::Temperature { name: name.to_string(), temperature });
        }
        if let Some(Finding { path: setting, message: problem }) = optimizer.out_of_range() {
            return Err(SessionError::Setting { name: name.to_string(), setting, problem });
        }
    }
    Ok(())
}
