//! The shapes of a network and where each weight and bias lies in the flat vector θ.

use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut, Scalar};
use serde::{Deserialize, Serialize};

use super::{Activation, Network, is_linear};

/// Widths d_0, …, d_L of a network f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L) of depth L: layer l = 1, …, L maps ℝ^{d_{l−1}} to
/// ℝ^{d_l}.
///
/// θ = (W_1, b_1, …, W_L, b_L), each W_l ∈ ℝ^{d_l × d_{l−1}} column by column, without the b_l ∈ ℝ^{d_l} of layers that have none. A model
/// of which only some parameters are these layers has the rest of them after b_L.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    widths: Vec<usize>,
    /// σ_l at index l − 1.
    activations: Vec<Activation>,
    /// Whether layer l has a bias, at index l − 1.
    biases: Vec<bool>,
    /// W_l begins at `offsets[l − 1]`; b_l, where there is one, follows it and ends at `offsets[l]`.
    offsets: Vec<usize>,
    /// Parameters that belong to none of the layers.
    rest: usize,
}

/// What of D_l = W_{l+1}ᵀW_{l+1} − V_lV_lᵀ, V_l = [W_l, b_l], gradient flow without weight decay conserves. It depends on what σ_l commutes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conserved {
    /// All of it, where σ_l is the identity: invariant under h_l ↦ Mh_l for any M.
    Matrix,
    /// Its diagonal, ‖outgoing weights‖² − ‖incoming weights and bias‖² of each neuron, where σ_l is positively homogeneous: invariant
    /// under a positive factor for each neuron (Du, Hu & Lee 2018).
    Diagonal,
    /// Nothing of it.
    Nothing,
}

impl Conserved {
    /// What is conserved between two layers with this activation between them.
    pub fn across(activation: Activation) -> Self {
        match activation {
            Activation::Identity => Self::Matrix,
            Activation::Relu | Activation::LeakyRelu => Self::Diagonal,
            _ => Self::Nothing,
        }
    }

    /// D_l with the entries that are not conserved set to 0; empty where nothing is conserved.
    pub(super) fn part<T: Scalar + Copy + Default>(self, whole: DMatrix<T>) -> DMatrix<T> {
        let (n, zero) = (whole.nrows(), T::default());
        match self {
            Self::Matrix => whole,
            Self::Diagonal => DMatrix::from_fn(n, n, |i, j| if i == j { whole[(i, j)] } else { zero }),
            Self::Nothing => DMatrix::from_element(0, 0, zero),
        }
    }
}

impl Architecture {
    /// The linear network of these widths, without biases.
    ///
    /// # Panics
    /// If there are fewer than two widths.
    pub fn new(widths: &[usize]) -> Self {
        let depth = widths.len().saturating_sub(1);
        Self::with_layers(widths, &vec![Activation::Identity; depth], &vec![false; depth])
    }

    /// The network of these widths with σ_1, …, σ_L and, where `biases[l − 1]` says so, b_l. One entry per layer in each list. A layer may be
    /// without neurons: the network is then constant.
    ///
    /// # Panics
    /// If there are fewer than two widths, or a list has another length.
    pub fn with_layers(widths: &[usize], activations: &[Activation], biases: &[bool]) -> Self {
        assert!(widths.len() >= 2, "a network has at least two widths, those of its inputs and outputs");
        assert!(activations.len() + 1 == widths.len() && biases.len() + 1 == widths.len(), "one entry per layer");
        let mut offsets = vec![0];
        for (pair, &bias) in widths.windows(2).zip(biases) {
            offsets.push(offsets[offsets.len() - 1] + pair[1] * (pair[0] + usize::from(bias)));
        }
        Self { widths: widths.to_vec(), activations: activations.to_vec(), biases: biases.to_vec(), offsets, rest: 0 }
    }

    /// The same layers of a model that has `rest` more parameters.
    pub fn with_rest(self, rest: usize) -> Self {
        Self { rest, ..self }
    }

    /// `dim` parameters without layers (depth 0), as an objective without layers has them.
    pub fn vector(dim: usize) -> Self {
        Self { widths: vec![dim], activations: Vec::new(), biases: Vec::new(), offsets: vec![dim], rest: 0 }
    }

    /// The network of a validated scenario.
    pub fn of(network: &Network) -> Self {
        Self::with_layers(&network.widths, &network.layer_activations(), &network.layer_biases())
    }

    /// d_0, …, d_L.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// L.
    pub fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// d_0.
    pub fn input_dim(&self) -> usize {
        self.widths[0]
    }

    /// d_L.
    pub fn output_dim(&self) -> usize {
        self.widths[self.depth()]
    }

    /// σ_l, for l = 1, …, L.
    pub fn activation(&self, l: usize) -> Activation {
        self.activations[l - 1]
    }

    /// Whether layer l = 1, …, L has a bias.
    pub fn has_bias(&self, l: usize) -> bool {
        self.biases[l - 1]
    }

    /// Whether an activation has a kink, so that gradients jump.
    pub fn has_kinks(&self) -> bool {
        (1..=self.depth()).any(|l| self.activation(l).kink().is_some())
    }

    /// Whether f(x) = W_L ⋯ W_1 x: every σ_l the identity, no bias, and nothing but layers.
    pub fn is_linear(&self) -> bool {
        is_linear(&self.activations, &self.biases) && self.rest == 0
    }

    /// P, the length of θ.
    pub fn parameter_count(&self) -> usize {
        self.rest_range().end
    }

    /// Where the parameters that belong to no layer lie in θ: at its end; empty where there are none.
    pub fn rest_range(&self) -> Range<usize> {
        let start = self.offsets[self.depth()];
        start..start + self.rest
    }

    /// (d_l, d_{l−1}), the shape of W_l, for l = 1, …, L.
    pub fn shape(&self, l: usize) -> (usize, usize) {
        (self.widths[l], self.widths[l - 1])
    }

    /// Where W_l lies in θ, for l = 1, …, L.
    pub fn weight_range(&self, l: usize) -> Range<usize> {
        let start = self.offsets[l - 1];
        start..start + self.widths[l] * self.widths[l - 1]
    }

    /// Where b_l lies in θ, for l = 1, …, L; empty where layer l has none.
    pub fn bias_range(&self, l: usize) -> Range<usize> {
        self.weight_range(l).end..self.offsets[l]
    }

    /// Where W_l and b_l lie in θ, for l = 1, …, L.
    pub fn layer_range(&self, l: usize) -> Range<usize> {
        self.offsets[l - 1]..self.offsets[l]
    }

    /// W_l inside θ, for l = 1, …, L.
    pub fn weight<'a>(&self, theta: &'a [f64], l: usize) -> DMatrixView<'a, f64> {
        let (rows, columns) = self.shape(l);
        DMatrixView::from_slice(&theta[self.weight_range(l)], rows, columns)
    }

    /// [W_l, b_l] inside θ, all that enters the neurons of layer l = 1, …, L: W_l with b_l, where there is one, as its last column.
    pub fn incoming<'a>(&self, theta: &'a [f64], l: usize) -> DMatrixView<'a, f64> {
        let (rows, columns) = self.shape(l);
        let range = self.offsets[l - 1]..self.offsets[l];
        DMatrixView::from_slice(&theta[range], rows, columns + usize::from(self.has_bias(l)))
    }

    /// What gradient flow conserves between the layers l and l + 1, for l = 1, …, L − 1.
    pub fn conserved(&self, l: usize) -> Conserved {
        Conserved::across(self.activation(l))
    }

    /// W_l inside θ, to write to, for l = 1, …, L.
    pub fn weight_mut<'a>(&self, theta: &'a mut [f64], l: usize) -> DMatrixViewMut<'a, f64> {
        let (rows, columns) = self.shape(l);
        DMatrixViewMut::from_slice(&mut theta[self.weight_range(l)], rows, columns)
    }

    /// b_l inside θ, for l = 1, …, L; `None` where layer l has none.
    pub fn bias<'a>(&self, theta: &'a [f64], l: usize) -> Option<&'a [f64]> {
        self.has_bias(l).then(|| &theta[self.bias_range(l)])
    }

    /// b_l inside θ, to write to, for l = 1, …, L; `None` where layer l has none.
    pub fn bias_mut<'a>(&self, theta: &'a mut [f64], l: usize) -> Option<&'a mut [f64]> {
        self.has_bias(l).then(|| &mut theta[self.bias_range(l)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Weights and biases, written with their own numbers, cover θ once and in the order W_1, b_1, W_2, ….
        #[test]
        fn layers_tile_the_parameters(layers in prop::collection::vec((1usize..5, any::<bool>()), 1..5), d_in in 1usize..5) {
            let widths: Vec<usize> = [d_in].into_iter().chain(layers.iter().map(|layer| layer.0)).collect();
            let biases: Vec<bool> = layers.iter().map(|layer| layer.1).collect();
            let net = Architecture::with_layers(&widths, &vec![Activation::Tanh; biases.len()], &biases);
            let mut theta = vec![f64::NAN; net.parameter_count()];
            for l in 1..=net.depth() {
                net.weight_mut(&mut theta, l).fill(2.0 * l as f64);
                prop_assert_eq!(net.bias(&theta, l).is_some(), biases[l - 1]);
                if let Some(bias) = net.bias_mut(&mut theta, l) {
                    prop_assert_eq!(bias.len(), widths[l]);
                    bias.fill(2.0 * l as f64 + 1.0);
                }
            }
            prop_assert!(theta.is_sorted() && !theta.iter().any(|x| x.is_nan()));
        }
    }

    #[test]
    fn what_belongs_to_no_layer_comes_last() {
        let net = Architecture::with_layers(&[2, 3, 1], &[Activation::Identity; 2], &[true, false]).with_rest(4);
        assert_eq!((net.parameter_count(), net.rest_range(), net.layer_range(2)), (16, 12..16, 9..12));
        assert!(!Architecture::new(&[2, 3, 1]).with_rest(1).is_linear());
    }

    #[test]
    fn only_identities_without_biases_are_linear() {
        assert!(Architecture::new(&[2, 3, 1]).is_linear());
        let net = |activation, bias| Architecture::with_layers(&[2, 3, 1], &[activation, Activation::Identity], &[bias, false]);
        assert_eq!(net(Activation::Identity, false), Architecture::new(&[2, 3, 1]));
        assert!(!net(Activation::Relu, false).is_linear() && !net(Activation::Identity, true).is_linear());
    }
}
