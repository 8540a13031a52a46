//! An objective in the variables φ_l = θ_l/√κ_l, in which the flow θ̇ = −K∇J with layer-wise rates is a gradient flow ([`LayerRates`]):
//! ℒ(φ) = ℒ(K^{1/2}φ), ∇_φℒ = K^{1/2}∇ℒ, ∇²_φℒ = K^{1/2}∇²ℒ K^{1/2}, decay κ_lλ_l. Layers with κ_l = 0 are constants: their entries of φ,
//! of the gradient and of products with the Hessian are 0.

use std::cell::RefCell;

use nalgebra::DVector;

use crate::network::{Architecture, LayerRates, WeightDecay};
use crate::objective::{Excess, HessianProducts, Jacobian, Layers, Objective, OnKink};

/// ℒ(K^{1/2}φ) + Σ_l (κ_lλ_l/2)‖φ_l‖².
pub(super) struct Rated {
    objective: Box<dyn Objective>,
    net: Architecture,
    rates: LayerRates,
    decay: WeightDecay,
    scratch: RefCell<Scratch>,
}

struct Scratch {
    /// θ = K^{1/2}φ, with the frozen layers in place.
    theta: DVector<f64>,
    /// K^{1/2}v.
    direction: DVector<f64>,
}

impl Rated {
    /// `objective` of the network `net` under these rates; the frozen layers are those of `theta`.
    pub(super) fn new(objective: Box<dyn Objective>, net: &Architecture, rates: &LayerRates, theta: &DVector<f64>) -> Self {
        let (decay, depth) = (objective.weight_decay(), net.depth());
        // One number where the balance law holds: methods that keep the law need a uniform decay.
        let decay = rates.balance_rate(decay, depth).map_or_else(|| rates.decay(decay, depth), WeightDecay::from);
        let scratch = RefCell::new(Scratch { theta: theta.clone(), direction: theta.clone() });
        Self { objective, net: net.clone(), rates: rates.clone(), decay, scratch }
    }

    /// `see` of the objective and θ = K^{1/2}φ.
    fn at<T>(&self, phi: &DVector<f64>, see: impl FnOnce(&dyn Objective, &DVector<f64>) -> T) -> T {
        let theta = &mut self.scratch.borrow_mut().theta;
        self.rates.unscale(&self.net, phi, theta);
        see(&*self.objective, theta)
    }
}

impl Objective for Rated {
    fn dim(&self) -> usize {
        self.objective.dim()
    }

    fn duplicate(&self) -> Box<dyn Objective> {
        let theta = &self.scratch.borrow().theta;
        Box::new(Self::new(self.objective.duplicate(), &self.net, &self.rates, theta))
    }

    fn operations(&self) -> Option<u64> {
        self.objective.operations()
    }

    fn weight_decay(&self) -> &WeightDecay {
        &self.decay
    }

    fn loss(&self, phi: &DVector<f64>) -> f64 {
        self.at(phi, |objective, theta| objective.loss(theta))
    }

    fn accuracy(&self, phi: &DVector<f64>) -> f64 {
        self.at(phi, |objective, theta| objective.accuracy(theta))
    }

    /// `None` with a frozen layer: a local minimum need not be global then.
    fn excess_loss(&self, phi: &DVector<f64>) -> Option<Excess> {
        if self.rates.freeze_some() { None } else { self.at(phi, |objective, theta| objective.excess_loss(theta)) }
    }

    /// min_l κ_l times that of ℒ: ‖K^{1/2}∇ℒ‖² ≥ min_l κ_l·‖∇ℒ‖², and no nonzero eigenvalue shrinks by more (Ostrowski 1959).
    fn dominance(&self, phi: &DVector<f64>) -> Option<f64> {
        if self.rates.freeze_some() {
            return None;
        }
        self.at(phi, |objective, theta| objective.dominance(theta)).map(|mu| self.rates.range().0 * mu)
    }

    fn loss_gradient(&self, phi: &DVector<f64>, gradient: &mut DVector<f64>) {
        self.at(phi, |objective, theta| objective.loss_gradient(theta, gradient));
        self.rates.multiply_root(&self.net, gradient);
    }

    fn loss_descent(&self, phi: &DVector<f64>, descent: &mut DVector<f64>) {
        self.at(phi, |objective, theta| objective.loss_descent(theta, descent));
        self.rates.multiply_root(&self.net, descent);
    }

    fn on_kinks(&self, phi: &DVector<f64>, width: f64) -> Vec<OnKink> {
        self.at(phi, |objective, theta| objective.on_kinks(theta, width))
    }

    fn layers(&self) -> Option<&dyn Layers> {
        Some(self)
    }

    fn hessian(&self) -> Option<&dyn HessianProducts> {
        Some(self)
    }
}

impl Layers for Rated {
    fn architecture(&self) -> &Architecture {
        &self.net
    }

    fn holds(&self, l: usize) -> bool {
        self.rates.freeze(l) || self.objective.layers().is_some_and(|layers| layers.holds(l))
    }

    fn jacobians(&self, phi: &DVector<f64>) -> Vec<Jacobian> {
        self.at(phi, |objective, theta| objective.layers().map_or_else(Vec::new, |layers| layers.jacobians(theta)))
    }
}

impl HessianProducts for Rated {
    fn hessian_product(&self, phi: &DVector<f64>, v: &DVector<f64>, hv: &mut DVector<f64>) {
        let net = &self.net;
        let Scratch { theta, direction } = &mut *self.scratch.borrow_mut();
        self.rates.unscale(net, phi, theta);
        direction.copy_from(v);
        self.rates.multiply_root(net, direction);
        self.objective.loss_hessian_vector(theta, direction, hv);
        self.rates.multiply_root(net, hv);
    }
}
