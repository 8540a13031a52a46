//! The directions at the edge at one point, and what an oscillation along them does there.
//!
//! With A = D^{1/2}HD^{1/2}, w_1, …, w_k its orthonormal eigenvectors at the edge e, and u_i = D^{1/2}w_i: an oscillation of covariance
//! Σ = Σ_ij X_ij u_iu_jᵀ adds to the means of the gradient and of its squares
//!
//! - F = ½ Σ X_ij T_ij, T_ij = D³J[u_i, u_j],
//! - q = diag(HΣH) = e² Σ X_ij D⁻¹(w_i∘w_j), because Hu_i = eD⁻¹u_i.
//!
//! And WᵀAW changes by ⟨T_ij, Δθ⟩ + e·⟨w_i∘w_j, Δ ln D⟩. So X lowers it at the rate B[X], symmetric and positive semidefinite with the Gram
//! matrix ½⟨T_a, DT_b⟩ + κe³⟨w_a, 1/(2√v̂)·w_b⟩ over pairs a = (i, j), w_a = w_i∘w_j: D falls by κq/(2√v̂(√v̂ + ε)), entry by entry and
//! relatively. Where D is constant the second part is missing.

use nalgebra::{DMatrix, DVector};

use super::averages::{Averages, Point, Push};
use super::complementarity::pairs;

/// The directions at the edge at one point.
pub(super) struct Critical {
    /// D.
    factors: DVector<f64>,
    /// 1/(2√v̂); empty where D is constant.
    sensitivity: DVector<f64>,
    /// e.
    edge: f64,
    /// (i, j), i ≤ j.
    pairs: Vec<(usize, usize)>,
    /// T over the pairs.
    thirds: Vec<DVector<f64>>,
    /// w_i∘w_j over the pairs; none where D is constant.
    products: Vec<DVector<f64>>,
}

impl Critical {
    /// At `point`, for the eigenvectors `vectors` = W at the edge e = `edge`; `third` gives T of u_i and u_j.
    pub(super) fn new(
        averages: &Averages,
        point: &Point,
        edge: f64,
        vectors: &[DVector<f64>],
        mut third: impl FnMut(&DVector<f64>, &DVector<f64>) -> DVector<f64>,
    ) -> Self {
        let (factors, sensitivity) = (averages.factors(point), averages.sensitivity(point));
        let scaled: Vec<DVector<f64>> = vectors.iter().map(|w| w.zip_map(&factors, |w, d| w * d.sqrt())).collect();
        let pairs = pairs(vectors.len());
        let thirds = pairs.iter().map(|&(i, j)| third(&scaled[i], &scaled[j])).collect();
        let product = |&(i, j): &(usize, usize)| vectors[i].component_mul(&vectors[j]);
        let products = if sensitivity.is_empty() { Vec::new() } else { pairs.iter().map(product).collect() };
        Self { factors, sensitivity, edge, pairs, thirds, products }
    }

    /// F and q of X = `spread`.
    pub(super) fn push(&self, spread: &DMatrix<f64>) -> Push {
        let mut force = DVector::zeros(self.factors.len());
        let mut squares = DVector::zeros(self.sensitivity.len());
        for (a, &(i, j)) in self.pairs.iter().enumerate() {
            let weight = if i == j { 0.5 } else { 1.0 } * spread[(i, j)];
            force.axpy(weight, &self.thirds[a], 1.0);
            if let Some(product) = self.products.get(a) {
                squares.axpy(2.0 * self.edge * self.edge * weight, product, 1.0);
            }
        }
        if !squares.is_empty() {
            squares.component_div_assign(&self.factors);
        }
        Push { force, squares }
    }

    /// The Gram matrix of B, κ₂ = `fading`.
    pub(super) fn gram(&self, fading: f64) -> DMatrix<f64> {
        let scaled: Vec<DVector<f64>> = self.thirds.iter().map(|third| third.component_mul(&self.factors)).collect();
        let faded: Vec<DVector<f64>> = self.products.iter().map(|product| product.component_mul(&self.sensitivity)).collect();
        let strength = fading * self.edge.powi(3);
        DMatrix::from_fn(self.pairs.len(), self.pairs.len(), |a, b| {
            let by_force = 0.5 * self.thirds[a].dot(&scaled[b]);
            // Without averages of squares there is no second part.
            self.products.get(a).map_or(by_force, |product| by_force + strength * product.dot(&faded[b]))
        })
    }

    /// WᵀAW after θ has moved by `moved` and D has become `factors`, to first order, minus what it was.
    pub(super) fn raised(&self, moved: &DVector<f64>, factors: &DVector<f64>) -> DMatrix<f64> {
        let growth = factors.zip_map(&self.factors, |after, before| (after / before).ln());
        let k = self.pairs.iter().filter(|(i, j)| i == j).count();
        let mut raised = DMatrix::zeros(k, k);
        for (a, &(i, j)) in self.pairs.iter().enumerate() {
            let by_metric = self.products.get(a).map_or(0.0, |product| self.edge * product.dot(&growth));
            raised[(i, j)] = self.thirds[a].dot(moved) + by_metric;
            raised[(j, i)] = raised[(i, j)];
        }
        raised
    }

    /// Moves `point` as far as what `push` adds to the rates does in a time h, κ₂ = `fading`.
    pub(super) fn shift(&self, point: &mut Point, push: &Push, fading: f64, h: f64) {
        point.theta.axpy(-h, &push.force.component_mul(&self.factors), 1.0);
        point.square.axpy(h * fading, &push.squares, 1.0);
    }
}
