//! Labels of which some were not observed, matrix completion among them: 𝒜(P) = M∘(PXᵀ) with X ∈ ℝ^{n × d_0} and M the 0/1 mask, so that
//!
//! ℒ = 1/(2n) Σ_i Σ_j M_ij (f_j(x_i) − y_ij)², R = (M∘(PXᵀ − Yᵀ))X/n,
//!
//! where n counts all samples, whatever was observed of them. With X = I and n = d_0 the labels are entries of Pᵀ.

use std::sync::Arc;

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};

use crate::data::Dataset;
use crate::linalg::{Write, gemm_nn, gemm_nt};
use crate::loss::Loss;
use crate::network::{Architecture, WeightDecay};
use crate::objective::chain::Chain;
use crate::objective::{Order, SampleProducts, Samples};

use super::{EndToEndObjective, Measurement};

/// The outputs of the network on the samples, as far as their labels were observed.
#[derive(Debug)]
pub struct Observed;

impl Measurement for Observed {
    fn rows(net: &Architecture) -> [usize; 2] {
        [net.input_dim(), net.output_dim()]
    }

    fn apply(map: DMatrixView<f64>, inputs: DMatrixView<f64>, _flat: &mut [f64], out: DMatrixViewMut<f64>) {
        gemm_nn(Write::Replace, map, inputs, out);
    }

    fn adjoint(values: DMatrixView<f64>, inputs: DMatrixView<f64>, residual: &mut DMatrix<f64>) {
        gemm_nt(Write::Replace, values, inputs, residual.as_view_mut());
    }

    fn sample_products(net: &Architecture, samples: &Samples) -> Option<SampleProducts> {
        Some(SampleProducts::new(net, samples, Loss::Mse))
    }
}

impl EndToEndObjective<Observed> {
    /// The mean squared loss of a linear architecture over the labels that are not NaN, with decay λ ≥ 0.
    ///
    /// # Panics
    /// If the architecture is not linear, or the samples are not of d_0 inputs and d_L labels.
    pub fn observed(architecture: Architecture, data: &Dataset, weight_decay: impl Into<WeightDecay>) -> Self {
        Self::with_chain(Chain::new(architecture), Arc::new(Samples::new(data)), weight_decay.into())
    }

    /// The same with a given order of products.
    ///
    /// # Panics
    /// Likewise.
    pub fn observed_with_order(
        architecture: Architecture,
        data: &Dataset,
        weight_decay: impl Into<WeightDecay>,
        order: Order,
    ) -> Self {
        let chain = Chain { net: architecture, order };
        Self::with_chain(chain, Arc::new(Samples::new(data)), weight_decay.into())
    }
}
