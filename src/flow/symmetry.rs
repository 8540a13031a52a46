//! Directions along which J is constant: an infinitesimal change of basis in hidden layer l, V_l ↦ V_l + MV_l and W_{l+1} ↦ W_{l+1} −
//! W_{l+1}M with V_l = [W_l, b_l], leaves the network's function unchanged if σ_l commutes with e^M.
//!
//! | σ_l | λ_l = λ_{l+1} = 0 | otherwise |
//! | --- | --- | --- |
//! | identity | every M | antisymmetric M: rotations, which keep ‖V_l‖ and ‖W_{l+1}‖ |
//! | relu, leaky_relu | diagonal M | none |
//! | others | none | none |
//!
//! There is none where one of the two layers is held fixed.
//!
//! With T the linear map from all M to δθ, TTᵀ vanishes on the orthogonal complement of these directions. A Hessian that is 0 along them
//! becomes positive there by adding a multiple of TTᵀ, so that its smallest eigenvalue tells whether a stationary point is a strict minimum
//! modulo its symmetries.

use nalgebra::{DMatrix, DVector};

use crate::network::Conserved;
use crate::objective::{Layers, Objective};

/// The continuous symmetries of a network's objective.
pub(super) struct Symmetry<'a> {
    /// `None` if J is not a network's: no symmetry is known then.
    layers: Option<&'a dyn Layers>,
    objective: &'a dyn Objective,
}

impl<'a> Symmetry<'a> {
    /// The symmetries of `objective`.
    pub(super) fn new(objective: &'a dyn Objective) -> Self {
        Self { layers: objective.layers(), objective }
    }

    /// `out` ← `out` + `weight`·TTᵀv at θ.
    pub(super) fn add_square(&self, theta: &DVector<f64>, v: &DVector<f64>, weight: f64, out: &mut DVector<f64>) {
        let Some(layers) = self.layers else { return };
        let net = layers.architecture();
        let (theta, v, out) = (theta.as_slice(), v.as_slice(), out.as_mut_slice());
        for l in 1..net.depth() {
            let Some(change) = self.adjoint(layers, l, theta, v) else { continue };
            let below = &change * net.incoming(theta, l);
            let above = net.weight(theta, l + 1) * &change;
            let incoming = net.weight_range(l).start..net.bias_range(l).end;
            for (out, part) in out[incoming].iter_mut().zip(below.iter()) {
                *out += weight * part;
            }
            for (out, part) in out[net.weight_range(l + 1)].iter_mut().zip(above.iter()) {
                *out -= weight * part;
            }
        }
    }

    /// The component of Tᵀv for layer l, an M of d_l × d_l; `None` if no M leaves J unchanged.
    fn adjoint(&self, layers: &dyn Layers, l: usize, theta: &[f64], v: &[f64]) -> Option<DMatrix<f64>> {
        let net = layers.architecture();
        let whole = || {
            net.incoming(v, l) * net.incoming(theta, l).transpose()
                - net.weight(theta, l + 1).transpose() * net.weight(v, l + 1)
        };
        if layers.holds(l) || layers.holds(l + 1) {
            return None;
        }
        let decay = self.objective.weight_decay();
        match (net.conserved(l), decay.layer(l) > 0.0 || decay.layer(l + 1) > 0.0) {
            (Conserved::Matrix, false) => Some(whole()),
            (Conserved::Matrix, true) => Some(whole()).map(|m| (&m - m.transpose()) * 0.5),
            (Conserved::Diagonal, false) => Some(DMatrix::from_diagonal(&whole().diagonal())),
            (Conserved::Diagonal, true) | (Conserved::Nothing, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::loss::Loss;
    use crate::network::{Activation, Architecture};
    use crate::objective::MlpObjective;
    use crate::rng::{Purpose, gaussian_matrix, stream};
    use std::sync::Arc;

    /// J is constant along TTᵀv to first order, for any v; and TTᵀ is not 0 where there is a symmetry.
    #[test]
    fn the_objective_is_level_along_its_symmetries() {
        let rng = &mut stream(5, Purpose::Inputs);
        let data = Arc::new(Dataset { x: gaussian_matrix(20, 3, rng), y: gaussian_matrix(20, 2, rng) });
        let cases = [
            (Activation::Identity, 0.0, true),
            (Activation::Identity, 0.1, true),
            (Activation::Relu, 0.0, true),
            (Activation::Relu, 0.1, false),
            (Activation::Tanh, 0.0, false),
        ];
        for (activation, decay, moves) in cases {
            let sigma = [activation, activation, Activation::Identity];
            let net = Architecture::with_layers(&[3, 4, 5, 2], &sigma, &[true, false, true]);
            let objective = MlpObjective::new(net.clone(), data.clone(), Loss::Mse, decay);
            let mut random = || gaussian_matrix(net.parameter_count(), 1, rng).column(0).into_owned();
            let (theta, v) = (random(), random());
            let mut along = DVector::zeros(theta.len());
            Symmetry::new(&objective).add_square(&theta, &v, 1.0, &mut along);
            assert_eq!(along.norm() > 0.0, moves, "{activation:?} {decay}");
            let mut gradient = theta.clone();
            objective.gradient(&theta, &mut gradient);
            let slope = gradient.dot(&along).abs();
            assert!(slope <= 1e-12 * gradient.norm() * along.norm(), "{activation:?} {decay}: {slope:e}");
        }
    }
}
