//! Matrix sensing: 𝒜(P)_k = ⟨A_k, P⟩ with A_k ∈ ℝ^{d_L × d_0}, k = 1, …, m, so that
//!
//! ℒ = 1/(2m) Σ_k (⟨A_k, W_L⋯W_1⟩ − y_k)², R = (1/m) Σ_k (⟨A_k, P⟩ − y_k)A_k.

use std::sync::Arc;

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

use crate::data::Sensing;
use crate::linalg::{Write, gemm_nt, gemm_tn};
use crate::network::{Architecture, WeightDecay};
use crate::objective::chain::Chain;
use crate::objective::{Order, Samples};

use super::{EndToEndObjective, Measurement};

/// Inner products with given matrices; a sample's input is vec(A_k), column by column.
#[derive(Debug)]
pub struct Functionals;

impl Measurement for Functionals {
    fn rows(net: &Architecture) -> [usize; 2] {
        [net.input_dim() * net.output_dim(), 1]
    }

    fn apply(map: DMatrixView<f64>, inputs: DMatrixView<f64>, flat: &mut [f64], out: DMatrixViewMut<f64>) {
        flat.iter_mut().zip(map.iter()).for_each(|(flat, p)| *flat = *p);
        gemm_tn(Write::Replace, DMatrixView::from_slice(flat, flat.len(), 1), inputs, out);
    }

    fn adjoint(values: DMatrixView<f64>, inputs: DMatrixView<f64>, residual: &mut DMatrix<f64>) {
        let entries = residual.len();
        gemm_nt(Write::Replace, inputs, values, DMatrixViewMut::from_slice(residual.as_mut_slice(), entries, 1));
    }
}

impl EndToEndObjective<Functionals> {
    /// The mean squared loss of a linear architecture on measurements of its end-to-end matrix, with decay λ ≥ 0.
    ///
    /// # Panics
    /// If the architecture is not linear, or the A_k are not of d_L rows and d_0 columns.
    pub fn sensing(architecture: Architecture, data: &Sensing, weight_decay: impl Into<WeightDecay>) -> Self {
        let samples = Arc::new(Samples { inputs: data.maps.clone(), labels: data.values.clone() });
        Self::with_chain(Chain::new(architecture), samples, weight_decay.into())
    }

    /// The same with a given order of products.
    ///
    /// # Panics
    /// Likewise.
    pub fn sensing_with_order(
        architecture: Architecture,
        data: &Sensing,
        weight_decay: impl Into<WeightDecay>,
        order: Order,
    ) -> Self {
        let samples = Arc::new(Samples { inputs: data.maps.clone(), labels: data.values.clone() });
        Self::with_chain(Chain { net: architecture, order }, samples, weight_decay.into())
    }
}
