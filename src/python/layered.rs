//! A model of the user's own with layers: θ in the order of a network, and what the ansatz asks of the model.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::arrays::type_name;
use super::callback::{Callback, Calls};
use super::model::Model;
use crate::network::{Activation, Architecture, WeightDecay};
use crate::npz::{Array, Arrays};
use crate::objective::{HessianProducts, Jacobian, Layers, Objective};
use crate::scenario::suggestion;

/// The layers of a model as Python hands them over.
#[derive(FromPyObject)]
pub(super) struct GivenLayers {
    /// d_0, …, d_L.
    widths: Vec<usize>,
    /// The words of σ_1, …, σ_L.
    activations: Vec<String>,
    /// Whether layer l has a bias.
    biases: Vec<bool>,
    /// Where each entry of W_1, b_1, …, W_L, b_L and the rest lies in the user's θ, in the order of [`Architecture`].
    places: Vec<usize>,
    /// f(θ) that returns for each layer J_l(x_i) as an array (n, d_L, d_{l−1}), or None.
    pub(super) jacobians: Option<Py<PyAny>>,
}

impl GivenLayers {
    /// The network of these layers, and its order of θ, which has `dim` entries.
    pub(super) fn network(&self, dim: usize) -> PyResult<(Architecture, Order)> {
        let word = |word: &String| {
            serde_json::from_value(serde_json::Value::from(word.as_str())).map_err(|_| {
                let known: Vec<&str> = Activation::ALL.iter().map(|activation| activation.name()).collect();
                PyValueError::new_err(format!("layers: activation: unknown word `{word}`{}", suggestion(word, "words", &known)))
            })
        };
        let activations: Vec<Activation> = self.activations.iter().map(word).collect::<PyResult<_>>()?;
        let depth = self.widths.len().saturating_sub(1);
        let mut sorted = self.places.clone();
        sorted.sort_unstable();
        let sound = depth >= 1 && activations.len() == depth && self.biases.len() == depth && sorted.into_iter().eq(0..dim);
        if !sound {
            return Err(PyValueError::new_err("layers: must cover each entry of theta0 at most once"));
        }
        let net = Architecture::with_layers(&self.widths, &activations, &self.biases);
        match dim.checked_sub(net.parameter_count()) {
            Some(rest) => Ok((net.with_rest(rest), Order(self.places.clone().into()))),
            None => Err(PyValueError::new_err("layers: have more entries than theta0")),
        }
    }
}

/// Entry i of θ as a network has it is entry `self.0[i]` of the user's.
#[derive(Clone)]
pub(super) struct Order(Arc<[usize]>);

impl Order {
    /// θ as the user has it.
    pub(super) fn of_user(&self, theta: &DVector<f64>) -> DVector<f64> {
        let mut out = DVector::zeros(theta.len());
        self.0.iter().zip(theta.iter()).for_each(|(&place, value)| out[place] = *value);
        out
    }

    /// `out` ← the user's vector in the order of the network.
    pub(super) fn write(&self, of_user: &DVector<f64>, out: &mut DVector<f64>) {
        out.iter_mut().zip(self.0.iter()).for_each(|(out, &place)| *out = of_user[place]);
    }

    /// The user's vector in the order of the network.
    pub(super) fn of_network(&self, of_user: &DVector<f64>) -> DVector<f64> {
        let mut out = DVector::zeros(of_user.len());
        self.write(of_user, &mut out);
        out
    }

    /// Adds `process/theta` of the user's `shape` to the arrays `process/W1`, `process/b1`, …, `process/rest` of each process; with `over_time`
    /// all of them have one row for each time.
    pub(super) fn add_theta(&self, arrays: &mut Arrays, net: &Architecture, shape: &[usize], over_time: bool) {
        let processes: Vec<String> = arrays.keys().filter_map(|key| key.strip_suffix("/W1")).map(str::to_string).collect();
        for process in processes {
            let of = |name: String| arrays.get(&format!("{process}/{name}"));
            let times = if over_time { of("W1".to_string()).map_or(0, |weight| weight.shape[0]) } else { 1 };
            let mut data = Vec::with_capacity(times * self.0.len());
            for k in 0..times {
                let mut theta = DVector::zeros(self.0.len());
                let part = |name: String, length: usize| of(name).map(|array| &array.data[k * length..(k + 1) * length]);
                for l in 1..=net.depth() {
                    let (rows, columns) = net.shape(l);
                    if let Some(weight) = part(format!("W{l}"), rows * columns) {
                        net.weight_mut(theta.as_mut_slice(), l).copy_from(&DMatrix::from_row_slice(rows, columns, weight));
                    }
                    if let (Some(from), Some(bias)) = (part(format!("b{l}"), rows), net.bias_mut(theta.as_mut_slice(), l)) {
                        bias.copy_from_slice(from);
                    }
                }
                if let Some(rest) = part("rest".to_string(), net.rest_range().len()) {
                    theta.as_mut_slice()[net.rest_range()].copy_from_slice(rest);
                }
                data.extend_from_slice(self.of_user(&theta).as_slice());
            }
            let shape = over_time.then_some(times).into_iter().chain(shape.iter().copied()).collect();
            arrays.insert(format!("{process}/theta"), Array { shape, data: data.into() });
        }
    }
}

/// A model whose θ lies as a network's.
pub(super) struct Layered {
    model: Model,
    net: Architecture,
    order: Order,
    jacobians: Option<Callback>,
}

impl Layered {
    pub(super) fn new(model: Model, net: Architecture, order: Order, jacobians: Option<Callback>) -> Self {
        Self { model, net, order, jacobians }
    }

    /// The Jacobians that the user's function returns.
    fn read(&self, py: Python<'_>, jacobians: &Callback, theta: &DVector<f64>) -> PyResult<Vec<Jacobian>> {
        let returned = jacobians.returned(py, None, &[&self.order.of_user(theta)])?;
        let depth = self.net.depth();
        let listed: Vec<Bound<'_, PyAny>> = returned.extract().unwrap_or_default();
        if listed.len() != depth {
            let message = format!("jacobians: must return a list with an array for each of {depth} layers");
            return Err(PyTypeError::new_err(message));
        }
        listed.iter().enumerate().map(|(index, array)| self.jacobian(index + 1, array)).collect()
    }

    /// J_l of an array (n, d_L, d_{l−1}); unknown where it is None.
    fn jacobian(&self, l: usize, array: &Bound<'_, PyAny>) -> PyResult<Jacobian> {
        let inputs = self.net.shape(l).1;
        if array.is_none() {
            return Ok(Jacobian::unknown(self.net.output_dim(), inputs));
        }
        let numbers = array.py().import("numpy")?.getattr("asarray")?.call1((array, "float64"))?;
        let numbers: PyReadonlyArrayDyn<'_, f64> = numbers.extract().map_err(|_| {
            PyTypeError::new_err(format!("jacobians: must return arrays of float64, got {} for layer {l}", type_name(array)))
        })?;
        match *numbers.shape() {
            [samples, outputs, found] if found == inputs && samples > 0 && outputs > 0 => {
                let rows = DMatrix::from_row_iterator(samples * outputs, inputs, numbers.as_array().iter().copied());
                Ok(Jacobian::of_samples(&rows, outputs))
            }
            ref shape => Err(PyValueError::new_err(format!(
                "jacobians: must return an array (samples, outputs, {inputs}) for layer {l}, got {shape:?}"
            ))),
        }
    }
}

impl Objective for Layered {
    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        let jacobians = self.jacobians.as_ref().map(Callback::duplicate);
        Box::new(Self::new(self.model.copy(), self.net.clone(), self.order.clone(), jacobians))
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        self.model.loss(&self.order.of_user(theta))
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        let mut of_user = DVector::zeros(theta.len());
        self.model.loss_gradient(&self.order.of_user(theta), &mut of_user);
        self.order.write(&of_user, gradient);
    }

    fn weight_decay(&self) -> &WeightDecay {
        self.model.weight_decay()
    }

    fn hessian(&self) -> Option<&dyn HessianProducts> {
        self.model.hessian().map(|_| self as &dyn HessianProducts)
    }

    fn layers(&self) -> Option<&dyn Layers> {
        Some(self)
    }
}

impl HessianProducts for Layered {
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        let mut of_user = DVector::zeros(theta.len());
        self.model.hessian_product(&self.order.of_user(theta), &self.order.of_user(v), &mut of_user);
        self.order.write(&of_user, hv);
    }
}

impl Layers for Layered {
    fn architecture(&self) -> &Architecture {
        &self.net
    }

    fn jacobians(&self, theta: &DVector<f64>) -> Vec<Jacobian> {
        let calls: &Calls = self.model.calls();
        let read = self.jacobians.as_ref().and_then(|jacobians| calls.call(|py| self.read(py, jacobians, theta)));
        let unknown = |l| Jacobian::unknown(self.net.output_dim(), self.net.shape(l).1);
        read.unwrap_or_else(|| (1..=self.net.depth()).map(unknown).collect())
    }
}
