//! A model of the user's own: its loss, gradient and products with its Hessian are Python functions.

use std::cell::RefCell;
use std::sync::Arc;

use nalgebra::DVector;

use super::callback::{Callback, Calls};
use crate::network::WeightDecay;
use crate::objective::{HessianProducts, Objective};

/// ℒ and ∇ℒ by `value_and_grad`, ∇²ℒ·v by `hvp`; λ is added to them.
pub(super) struct Model {
    calls: Arc<Calls>,
    value_and_grad: Callback,
    hvp: Option<Callback>,
    weight_decay: WeightDecay,
    dim: usize,
    /// The last evaluation: a loss and a gradient at one θ take one call.
    last: RefCell<Last>,
}

struct Last {
    theta: DVector<f64>,
    value: f64,
    gradient: DVector<f64>,
}

impl Model {
    pub(super) fn new(
        calls: Arc<Calls>,
        value_and_grad: Callback,
        hvp: Option<Callback>,
        weight_decay: WeightDecay,
        dim: usize,
    ) -> Self {
        let none = || DVector::from_element(dim, f64::NAN);
        let last = RefCell::new(Last { theta: none(), value: f64::NAN, gradient: none() });
        Self { calls, value_and_grad, hvp, weight_decay, dim, last }
    }

    /// The same for another thread.
    pub(super) fn copy(&self) -> Self {
        let hvp = self.hvp.as_ref().map(Callback::duplicate);
        Self::new(Arc::clone(&self.calls), self.value_and_grad.duplicate(), hvp, self.weight_decay.clone(), self.dim)
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    fn at<T>(&self, theta: &DVector<f64>, read: impl FnOnce(&Last) -> T) -> T {
        // The borrow ends before Python is called: its function may come back here through another flow.
        let known = self.last.borrow().theta == *theta;
        if !known {
            let mut gradient = DVector::zeros(self.dim);
            let value = self.value_and_grad.value_and_vector(&self.calls, theta, &mut gradient);
            *self.last.borrow_mut() = Last { theta: theta.clone(), value, gradient };
        }
        read(&self.last.borrow())
    }
}

impl Objective for Model {
    fn dim(&self) -> usize {
        self.dim
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        Box::new(self.copy())
    }

    fn weight_decay(&self) -> &WeightDecay {
        &self.weight_decay
    }

    fn loss(&self, theta: &DVector<f64>) -> f64 {
        self.at(theta, |last| last.value)
    }

    fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.at(theta, |last| gradient.copy_from(&last.gradient));
    }

    fn hessian(&self) -> Option<&dyn HessianProducts> {
        self.hvp.as_ref().map(|_| self as &dyn HessianProducts)
    }
}

impl HessianProducts for Model {
    fn hessian_product(&self, theta: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        match &self.hvp {
            Some(hvp) => hvp.vector(&self.calls, &[theta, v], hv),
            None => hv.fill(f64::NAN),
        }
    }
}
