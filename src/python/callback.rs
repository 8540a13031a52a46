//! Python functions of arrays, called from Rust.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use nalgebra::DVector;
use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyStopIteration, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::arrays::type_name;
use crate::ode::Interrupt;

/// What the callbacks of one computation share: the first exception in any of them ends the computation.
#[derive(Default)]
pub(super) struct Calls {
    pub(super) interrupt: Interrupt,
    failed: Mutex<Option<PyErr>>,
}

impl Calls {
    /// The exception that ended the computation, if one did.
    pub(super) fn take_error(&self) -> Option<PyErr> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether no more callbacks are to be made.
    fn is_over(&self) -> bool {
        self.interrupt.is_raised()
    }

    fn fail(&self, error: PyErr) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(error);
        self.interrupt.raise();
    }

    /// Runs `call` with the GIL held; `None` once anything has failed.
    pub(super) fn call<T>(&self, call: impl FnOnce(Python<'_>) -> PyResult<T>) -> Option<T> {
        if self.is_over() {
            return None;
        }
        // A callback that is written in C does not check for signals itself.
        let called = Python::attach(|py| py.check_signals().and_then(|()| call(py)));
        called.map_err(|error| self.fail(error)).ok()
    }
}

/// A Python function of θ, of more vectors of its shape, and of further arguments.
pub(super) struct Callback {
    /// The user's name for it, with which messages about what it returns begin.
    name: &'static str,
    function: Py<PyAny>,
    args: Py<PyTuple>,
    /// The shape of θ as the function takes it.
    shape: Vec<usize>,
    called: AtomicU64,
}

impl Callback {
    pub(super) fn new(name: &'static str, function: Py<PyAny>, args: Py<PyTuple>, shape: &[usize]) -> Self {
        Self { name, function, args, shape: shape.to_vec(), called: AtomicU64::new(0) }
    }

    /// The same for another thread, with a count of its own.
    pub(super) fn duplicate(&self) -> Self {
        Python::attach(|py| Self::new(self.name, self.function.clone_ref(py), self.args.clone_ref(py), &self.shape))
    }

    /// How often it was called.
    pub(super) fn called(&self) -> u64 {
        self.called.load(Ordering::Relaxed)
    }

    /// `out` ← f(`vectors`, args); NaN where the call fails.
    pub(super) fn vector(&self, calls: &Calls, vectors: &[&DVector<f64>], out: &mut DVector<f64>) {
        let done = calls.call(|py| self.read_vector(&self.returned(py, None, vectors)?, out));
        if done.is_none() {
            out.fill(f64::NAN);
        }
    }

    /// The value of f(θ, args) = (value, gradient), and `out` ← the gradient; NaN where the call fails.
    pub(super) fn value_and_vector(&self, calls: &Calls, theta: &DVector<f64>, out: &mut DVector<f64>) -> f64 {
        let done = calls.call(|py| {
            let returned = self.returned(py, None, &[theta])?;
            let (value, gradient) = self.pair(&returned)?;
            self.read_vector(&gradient, out)?;
            self.read_number(&value)
        });
        done.unwrap_or_else(|| {
            out.fill(f64::NAN);
            f64::NAN
        })
    }

    /// f(θ, t) as a number, with the θ that `theta` makes; NaN where the call fails.
    pub(super) fn number<'f>(
        &self,
        calls: &Calls,
        theta: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + 'f,
        t: f64,
    ) -> f64 {
        let read = |py: Python<'_>| {
            self.called.fetch_add(1, Ordering::Relaxed);
            self.read_number(&self.function.bind(py).call1((theta(py)?, t))?)
        };
        calls.call(read).unwrap_or(f64::NAN)
    }

    /// Whether f(t, θ, args) is truthy; false where the call fails.
    pub(super) fn holds(&self, calls: &Calls, t: f64, theta: &DVector<f64>) -> bool {
        calls.call(|py| self.returned(py, Some(t), &[theta])?.is_truthy()).unwrap_or(false)
    }

    /// f(t, θ), whatever it returns; whether it raises `StopIteration`, as callbacks of SciPy's optimizers do to end them.
    pub(super) fn ends(&self, calls: &Calls, t: f64, theta: &DVector<f64>) -> bool {
        let told = calls.call(|py| match self.returned(py, Some(t), &[theta]) {
            Err(error) if error.is_instance_of::<PyStopIteration>(py) => Ok(true),
            returned => returned.map(|_| false),
        });
        told.unwrap_or(false)
    }

    /// What f(`t`, `vectors`, args) returns.
    pub(super) fn returned<'py>(
        &self,
        py: Python<'py>,
        t: Option<f64>,
        vectors: &[&DVector<f64>],
    ) -> PyResult<Bound<'py, PyAny>> {
        let further = self.args.bind(py);
        let mut arguments = Vec::with_capacity(vectors.len() + 1 + further.len());
        if let Some(t) = t {
            arguments.push(t.into_pyobject(py)?.into_any());
        }
        for vector in vectors {
            arguments.push(self.array(py, vector)?);
        }
        arguments.extend(further.iter());
        self.called.fetch_add(1, Ordering::Relaxed);
        self.function.bind(py).call1(PyTuple::new(py, arguments)?)
    }

    /// `vector` as a new array, which the function may keep.
    pub(super) fn array<'py>(&self, py: Python<'py>, vector: &DVector<f64>) -> PyResult<Bound<'py, PyAny>> {
        let flat = numpy::PyArray1::from_slice(py, vector.as_slice());
        Ok(if self.shape.len() == 1 { flat.into_any() } else { flat.reshape(self.shape.as_slice())?.into_any() })
    }

    fn pair<'py>(&self, returned: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        returned.extract().map_err(|_| {
            PyTypeError::new_err(format!("{}: must return (value, gradient), got {}", self.name, type_name(returned)))
        })
    }

    fn read_number(&self, value: &Bound<'_, PyAny>) -> PyResult<f64> {
        // Arrays with one entry are numbers too.
        let read = value.extract::<f64>().or_else(|_| value.call_method0("item")?.extract::<f64>());
        read.map_err(|_| PyTypeError::new_err(format!("{}: must return a number, got {}", self.name, type_name(value))))
    }

    fn read_vector(&self, value: &Bound<'_, PyAny>, out: &mut DVector<f64>) -> PyResult<()> {
        if let Ok(array) = value.cast::<PyArrayDyn<f64>>() {
            return self.copy(&array.readonly(), out);
        }
        let py = value.py();
        // NumPy would say that the shape is inhomogeneous.
        let is_pair = value.is_instance_of::<PyTuple>() && value.len()? == 2 && value.get_item(0)?.extract::<f64>().is_ok();
        if is_pair && self.shape != [2] {
            return Err(PyTypeError::new_err(format!(
                "{}: must return an array of the shape of theta0, got a tuple of two: a function that returns (value, gradient) is \
                 value_and_grad",
                self.name
            )));
        }
        let array = py.import("numpy")?.getattr("asarray")?.call1((value,))?;
        let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
        if !["f", "i", "u", "b"].contains(&kind.as_str()) {
            return Err(PyTypeError::new_err(format!(
                "{}: must return an array of real numbers, got {}",
                self.name,
                type_name(value)
            )));
        }
        let array = array.call_method1("astype", ("float64",))?;
        self.copy(&array.extract::<PyReadonlyArrayDyn<f64>>()?, out)
    }

    fn copy(&self, array: &PyReadonlyArrayDyn<'_, f64>, out: &mut DVector<f64>) -> PyResult<()> {
        let shape = array.shape();
        if shape != self.shape && shape != [out.len()] {
            return Err(PyValueError::new_err(format!(
                "{}: must return an array of the shape of theta0, {:?}, got {shape:?}",
                self.name, self.shape
            )));
        }
        match array.as_slice() {
            // An array in Fortran order has a slice, too.
            Ok(slice) if array.is_c_contiguous() => out.as_mut_slice().copy_from_slice(slice),
            // Row by row, as the slice of an array in C order.
            _ => out.iter_mut().zip(array.as_array().iter()).for_each(|(out, value)| *out = *value),
        }
        Ok(())
    }
}
