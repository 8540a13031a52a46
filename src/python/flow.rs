//! `gramflow.flow`: the flow θ̇ = −∇J(θ) of a gradient that Python gives.

use std::path::Path;

use nalgebra::DVector;
use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::callback::{Callback, Calls};
use super::dense::DenseOutput;
use crate::flow::Integrator as Method;
use crate::ode::{Change, Integrator, JacobianProducts, Limits, OdeError, Termination, Tolerance, VectorField, Work, short};
use crate::scenario::{Comparison, ScenarioError};
use crate::session::integrator;

/// −∇J of Python functions.
struct Descent<'a> {
    calls: &'a Calls,
    gradient: &'a Callback,
    /// Whether `gradient` returns the value, too.
    valued: bool,
    product: Option<&'a Callback>,
    dim: usize,
}

impl VectorField for Descent<'_> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn eval(&self, _t: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        if self.valued {
            self.gradient.value_and_vector(self.calls, theta, dtheta);
        } else {
            self.gradient.vector(self.calls, &[theta], dtheta);
        }
        dtheta.neg_mut();
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        self.product.map(|_| self as &dyn JacobianProducts)
    }
}

impl JacobianProducts for Descent<'_> {
    fn jacobian_vector(&self, _t: f64, theta: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        match self.product {
            Some(product) => product.vector(self.calls, &[theta, v], jv),
            None => jv.fill(f64::NAN),
        }
        jv.neg_mut();
    }
}

/// The result of an integration.
struct Solved {
    t: Vec<f64>,
    y: Vec<f64>,
    work: Work,
    /// The time reached.
    end: f64,
    termination: Termination,
    changes: Vec<Change>,
    dense: Option<DenseOutput>,
}

/// Where the state is kept, who is told of steps, and where the integration ends.
struct Course<'a> {
    t_end: f64,
    /// Increasing times from 0 to `t_end` at which the state is kept; `None`: at every step that the integrator shows.
    times: Option<&'a [f64]>,
    stop: Option<&'a Callback>,
    /// Told of every step that the integrator shows; ends the integration by `StopIteration`.
    callback: Option<&'a Callback>,
    dense: bool,
    calls: &'a Calls,
}

impl Course<'_> {
    fn follow(&self, mut integrator: Integrator<'_>, mut theta: DVector<f64>) -> Result<Solved, OdeError> {
        let (mut t, mut work, mut stop) = (0.0, Work::default(), None);
        let (mut kept_t, mut kept_y) = (Vec::new(), Vec::new());
        let mut keep = |t: f64, theta: &DVector<f64>| {
            // It may stop at a time that is already kept.
            if kept_t.last() != Some(&t) {
                kept_t.push(t);
                kept_y.extend_from_slice(theta.as_slice());
            }
        };
        let mut goals = self.times.unwrap_or(&[0.0]).iter().copied().peekable();
        let watches = self.stop.is_some() || self.callback.is_some() || self.dense || self.times.is_none();
        let mut dense = self.dense.then(|| DenseOutput::from(&theta));
        if goals.next_if_eq(&0.0).is_some() {
            keep(0.0, &theta);
        }
        if self.stop.is_some_and(|stop| stop.holds(self.calls, t, &theta)) {
            stop = Some(reached(t, "stop"));
        }
        let mut told = t;
        while stop.is_none() && t < self.t_end {
            let goal = goals.peek().copied().unwrap_or(self.t_end);
            let pause = if watches { t.next_up() } else { f64::INFINITY };
            let segment = integrator.advance_or_pause(t, pause, goal, &mut theta)?;
            (t, stop) = (segment.t, segment.stop);
            work += segment.work;
            if let Some(dense) = &mut dense {
                work.evaluations += dense.add_last_step(&mut integrator);
            }
            // Not at a time of `times` inside a step.
            let steps = t > told && integrator.last_step().is_none_or(|[_, to]| to == t);
            if stop.is_none() && steps {
                told = t;
                if self.callback.is_some_and(|callback| callback.ends(self.calls, t, &theta)) {
                    stop = Some(reached(t, "callback"));
                }
            }
            if stop.is_none() && self.stop.is_some_and(|stop| stop.holds(self.calls, t, &theta)) {
                stop = Some(reached(t, "stop"));
            }
            let is_goal = goals.next_if(|goal| *goal <= t).is_some();
            // The state where it stops is kept, too.
            if is_goal || self.times.is_none() || stop.is_some() {
                keep(t, &theta);
            }
        }
        let termination = stop.unwrap_or(Termination::TEnd { t });
        Ok(Solved { t: kept_t, y: kept_y, work, end: t, termination, changes: integrator.changes().to_vec(), dense })
    }
}

/// The function `by`, `stop` or `callback`, has ended it.
fn reached(t: f64, by: &'static str) -> Termination {
    Termination::Reached { t, quantity: by, value: 1.0, threshold: 1.0, at_least: true }
}

/// How it ended in a sentence.
fn message(termination: &Termination) -> String {
    match *termination {
        Termination::Reached { t, quantity: "callback", .. } => {
            format!("stopped at t = {}, where `callback` raised StopIteration", short(t, 6))
        }
        Termination::Reached { t, .. } => format!("stopped at t = {}, where `stop` holds", short(t, 6)),
        // What are keys under `flow.` elsewhere are arguments here.
        _ => termination.to_string().replace("flow.", ""),
    }
}

/// The method of a word or a dict, in JSON; refused in the words of a scenario.
fn method_of(json: &str) -> PyResult<Method> {
    let text = format!("{{name: flow, flow: {{t_end: 1, integrator: {json}}}}}");
    let asked = Comparison::parse(&text, Path::new("flow")).map_err(|error| {
        let lines = match error {
            ScenarioError::Diagnostics(problems) => problems
                .iter()
                .map(|problem| format!("{}: {}", problem.path.trim_start_matches("flow."), problem.message))
                .collect::<Vec<_>>()
                .join("\n"),
            other => other.to_string(),
        };
        PyValueError::new_err(lines)
    })?;
    Ok(asked.integrator())
}

/// Integrates θ̇ = −∇J(θ). Returns `t`, `y`, the statistics and how it ended; and the exception of the callback that ended it, if one did.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
#[pyo3(signature = (gradient, valued, theta0, t_end, rtol, atol, hvp, method, times, stop, callback, dense, args, max_steps))]
pub(super) fn flow<'py>(
    py: Python<'py>,
    gradient: Py<PyAny>,
    valued: bool,
    theta0: PyReadonlyArrayDyn<'py, f64>,
    t_end: f64,
    rtol: f64,
    atol: f64,
    hvp: Option<Py<PyAny>>,
    method: &str,
    times: Option<Vec<f64>>,
    stop: Option<Py<PyAny>>,
    callback: Option<Py<PyAny>>,
    dense: bool,
    args: Py<PyTuple>,
    max_steps: u64,
) -> PyResult<(Bound<'py, PyDict>, Option<Py<PyAny>>)> {
    let method = method_of(method)?;
    let shape = theta0.shape().to_vec();
    let theta = DVector::from_column_slice(theta0.as_slice()?);
    let calls = Calls::default();
    let name = if valued { "value_and_grad" } else { "grad" };
    let gradient = Callback::new(name, gradient, args.clone_ref(py), &shape);
    let product = hvp.map(|hvp| Callback::new("hvp", hvp, args.clone_ref(py), &shape));
    let watcher = |name, function| Callback::new(name, function, PyTuple::empty(py).unbind(), &shape);
    let (stop, callback) = (stop.map(|stop| watcher("stop", stop)), callback.map(|callback| watcher("callback", callback)));
    let field = Descent { calls: &calls, gradient: &gradient, valued, product: product.as_ref(), dim: theta.len() };
    let limits = Limits { t_end, max_steps, interrupt: calls.interrupt.clone(), ..Limits::default() };
    let course =
        Course { t_end, times: times.as_deref(), stop: stop.as_ref(), callback: callback.as_ref(), dense, calls: &calls };
    let solved = py.detach(|| {
        let integrator = integrator(method, &field, Tolerance { rtol, atol }, limits)?;
        let lacks = dense && integrator.dense_degree().is_none();
        if lacks { Ok(None) } else { course.follow(integrator, theta).map(Some) }
    });
    let solved = solved.map_err(|error: OdeError| PyValueError::new_err(error.to_string()))?.ok_or_else(|| {
        let name = method.name();
        PyValueError::new_err(format!("dense_output: {name} has none: use auto, tsit5, dp8, rk6, rock4 or rkc, or give t_eval"))
    })?;
    let solution = PyDict::new(py);
    let rows = solved.t.len();
    let over_time: Vec<usize> = std::iter::once(rows).chain(shape).collect();
    solution.set_item("t", solved.t.into_pyarray(py))?;
    solution.set_item("y", solved.y.into_pyarray(py).reshape(over_time)?)?;
    solution.set_item("termination", solved.termination.reason().name())?;
    solution.set_item("message", message(&solved.termination))?;
    solution.set_item("end", solved.end)?;
    solution.set_item("dense", solved.dense.map(|dense| dense.into_python(py)).transpose()?)?;
    solution.set_item("complete", solved.termination.is_complete())?;
    let stats = PyDict::new(py);
    stats.set_item("steps_accepted", solved.work.accepted)?;
    stats.set_item("steps_rejected", solved.work.rejected)?;
    stats.set_item("gradients", solved.work.evaluations)?;
    stats.set_item("calls_grad", gradient.called())?;
    stats.set_item("calls_hvp", product.as_ref().map_or(0, Callback::called))?;
    stats.set_item("hessian_products", if product.is_some() { "hvp" } else { "differences of gradients" })?;
    let changes = solved.changes.iter().map(|change| (change.t, change.method, change.reason.as_str()));
    stats.set_item("methods", changes.collect::<Vec<_>>())?;
    solution.set_item("stats", stats)?;
    Ok((solution, calls.take_error().map(|error| error.into_value(py).into_any())))
}
