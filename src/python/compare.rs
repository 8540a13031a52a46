//! `gramflow.compare`: the flow and optimizers of a model of the user's own, on one clock.

use std::path::Path;
use std::sync::Arc;

use nalgebra::DVector;
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::callback::{Callback, Calls};
use super::error::{of_scenario, of_session};
use super::layered::{GivenLayers, Layered};
use super::model::Model;
use super::observe::Own;
use super::run::RawRun;
use crate::scenario::Comparison;
use crate::session::Session;

/// Runs the comparison in `text`, whose keys are those of a scenario. Returns the run, and the exception that ended it, if one did.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
#[pyo3(signature = (text, value_and_grad, theta0, hvp, layers, args, observe))]
pub(super) fn compare(
    py: Python<'_>,
    text: &str,
    value_and_grad: Py<PyAny>,
    theta0: PyReadonlyArrayDyn<'_, f64>,
    hvp: Option<Py<PyAny>>,
    layers: Option<GivenLayers>,
    args: Py<PyTuple>,
    observe: &Bound<'_, PyDict>,
) -> PyResult<(RawRun, Option<Py<PyAny>>)> {
    let asked = Comparison::parse(text, Path::new("compare")).map_err(|error| of_scenario(py, error, true))?;
    let shape = theta0.shape().to_vec();
    let start = DVector::from_column_slice(theta0.as_slice()?);
    let calls = Arc::new(Calls::default());
    let value_and_grad = Callback::new("value_and_grad", value_and_grad, args.clone_ref(py), &shape);
    let hvp = hvp.map(|hvp| Callback::new("hvp", hvp, args, &shape));
    let model = Model::new(Arc::clone(&calls), value_and_grad, hvp, asked.weight_decay().into(), start.len());
    let network = layers.as_ref().map(|layers| layers.network(start.len())).transpose()?;
    let own = Own::of(py, &calls, observe, Some(&shape), network.as_ref().map(|(_, order)| order))?;
    let session = match (&network, layers) {
        (Some((net, order)), Some(layers)) => {
            let jacobians = layers.jacobians.map(|f| Callback::new("jacobians", f, PyTuple::empty(py).unbind(), &shape));
            asked.session(Layered::new(model, net.clone(), order.clone(), jacobians), order.of_network(&start))
        }
        _ => asked.session(model, start),
    };
    let interrupt = calls.interrupt.clone();
    // On this thread: the callbacks may rely on its settings, such as torch's.
    let finished = py.detach(move || own.into_iter().fold(session, Session::observe).interrupt(interrupt).run());
    match (finished, calls.take_error()) {
        (Ok(finished), error) => {
            let raised = error.map(|error| error.into_value(py).into_any());
            let mut run = RawRun::new(finished, None, Default::default());
            if let Some((net, order)) = &network {
                let (weights, trajectory) = run.weights_mut();
                order.add_theta(weights, net, &shape, false);
                if let Some(trajectory) = trajectory {
                    order.add_theta(trajectory, net, &shape, true);
                }
            }
            Ok((run, raised))
        }
        // The session failed because a callback raised.
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) => Err(of_session(&error)),
    }
}
