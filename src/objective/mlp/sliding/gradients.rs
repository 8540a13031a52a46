//! ∇z of held neurons: how what enters them depends on θ.
//!
//! With b_l = ∂z/∂z_l of a neuron at layer k, ∇_{W_l} z = b_l h_{l−1}ᵀ and ∇_{b_l} z = b_l: b_k is the neuron's unit vector, which is never
//! formed, b_{l−1} = σ′(z_{l−1})∘W_lᵀb_l, and b_l = 0 above k.

use nalgebra::{DMatrix, DMatrixView, DVector};

use super::Place;
use super::passes::Passes;
use crate::linalg::{Write, gemm_nn, gemm_nt, gemm_tn};
use crate::network::Architecture;

/// The gradients of all held neurons.
pub(super) struct Gradients {
    /// How many there are.
    held: usize,
    /// 1, …, the highest of their layers, at index l − 1.
    layers: Vec<Layer>,
}

/// What enters layer l.
struct Layer {
    /// H_{l−1}, a sample a row.
    states: DMatrix<f64>,
    /// 1 with a bias, 0 without.
    bias: f64,
    /// The held neurons of this layer.
    own: Vec<Neuron>,
    /// Those of the layers above, b_l a row each.
    above: Vec<Neuron>,
    factors: DMatrix<f64>,
}

/// One held neuron.
#[derive(Clone, Copy)]
struct Neuron {
    /// Which one.
    index: usize,
    /// Its sample's row.
    row: usize,
    /// Its row of W at its own layer.
    neuron: usize,
}

impl Gradients {
    /// Of what is held at θ, once its samples have passed.
    pub(super) fn new(net: &Architecture, theta: &[f64], passes: &Passes, held: &[(Place, f64)]) -> Self {
        let top = held.iter().map(|(place, _)| place.layer).max().unwrap_or(0);
        let mut layers: Vec<Layer> = Vec::with_capacity(top);
        // From the top; turned round below.
        for l in (1..=top).rev() {
            let of = |(index, &(place, _)): (usize, &(Place, f64))| {
                (place.layer == l).then(|| Neuron { index, row: passes.row(place), neuron: place.neuron })
            };
            let own: Vec<Neuron> = held.iter().enumerate().filter_map(of).collect();
            let (above, factors) = match layers.last() {
                Some(layer) => layer.factors_below(net.weight(theta, l + 1), passes.slopes(l, net.widths()[l])),
                None => (Vec::new(), DMatrix::zeros(0, net.widths()[l])),
            };
            let states = passes.states(l - 1, net.widths()[l - 1]).clone_owned();
            layers.push(Layer { states, bias: f64::from(u8::from(net.has_bias(l))), own, above, factors });
        }
        layers.reverse();
        Self { held: held.len(), layers }
    }

    /// ⟨∇z_j, v⟩ of each: Σ_l b_lᵀ(V_l h_{l−1} + c_l), v = (V_1, c_1, …).
    pub(super) fn dots(&self, net: &Architecture, v: &[f64]) -> DVector<f64> {
        let mut dots = DVector::zeros(self.held);
        for (layer, l) in self.layers.iter().zip(1..) {
            let (weight, bias) = (net.weight(v, l), net.bias(v, l));
            let bias = |k: usize| bias.map_or(0.0, |bias| bias[k]);
            for &held in &layer.own {
                dots[held.index] += weight.row(held.neuron).dot(&layer.states.row(held.row)) + bias(held.neuron);
            }
            if layer.above.is_empty() {
                continue;
            }
            let mut along = DMatrix::zeros(layer.states.nrows(), layer.factors.ncols());
            gemm_nt(Write::Replace, layer.states.as_view(), weight, along.as_view_mut());
            for (k, (factors, along)) in layer.factors.column_iter().zip(along.column_iter()).enumerate() {
                for (held, b) in layer.above.iter().zip(factors.iter()) {
                    dots[held.index] += b * (along[held.row] + bias(k));
                }
            }
        }
        dots
    }

    /// ‖∇z_j‖² of each.
    pub(super) fn norms(&self) -> DVector<f64> {
        let mut norms = DVector::zeros(self.held);
        for layer in &self.layers {
            let sizes: Vec<f64> = layer.states.row_iter().map(|h| h.norm_squared() + layer.bias).collect();
            layer.own.iter().for_each(|held| norms[held.index] += sizes[held.row]);
            for (held, b) in layer.above.iter().zip(layer.factors.row_iter()) {
                norms[held.index] += b.norm_squared() * sizes[held.row];
            }
        }
        norms
    }

    /// ⟨∇z_j, ∇z_k⟩ = Σ_l b_{l,j}ᵀb_{l,k}·(h_{l−1,j}ᵀh_{l−1,k} + 1), the 1 with a bias.
    pub(super) fn gram(&self) -> DMatrix<f64> {
        let mut gram = DMatrix::zeros(self.held, self.held);
        for layer in &self.layers {
            let rows = layer.states.nrows();
            let mut states = DMatrix::zeros(rows, rows);
            gemm_nt(Write::Replace, layer.states.as_view(), layer.states.as_view(), states.as_view_mut());
            // To the bit symmetric: each pair once, into the lower triangle.
            let mut add = |a: Neuron, b: Neuron, both: f64| {
                let (i, j) = (a.index.max(b.index), a.index.min(b.index));
                gram[(i, j)] += both * (states[(a.row, b.row)] + layer.bias);
            };
            for (i, &a) in layer.own.iter().enumerate() {
                layer.own[..=i].iter().filter(|b| b.neuron == a.neuron).for_each(|&b| add(a, b, 1.0));
                let column = layer.factors.column(a.neuron);
                layer.above.iter().zip(column.iter()).for_each(|(&b, both)| add(a, b, *both));
            }
            let above = layer.above.len();
            let mut both = DMatrix::zeros(above, above);
            gemm_nt(Write::Replace, layer.factors.as_view(), layer.factors.as_view(), both.as_view_mut());
            for (k, &b) in layer.above.iter().enumerate() {
                (k..above).for_each(|j| add(layer.above[j], b, both[(j, k)]));
            }
        }
        gram.fill_upper_triangle_with_lower_triangle();
        gram
    }

    /// v ← v + Σ_j c_j ∇z_j.
    pub(super) fn add(&self, net: &Architecture, c: &[f64], v: &mut [f64]) {
        for (layer, l) in self.layers.iter().zip(1..) {
            let mut weight = net.weight_mut(v, l);
            for &held in &layer.own {
                let mut row = weight.row_mut(held.neuron);
                row.iter_mut().zip(layer.states.row(held.row).iter()).for_each(|(sum, h)| *sum += c[held.index] * h);
            }
            let scales = DVector::from_iterator(layer.above.len(), layer.above.iter().map(|held| c[held.index]));
            let mut scaled = layer.factors.clone();
            scaled.column_iter_mut().for_each(|mut column| column.component_mul_assign(&scales));
            let states = layer.states.select_rows(layer.above.iter().map(|held| &held.row));
            gemm_tn(Write::Add, scaled.as_view(), states.as_view(), weight);
            if let Some(bias) = net.bias_mut(v, l) {
                layer.own.iter().for_each(|held| bias[held.neuron] += c[held.index]);
                bias.iter_mut().zip(scaled.column_iter()).for_each(|(sum, column)| *sum += column.sum());
            }
        }
    }
}

impl Layer {
    /// What the layer below holds from here and above, where `weight` is W of this layer and `slopes` are σ′ below, and its factors.
    fn factors_below(&self, weight: DMatrixView<f64>, slopes: Option<DMatrixView<f64>>) -> (Vec<Neuron>, DMatrix<f64>) {
        let above: Vec<Neuron> = self.own.iter().chain(&self.above).copied().collect();
        let mut factors = DMatrix::zeros(above.len(), weight.ncols());
        let (mut top, rest) = factors.rows_range_pair_mut(..self.own.len(), self.own.len()..);
        for (held, mut row) in self.own.iter().zip(top.row_iter_mut()) {
            row.copy_from(&weight.row(held.neuron));
        }
        gemm_nn(Write::Replace, self.factors.as_view(), weight, rest);
        if let Some(slopes) = slopes {
            for (mut factors, slopes) in factors.column_iter_mut().zip(slopes.column_iter()) {
                factors.iter_mut().zip(&above).for_each(|(b, held)| *b *= slopes[held.row]);
            }
        }
        (above, factors)
    }
}
